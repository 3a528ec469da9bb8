"""What a caller may give as a picture, as the network wants it: upright, 8-bit RGB."""

import os
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from monodepth2.errors import tell
from monodepth2.files.pictures import read_picture
from monodepth2.files.rgb import WHITE, to_rgb
from monodepth2.files.sixteen_bits import NARROW, is_wide

Picture = Path | str | Image.Image | np.ndarray


def as_rgb(picture: Picture) -> Image.Image:
    """Return a picture upright and in 8-bit RGB.

    Args:
        picture: a file (see `read_picture`), an image of any kind (see `to_rgb`; one that `Image.open` has just opened
            is read as its file), or an array: uint8, RGB (h, w, 3) or grey (h, w).

    Raises:
        PictureError: the file is missing, or is not a whole picture.
        ValueError: the image or array is of a kind that does not say what its values mean, or it is none of these.
    """
    if isinstance(picture, (str, Path)):
        return read_picture(Path(picture))
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if not isinstance(picture, Image.Image):
        kind = type(picture).__name__
        raise ValueError(f"a picture of type {kind}: give a path, an image of Pillow, or an array of uint8, (h, w, 3)")
    if is_wide(picture) and (path := _file_of(picture)):
        return read_picture(path)  # which leaves the image as it is
    if picture.mode.startswith("I") and np.asarray(picture).max() <= max(NARROW):
        _tell_white()
    return to_rgb(picture)


def _file_of(picture: Image.Image) -> Path | None:
    """The file of an image of which nothing is decoded yet; None where its values need not be those of a file."""
    if not isinstance(picture, ImageFile.ImageFile) or not (picture.filename and picture.tile and picture.fp):
        return None
    try:
        same = os.path.samestat(os.stat(picture.filename), os.fstat(picture.fp.fileno()))
    except (OSError, ValueError, AttributeError):  # it is closed, or no file of the disk
        return None
    return Path(os.fsdecode(picture.filename)) if same and picture.tell() == 0 else None


@cache
def _tell_white() -> None:
    tell(
        f"an image of 16 bits has no value above {max(NARROW)}, and {WHITE} is taken as white: if the camera has 10 or "
        "12 bits, give the picture's path, by which its white is found"
    )


def _from_array(values: np.ndarray) -> Image.Image:
    if values.dtype != np.uint8:
        remedy = "give uint8 from 0 to 255, e.g. (255 * image).astype(np.uint8) for floats in [0, 1]"
        raise ValueError(f"a picture of {values.dtype} values: {remedy}")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3) or not values.size:
        raise ValueError(f"a picture of shape {values.shape}: give RGB as (h, w, 3) or grey as (h, w)")
    return Image.fromarray(values).convert("RGB")
