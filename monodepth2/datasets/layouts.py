"""Where a kind of data set keeps its pictures, and what is known of its cameras.

A layout turns a split line into paths. It knows nothing of samples, augmentation or tensors. Which one a run has,
`layout_choice` tells.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from monodepth2.datasets.camera_choice import KITTI_BASELINE, CameraChoice, Place
from monodepth2.datasets.cameras import KITTI_INTRINSICS, Camera
from monodepth2.datasets.rigs import Stated, check_alike, common_baseline, stated_baselines
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.files.picture_names import numbered_names


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
    def picture_path(self, line: SplitLine) -> Path:
        """The picture of a line; beyond the ends of its drive a path where there is no file."""

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
