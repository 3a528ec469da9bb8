"""Which pixels of a ground-truth map are scored, and how many are left out for what reason.

Legend of shapes: h w pixels of the ground truth. Depths are metres.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MIN_DEPTH, MAX_DEPTH = 1e-3, 80.0
SHARES = {  # of height and width: rows and columns from and to
    "garg": ((0.40810811, 0.99189189), (0.03594771, 0.96405229)),  # Garg et al., 2016
    "eigen": ((0.3324324, 0.91351351), (0.0359477, 0.96405229)),  # Eigen et al., 2014
}


@dataclass(frozen=True)
class Region:
    """Where predictions are compared with ground truth.

    Attributes:
        crop: garg, eigen, none, or mask: none but the data set's mask, which must be there.
        cap: ground truth is scored strictly between these depths; None: wherever it is known.
    """

    crop: str = "garg"
    cap: tuple[float, float] | None = (MIN_DEPTH, MAX_DEPTH)

    @property
    def limits(self) -> tuple[float, float]:
        """The depths that predictions are clamped to."""
        return self.cap or (MIN_DEPTH, MAX_DEPTH)


class PixelCounts(NamedTuple):
    """Pixels of known depth, each counted once: what takes it out first, from the left, or else as scored.

    Masked are also those that the network has not seen (`--fit crop`).
    """

    masked: int = 0
    outside_crop: int = 0
    beyond_cap: int = 0
    scored: int = 0


def crop_box(crop: str, height: int, width: int) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) of a crop, bottom and right exclusive; the whole map where it has no shares."""
    rows, columns = SHARES.get(crop, ((0, 1), (0, 1)))
    top, bottom = (int(share * height) for share in rows)
    left, right = (int(share * width) for share in columns)
    return top, bottom, left, right


def evaluation_mask(gt_hw: np.ndarray, region: Region, mask_hw: np.ndarray | None = None) -> np.ndarray:
    """Return which pixels are scored, bool, (h, w).

    Args:
        gt_hw: depth in metres, 0 where unknown.
        region: crop and cap.
        mask_hw: the data set's own mask, true where pictures are usable.

    Raises:
        ValueError: the mask has another size.
    """
    scored = np.zeros(gt_hw.shape, dtype=bool)
    top, bottom, left, right = crop_box(region.crop, *gt_hw.shape)
    scored[top:bottom, left:right] = _within(gt_hw[top:bottom, left:right], region.cap)
    return scored if mask_hw is None else scored & _of_size(mask_hw, gt_hw)


def count_pixels(gt_hw: np.ndarray, region: Region, mask_hw: np.ndarray | None, scored: int) -> PixelCounts:
    """Count the pixels of known depth that are not scored by the reason why.

    Args:
        gt_hw: depth in metres, 0 where unknown.
        region: crop and cap.
        mask_hw: the data set's own mask.
        scored: how many pixels that mask, crop and cap leave.
    """
    known = gt_hw > 0
    usable = known if mask_hw is None else known & _of_size(mask_hw, gt_hw)
    top, bottom, left, right = crop_box(region.crop, *gt_hw.shape)
    inside = int(usable[top:bottom, left:right].sum())
    return PixelCounts(int(known.sum() - usable.sum()), int(usable.sum()) - inside, inside - scored, scored)


def _within(gt_hw: np.ndarray, cap: tuple[float, float] | None) -> np.ndarray:
    return gt_hw > 0 if cap is None else (gt_hw > cap[0]) & (gt_hw < cap[1])


def _of_size(mask_hw: np.ndarray, gt_hw: np.ndarray) -> np.ndarray:
    if mask_hw.shape != gt_hw.shape:
        raise ValueError(f"a mask of {mask_hw.shape} pixels for ground truth of {gt_hw.shape}: resize it")
    return mask_hw.astype(bool, copy=False)
