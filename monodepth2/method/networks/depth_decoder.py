"""The decoder of disparities and of predictive masks."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monodepth2.method.cpu_kernels import (
    Elu,
    compiled_double,
    compiled_elu,
    compiled_for_cpu,
    compiled_reflect,
    uncompiled_on_cpu,
)
from monodepth2.method.networks.checkpointing import recomputed
from monodepth2.runtime.precision import full_precision

CHANNELS = (16, 32, 64, 128, 256)  # of decoder stages 0 to 4
SMALL_CHANNELS = tuple(channels // 2 for channels in CHANNELS)


class Conv3x3(nn.Module):
    """A 3x3 convolution on a reflection-padded map."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(b, in, h, w) to (b, out, h, w)."""
        return self.conv(reflect(x))


def start_at(head: nn.Module, disp: float) -> None:
    """Let a head begin at about this output of the sigmoid after it."""
    nn.init.constant_(head.get_parameter("conv.bias"), math.log(disp / (1 - disp)))


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
    if compiled_for_cpu(x):
        return compiled_reflect(x)
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def double(x: Tensor) -> Tensor:
    """(b, c, h, w) to (b, c, 2 h, 2 w), every pixel four times."""
    if compiled_for_cpu(x):
        return compiled_double(x)
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def elu(x: Tensor) -> Tensor:
    """x where positive, exp(x) - 1 elsewhere; may overwrite x."""
    if compiled_for_cpu(x):
        return compiled_elu(x)
    if uncompiled_on_cpu(x):
        return Elu.apply(x)
    return F.elu(x, inplace=True)


class DepthDecoder(nn.Module):
    """Encoder features to sigmoid maps at up to four scales, with skip connections.

    The parameters' order (two blocks per stage from 4 down to 0, then a head per scale in the order of `scales`)
    is that of 2019's checkpoints.

    Args:
        num_ch_enc: channels of the encoder's five maps.
        scales: of the outputs.
        out_channels: of each output.
        channels: of the stages 0 to 4.

    Attributes:
        checkpointing: compute the stages again in the backward pass instead of keeping their activations.
    """

    checkpointing = False

    def __init__(
        self,
        num_ch_enc: np.ndarray,
        scales: Sequence[int] = (0, 1, 2, 3),
        out_channels: int = 1,
        channels: Sequence[int] = CHANNELS,
    ) -> None:
        super().__init__()
        self.scales = tuple(scales)
        blocks: list[nn.Module] = []
        below = int(num_ch_enc[-1])
        for stage in range(4, -1, -1):
            skip = int(num_ch_enc[stage - 1]) if stage > 0 else 0
            pair = [ConvBlock(below, channels[stage]), ConvBlock(channels[stage] + skip, channels[stage])]
            blocks += [block.requires_grad_(stage >= min(self.scales)) for block in pair]  # else nothing reads it
            below = channels[stage]
        blocks += [Conv3x3(channels[scale], out_channels) for scale in self.scales]
        self.decoder = nn.ModuleList(blocks)

    def forward(self, features: list[Tensor]) -> dict[int, Tensor]:
        """Return per scale a map in [0, 1], (b, out_channels, h / 2^scale, w / 2^scale)."""
        outputs: dict[int, Tensor] = {}
        x = features[-1]
        for stage in range(4, min(self.scales) - 1, -1):  # nothing reads what lies below the finest scale
            skip = [features[stage - 1]] if stage > 0 else []
            x = recomputed(self, self._stage, stage, x, *skip) if self.checkpointing else self._stage(stage, x, *skip)
            if stage in self.scales:
                outputs[stage] = stated_by(self.decoder[10 + self.scales.index(stage)], x)
        return outputs

    def _stage(self, stage: int, x: Tensor, *skip: Tensor) -> Tensor:
        before, after = self.decoder[2 * (4 - stage)], self.decoder[2 * (4 - stage) + 1]
        x = double(before(x))
        return after(torch.cat([x, *skip], 1) if skip else x)

    def start_at(self, disp: float) -> None:
        """Let all heads begin at about this output, between 0 and 1."""
        for position in range(len(self.scales)):
            start_at(self.decoder[10 + position], disp)


def stated_by(head: nn.Module, x: Tensor) -> Tensor:
    """What a head says of features, between 0 and 1, in full precision."""
    with full_precision(x):
        return torch.sigmoid(head(x.to(head.get_parameter("conv.weight").dtype)))
