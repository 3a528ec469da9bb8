"""Errors against what else is known of a drive.

Legend of shapes: b batch, h w pixels.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from monodepth2.config import FrameId
from monodepth2.method.depth_maps import resized
from monodepth2.method.losses.masking import masked_mean

LEAST_DEVIATION = 1e-7  # added, so that a map of one value is not divided by zero


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
    difference = resized(depth_b1hw, known.shape[-2:]).log() - known.log()
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


def scale_shift_free_error(disp_b1hw: Tensor, normalised_b1hw: Tensor, there_b1hw: Tensor) -> Tensor:
    """Return the mean absolute difference of two disparities whose scales and shifts are left aside, a scalar.

    Each map is normalised over the known pixels: less its median, by its mean absolute deviation from that. So an
    error of 0.1 is a tenth of how much a label varies. The mean is taken per sample and then over the samples; a
    sample without known pixels counts as 0.

    Source: Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2020, equations 5 and 6.

    Args:
        disp_b1hw: predicted disparity, at any size; it is brought to that of the labels.
        normalised_b1hw: the label as `normalised_label` returns it, once for all scales.
        there_b1hw: where it counts, likewise.
    """
    disp = _normalised(resized(disp_b1hw, normalised_b1hw.shape[-2:]), there_b1hw)
    return masked_mean((disp - normalised_b1hw).abs()[:, 0], there_b1hw[:, 0])


def normalised_label(label_b1hw: Tensor, mask_b1hw: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return a label without its scale and shift, and where it counts, bool, both b1hw.

    Args:
        label_b1hw: another model's disparity, 0 where unknown.
        mask_b1hw: True where the picture counts; None for all of it.
    """
    there_b1hw = label_b1hw > 0 if mask_b1hw is None else (label_b1hw > 0) & mask_b1hw
    return _normalised(label_b1hw, there_b1hw), there_b1hw


def _normalised(values_b1hw: Tensor, there_b1hw: Tensor) -> Tensor:
    """Values less their median, by their mean absolute deviation from it, over the pixels that are there."""
    values_bn, there_bn = values_b1hw.flatten(1), there_b1hw.flatten(1)
    count_b1 = there_bn.sum(1, keepdim=True)
    # sorted rather than torch's median, which has no deterministic form on GPUs
    order_bn = values_bn.detach().masked_fill(~there_bn, torch.inf).argsort(1)
    median_b1 = values_bn.gather(1, order_bn.gather(1, (count_b1 - 1).clamp(min=0) // 2))
    centred_bn = values_bn - median_b1
    deviation_b1 = torch.where(there_bn, centred_bn.abs(), 0).sum(1, keepdim=True) / count_b1.clamp(min=1)
    return (centred_bn / (deviation_b1 + LEAST_DEVIATION)).view_as(values_b1hw)
