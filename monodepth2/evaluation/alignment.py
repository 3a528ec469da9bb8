"""Predictions brought to the unit of the ground truth: by a factor, by medians, by scale and shift of disparity.

Legend of shapes: n pixels that are scored; other arrays may have any shape. Depths are metres, disparity is 1 / depth.
"""

from typing import NamedTuple

import numpy as np


class Alignment(NamedTuple):
    """How an image's disparities become depths: factor / disp, or 1 / (scale * disp + shift).

    Attributes:
        factor: of depth, before the ratio.
        ratio: of the medians of ground truth and prediction; None where they do not matter.
        scale_shift: of disparity, in place of both; None where it is not fitted.
    """

    factor: float
    ratio: float | None = None
    scale_shift: tuple[float, float] | None = None

    def depth(self, disp: np.ndarray) -> np.ndarray:
        """Return depths; infinite where the disparity is not positive."""
        with np.errstate(divide="ignore"):
            if self.scale_shift:
                scale, shift = self.scale_shift
                return 1 / np.maximum(scale * disp + shift, 0)
            depth = self.factor * (1 / disp)  # a disparity of zero lies infinitely far
            return depth if self.ratio is None else depth * self.ratio


def fit_alignment(disp_n: np.ndarray, gt_n: np.ndarray, factor: float, align: str) -> Alignment:
    """Fit a prediction to the ground truth of the same pixels.

    Args:
        disp_n: scaled disparity.
        gt_n: depth in metres, positive.
        factor: from predicted depth to metres.
        align: none and ground: the factor alone; median: depth times the ratio of the medians; scale_shift: s and t
            that minimise the sum of (s * disp + t - 1 / gt)^2, the protocol of relative depth (Ranftl et al., "Towards
            Robust Monocular Depth Estimation", PAMI 2022, equation 4).
    """
    if align == "scale_shift":
        columns = np.stack([disp_n, np.ones_like(disp_n)], axis=1).astype(np.float64)
        # of several solutions, where all disparities are equal, the one of least norm
        scale, shift = np.linalg.lstsq(columns, 1 / gt_n.astype(np.float64), rcond=None)[0]
        return Alignment(factor, scale_shift=(float(scale), float(shift)))
    if align == "median":
        return Alignment(factor, ratio=float(np.median(gt_n) / np.median(Alignment(factor).depth(disp_n))))
    return Alignment(factor)
