"""The check of a data set before training: everything a split refers to is there, or one report says what is not."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monodepth2.config import STEREO, FrameId
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.layouts import KittiRaw, Layout, frame_path
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError

EXTENSIONS = (".jpg", ".png")


@dataclass
class _Finding:
    """One kind of trouble: how often, and the first example."""

    count: int = 0
    example: str = ""

    def add(self, example: object) -> None:
        self.count += 1
        self.example = self.example or str(example)


@dataclass
class _Folders:
    """The names in each folder, listed once however many frames are asked for."""

    names: dict[Path, frozenset[str] | None] = field(default_factory=dict)

    def list(self, folder: Path) -> frozenset[str] | None:
        """The folder's entries, None where there is no such folder."""
        if folder not in self.names:
            try:
                self.names[folder] = frozenset(os.listdir(folder))
            except (FileNotFoundError, NotADirectoryError):
                self.names[folder] = None
            except OSError as error:
                raise UserError(f"{folder}: cannot be listed ({error.strerror})") from error
        return self.names[folder]


def check_data_set(layout: Layout, lines: Sequence[SplitLine], loaded_ids: Sequence[FrameId]) -> None:
    """Check that every picture of every sample exists and that calibration can be read where depth is present.

    Directories are listed once each; no picture is opened.

    Raises:
        UserError: a report of all that is missing, with counts, examples and remedies.
    """
    if STEREO in loaded_ids and not layout.has_second_camera:
        raise UserError("--use_stereo: this data set has no second camera; drop --use_stereo")
    if len(loaded_ids) > 1 and not layout.has_neighbours:
        raise UserError("--dataset kitti_test holds single frames for scoring: train on kitti or kitti_odom")
    folders = _Folders()
    findings: dict[str, _Finding] = defaultdict(_Finding)
    for line in lines:
        for frame in loaded_ids:
            path = frame_path(layout, line, frame)
            trouble = _trouble(folders, path, frame)
            if trouble:
                findings[trouble].add(path)
    _check_calibration(layout, lines, folders, findings)
    if findings:
        rows = [f"  {found.count:>8,} {trouble}, e.g. {found.example}" for trouble, found in findings.items()]
        pictures = len(lines) * len(loaded_ids)
        raise UserError("\n".join([f"the data set lacks what the split of {len(lines):,} lines "
                                   f"({pictures:,} pictures) needs:", *rows]))  # fmt: skip


def _trouble(folders: _Folders, path: Path, frame: FrameId) -> str | None:
    """What is wrong with a picture's path, as the words of the report; None where the picture is there."""
    names = folders.list(path.parent)
    if names is None:
        camera = "the other camera's " if frame == STEREO else ""
        return f"pictures in missing folders (check {camera}path, --data_path, --dataset)"
    if path.name in names:
        return None
    for other in EXTENSIONS:
        if other != path.suffix and path.with_suffix(other).name in names:
            return f"pictures are {other} files ({'add' if other == '.png' else 'drop'} --png)"
    if frame == 0:
        return "target frames missing"
    if frame == STEREO:
        return "frames of the other camera missing"
    return f"neighbour frames {frame:+d} missing (leave such targets out of the split)"


def _check_calibration(
    layout: Layout, lines: Sequence[SplitLine], folders: _Folders, findings: dict[str, _Finding]
) -> None:
    """Read the calibration of every date whose drives have scans."""
    if type(layout) is not KittiRaw:
        return
    dates = {layout.calibration_folder(line) for line in lines if folders.list(layout.scan_path(line).parent)}
    for date in sorted(dates):
        try:
            Calibration.read(date)
        except UserError as error:
            findings["calibration files unreadable (needed for the drives' scans)"].add(error)
