"""Any picture as the network wants it: upright, 8-bit RGB."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from monodepth2.datasets.pictures import MAX_PIXELS, PictureError

Picture = Path | str | Image.Image | np.ndarray

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
WITH_ALPHA = ("LA", "PA", "RGBA", "RGBa")


def as_rgb(picture: Picture) -> Image.Image:
    """Return a picture upright and in 8-bit RGB.

    Args:
        picture: a file (see `read_rgb`), an image of any kind (see `to_rgb`), or an array: uint8, RGB (h, w, 3) or
            grey (h, w).

    Raises:
        PictureError: the file is missing, or is not a whole picture.
        ValueError: the image or array is of a kind that does not say what its values mean.
    """
    if isinstance(picture, (str, Path)):
        return read_rgb(Path(picture))
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    return to_rgb(picture)


def read_rgb(path: Path) -> Image.Image:
    """Decode a JPEG, PNG, BMP, TIFF or WebP file completely; of an animated or multi-page one the first picture.

    Raises:
        PictureError: the file is missing, is not a whole picture, or holds values of an unknown range.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureError(path, f"declares {picture.width} x {picture.height} pixels, refused")
            return to_rgb(picture)
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError(path, "no such file") from error
    except UnidentifiedImageError as error:
        raise PictureError(path, "is not a JPEG, PNG, BMP, TIFF or WebP picture") from error
    except Exception as error:  # Pillow's decoders raise many kinds for bad bytes
        raise PictureError(path, f"cannot be decoded ({error})") from error


def to_rgb(picture: Image.Image) -> Image.Image:
    """Turn an image upright as its EXIF data say, and convert it to 8-bit RGB.

    16-bit grey is divided by 257, so that white stays white. What is transparent lies over black.

    Raises:
        ValueError: floating-point or 32-bit values, whose range nobody knows.
    """
    picture = _upright(picture)
    if picture.mode == "F":
        raise ValueError("a picture of floating-point values: convert it to 8 or 16 bits")
    if picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.mode in WITH_ALPHA or "transparency" in picture.info:
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF data, of which Pillow raises many kinds, are no reason to refuse a whole picture
        return picture


def _eight_bits(values_hw: np.ndarray) -> np.ndarray:
    values = values_hw.astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"a picture of values from {values.min()} to {values.max()}: convert it to 8 or 16 bits")
    return ((values + 128) // 257).astype(np.uint8)


def _from_array(values: np.ndarray) -> Image.Image:
    if values.dtype != np.uint8:
        remedy = "give uint8 from 0 to 255, e.g. (255 * image).astype(np.uint8) for floats in [0, 1]"
        raise ValueError(f"a picture of {values.dtype} values: {remedy}")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3) or not values.size:
        raise ValueError(f"a picture of shape {values.shape}: give RGB as (h, w, 3) or grey as (h, w)")
    return Image.fromarray(values).convert("RGB")
