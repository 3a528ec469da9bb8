"""Where each kind of data set keeps its pictures, and what is known of its cameras.

A layout turns a split line into paths. It knows nothing of samples, augmentation or tensors.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from monodepth2.config import FrameId
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.velodyne import depth_map, read_scan
from monodepth2.errors import UserError
from monodepth2.files.pictures import read_depth_png

CAMERA = {"l": 2, "r": 3}
_SEQUENCE = re.compile(r"\d{1,2}", re.ASCII)
OTHER_SIDE = {"l": "r", "r": "l"}


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera in units of the image size: focal lengths and principal point."""

    fx: float
    fy: float
    cx: float
    cy: float

    def matrix(self, width: int, height: int, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Return K for an image of `width` x `height` pixels, shape (4, 4)."""
        K = np.array([[self.fx, 0, self.cx, 0], [0, self.fy, self.cy, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype)
        K[0] *= width
        K[1] *= height
        return K


KITTI_INTRINSICS = Intrinsics(fx=0.58, fy=1.92, cx=0.5, cy=0.5)


@dataclass(frozen=True)
class KittiRaw:
    """`<date>/<drive>/image_02|03/data/%010d.jpg`, scans beside the pictures, calibration beside the drives."""

    root: Path
    extension: str = ".jpg"
    intrinsics: Intrinsics = KITTI_INTRINSICS
    has_second_camera: bool = True
    has_neighbours: bool = True

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""
        camera = CAMERA[side or line.side]
        return self.root / line.folder / f"image_{camera:02d}/data" / f"{line.frame + offset:010d}{self.extension}"

    def scan_path(self, line: SplitLine) -> Path:
        """The Velodyne sweep that belongs to the line's frame."""
        return self.root / line.folder / f"velodyne_points/data/{line.frame:010d}.bin"

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
                depth in the camera's, seen from camera 2 whatever the line's side.
        """
        calibration = Calibration.read(self.calibration_folder(line))
        # 2019's ground truth is camera 2's for the lines of either camera
        camera = CAMERA["l" if forward else line.side]
        return depth_map(read_scan(self.scan_path(line)), calibration, camera, forward=forward)


@dataclass(frozen=True)
class KittiDepth(KittiRaw):
    """KITTI raw pictures with the depth benchmark's improved ground truth, `proj_depth` laid into each drive."""

    def depth_path(self, line: SplitLine) -> Path:
        """The 16-bit PNG that `depth` reads."""
        folder = self.root / line.folder / f"proj_depth/groundtruth/image_{CAMERA[line.side]:02d}"
        return folder / f"{line.frame:010d}.png"

    def depth(self, line: SplitLine, forward: bool = False) -> np.ndarray:
        """The improved depth of the line's camera in metres; it has no separate forward distance."""
        return read_depth_png(self.depth_path(line))


@dataclass(frozen=True)
class KittiOdometry:
    """`sequences/%02d/image_2|3/%06d.*`; no depth."""

    root: Path
    extension: str = ".jpg"
    intrinsics: Intrinsics = KITTI_INTRINSICS
    has_second_camera: bool = True
    has_neighbours: bool = True

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""
        if not _SEQUENCE.fullmatch(line.folder):
            raise UserError(
                f"split line '{line}': --dataset kitti_odom expects '<sequence> <frame> <l|r>', e.g. '9 0 l'"
            )
        folder = self.root / f"sequences/{int(line.folder):02d}/image_{CAMERA[side or line.side]}"
        return folder / f"{line.frame + offset:06d}{self.extension}"


@dataclass(frozen=True)
class KittiTest:
    """The depth benchmark's test pictures: single frames, no neighbours, no second camera, no depth."""

    root: Path
    extension: str = ".png"
    intrinsics: Intrinsics = KITTI_INTRINSICS
    has_second_camera: bool = False
    has_neighbours: bool = False

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture of the line; the data set has no other frames."""
        assert not offset
        assert side in (None, line.side)
        folder = self.root / "depth_selection/test_depth_prediction_anonymous" / line.folder
        return folder / f"{line.frame:010d}{self.extension}"


Layout = KittiRaw | KittiOdometry | KittiTest
LAYOUTS: dict[str, Callable[..., Layout]] = {
    "kitti": KittiRaw,
    "kitti_depth": KittiDepth,
    "kitti_odom": KittiOdometry,
    "kitti_test": KittiTest,
}


def frame_path(layout: Layout, line: SplitLine, frame: FrameId) -> Path:
    """The picture of one frame of a sample: an offset in time, or the other camera's view."""
    if isinstance(frame, str):
        return layout.picture_path(line, side=OTHER_SIDE[line.side])
    return layout.picture_path(line, frame)


def make_layout(dataset: str, data_path: Path, png: bool, must_exist: bool = True) -> Layout:
    """Return the layout of `--dataset` under `--data_path`.

    Raises:
        UserError: the folder does not exist.
    """
    root = data_path.expanduser()
    if must_exist and not root.is_dir():
        raise UserError(f"--data_path {root}: no such folder")
    return LAYOUTS[dataset](root, ".png" if png or dataset == "kitti_test" else ".jpg")
