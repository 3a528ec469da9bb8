"""Frames of a source, whatever it is: upright, at any size.

Legend of shapes: h w pixels.
"""

from collections.abc import Iterable
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from monodepth2.files.fit import Size


class Frame(Protocol):
    """A frame, upright; `size` is (width, height), `time` in seconds from the beginning of its source."""

    time: float
    size: Size

    def rgb(self, size: Size) -> np.ndarray:
        """The whole frame at a size (width, height), uint8, (h, w, 3)."""
        ...

    def grey(self, size: Size) -> np.ndarray:
        """The same without colours, (h, w)."""
        ...


class PictureFrame:
    """A picture of a folder of frames."""

    def __init__(self, picture: Image.Image, time: float) -> None:
        self.time, self.size = time, picture.size
        self._picture = picture

    def rgb(self, size: Size) -> np.ndarray:
        """The whole frame at a size, averaged where it shrinks."""
        return resized(np.asarray(self._picture), size)

    def grey(self, size: Size) -> np.ndarray:
        """The same without colours."""
        return resized(np.asarray(self._picture.convert("L")), size)


def of_commonest_size(frames: Iterable[Frame]) -> list[Frame]:
    """Those of some frames that have the size of most of them."""
    found = list(frames)
    sizes = [frame.size for frame in found]
    return [frame for frame in found if frame.size == max(sizes, key=sizes.count)]


def resized(pixels: np.ndarray, size: Size) -> np.ndarray:
    """Pixels at a size (width, height): averaged where they shrink, a smooth curve through them where they grow."""
    shrinks = size[0] < pixels.shape[1]
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))
