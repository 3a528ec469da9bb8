"""Means over the pixels of a picture that a mask leaves in.

Legend of shapes: b batch, h w pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_mean(values_bhw: Tensor, mask_bhw: Tensor | None) -> Tensor:
    """Return the mean over the pixels that stay in, per sample, and then over the samples, a scalar.

    Args:
        values_bhw: whatever stands in a pixel that is left out changes nothing, nor does it get a gradient.
        mask_bhw: True where a pixel stays in; None for all.
    """
    if mask_bhw is None:
        return values_bhw.mean()
    kept = torch.where(mask_bhw, values_bhw, 0)
    return (kept.sum((-2, -1)) / mask_bhw.sum((-2, -1)).clamp(min=1)).mean()


def inside(mask_b1hw: Tensor) -> Tensor:
    """Return the pixels whose 3x3 window, which SSIM looks at, stays in as a whole, bool, bhw."""
    left_out = F.max_pool2d((~mask_b1hw).float(), 3, stride=1, padding=1)
    return left_out[:, 0] == 0
