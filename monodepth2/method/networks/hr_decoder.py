"""The decoder of HR-Depth: dense skip connections, and a fusion that weighs channels.

Legend of nodes: (row, column), as X of the paper. Row r has the maps of 1/2^(r + 1) of the input size: column 0 is the
encoder's, and each further column also sees the row below. The last column of a row is the decoder's own map.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from monodepth2.method.networks.checkpointing import recomputed
from monodepth2.method.networks.depth_decoder import CHANNELS, Conv3x3, ConvBlock, double, elu, start_at, stated_by

ROWS = 4  # that have nodes beside the encoder's map; the fifth map, at 1/32, is the encoder's alone
REDUCTION = 16  # of the channels between the two layers that weigh them


class Fusion(nn.Module):
    """Feature fusion squeeze-and-excitation, "fSE": weigh each channel by the means of all, then mix them.

    Two layers make weights of the channels' means over the picture, and a 1x1 convolution mixes the weighed channels.
    It takes the place of a 3x3 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        inner = max(1, in_channels // REDUCTION)
        self.squeeze = nn.Conv2d(in_channels, inner, 1)
        self.excite = nn.Conv2d(inner, in_channels, 1)
        self.mix = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, in, h, w) to (b, out, h, w)."""
        means = nn.functional.adaptive_avg_pool2d(x, 1)
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))
        return elu(self.mix(weights * x))


class HrDecoder(nn.Module):
    """Encoder features to sigmoid maps at up to four scales, through a grid of nodes.

    From Lyu et al., "HR-Depth: High Resolution Self-Supervised Monocular Depth Estimation", AAAI 2021, by the text of
    the paper. A node joins all maps of its row so far with the doubled node of the row below. In the last column
    `Fusion` joins them, elsewhere a 3x3 convolution. Nodes of a row have the channels of 2019's decoder at that size;
    the paper's may differ. What no output reads is not made.

    Args:
        num_ch_enc: channels of the encoder's five maps.
        scales: of the outputs.
        out_channels: of each output.

    Attributes:
        checkpointing: compute the nodes again in the backward pass instead of keeping their activations.
    """

    checkpointing = False

    def __init__(self, num_ch_enc: np.ndarray, scales: Sequence[int] = (0, 1, 2, 3), out_channels: int = 1) -> None:
        super().__init__()
        self.scales = tuple(scales)
        self.first_row = max(0, min(self.scales) - 1)
        self.below, self.join = nn.ModuleDict(), nn.ModuleDict()
        for row, column in self._nodes():
            channels = CHANNELS[row + 1]
            below = int(num_ch_enc[row + 1]) if column == 1 else CHANNELS[row + 2]
            seen = int(num_ch_enc[row]) + column * channels
            self.below[f"{row}{column}"] = ConvBlock(below, channels)
            self.join[f"{row}{column}"] = (Fusion if row + column == ROWS else ConvBlock)(seen, channels)
        if 0 in self.scales:
            self.finest = nn.ModuleList([ConvBlock(CHANNELS[1], CHANNELS[0]), ConvBlock(CHANNELS[0], CHANNELS[0])])
        self.heads = nn.ModuleDict({str(scale): Conv3x3(CHANNELS[scale], out_channels) for scale in self.scales})

    def forward(self, features: list[Tensor]) -> dict[int, Tensor]:
        """Return per scale a map in [0, 1], (b, out_channels, h / 2^scale, w / 2^scale)."""
        rows = [[feature] for feature in features]
        for row, column in self._nodes():
            rows[row].append(self._run(self._node, f"{row}{column}", rows[row + 1][column - 1], *rows[row]))
        maps = {row + 1: rows[row][-1] for row in range(self.first_row, ROWS)}
        if 0 in self.scales:
            maps[0] = self._run(self._finest, maps[1])
        return {scale: stated_by(self.heads[str(scale)], maps[scale]) for scale in sorted(self.scales, reverse=True)}

    def _nodes(self) -> list[tuple[int, int]]:
        """Those that are read, each after those that it reads."""
        return [(row, column) for column in range(1, ROWS + 1) for row in range(self.first_row, ROWS + 1 - column)]

    def _run(self, function: Callable[..., Tensor], *args: Any) -> Tensor:
        return recomputed(self, function, *args) if self.checkpointing else function(*args)

    def _node(self, name: str, below: Tensor, *row: Tensor) -> Tensor:
        return self.join[name](torch.cat([*row, double(self.below[name](below))], 1))

    def _finest(self, x: Tensor) -> Tensor:
        before, after = self.finest
        return after(double(before(x)))

    def start_at(self, disp: float) -> None:
        """Let all heads begin at about this output, between 0 and 1."""
        for head in self.heads.values():
            start_at(head, disp)
