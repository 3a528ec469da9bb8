"""Colour jitter as in 2019: one draw of factors and of their order for all frames of a sample, on 8-bit pictures."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageEnhance

from monodepth2.config import available_cores

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
_ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
_LOW = (0.8, 0.8, 0.8, -0.1)
_HIGH = (1.2, 1.2, 1.2, 0.1)
_RGB_BITS = 0xFFFFFF  # of a pixel of four bytes: its fourth means nothing
_MANY_PIXELS = 1 << 15  # from which on making the tables of hue pays


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue changes in a fixed order; calling it changes a picture.

    Attributes:
        factors: of brightness, contrast and saturation in 0.8 to 1.2, of hue in -0.1 to 0.1.
        order: the order in which the four are applied.
    """

    factors: tuple[float, ...]
    order: tuple[int, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "ColorJitter":
        """Draw factors and order."""
        return cls(tuple(rng.uniform(_LOW, _HIGH).tolist()), tuple(rng.permutation(4).tolist()))

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return the changed picture."""
        for which in self.order:
            factor = self.factors[which]
            picture = adjust_hue(picture, factor) if which == HUE else _ENHANCERS[which](picture).enhance(factor)
        return picture


def adjust_hue(picture: Image.Image, factor: float) -> Image.Image:
    """Turn the hue of an RGB picture by `factor` turns; the bits of torchvision, often in a quarter of the time."""
    turn = int(factor * 255)
    if not _tables_pay(picture.size):
        hue, *others = picture.convert("HSV").split()
        return Image.merge("HSV", (hue.point([(value + turn) % 256 for value in range(256)]), *others)).convert("RGB")
    to_hsv, to_rgb = _hue_tables()
    rgb = np.frombuffer(picture.tobytes("raw", "RGBX"), "<u4") & _RGB_BITS
    hsv = to_hsv.take(rgb, mode="wrap")  # no index lies outside; to make sure of it takes half as long again
    hsv.view(np.uint8)[::4] += np.uint8(turn % 256)  # wraps around
    return Image.frombytes("RGB", picture.size, to_rgb.take(hsv, mode="wrap").tobytes(), "raw", "RGBX")


def prepare_jitter(size: tuple[int, int]) -> None:
    """Make what the jitter of pictures of a size looks up: before loader processes are forked, they share it."""
    if _tables_pay(size):
        _hue_tables()


def _tables_pay(size: tuple[int, int]) -> bool:
    return size[0] * size[1] >= _MANY_PIXELS


@lru_cache(maxsize=1)
def _hue_tables() -> tuple[np.ndarray, np.ndarray]:
    """Pillow's conversions from RGB to HSV and back of each of the 2^24 colours, as pixels of four bytes: 128 MiB."""
    return _conversion("RGB", "HSV"), _conversion("HSV", "RGB")


def _conversion(source: str, target: str) -> np.ndarray:
    """Pillow's conversion of every pixel of mode `source`, uint32, (2^24,)."""

    def convert(pixels: np.ndarray) -> None:
        given = Image.frombytes("RGB", (1024, 512), pixels.tobytes(), "raw", "RGBX")
        made = Image.merge(source, given.split()).convert(target)
        pixels[:] = np.frombuffer(Image.merge("RGB", made.split()).tobytes("raw", "RGBX"), "<u4") & _RGB_BITS

    table = np.arange(1 << 24, dtype="<u4")
    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(convert, np.split(table, 32)))
    return table
