"""From a source's whole frame to a picture of the data set: undistorted, cut, made small; its camera follows.

Legend of shapes: h w pixels.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError
from monodepth2.files.fit import Box, Fit, Size
from monodepth2.files.picture_opening import MAX_PIXELS
from monodepth2.motion.still import Bars
from monodepth2.prepare.frames import Frame, resized

MULTIPLE = 32
MOST_LONGER = 2.5  # or shorter: the focal length of a picture whose distortion is undone
MOST_MOVED = 0.25  # of the picture: its centre, likewise
LEAST_SIDE = 64
STILL_SHARE = 0.5  # of a pixel, from which it counts as still
NEAR_STILL = 0.9  # share of a row that is still, for it to be cut away


@dataclass(frozen=True)
class Framing:
    """What a picture shows of a frame.

    Attributes:
        frame_size: (width, height) of the whole frame.
        scaled: size that the whole frame is brought to, of which the picture is a part.
        corner: x, y of the picture's upper left pixel in that.
        size: (width, height) of the picture.
        camera: of the picture.
        lens: of the whole frame, where its pictures are undistorted; None where they need not be.
        straight: the camera of the whole frame after that.
    """

    frame_size: Size
    scaled: Size
    corner: tuple[int, int]
    size: Size
    camera: Camera
    lens: Camera | None = None
    straight: Camera | None = None

    @property
    def box(self) -> Box:
        """The part of the frame that the picture shows, in its pixels."""
        across, down = self.frame_size[0] / self.scaled[0], self.frame_size[1] / self.scaled[1]
        left, top = self.corner
        return left * across, top * down, (left + self.size[0]) * across, (top + self.size[1]) * down

    @property
    def enlarges(self) -> bool:
        """Whether pictures have more pixels than what they show."""
        return self.scaled[0] > self.frame_size[0]

    def picture(self, frame: Frame) -> np.ndarray:
        """The picture of a frame, uint8, (h, w, 3)."""
        if self.lens is None:
            return self._part(frame.rgb(self.scaled))
        straight = self.undistort(frame.rgb(self.frame_size))
        return self._part(resized(straight, self.scaled))

    def mask(self, still_hw: np.ndarray) -> np.ndarray:
        """The mask of the pictures: 0 where the frame never moves, else 255, uint8, (h, w).

        Args:
            still_hw: bool, of a smaller frame.
        """
        still: np.ndarray = still_hw.astype(np.uint8) * 255
        if self.lens is not None:
            still = self.undistort(cv2.resize(still, self.frame_size, interpolation=cv2.INTER_LINEAR))
        still = cv2.resize(still, self.scaled, interpolation=cv2.INTER_LINEAR)
        return np.where(self._part(still) >= 255 * STILL_SHARE, 0, 255).astype(np.uint8)

    def undistort(self, pixels: np.ndarray) -> np.ndarray:
        """A whole frame, or a mask of it, as a lens without distortion would show it."""
        assert self.lens is not None
        assert self.straight is not None
        matrices = [camera.matrix(*self.frame_size, dtype=np.float64)[:3, :3] for camera in (self.lens, self.straight)]
        return cv2.undistort(pixels, matrices[0], np.array(self.lens.distortion), None, matrices[1])

    def _part(self, scaled: np.ndarray) -> np.ndarray:
        (left, top), (width, height) = self.corner, self.size
        return scaled[top : top + height, left : left + width]


def frame_pictures(frame_size: Size, box: Box, camera: Camera, width: int, height: int | None) -> Framing:
    """Decide what pictures show: of the box as much as has their shape, in its middle.

    Args:
        frame_size: (width, height) of the whole frame.
        box: the part to use, in the frame's pixels.
        camera: of the whole frame.
        width: of the pictures.
        height: of the pictures; None takes the largest multiple of 32 that fits.

    Raises:
        UserError: the box is too flat, or no lens is so distorted as the camera.
    """
    straight = _straightened(camera, frame_size)
    across, down = box[2] - box[0], box[3] - box[1]
    if height is None:
        height = int(width * down / across + 1e-6) // MULTIPLE * MULTIPLE
    if height < LEAST_SIDE:
        raise UserError(
            f"pictures {width} wide would be less than {LEAST_SIDE} high: give --height, or a larger --width"
        )
    part = Fit("crop").box((round(across), round(down)), (width, height)) or (0, 0, across, down)
    scaled = (
        max(width, round(frame_size[0] * width / (part[2] - part[0]))),
        max(height, round(frame_size[1] * height / (part[3] - part[1]))),
    )
    if scaled[0] * scaled[1] > MAX_PIXELS:
        raise UserError(
            f"--width {width}: the whole frame would have {scaled[0]} x {scaled[1]} pixels, more than "
            f"{MAX_PIXELS // 1_000_000} million; give a smaller --width, or a larger part by --crop"
        )
    corner = (
        min(scaled[0] - width, round((box[0] + part[0]) * scaled[0] / frame_size[0])),
        min(scaled[1] - height, round((box[1] + part[1]) * scaled[1] / frame_size[1])),
    )
    framing = Framing(frame_size, scaled, corner, (width, height), camera)
    if straight is not camera:
        framing = replace(framing, lens=camera, straight=straight)
    return replace(framing, camera=replace(straight.cropped(framing.box, frame_size), size=(width, height)))


def _straightened(camera: Camera, size: Size) -> Camera:
    """The camera after its distortion is undone, with no pixel that the lens has not seen; the same without one.

    Its pixels are as wide and tall as the lens's: OpenCV would stretch them to show a little more.

    Raises:
        UserError: no lens is so distorted.
    """
    if not camera.is_distorted:
        return camera
    matrix = camera.matrix(*size, dtype=np.float64)[:3, :3]
    new, _ = cv2.getOptimalNewCameraMatrix(matrix, np.array(camera.distortion), size, alpha=0)
    longer = max(new[0, 0] / matrix[0, 0], new[1, 1] / matrix[1, 1])
    numbers = (longer * matrix[0, 0], longer * matrix[1, 1], new[0, 2], new[1, 2])
    fx, fy, cx, cy = map(float, numbers)
    moved = max(abs(cx / size[0] - camera.cx), abs(cy / size[1] - camera.cy))
    if not (1 / MOST_LONGER <= longer <= MOST_LONGER and moved <= MOST_MOVED):
        raise UserError(
            f"the distortion {' '.join(f'{value:g}' for value in camera.distortion)} ({camera.source}) leaves no "
            "picture: give OpenCV's K1 K2 P1 P2 [K3] in this order; of a fisheye lens undistort the pictures first, "
            "e.g. with cv2.fisheye or ffmpeg's v360"
        )
    return Camera.of_pixels((fx, fy, cx, cy), size, f"{camera.source}, undistorted")


def box_without_bars(frame_size: Size, bars: Bars, small: Size) -> Box:
    """The part of a frame inside its black bars, in its pixels.

    Args:
        frame_size: (width, height) of the frame.
        bars: in pixels of the small frame.
        small: size of that.
    """
    across, down = frame_size[0] / small[0], frame_size[1] / small[1]
    return bars.left * across, bars.top * down, frame_size[0] - bars.right * across, frame_size[1] - bars.bottom * down


def proposed_crop(mask_hw: np.ndarray, box: Box) -> tuple[int, int, int, int] | None:
    """A crop without the rows and columns at the borders that are still all along; None where there are none.

    Args:
        mask_hw: of the pictures, 0 where they are still.
        box: what the pictures show, in pixels of the frame.
    """
    still = mask_hw == 0
    rows, columns = still.mean(axis=1) < NEAR_STILL, still.mean(axis=0) < NEAR_STILL
    if (rows.all() and columns.all()) or not rows.any() or not columns.any():
        return None
    (height, width), (left, top, right, bottom) = mask_hw.shape, box
    across, down = (right - left) / width, (bottom - top) / height
    first_row, last_row = int(np.argmax(rows)), height - int(np.argmax(rows[::-1]))
    first_column, last_column = int(np.argmax(columns)), width - int(np.argmax(columns[::-1]))
    return (
        round(left + first_column * across),
        round(top + first_row * down),
        round(left + last_column * across),
        round(top + last_row * down),
    )
