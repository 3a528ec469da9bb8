"""Where each kind of data set keeps its pictures, and what is known of its cameras.

A layout turns a split line into paths. It knows nothing of samples, augmentation or tensors.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from monodepth2.config import FrameId, Options
from monodepth2.datasets.calibration import CAM_TO_CAM, Calibration
from monodepth2.datasets.camera_choice import KITTI_BASELINE, CameraChoice, Place
from monodepth2.datasets.cameras import KITTI_INTRINSICS, Camera
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.velodyne import depth_map, read_scan
from monodepth2.errors import UserError
from monodepth2.files.pictures import read_depth_png

CAMERA = {"l": 2, "r": 3}
_SEQUENCE = re.compile(r"\d{1,2}", re.ASCII)
OTHER_SIDE = {"l": "r", "r": "l"}


@dataclass(frozen=True)
class Layout(ABC):
    """A kind of data set.

    Attributes:
        root: its folder, `--data_path`.
        extension: of its pictures.
        cameras: what the flags say of its cameras.
    """

    root: Path
    extension: str = ".jpg"
    cameras: CameraChoice = field(default_factory=CameraChoice)

    has_second_camera: ClassVar[bool] = True
    has_neighbours: ClassVar[bool] = True

    @abstractmethod
    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""

    def camera(self, line: SplitLine) -> Camera:
        """The camera of the line's picture.

        Raises:
            UserError: a file that states it cannot be used.
        """
        return self.cameras.camera(self.place(line))

    def place(self, line: SplitLine) -> Place:
        """Where the line's pictures lie, and what tells their camera."""
        return Place(self.picture_path(line).parent, self.root, self.calibration(line), KITTI_INTRINSICS)

    def calibration(self, line: SplitLine) -> tuple[Path, int] | None:
        """KITTI's file for the line's drive and the number of its camera, None where there is no such thing."""
        return None

    @property
    def baseline(self) -> float | None:
        """Metres between the two cameras, None where that is unknown."""
        return self.cameras.baseline or KITTI_BASELINE


@dataclass(frozen=True)
class KittiRaw(Layout):
    """`<date>/<drive>/image_02|03/data/%010d.jpg`, scans beside the pictures, calibration beside the drives."""

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""
        camera = CAMERA[side or line.side]
        return self.root / line.folder / f"image_{camera:02d}/data" / f"{line.frame + offset:010d}{self.extension}"

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
class KittiOdometry(Layout):
    """`sequences/%02d/image_2|3/%06d.*`; no depth."""

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""
        return (
            self._sequence(line) / f"image_{CAMERA[side or line.side]}" / f"{line.frame + offset:06d}{self.extension}"
        )

    def calibration(self, line: SplitLine) -> tuple[Path, int]:
        """The sequence's file that states the cameras, and the line's in it."""
        return self._sequence(line) / "calib.txt", CAMERA[line.side]

    def _sequence(self, line: SplitLine) -> Path:
        if not _SEQUENCE.fullmatch(line.folder):
            raise UserError(
                f"split line '{line}': --dataset kitti_odom expects '<sequence> <frame> <l|r>', e.g. '9 0 l'"
            )
        return self.root / f"sequences/{int(line.folder):02d}"


@dataclass(frozen=True)
class KittiTest(Layout):
    """The depth benchmark's test pictures: single frames, no neighbours, no second camera, no depth."""

    extension: str = ".png"
    has_second_camera: ClassVar[bool] = False
    has_neighbours: ClassVar[bool] = False

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture of the line; the data set has no other frames."""
        assert not offset
        assert side in (None, line.side)
        folder = self.root / "depth_selection/test_depth_prediction_anonymous" / line.folder
        return folder / f"{line.frame:010d}{self.extension}"


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


def make_layout(
    dataset: str, data_path: Path, png: bool, must_exist: bool = True, cameras: CameraChoice | None = None
) -> Layout:
    """Return the layout of `--dataset` under `--data_path`.

    Raises:
        UserError: the folder does not exist.
    """
    root = data_path.expanduser()
    if must_exist and not root.is_dir():
        raise UserError(f"--data_path {root}: no such folder")
    return LAYOUTS[dataset](root, ".png" if png or dataset == "kitti_test" else ".jpg", cameras or CameraChoice())


def layout_of(options: Options) -> Layout:
    """Return the layout of a run.

    Raises:
        UserError: its folder does not exist.
    """
    return make_layout(options.dataset, options.data_path, options.png, cameras=CameraChoice.from_options(options))
