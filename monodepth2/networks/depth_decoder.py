"""The decoder of disparities and of predictive masks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monodepth2.networks.checkpointing import recomputed
from monodepth2.precision import full_precision

CHANNELS = (16, 32, 64, 128, 256)  # of decoder stages 0 to 4


class Conv3x3(nn.Module):
    """A 3x3 convolution on a reflection-padded map."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(b, in, h, w) to (b, out, h, w)."""
        return self.conv(reflect(x))


class ConvBlock(nn.Module):
    """`Conv3x3`, then ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Conv3x3(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(b, in, h, w) to (b, out, h, w)."""
        return elu(self.conv(x))


def reflect(x: Tensor) -> Tensor:
    """(b, c, h, w) with a border of one pixel, mirrored in."""
    if torch.compiler.is_dynamo_compiling():
        # the compiler makes gathers and scatters of the padding, two to three times slower than slices
        x = torch.cat([x[:, :, 1:2], x, x[:, :, -2:-1]], 2)
        return torch.cat([x[..., 1:2], x, x[..., -2:-1]], 3)
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def double(x: Tensor) -> Tensor:
    """(b, c, h, w) to (b, c, 2 h, 2 w), every pixel four times."""
    if torch.compiler.is_dynamo_compiling():  # as above
        b, c, h, w = x.shape
        return x[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def elu(x: Tensor) -> Tensor:
    """x where positive, exp(x) - 1 elsewhere; may overwrite x.

    PyTorch's own computes `expm1`, at four times the cost of `exp` on the CPU. The two differ by the rounding of
    numbers close to one.
    """
    if torch.compiler.is_dynamo_compiling():
        return torch.maximum(x, x.clamp(max=0).exp() - 1)
    if x.is_cpu and not torch.compiler.is_compiling():  # but not exporting
        return Elu.apply(x)
    return F.elu(x, inplace=True)


class Elu(torch.autograd.Function):
    """`elu` that keeps its values alone."""

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


class DepthDecoder(nn.Module):
    """Encoder features to sigmoid maps at up to four scales, with skip connections.

    The parameters' order (two blocks per stage from 4 down to 0, then a head per scale in the order of `scales`)
    is that of 2019's checkpoints.

    Attributes:
        checkpointing: compute the stages again in the backward pass instead of keeping their activations.
    """

    checkpointing = False

    def __init__(self, num_ch_enc: np.ndarray, scales: Sequence[int] = (0, 1, 2, 3), out_channels: int = 1) -> None:
        super().__init__()
        self.scales = tuple(scales)
        blocks: list[nn.Module] = []
        below = int(num_ch_enc[-1])
        for stage in range(4, -1, -1):
            skip = int(num_ch_enc[stage - 1]) if stage > 0 else 0
            pair = [ConvBlock(below, CHANNELS[stage]), ConvBlock(CHANNELS[stage] + skip, CHANNELS[stage])]
            blocks += [block.requires_grad_(stage >= min(self.scales)) for block in pair]  # else nothing reads it
            below = CHANNELS[stage]
        blocks += [Conv3x3(CHANNELS[scale], out_channels) for scale in self.scales]
        self.decoder = nn.ModuleList(blocks)

    def forward(self, features: list[Tensor]) -> dict[int, Tensor]:
        """Return per scale a map in [0, 1], (b, out_channels, h / 2^scale, w / 2^scale)."""
        outputs: dict[int, Tensor] = {}
        x = features[-1]
        for stage in range(4, min(self.scales) - 1, -1):  # nothing reads what lies below the finest scale
            skip = [features[stage - 1]] if stage > 0 else []
            x = recomputed(self, self._stage, stage, x, *skip) if self.checkpointing else self._stage(stage, x, *skip)
            if stage in self.scales:
                outputs[stage] = self._head(self.scales.index(stage), x)
        return outputs

    def _stage(self, stage: int, x: Tensor, *skip: Tensor) -> Tensor:
        before, after = self.decoder[2 * (4 - stage)], self.decoder[2 * (4 - stage) + 1]
        x = double(before(x))
        return after(torch.cat([x, *skip], 1) if skip else x)

    def _head(self, position: int, x: Tensor) -> Tensor:
        head = self.decoder[10 + position]
        with full_precision(x):
            return torch.sigmoid(head(x.to(head.get_parameter("conv.weight").dtype)))
