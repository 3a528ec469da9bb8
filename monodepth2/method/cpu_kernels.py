"""The method's passes that PyTorch computes slowly, or roughly, on a CPU, computed another way there.

The plain maths stands where it is used; each function here gives the same values to rounding.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def uncompiled_on_cpu(x: Tensor) -> bool:
    """Whether an operation on x runs on a CPU as it is written: neither compiled nor exported."""
    return x.is_cpu and not torch.compiler.is_compiling()


def compiled_for_cpu(x: Tensor) -> bool:
    """Whether `torch.compile` makes a CPU's code of an operation on x."""
    return x.is_cpu and torch.compiler.is_dynamo_compiling()


def mean_of_nine(images: Tensor) -> Tensor:
    """The mean over 3x3 windows of reflection-padded (n, 1, h, w), as sums of shifted images: rows, then columns.

    PyTorch's pooling is not vectorised on the CPU: these sums take a tenth of its time. On a GPU the compiler makes one
    pass of them, and the gradient of pooling takes four times as long as theirs.
    """
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    return _sum_of_three(_sum_of_three(padded, -2), -1).mul_(1 / 9)


class WindowMean(torch.autograd.Function):
    """`mean_of_nine`, which keeps nothing for its gradient."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        """Return the means, same shape."""
        return mean_of_nine(images)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the transposed map of a gradient: windows are symmetric, and what was mirrored in is added back."""
        padded = F.pad(gradients[0], (1, 1, 1, 1))
        for dim in (-2, -1):
            summed = _sum_of_three(padded, dim)
            last = padded.shape[dim] - 2
            summed.select(dim, 1).add_(padded.select(dim, 1))
            summed.select(dim, last - 2).add_(padded.select(dim, last))
            padded = summed
        return padded.mul_(1 / 9)


def _sum_of_three(padded: Tensor, dim: int) -> Tensor:
    """Sums of three neighbours along a dimension, which gets shorter by two."""
    inner = padded.shape[dim] - 2
    return (padded.narrow(dim, 0, inner) + padded.narrow(dim, 1, inner)).add_(padded.narrow(dim, 2, inner))


class Elu(torch.autograd.Function):
    """ELU that keeps its values alone.

    PyTorch's own computes `expm1`, at four times the cost of `exp` on the CPU. The two differ by the rounding of
    numbers close to one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return the values, which are all that the backward pass needs."""
        values = torch.maximum(x, x.clamp(max=0).exp_().sub_(1))
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient: the slope is 1 where positive, else the value plus 1."""
        (values,) = ctx.saved_tensors
        return torch.ops.aten.elu_backward(gradients[0], 1, 1, 1, True, values)


def compiled_elu(x: Tensor) -> Tensor:
    """ELU without `expm1` for the compiler, which writes its own gradient."""
    return torch.maximum(x, x.clamp(max=0).exp() - 1)


def compiled_reflect(x: Tensor) -> Tensor:
    """Mirror a border of one pixel in, by slices: the compiler turns PyTorch's padding into gathers, twice as slow."""
    x = torch.cat([x[:, :, 1:2], x, x[:, :, -2:-1]], 2)
    return torch.cat([x[..., 1:2], x, x[..., -2:-1]], 3)


def compiled_double(x: Tensor) -> Tensor:
    """Repeat every pixel four times, by views: the compiler turns resizing into gathers, two to three times as slow."""
    b, c, h, w = x.shape
    return x[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose sums are float64 where it is compiled for a CPU.

    PyTorch's own kernel sums in float64 there. The compiler would sum in float32, in training forward and backward,
    which doubles the rounding errors of a network's gradients. float64 costs nothing: the pass is bound by memory.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the batch's statistics in training, else by the running ones, bchw."""
        if not (self.training and compiled_for_cpu(x)):
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
        """Mix the statistics of a batch, with `count` numbers per channel, into the running ones."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean_c.to(self.running_mean.dtype), self.momentum)
        unbiased = variance_c * (count / (count - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)
