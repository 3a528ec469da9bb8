"""Errors against what else is known of a drive.

Legend of shapes: b batch, h w pixels.
"""

import torch
from torch import Tensor

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
