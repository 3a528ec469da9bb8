"""Files of pictures, opened without trust."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input

LARGEST_FILE = 1 << 30
LARGEST_SIDE = 1 << 14  # in pixels, believed of a network's file
MAX_PIXELS = 1 << 26  # Pillow takes 4 bytes for each, before it finds out that they are not there
HAS_AVIF = find_spec("PIL.AvifImagePlugin") is not None  # since Pillow 11.3
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000", *(["AVIF"] if HAS_AVIF else []))
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
MARK = "a prediction of monodepth2"  # in every picture that predict.py writes, so that none is taken for an input
OWN_ENDINGS = (".jpeg", ".jpg", ".png")  # of predictions

# a damaged file is read or refused; that each of its tags is odd, too, is no news
warnings.filterwarnings("ignore", module=r"PIL\.")


class PictureError(UserError):
    """A picture that is missing, truncated, corrupt or of an absurd size; `path` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


@contextmanager
def open_picture(path: Path, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
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
                size, most = f"{picture.width} x {picture.height}", MAX_PIXELS // 1_000_000
                raise PictureError(path, f"declares {size} pixels, refused; at most {most} million are read")
            yield picture
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(path, "no such file") from error
    except UnidentifiedImageError as error:
        raise PictureError(path, _why_unknown(path, formats)) from error
    except Exception as error:  # Pillow's decoders raise many kinds for bad bytes
        reason = getattr(error, "strerror", None) or first_line(error)
        raise PictureError(path, f"cannot be decoded ({reason})") from error


def is_marked(picture: Image.Image) -> bool:
    """Whether an opened picture was written by a prediction."""
    comments = picture.info.get("Comment"), picture.info.get("comment")  # of PNG, of JPEG and GIF
    return MARK in comments or MARK.encode() in comments


def is_own_output(path: Path) -> bool:
    """Whether a file is a picture that a prediction wrote."""
    if path.suffix.lower() not in OWN_ENDINGS:
        return False
    try:
        with open_picture(path, ("JPEG", "PNG")) as picture:
            return is_marked(picture)
    except PictureError:  # what cannot be opened is for its reader to report
        return False


def is_heif(path: Path) -> bool:
    """Whether a file is a photo of the HEIF family. Videos begin alike: decoded as one it would be its first tile."""
    try:
        with open_input(path, sys.maxsize) as file:
            head = file.read(12)
    except OSError:
        return False
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS


def _why_unknown(path: Path, formats: tuple[str, ...]) -> str:
    if is_heif(path):
        return "is a HEIC or AVIF photo, which cannot be read here: convert it to JPEG or PNG"
    kinds = " or ".join(", ".join(formats).rsplit(", ", 1))
    return f"is not a {kinds} picture"
