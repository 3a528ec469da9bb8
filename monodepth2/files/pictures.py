"""Reading and resizing pictures: 8-bit RGB, Pillow's decoder and filter."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from monodepth2.errors import UserError, first_line
from monodepth2.files.fit import STRETCH, Fit, Size
from monodepth2.files.input_files import open_input

LARGEST_FILE = 1 << 30
LARGEST_SIDE = 1 << 14  # in pixels, believed of a network's file
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")  # of the pictures of a data set
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MAX_PIXELS = 1 << 26  # Pillow takes 4 bytes for each, before it finds out that they are not there

# a damaged file is read or refused; that each of its tags is odd, too, is no news
warnings.filterwarnings("ignore", module=r"PIL\.")

# from a picture's path and the smallest level wanted to its levels, 0 first, uint8, (h, w, 3) each
PyramidReader = Callable[[Path, int], list[np.ndarray]]


class PictureError(UserError):
    """A picture that is missing, truncated, corrupt or of an absurd size; `path` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


@contextmanager
def open_picture(path: Path, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """Open a picture, of which nothing is decoded yet; what decoding it raises is refused as well.

    Args:
        path: of the file.
        formats: Pillow's names of the kinds of file to expect.

    Raises:
        PictureError: the file is missing, is none of these, or declares an absurd size; or decoding failed.
    """
    try:
        with open_input(path, LARGEST_FILE) as file, Image.open(file, formats=formats) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureError(path, f"declares {picture.width} x {picture.height} pixels, refused")
            yield picture
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(path, "no such file") from error
    except UnidentifiedImageError as error:
        raise PictureError(path, f"is not a {' or '.join(formats)} picture") from error
    except Exception as error:  # Pillow's decoders raise many kinds for bad bytes
        reason = getattr(error, "strerror", None) or first_line(error)
        raise PictureError(path, f"cannot be decoded ({reason})") from error


def read_picture(path: Path) -> Image.Image:
    """Decode a picture completely and return it as RGB.

    Raises:
        PictureError: the file is missing, or is not a whole picture.
    """
    with open_picture(path, FORMATS) as picture:
        picture.load()
        return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert() would copy, too


def picture_size(path: Path) -> Size:
    """Return (width, height) of a picture; nothing of it is decoded.

    Raises:
        PictureError: the file is missing, or is no picture.
    """
    with open_picture(path, FORMATS) as picture:
        return picture.size


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
    picture, levels = read_picture(path), []
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
