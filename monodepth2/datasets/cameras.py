"""What a camera sees of the world: a pinhole in units of its picture's size, and where its numbers come from."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from monodepth2.files.fit import Box, Size, Window

SAME = 0.03  # in widths and heights
LEARNT = "learnt"  # how the source of a camera begins whose focal length a training has found


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in units of its picture's size, as 2019 wrote KITTI's: pixels divided by width or height.

    As there, a pixel's place is its number counted from 0, at whatever size: `cx` 0.5 lies half a pixel to the right
    of the picture's exact centre.

    Attributes:
        fx: focal length in widths.
        fy: focal length in heights.
        cx: principal point in widths from the left.
        cy: principal point in heights from the top.
        size: (width, height) of the pictures that it was measured at; None where that is unknown.
        distortion: OpenCV's k1 k2 p1 p2 k3; empty where there is none.
        source: where the numbers come from, for people.
    """

    fx: float
    fy: float
    cx: float = 0.5
    cy: float = 0.5
    size: Size | None = None
    distortion: tuple[float, ...] = ()
    source: str = "given"

    @classmethod
    def of_pixels(
        cls, numbers: tuple[float, float, float, float], size: Size, source: str, distortion: tuple[float, ...] = ()
    ) -> "Camera":
        """The camera of focal lengths and principal point fx, fy, cx, cy in pixels of a picture's size."""
        (fx, fy, cx, cy), (width, height) = numbers, size
        return cls(fx / width, fy / height, cx / width, cy / height, size, distortion, source)

    @classmethod
    def of_square_pixels(cls, focal: float, size: Size, source: str = "given") -> "Camera":
        """The camera of a focal length in widths of pictures of a size, around their centre."""
        return cls(focal, focal * size[0] / size[1], size=size, source=source)

    @property
    def is_assumed(self) -> bool:
        """Whether nothing states it, as its source says; one that was learnt may have begun so."""
        return "assumed" in self.source and not self.source.startswith(LEARNT)

    @property
    def fov(self) -> float:
        """Width of the view in degrees."""
        return math.degrees(2 * math.atan(0.5 / self.fx))

    @property
    def is_distorted(self) -> bool:
        """Whether straight lines are bent in its pictures."""
        return any(self.distortion)

    def difference(self, other: "Camera") -> float:
        """The largest difference between their numbers fx, fy, cx, cy."""
        return max(abs(getattr(self, name) - getattr(other, name)) for name in ("fx", "fy", "cx", "cy"))

    def is_like(self, other: "Camera") -> bool:
        """Whether another camera sees nearly the same: those of one rig, or one phone's with its stabiliser."""
        return self.difference(other) < SAME

    def matrix(self, width: int, height: int, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Return K for an image of `width` x `height` pixels, shape (4, 4)."""
        K = np.array([[self.fx, 0, self.cx, 0], [0, self.fy, self.cy, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype)
        K[0] *= width
        K[1] *= height
        return K

    def cropped(self, box: Box | None, size: Size) -> "Camera":
        """The camera of a part of its pictures.

        Args:
            box: the part in pixels; None for the whole picture.
            size: of the whole picture.
        """
        if box is None:
            return self
        (left, top, right, bottom), (width, height) = box, size
        across, down = right - left, bottom - top
        return replace(
            self,
            fx=self.fx * width / across,
            fy=self.fy * height / down,
            cx=(self.cx * width - left) / across,
            cy=(self.cy * height - top) / down,
            size=None,
        )

    def stretch_of_pixels(self, size: Size) -> float:
        """How many times as tall as wide the camera's pixels are in pictures of a size; 1 for nearly all cameras."""
        return self.fx * size[0] / (self.fy * size[1])

    def to_plain(self) -> dict[str, float | str]:
        """The numbers and their source, for files."""
        return {"fx": self.fx, "fy": self.fy, "cx": self.cx, "cy": self.cy, "source": self.source}


def focal_of_fov(degrees: float) -> float:
    """Return the focal length in widths of a view of so many degrees from left to right."""
    return 0.5 / math.tan(math.radians(degrees) / 2)


def matrix_of_window(K_44: np.ndarray, window: Window, width: int, height: int) -> np.ndarray:
    """Return K of a window of a picture that is resized to the whole picture's size, shape (4, 4).

    A pixel's centre lies half a pixel from its corner, and resizing keeps corners in their place. So every pixel of the
    window has the very ray that it has in the whole picture, whatever place K counts pixels from.

    Args:
        K_44: of the whole picture.
        window: the part of it.
        width: of both pictures, in pixels.
        height: likewise.
    """
    K = K_44.copy()
    spans = ((0, width, window.left, window.right), (1, height, window.top, window.bottom))
    for axis, pixels, start, end in spans:
        K[axis, axis] /= end - start
        K[axis, 2] = (K[axis, 2] + 0.5 - start * pixels) / (end - start) - 0.5
    return K


def mirrored_matrix(K_44: np.ndarray, width: int) -> np.ndarray:
    """Return K of the mirrored picture, `width` pixels wide and counted from 0, shape (4, 4)."""
    K = K_44.copy()
    K[0, 2] = width - 1 - K[0, 2]
    return K


KITTI_INTRINSICS = Camera(0.58, 1.92, 0.5, 0.5, source="KITTI's of 2019")
