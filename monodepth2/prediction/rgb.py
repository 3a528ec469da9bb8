"""Any picture as the network wants it: upright, 8-bit RGB."""

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from monodepth2.files.pictures import open_picture

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
    with open_picture(path, FORMATS) as picture:
        return to_rgb(picture)


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
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert() would copy, too


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()
    try:
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1  # a copy, even where it is not
        return ImageOps.exif_transpose(picture) if turned else picture
    except Exception:  # damaged EXIF data, of which Pillow raises many kinds, are no reason to refuse a whole picture
        return picture


def _eight_bits(values_hw: np.ndarray) -> np.ndarray:
    if values_hw.min() < 0 or values_hw.max() > 65535:
        raise ValueError(f"a picture of values from {values_hw.min()} to {values_hw.max()}: convert it to 8 or 16 bits")
    values = values_hw.astype(np.int32)
    values += 128
    values //= 257
    return values.astype(np.uint8)


def _from_array(values: np.ndarray) -> Image.Image:
    if values.dtype != np.uint8:
        remedy = "give uint8 from 0 to 255, e.g. (255 * image).astype(np.uint8) for floats in [0, 1]"
        raise ValueError(f"a picture of {values.dtype} values: {remedy}")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3) or not values.size:
        raise ValueError(f"a picture of shape {values.shape}: give RGB as (h, w, 3) or grey as (h, w)")
    return Image.fromarray(values).convert("RGB")
