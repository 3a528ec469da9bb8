"""Batch norm that is as exact compiled as it is uncompiled."""

import torch
from torch import Tensor, nn


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, but that sums are float64 where it is compiled for a CPU.

    So they are in PyTorch's own kernel there. The compiler would take them, in training both ways, in float32, which
    doubles the rounding errors of a network's gradients. It costs nothing: the pass is bound by memory.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the batch's statistics in training, else by the running ones, bchw."""
        if not (self.training and x.is_cpu and torch.compiler.is_dynamo_compiling()):
            return super().forward(x)
        exact = x.double()
        mean = exact.mean((0, 2, 3), keepdim=True)
        centred = exact - mean
        variance = centred.square().mean((0, 2, 3), keepdim=True)
        self._track(mean.flatten(), variance.flatten(), x.numel() // x.shape[1])
        scale = torch.rsqrt(variance + self.eps) * self.weight.double()[:, None, None]
        return (centred * scale + self.bias.double()[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _track(self, mean_c: Tensor, variance_c: Tensor, count: int) -> None:
        """Bring a batch's statistics of so many numbers per channel into the running ones."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean_c.to(self.running_mean.dtype), self.momentum)
        unbiased = variance_c * (count / (count - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)
