"""Reading and resizing pictures, the one way for training, scoring and prediction: upright, 8-bit RGB."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monodepth2.files.fit import STRETCH, Fit, Size
from monodepth2.files.picture_opening import PictureError, open_picture
from monodepth2.files.rgb import eight_bits, to_rgb, upright_size
from monodepth2.files.sixteen_bits import values_of, white_of

# from a picture's path and the smallest level wanted to its levels, 0 first, uint8, (h, w, 3) each
PyramidReader = Callable[[Path, int], list[np.ndarray]]


def read_picture(path: Path) -> Image.Image:
    """Decode a picture completely and return it upright, as 8-bit RGB; of several in a file the first.

    See `to_rgb`; the range of 16-bit values is that of the folder's pictures, see `white_of`.

    Raises:
        PictureError: the file is missing, is not a whole picture, or holds values of an unknown range.
    """
    with open_picture(path) as picture:
        values = values_of(picture, path)
        if values is None:
            return to_rgb(picture)
        return Image.fromarray(eight_bits(values, white_of(path))).convert("RGB")


read_rgb = read_picture  # an older name, by which programs of others import it


def picture_size(path: Path) -> Size:
    """Return (width, height) of a picture once it is upright; nothing of it is decoded.

    Raises:
        PictureError: the file is missing, or is no picture.
    """
    with open_picture(path) as picture:
        return upright_size(picture)


def size_to_cut(path: Path, fit: Fit) -> Size | None:
    """Return the size of the picture by whose shape its masks and maps are cut; None where nothing is.

    Raises:
        PictureError: the file is missing, or is no picture.
    """
    return None if fit.kind == STRETCH.kind else picture_size(path)


def encoded(pixels: np.ndarray, kind: str, **how: Any) -> bytes:
    """Return the file of a picture: Pillow, writing files itself, takes no notice of a disk full in its last bytes.

    Args:
        pixels: uint8 or uint16, (h, w) or (h, w, 3).
        kind: JPEG or PNG.
        how: what else Pillow is to know.
    """
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **how)
    return content.getvalue()


def resize(picture: Image.Image, width: int, height: int, fit: Fit = STRETCH) -> Image.Image:
    """Resize, or cut and resize, to `width` x `height` with the LANCZOS filter, as 2019 did (8-bit result)."""
    box = fit.box(picture.size, (width, height))
    return picture.resize((width, height), Image.Resampling.LANCZOS, box)


def read_pyramid(path: Path, deepest: int, width: int, height: int, fit: Fit = STRETCH) -> list[np.ndarray]:
    """Read a picture at `width` x `height` and at its halves down to level `deepest`.

    Returns:
        Levels 0 to `deepest`, each resized from the one above, uint8, (h, w, 3).

    Raises:
        PictureError: the picture cannot be read.
    """
    return pyramid(read_picture(path), deepest, width, height, fit)


def pyramid(picture: Image.Image, deepest: int, width: int, height: int, fit: Fit = STRETCH) -> list[np.ndarray]:
    """Bring a picture to `width` x `height` and to its halves, as `read_pyramid`."""
    levels = []
    for level in range(deepest + 1):
        picture = resize(picture, width >> level, height >> level, fit if level == 0 else STRETCH)
        levels.append(np.array(picture))
    return levels


def read_depth_png(path: Path) -> np.ndarray:
    """Read a 16-bit depth PNG (metres * 256, 0 where unknown) as float32 metres, shape (h, w).

    Raises:
        PictureError: the file is missing, corrupt, or not a single-channel picture.
    """
    with open_picture(path, ("PNG",)) as picture:
        if not picture.mode.startswith("I"):
            raise PictureError(path, f"has mode {picture.mode}; depth maps are 16-bit grey PNG files")
        return np.asarray(picture, dtype=np.float32) / 256
