"""Reading and resizing pictures: 8-bit RGB, Pillow's decoder and filter."""

from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2.errors import UserError

MAX_PIXELS = 100_000_000  # a declared size above this is not a camera frame


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
            return picture.convert("RGB")
    except FileNotFoundError as error:
        raise PictureError(path, "no such file") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(path, f"cannot be decoded ({error})") from error


def resize(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Resize to `width` x `height` with the LANCZOS filter, as 2019 did (8-bit result)."""
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def mirror(picture: Image.Image) -> Image.Image:
    """Mirror left and right."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


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
