"""The pose network's head on ResNet features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monodepth2.runtime.precision import full_precision


class PoseDecoder(nn.Module):
    """Features of frames to `num_motions` relative poses."""

    def __init__(self, in_channels: int, num_feature_sets: int, num_motions: int) -> None:
        super().__init__()
        self.num_motions = num_motions
        self.net = nn.ModuleList(
            [
                nn.Conv2d(in_channels, 256, 1),
                nn.Conv2d(256 * num_feature_sets, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
                nn.Conv2d(256, 6 * num_motions, 1),
            ]
        )

    def forward(self, last_features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return axis-angles and translations, (b, num_motions, 3) each.

        Args:
            last_features: per feature set the encoder's last map, (b, in_channels, h, w).
        """
        x = torch.cat([F.relu(self.net[0](features)) for features in last_features], 1)
        for layer in self.net[1:3]:
            x = F.relu(layer(x))
        with full_precision(x):
            x = self.net[3](x.to(self.net[3].get_parameter("weight").dtype))
        motions = 0.01 * x.mean((2, 3)).view(-1, self.num_motions, 6)
        return motions[..., :3], motions[..., 3:]
