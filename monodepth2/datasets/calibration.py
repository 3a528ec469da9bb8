"""KITTI's calibration: text files of `key: numbers` beside the drives of a date.

Frames of reference: `velodyne` (x forward, y left, z up), `camera0` (the reference camera, unrectified), image pixels
of a rectified camera. Numbers are float64 throughout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import required_input

CAM_TO_CAM = "calib_cam_to_cam.txt"
VELO_TO_CAM = "calib_velo_to_cam.txt"
COLOR_CAMERAS = (2, 3)
MOST_BYTES = 1 << 16
LARGEST_NUMBER = 1e12  # of pixels, metres, ...
MOST_PIXELS = 1 << 24  # of a picture: depth maps of this size are made of scans
# where the cameras of odometry sequences and anybody's have their centres, in shares of the picture's width and height
KITTI_CENTRES = ((0.45, 0.51), (0.45, 0.51))
USUAL_CENTRES = ((0.43, 0.57), (0.25, 0.75))  # pictures may have been cut at the top or the bottom
Value = TypeVar("Value")
_TEXT_KEYS = ("calib_time",)
_RESTORE = "restore the file from KITTI's calibration archive"


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of one date, or of one sequence.

    Attributes:
        path: the file of the cameras.
        rectification: R_rect_00, rotates camera0 into the rectified frame, (4, 4).
        camera0_T_velodyne: maps points of the scanner into camera0, metres, (4, 4).
        projections: P_rect_0X per colour camera that the files have, rectified frame to pixels, (3, 4).
        sizes: rectified image size per colour camera, (width, height).
    """

    path: Path
    rectification: np.ndarray
    camera0_T_velodyne: np.ndarray
    projections: dict[int, np.ndarray]
    sizes: dict[int, tuple[int, int]]

    @staticmethod
    @lru_cache(maxsize=64)
    def read(folder: Path) -> "Calibration":
        """Read `calib_cam_to_cam.txt` and `calib_velo_to_cam.txt` of a date; each folder is read once.

        Raises:
            UserError: a file is missing or a number in it cannot be used; the message names file and key.
        """
        cameras, scanner = folder / CAM_TO_CAM, folder / VELO_TO_CAM
        values, scanner_values = read_calibration(cameras), read_calibration(scanner)
        rectification, camera0_T_velodyne = np.eye(4), np.eye(4)
        rectification[:3, :3] = _matrix(values, "R_rect_00", (3, 3), cameras)
        camera0_T_velodyne[:3, :3] = _matrix(scanner_values, "R", (3, 3), scanner)
        camera0_T_velodyne[:3, 3] = _matrix(scanner_values, "T", (3,), scanner)
        projections = {
            n: _matrix(values, key, (3, 4), cameras) for n in COLOR_CAMERAS if (key := f"P_rect_{n:02d}") in values
        }
        sizes = {n: _size(values, key, cameras) for n in COLOR_CAMERAS if (key := f"S_rect_{n:02d}") in values}
        return Calibration(cameras, rectification, camera0_T_velodyne, projections, sizes)

    @staticmethod
    @lru_cache(maxsize=64)
    def read_sequence(path: Path) -> "Calibration":
        """Read the `calib.txt` of an odometry sequence, which states no sizes of pictures; each file is read once.

        Raises:
            UserError: the file is missing or a number in it cannot be used; the message names file and key.
        """
        values, camera0_T_velodyne = read_calibration(path), np.eye(4)
        camera0_T_velodyne[:3] = _matrix(values, "Tr", (3, 4), path)  # into the rectified frame at once
        projections = {number: _matrix(values, f"P{number}", (3, 4), path) for number in COLOR_CAMERAS}
        return Calibration(path, np.eye(4), camera0_T_velodyne, projections, sizes={})

    def image_size(self, camera: int) -> tuple[int, int]:
        """Return (width, height) of the rectified pictures of colour camera 2 or 3 in pixels.

        Raises:
            UserError: the files lack this camera.
        """
        return self._of(self.sizes, camera, "S_rect")

    def image_from_velodyne(self, camera: int) -> np.ndarray:
        """Return P_rect_0X · R_rect_00 · T_velo_cam: scanner points in metres to pixels times depth, (3, 4).

        Raises:
            UserError: the files lack this camera.
        """
        projection = self._of(self.projections, camera, "P_rect")
        return projection @ self.rectification @ self.camera0_T_velodyne

    def _of(self, values: Mapping[int, Value], camera: int, key: str) -> Value:
        if camera not in values:
            raise UserError(f"{self.path}: has no line {key}_{camera:02d}; {_RESTORE}")
        return values[camera]


def check_size_of_pictures(
    path: Path, centre: Sequence[float], size: tuple[int, int], centres: Sequence[tuple[float, float]]
) -> None:
    """Check that a camera whose file states no size of pictures can be that of some pictures.

    Args:
        path: of the file.
        centre: the camera's principal point in pixels, across and down.
        size: (width, height) of the pictures.
        centres: the least and the largest share of width and height at which centres lie.

    Raises:
        UserError: it is that of pictures of another size.
    """
    shares = (where / side for where, side in zip(centre, size, strict=True))
    if not all(least < share < most for share, (least, most) in zip(shares, centres, strict=True)):
        raise UserError(
            f"{path}: its camera's centre is at {centre[0]:.0f}, {centre[1]:.0f}, and not in the middle of pictures of "
            f"{size[0]} x {size[1]}: the file is about pictures of another size, or of another part; use those, or "
            "state the camera with --intrinsics, or in a camera.json with w and h (scans need those pictures)"
        )


def read_calibration(path: Path) -> dict[str, np.ndarray]:
    """Read the numbers of a calibration file by key, float64, shape (n,); the key `calib_time` is left out.

    Raises:
        UserError: the file is missing, too large, not text, or a line is not `key: finite numbers`.
    """
    values: dict[str, np.ndarray] = {}
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        key, colon, words = (part.strip() for part in line.partition(":"))
        if not line.strip() or key in _TEXT_KEYS:
            continue
        if not colon or not key.isidentifier():
            raise UserError(f"{path}, line {number}: expected '<key>: <numbers>', found {line[:60]!r}; {_RESTORE}")
        if key in values:
            raise UserError(f"{path}, line {number}: {key:.40} is given twice; {_RESTORE}")
        values[key] = _numbers(words, f"{path}: {key:.40}")
    return values


def _read_text(path: Path) -> str:
    absent = "no such file; put KITTI's calibration files beside the date's drives"
    content = required_input(path, MOST_BYTES, absent, _RESTORE)
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file; {_RESTORE}") from error


def _numbers(words: str, where: str) -> np.ndarray:
    try:
        numbers = np.array([float(word) for word in words.split()])
    except ValueError as error:
        raise UserError(f"{where} holds something other than numbers ({first_line(error)}); {_RESTORE}") from error
    if not (np.abs(numbers) < LARGEST_NUMBER).all():
        raise UserError(f"{where} holds a number that is not finite, or absurd; {_RESTORE}")
    return numbers


def _matrix(values: dict[str, np.ndarray], key: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    if key not in values:
        raise UserError(f"{path}: has no line {key}; {_RESTORE}")
    count = int(np.prod(shape))
    if values[key].size != count:
        raise UserError(f"{path}: {key} has {values[key].size} numbers instead of {count}; {_RESTORE}")
    return values[key].reshape(shape)


def _size(values: dict[str, np.ndarray], key: str, path: Path) -> tuple[int, int]:
    width, height = _matrix(values, key, (2,), path).tolist()
    if not (width >= 1 and height >= 1 and width * height <= MOST_PIXELS):
        raise UserError(f"{path}: {key} states pictures of {width:g} x {height:g} pixels; {_RESTORE}")
    return int(width), int(height)
