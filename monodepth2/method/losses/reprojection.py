"""From photometric errors per source to one loss per pixel (section 3.2 of the paper).

Legend of shapes: b batch, s sources, h w pixels. Functions take any leading dimensions in place of b.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

TIE_BREAK = 1e-5
MASK_WEIGHT = 0.2


def combine_sources(errors_bshw: Tensor, average: bool) -> Tensor:
    """Average over the sources (bs → b1) where asked, else leave them for the minimum to choose from."""
    return errors_bshw.mean(-3, keepdim=True) if average else errors_bshw


def min_reprojection(reprojection_bshw: Tensor) -> Tensor:
    """Per-pixel minimum over the sources (equation 4), bhw."""
    return reprojection_bshw.amin(-3)


def automasked_minimum(reprojection_bshw: Tensor, identity_bshw: Tensor) -> tuple[Tensor, Tensor]:
    """Per-pixel minimum over unwarped and warped sources, and where a warped one wins (equation 5).

    Args:
        reprojection_bshw: errors of the warped sources.
        identity_bshw: errors of the unwarped sources; they win ties, as they come first.

    Returns:
        The minimum and the auto-mask (1 where a reprojection wins), bhw each.
    """
    identity, reprojection = identity_bshw.amin(-3), min_reprojection(reprojection_bshw)
    automask = reprojection < identity
    return torch.where(automask, reprojection, identity), automask.to(reprojection.dtype)


def tie_break_noise(like: Tensor) -> Tensor:
    """1e-5 * normal noise for the identity errors, so that a static scene does not decide by order."""
    return torch.randn_like(like) * TIE_BREAK


def mask_regularisation(masks_bshw: Tensor) -> Tensor:
    """0.2 * mean binary cross entropy between a predictive mask and 1 (Zhou et al. 2017), a scalar."""
    return MASK_WEIGHT * F.binary_cross_entropy(masks_bshw, torch.ones_like(masks_bshw))
