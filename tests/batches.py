"""Batches and predictions of random numbers, for tests of the method."""

import torch

from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.method.losses.known import normalised_label, scale_shift_free_error
from monodepth2.method.stages import Batch, Predictions, RelativePose
from monodepth2.method.view_synthesis import ViewSynthesis

H, W = 32, 64


def synthesis(sources=(-1, 1), own_resolution=False, scaled_translation=False) -> ViewSynthesis:
    return ViewSynthesis(sources, 0.1, 100.0, own_resolution, scaled_translation)


def batch(seed: int = 0, sources=(-1, 1), dtype=torch.float32, height: int = H, width: int = W) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    color = {
        i: {
            level: torch.rand(2, 3, height >> level, width >> level, generator=generator, dtype=dtype)
            for level in range(4)
        }
        for i in (0, *sources)
    }
    K = {
        level: torch.from_numpy(KITTI_INTRINSICS.matrix(width >> level, height >> level)).to(dtype).repeat(2, 1, 1)
        for level in range(4)
    }
    stereo_T = torch.eye(4, dtype=dtype).repeat(2, 1, 1)
    stereo_T[:, 0, 3] = torch.tensor([-0.1, 0.1])
    index = torch.arange(2)
    return Batch(color, {i: c[0] for i, c in color.items()}, K, stereo_T, index, index > 1)


def predictions(poses, height=H, width=W, seed=1, dtype=torch.float32) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    disps = {
        level: torch.rand(2, 1, height >> level, width >> level, generator=generator, dtype=dtype) for level in range(4)
    }
    return Predictions(disps, poses)


def still(dtype=torch.float32) -> RelativePose:
    return RelativePose(torch.zeros(2, 3, dtype=dtype), torch.zeros(2, 3, dtype=dtype), invert=False)


def label_error(disp: torch.Tensor, label: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """How far a disparity is from another model's, their scales and shifts left aside."""
    return scale_shift_free_error(disp, *normalised_label(label, mask))
