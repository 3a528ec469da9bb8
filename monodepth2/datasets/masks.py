"""Masks of pictures: black where a picture is to be left out, the bonnet for one.

They are reduced so that no pixel of a picture's level that stays in has seen one that is left out.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2.files.fit import Box, Fit, Size
from monodepth2.files.picture_names import MASK
from monodepth2.files.picture_opening import PictureError, open_picture
from monodepth2.files.rgb import laid_over

BLACK = 128  # what is darker is left out
LANCZOS_REACH = 3  # pixels of the result to either side, from where Pillow's filter takes its values


def read_mask(
    path: Path, deepest: int, width: int, height: int, fit: Fit, picture: Size | None = None
) -> list[np.ndarray]:
    """Read a mask at the levels of its picture; files that have not changed are read once.

    A window's levels are made anew each time, as hardly any comes twice.

    Args:
        path: of the file.
        deepest: as of `mask_levels`, and so are the others.
        width: likewise.
        height: likewise.
        fit: likewise.
        picture: likewise.

    Returns:
        Levels 0 to `deepest`, True where the picture stays in, (h, w) each.

    Raises:
        PictureError: the mask cannot be read, or leaves all pictures out.
    """
    mtime = path.stat().st_mtime_ns if path.is_file() else 0
    if fit.window:
        return mask_levels(_read(path, mtime), deepest, width, height, fit, picture)
    return _levels(path, mtime, deepest, width, height, fit, picture)


@lru_cache(maxsize=32)
def _levels(
    path: Path, mtime: int, deepest: int, width: int, height: int, fit: Fit, picture: Size | None
) -> list[np.ndarray]:
    return mask_levels(_read(path, mtime), deepest, width, height, fit, picture)


@lru_cache(maxsize=32)
def _read(path: Path, _: int) -> np.ndarray:
    return np.asarray(grey_mask(path)) >= BLACK


def grey_mask(path: Path) -> Image.Image:
    """Read a mask as 8-bit grey; what is transparent stays in, as where nothing is painted over pictures.

    Raises:
        PictureError: it cannot be read, or is that of all pictures and leaves nothing of them.
    """
    with open_picture(path) as picture:
        grey = laid_over(picture, "white").convert("L")
    if path.name == MASK and np.asarray(grey).max() < BLACK:
        raise PictureError(path, "leaves all of every picture out: paint black only what is to be left out")
    return grey


def mask_levels(
    stays_hw: np.ndarray, deepest: int, width: int, height: int, fit: Fit, picture: Size | None = None
) -> list[np.ndarray]:
    """Return a mask at the levels of its picture.

    Args:
        stays_hw: True where the picture stays in; of the whole picture that is brought to these levels, at any size.
        deepest: level.
        width: of level 0.
        height: of level 0.
        fit: how the picture comes to that size.
        picture: (width, height) of the picture; None: the mask's own.
    """
    left_out = ~stays_hw
    levels, box = [], fit.box_of_map(stays_hw.shape, (width, height), picture or stays_hw.shape[::-1])
    for level in range(deepest + 1):
        left_out = _reduced(left_out, box, width >> level, height >> level)
        levels.append(~left_out)
        box = None
    return levels


def _reduced(left_out_hw: np.ndarray, box: Box | None, width: int, height: int) -> np.ndarray:
    """Return which pixels of a resized picture see a pixel that is left out, (height, width)."""
    left, top, right, bottom = box or (0, 0, left_out_hw.shape[1], left_out_hw.shape[0])
    above, below = _reach(top, bottom, height, left_out_hw.shape[0])
    before, behind = _reach(left, right, width, left_out_hw.shape[1])
    sums = np.pad(left_out_hw.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[below] - sums[above]
    return rows[:, behind] > rows[:, before]


def _reach(start: float, end: float, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first pixel that each pixel of the result takes its value from, and the one after the last."""
    scale = (end - start) / count
    centres = start + (np.arange(count) + 0.5) * scale
    reach = LANCZOS_REACH * max(scale, 1)
    first, last = (centres - reach + 0.5).astype(int), (centres + reach + 0.5).astype(int)
    return first.clip(0, size), last.clip(0, size)
