"""Any picture as a network wants it: upright, 8-bit RGB."""

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from monodepth2.files.fit import Size

WHITE = 65535  # of 16 bits
WITH_ALPHA = ("LA", "PA", "RGBA", "RGBa")


def to_rgb(picture: Image.Image) -> Image.Image:
    """Turn an image upright as its EXIF data say, and convert it to 8-bit RGB.

    16-bit grey is divided by 257, so that white stays white. What is transparent lies over black.

    Raises:
        ValueError: floating-point or 32-bit values, whose range nobody knows.
    """
    picture = upright(picture)
    if picture.mode == "F":
        raise ValueError("a picture of floating-point values: convert it to 8 or 16 bits")
    if picture.mode.startswith("I"):
        return Image.fromarray(eight_bits(np.asarray(picture))).convert("RGB")
    picture = laid_over(picture, "black")
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert() would copy, too


def laid_over(picture: Image.Image, colour: str) -> Image.Image:
    """Lay an image over a colour, where some of it is transparent; one of whole numbers (modes I) stays as it is."""
    if picture.mode.startswith("I") or not (picture.mode in WITH_ALPHA or "transparency" in picture.info):
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, colour), picture.convert("RGBA"))


def upright(picture: Image.Image) -> Image.Image:
    """Decode an image, and turn it as its EXIF data say."""
    picture.load()
    try:
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1  # a copy, even where it is not
        return ImageOps.exif_transpose(picture) if turned else picture
    except Exception:  # damaged EXIF data, of which Pillow raises many kinds, are no reason to refuse a whole picture
        return picture


def upright_size(picture: Image.Image) -> Size:
    """The (width, height) that `upright` gives an image; nothing of it is decoded."""
    # of a TIFF file some versions of Pillow say at once how it will stand
    tags = picture.tag_v2 if isinstance(picture, TiffImagePlugin.TiffImageFile) else None
    width, height = (tags[ExifTags.Base.ImageWidth], tags[ExifTags.Base.ImageLength]) if tags else picture.size
    try:
        lies = picture.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:  # as above
        lies = False
    return (height, width) if lies else (width, height)


def eight_bits(values: np.ndarray, white: int = WHITE) -> np.ndarray:
    """Round `255 * values / white` to 8 bits; what is brighter than white becomes white.

    Args:
        values: integers from 0 to 65535, of any shape.
        white: the brightest value that the camera gives.

    Raises:
        ValueError: some values do not fit into 16 bits.
    """
    if values.min() < 0 or values.max() > WHITE:
        raise ValueError(f"a picture of values from {values.min()} to {values.max()}: convert it to 8 or 16 bits")
    wide = values.astype(np.int32)
    wide *= 255
    wide += white // 2
    wide //= white
    return np.minimum(wide, 255).astype(np.uint8)
