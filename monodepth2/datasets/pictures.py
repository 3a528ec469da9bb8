"""Reading and resizing pictures: 8-bit RGB, Pillow's decoder and filter."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2.errors import UserError

MAX_PIXELS = 100_000_000  # a declared size above this is not a camera frame

# from a picture's path and the smallest level wanted to its levels, 0 first, uint8, (h, w, 3) each
PyramidReader = Callable[[Path, int], list[np.ndarray]]


class PictureError(UserError):
    """A picture that is missing, truncated, corrupt or of an absurd size; `path` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


def read_picture(path: Path) -> Image.Image:
    """Decode a picture completely and return it as RGB.

    Raises:
        PictureError: the file is missing, or is not a whole picture.
    """
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureError(path, f"declares {picture.width} x {picture.height} pixels, refused")
            picture.load()
            return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert() would copy, too
    except FileNotFoundError as error:
        raise PictureError(path, "no such file") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(path, f"cannot be decoded ({error})") from error


def resize(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Resize to `width` x `height` with the LANCZOS filter, as 2019 did (8-bit result)."""
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def read_pyramid(path: Path, deepest: int, width: int, height: int) -> list[np.ndarray]:
    """Read a picture at `width` x `height` and at its halves down to level `deepest`.

    Returns:
        Levels 0 to `deepest`, each resized from the one above, uint8, (h, w, 3).

    Raises:
        PictureError: the picture cannot be read.
    """
    picture, levels = read_picture(path), []
    for level in range(deepest + 1):
        picture = resize(picture, width >> level, height >> level)
        levels.append(np.array(picture))
    return levels


def read_depth_png(path: Path) -> np.ndarray:
    """Read a 16-bit depth PNG (metres * 256, 0 where unknown) as float32 metres, shape (h, w).

    Raises:
        PictureError: the file is missing, corrupt, or not a single-channel picture.
    """
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if not picture.mode.startswith("I"):
                raise PictureError(path, f"has mode {picture.mode}; depth maps are 16-bit grey PNG files")
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureError(path, f"declares {picture.width} x {picture.height} pixels, refused")
            return np.asarray(picture, dtype=np.float32) / 256
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(path, f"cannot be decoded ({error})") from error
