"""Where KITTI keeps its pictures, scans and depth: raw drives, odometry's sequences, the depth benchmark."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from monodepth2.datasets.calibration import (
    CAM_TO_CAM,
    COLOR_CAMERAS,
    KITTI_CENTRES,
    Calibration,
    check_size_of_pictures,
)
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.velodyne import depth_map, read_scan
from monodepth2.errors import UserError
from monodepth2.files.pictures import picture_size, read_depth_png

CAMERA = {"l": 2, "r": 3}
_SEQUENCE = re.compile(r"\d{1,2}", re.ASCII)


def sequence_name(folder: str) -> str | None:
    """Return the number of odometry's sequence as KITTI writes it, 09 for 9; None where a line names no sequence."""
    return f"{int(folder):02d}" if _SEQUENCE.fullmatch(folder) else None


@dataclass(frozen=True)
class KittiRaw(Layout):
    """`<date>/<drive>/image_02|03/data/%010d.jpg`, scans beside the pictures, calibration beside the drives."""

    depth_remedy: ClassVar[str] = "download the drives' velodyne_points"

    def picture_path(self, line: SplitLine) -> Path:
        """The picture of the line."""
        folder = self.root / line.folder / f"image_{CAMERA[line.side]:02d}/data"
        return self.numbered(folder, line.frame, 10)

    def scan_path(self, line: SplitLine) -> Path:
        """The Velodyne sweep that belongs to the line's frame."""
        return self.root / line.folder / f"velodyne_points/data/{line.frame:010d}.bin"

    def calibration(self, line: SplitLine) -> tuple[Path, int]:
        """The file of the drive's date that states the cameras, and the line's in it."""
        return self.calibration_folder(line) / CAM_TO_CAM, CAMERA[line.side]

    def calibration_folder(self, line: SplitLine) -> Path:
        """The folder of the drive's date, which holds `calib_*.txt`."""
        return (self.root / line.folder).parent

    def depth_path(self, line: SplitLine) -> Path:
        """The file that `depth` reads."""
        return self.scan_path(line)

    def depth(self, line: SplitLine, forward: bool = False) -> np.ndarray:
        """The sparse depth of the line's camera in metres, float32, shape (h, w), 0 where unknown.

        Args:
            line: the frame and side.
            forward: evaluation's ground truth: the distance in the Velodyne's forward direction instead of the
                depth in the camera's.

        Raises:
            UserError: the scan or the calibration is missing or cannot be used.
        """
        calibration = Calibration.read(self.calibration_folder(line))
        return depth_map(read_scan(self.scan_path(line)), calibration, CAMERA[line.side], forward=forward)


@dataclass(frozen=True)
class KittiDepth(KittiRaw):
    """KITTI raw pictures with the depth benchmark's improved ground truth, `proj_depth` laid into each drive."""

    depth_remedy: ClassVar[str] = "lay proj_depth of KITTI's annotated depth maps into each drive"

    def depth_path(self, line: SplitLine) -> Path:
        """The 16-bit PNG that `depth` reads."""
        folder = self.root / line.folder / f"proj_depth/groundtruth/image_{CAMERA[line.side]:02d}"
        return folder / f"{line.frame:010d}.png"

    def depth(self, line: SplitLine, forward: bool = False) -> np.ndarray:
        """The improved depth of the line's camera in metres; it has no separate forward distance.

        Raises:
            PictureError: the file is missing or damaged.
        """
        return read_depth_png(self.depth_path(line))


@dataclass(frozen=True)
class KittiOdometry(Layout):
    """`sequences/%02d/image_2|3/%06d.*`, scans (`velodyne/%06d.bin`) and `calib.txt` beside them."""

    depth_remedy: ClassVar[str] = "download the sequences' velodyne scans"

    def picture_path(self, line: SplitLine) -> Path:
        """The picture of the line."""
        return self.numbered(self._sequence(line) / f"image_{CAMERA[line.side]}", line.frame, 6)

    def calibration(self, line: SplitLine) -> tuple[Path, int]:
        """The sequence's file that states the cameras, and the line's in it."""
        return self._sequence(line) / "calib.txt", CAMERA[line.side]

    def depth_path(self, line: SplitLine) -> Path:
        """The Velodyne sweep that belongs to the line's frame, which `depth` reads."""
        return self._sequence(line) / f"velodyne/{line.frame:06d}.bin"

    def depth(self, line: SplitLine) -> np.ndarray:
        """The sparse depth of the line's camera in metres, float32, shape (h, w), 0 where unknown.

        Raises:
            UserError: as `scanner`; or the scan is missing or cannot be used.
        """
        return depth_map(read_scan(self.depth_path(line)), self.scanner(line), CAMERA[line.side], forward=False)

    def scanner(self, line: SplitLine) -> Calibration:
        """How points of the scanner come to the line's picture.

        Raises:
            UserError: the sequence's file does not say, or is about pictures of another size, which it does not state.
            PictureError: the picture that tells the size cannot be read.
        """
        path, camera = self.calibration(line)
        calibration, size = Calibration.read_sequence(path), picture_size(self.picture_path(line))
        check_size_of_pictures(path, calibration.projections[camera][:2, 2].tolist(), size, KITTI_CENTRES)
        return replace(calibration, sizes=dict.fromkeys(COLOR_CAMERAS, size))

    def _sequence(self, line: SplitLine) -> Path:
        sequence = sequence_name(line.folder)
        if sequence is None:
            raise UserError(
                f"split line '{line}': --dataset kitti_odom expects '<sequence> <frame> <l|r>', e.g. '9 0 l'"
            )
        return self.root / "sequences" / sequence


@dataclass(frozen=True)
class KittiTest(Layout):
    """The depth benchmark's test pictures: single frames, no neighbours, no second camera, no depth."""

    extension: str = ".png"
    has_second_camera: ClassVar[bool] = False
    has_neighbours: ClassVar[bool] = False

    def picture_path(self, line: SplitLine) -> Path:
        """The picture of the line; the data set has no other frames."""
        folder = self.root / "depth_selection/test_depth_prediction_anonymous" / line.folder
        return self.numbered(folder, line.frame, 10)
