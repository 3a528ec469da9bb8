"""Errors against what else is known of a drive.

Legend of shapes: b batch, h w pixels.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from monodepth2.config import FrameId
from monodepth2.method.losses.masking import masked_mean
from monodepth2.method.view_synthesis import upsample


def log_depth_error(depth_b1hw: Tensor, known_b1hw: Tensor, mask_b1hw: Tensor | None = None) -> Tensor:
    """Return the mean absolute difference of the logarithms of depth where it is known, a scalar.

    A difference of 0.1 is one of about 10 percent. The mean is taken per sample and then over the samples; a sample
    without known depth counts as 0.

    Args:
        depth_b1hw: predicted depth, at any size; it is brought to that of the known one.
        known_b1hw: known depth in the same unit, 0 where unknown.
        mask_b1hw: True where the picture counts; None for all of it.
    """
    there = known_b1hw > 0 if mask_b1hw is None else (known_b1hw > 0) & mask_b1hw
    known = torch.where(there, known_b1hw, 1)
    difference = upsample(depth_b1hw, known.shape[-2:]).log() - known.log()
    return masked_mean(difference.abs()[:, 0], there[:, 0])


def way_error(source_T_target: Mapping[FrameId, Tensor], travelled: Mapping[FrameId, Tensor]) -> Tensor:
    """Return the mean absolute difference between the lengths of translations and the ways known, a scalar.

    Source: Guizilini et al., "3D Packing for Self-Supervised Monocular Depth Estimation", CVPR 2020, equation 7.

    Args:
        source_T_target: of the sources, b44.
        travelled: the length of the way to each of them, in the same unit, b.
    """
    differences = [
        torch.linalg.vector_norm(source_T_target[source][:, :3, 3], dim=1) - way_b
        for source, way_b in travelled.items()
    ]
    return torch.stack(differences).abs().mean()
