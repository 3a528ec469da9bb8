"""Where ground truth comes from: the split's `gt_depths.npz`, else the data set itself."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.ground_truth import FILE_NAME, IMPROVED_TRUTH, read_ground_truth
from monodepth2.datasets.layouts import KittiDepth, KittiRaw, Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import split_folder
from monodepth2.errors import UserError


def stored_truth(split: str, lines: Sequence[SplitLine]) -> Sequence[np.ndarray] | None:
    """Return the maps of the split's `gt_depths.npz`, None where there is no such file.

    Raises:
        UserError: the file does not belong to the split or is damaged.
    """
    stored = split_folder(split) / FILE_NAME
    return read_ground_truth(stored, len(lines), lines) if stored.is_file() else None


def require_depth(layout: Layout, split: str, options: Options) -> None:
    """Check that the data set can stand in for a missing `gt_depths.npz`.

    Raises:
        UserError: it cannot; the message names the remedies.
    """
    where = split_folder(split) / FILE_NAME
    if not isinstance(layout, KittiRaw):
        raise UserError(f"--dataset {options.dataset} has no ground truth of depth: use kitti, or provide {where}")
    if Path(split).name == IMPROVED_TRUTH and not isinstance(layout, KittiDepth):
        raise UserError(
            f"--eval_split {split} needs the depth benchmark's improved ground truth: make {where} with "
            f"export_gt_depth.py --split {split}, or use --dataset kitti_depth"
        )
