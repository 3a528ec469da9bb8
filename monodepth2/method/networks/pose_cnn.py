"""The small pose network of Zhou et al. 2017, kept for the paper's ablation."""

import torch.nn.functional as F
from torch import Tensor, nn

from monodepth2.runtime.precision import full_precision


class PoseCNN(nn.Module):
    """Stacked frames to the relative poses of all but one of them."""

    def __init__(self, num_frames: int) -> None:
        super().__init__()
        self.num_motions = num_frames - 1
        channels = [3 * num_frames, 16, 32, 64, 128, 256, 256, 256]
        kernels = [7, 5, 3, 3, 3, 3, 3]
        self.pose_conv = nn.Conv2d(256, 6 * self.num_motions, 1)
        self.net = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], kernel, stride=2, padding=kernel // 2)
            for i, kernel in enumerate(kernels)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return axis-angles and translations, (b, num_motions, 3) each, of images (b, 3 * num_frames, h, w)."""
        x = images
        for layer in self.net:
            x = F.relu(layer(x))
        with full_precision(x):
            x = self.pose_conv(x.to(self.pose_conv.weight.dtype))
        motions = 0.01 * x.mean((2, 3)).view(-1, self.num_motions, 6)
        return motions[..., :3], motions[..., 3:]
