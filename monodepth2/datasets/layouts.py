"""Where each kind of data set keeps its pictures, and what is known of its cameras.

A layout turns a split line into paths. It knows nothing of samples, augmentation or tensors.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from monodepth2.config import FrameId, Options
from monodepth2.datasets.calibration import (
    CAM_TO_CAM,
    COLOR_CAMERAS,
    KITTI_CENTRES,
    Calibration,
    check_size_of_pictures,
)
from monodepth2.datasets.camera_choice import KITTI_BASELINE, CameraChoice, Place
from monodepth2.datasets.cameras import KITTI_INTRINSICS, Camera
from monodepth2.datasets.rigs import Stated, check_alike, common_baseline, stated_baselines
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.velodyne import depth_map, read_scan
from monodepth2.errors import UserError
from monodepth2.files.picture_files import numbered_names
from monodepth2.files.pictures import picture_size, read_depth_png

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
        folders: those that the run's lines name, see `of_lines`; empty where these are not known.
    """

    root: Path
    extension: str = ".jpg"
    cameras: CameraChoice = field(default_factory=CameraChoice)
    folders: tuple[str, ...] = ()

    has_second_camera: ClassVar[bool] = True
    has_neighbours: ClassVar[bool] = True
    standard_baseline: ClassVar[float | None] = KITTI_BASELINE  # metres, where no file states any
    depth_remedy: ClassVar[str]  # what to do where the files with depth are missing; layouts without depth have none

    _numbered: dict[Path, dict[int, str]] = field(default_factory=dict, compare=False, repr=False)

    def of_lines(self, lines: Iterable[SplitLine]) -> "Layout":
        """The layout of a run with these lines: what other drives hold does not matter."""
        return replace(self, folders=tuple(dict.fromkeys(line.folder for line in lines)))

    @abstractmethod
    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""

    @property
    def has_masks(self) -> bool:
        """Whether some pictures have masks."""
        return False

    def mask_path(self, line: SplitLine) -> Path | None:
        """The mask of the line's picture; None where there is none."""
        return None

    def numbered(self, folder: Path, number: int, digits: int) -> Path:
        """The picture of a number in a folder, whatever its ending and however many digits its name has.

        Where there is none, the path is that of KITTI's way to name it.
        """
        if folder not in self._numbered:
            self._numbered[folder] = numbered_names(folder, self.extension)
        return folder / self._numbered[folder].get(number, f"{number:0{digits}d}{self.extension}")

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
        """Metres between the two cameras: of `--baseline`, else of the drives' files; None if unknown or several.

        Raises:
            UserError: a file states it that cannot be used.
        """
        return self.cameras.baseline or common_baseline(self._baselines, self.standard_baseline)

    def check_rig(self) -> None:
        """Refuse drives of different baselines, or of which only some state one, unless `--baseline` does.

        Raises:
            UserError: there are such, and one network learns one rig.
        """
        if not self.cameras.baseline:
            check_alike(self._baselines)

    @cached_property
    def _baselines(self) -> dict[Path, Stated | None]:
        return stated_baselines(self._camera_folders(), self.root)

    def _camera_folders(self) -> Sequence[Path]:
        """The folders of the left cameras' pictures; the root where the run's lines are not known."""
        return [self.picture_path(SplitLine(folder, 0, "l")).parent for folder in self.folders] or [self.root]


@dataclass(frozen=True)
class KittiRaw(Layout):
    """`<date>/<drive>/image_02|03/data/%010d.jpg`, scans beside the pictures, calibration beside the drives."""

    depth_remedy: ClassVar[str] = "download the drives' velodyne_points"

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""
        folder = self.root / line.folder / f"image_{CAMERA[side or line.side]:02d}/data"
        return self.numbered(folder, line.frame + offset, 10)

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

    def picture_path(self, line: SplitLine, offset: int = 0, side: str | None = None) -> Path:
        """The picture `offset` frames after the line's, seen from `side` (the line's own by default)."""
        return self.numbered(self._sequence(line) / f"image_{CAMERA[side or line.side]}", line.frame + offset, 6)

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
        return self.numbered(folder, line.frame, 10)


LAYOUTS: dict[str, Callable[..., Layout]] = {
    "kitti": KittiRaw,
    "kitti_depth": KittiDepth,
    "kitti_odom": KittiOdometry,
    "kitti_test": KittiTest,
}


def frame_path(layout: Layout, line: SplitLine, frame: FrameId, gap: int = 1) -> Path:
    """The picture of one frame of a sample: an offset in time, times the sample's gap, or the other camera's view."""
    if isinstance(frame, str):
        return layout.picture_path(line, side=OTHER_SIDE[line.side])
    return layout.picture_path(line, frame * gap)


def make_layout(
    dataset: str, data_path: Path, png: bool, cameras: CameraChoice | None = None, must_exist: bool = True
) -> Layout:
    """Return the layout of `--dataset` under `--data_path`.

    Raises:
        UserError: the folder does not exist.
    """
    root = data_path.expanduser()
    if must_exist:
        require_root(root)
    if dataset == "folder":
        from monodepth2.datasets.folders import Folders  # which is a layout, too

        return Folders(root, cameras=cameras or CameraChoice())
    return LAYOUTS[dataset](root, ".png" if png or dataset == "kitti_test" else ".jpg", cameras or CameraChoice())


def require_root(root: Path) -> None:
    """Check that a data set's folder exists.

    Raises:
        UserError: it does not.
    """
    if not root.is_dir():
        raise UserError(f"--data_path {root}: no such folder")


def layout_of(options: Options) -> Layout:
    """Return the layout of a run.

    Raises:
        UserError: its folder does not exist.
    """
    if not options.is_given("data_path") and not options.data_path.expanduser().is_dir():
        raise UserError(
            f"no data set is named, and there is no {options.data_path}: name a folder of pictures (DRIVE), or the "
            "root of a data set with --data_path"
        )
    return make_layout(options.dataset, options.data_path, options.png, CameraChoice.from_options(options))
