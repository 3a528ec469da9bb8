"""What a caller may give as a picture, as the network wants it: upright, 8-bit RGB."""

from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2.files.pictures import read_picture
from monodepth2.files.rgb import to_rgb

Picture = Path | str | Image.Image | np.ndarray


def as_rgb(picture: Picture) -> Image.Image:
    """Return a picture upright and in 8-bit RGB.

    Args:
        picture: a file (see `read_picture`), an image of any kind (see `to_rgb`), or an array: uint8, RGB (h, w, 3) or
            grey (h, w).

    Raises:
        PictureError: the file is missing, or is not a whole picture.
        ValueError: the image or array is of a kind that does not say what its values mean.
    """
    if isinstance(picture, (str, Path)):
        return read_picture(Path(picture))
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    return to_rgb(picture)


def _from_array(values: np.ndarray) -> Image.Image:
    if values.dtype != np.uint8:
        remedy = "give uint8 from 0 to 255, e.g. (255 * image).astype(np.uint8) for floats in [0, 1]"
        raise ValueError(f"a picture of {values.dtype} values: {remedy}")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3) or not values.size:
        raise ValueError(f"a picture of shape {values.shape}: give RGB as (h, w, 3) or grey as (h, w)")
    return Image.fromarray(values).convert("RGB")
