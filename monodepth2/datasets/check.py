"""The check of a data set before training: everything a split refers to is there, or one report says what is not."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monodepth2.config import STEREO, FrameId
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.layouts import Layout, frame_path
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, counted


@dataclass
class Tally:
    """One kind of trouble: how often, and the first example.

    Attributes:
        count: of the pictures or files.
        example: path of the first one, or what is said of it.
    """

    count: int = 0
    example: str = ""

    def add(self, example: object) -> None:
        """Count one more."""
        self.count += 1
        self.example = self.example or str(example)


@dataclass
class Listings:
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

    def gaps(
        self, layout: Layout, line: SplitLine, loaded_ids: Sequence[FrameId], gaps: Sequence[int]
    ) -> tuple[int, ...]:
        """Return the gaps between a line's frames for which it has all its pictures."""
        return tuple(gap for gap in gaps if all(self.has(frame_path(layout, line, i, gap)) for i in loaded_ids))

    def drawn(
        self, layout: Layout, line: SplitLine, loaded_ids: Sequence[FrameId], gaps: Sequence[int]
    ) -> tuple[int, ...]:
        """Return the gaps that a sample of a line draws from; where it has the pictures of none, the smallest."""
        return self.gaps(layout, line, loaded_ids, gaps) or tuple(gaps[:1])

    def has(self, path: Path) -> bool:
        """Whether there is a file of this name in its folder."""
        return path.name in (self.list(path.parent) or ())


def check_data_set(
    layout: Layout, lines: Sequence[SplitLine], loaded_ids: Sequence[FrameId], gaps: Sequence[int] = (1,)
) -> None:
    """Check that every picture of every sample exists.

    Directories are listed once each; no picture is opened.

    Args:
        layout: of the data set.
        lines: of the samples.
        loaded_ids: the frames of each.
        gaps: of `--frame_gap`: a sample needs the pictures of one of them.

    Raises:
        UserError: a report of all that is missing, with counts, examples and remedies.
    """
    findings = missing_pictures(layout, lines, loaded_ids, gaps)
    if findings:
        rows = [f"  {found.count:>8,} {trouble}, e.g. {found.example}" for trouble, found in findings.items()]
        pictures = len(lines) * len(loaded_ids)
        raise UserError("\n".join([f"the data set lacks what the split of {counted(len(lines), 'line')} "
                                   f"({counted(pictures, 'picture')}) needs:", *rows]))  # fmt: skip


def missing_pictures(
    layout: Layout, lines: Sequence[SplitLine], loaded_ids: Sequence[FrameId], gaps: Sequence[int] = (1,)
) -> dict[str, Tally]:
    """Return which pictures of the samples do not exist, by what is wrong with them.

    Of a sample that has the pictures of none of several gaps (see `check_data_set`) those of the smallest count.
    Directories are listed once each; no picture is opened.

    Raises:
        UserError: the data set has no such frames at all.
    """
    _check_frames(layout, loaded_ids)
    folders = Listings()
    findings: dict[str, Tally] = defaultdict(Tally)
    for line in lines:
        if len(gaps) > 1 and folders.gaps(layout, line, loaded_ids, gaps):
            continue
        for frame in loaded_ids:
            path = frame_path(layout, line, frame, gaps[0])
            trouble = _trouble(folders, path, frame if isinstance(frame, str) else frame * gaps[0])
            if trouble:
                early = isinstance(frame, int) and line.frame + frame * gaps[0] < 0
                findings[trouble].add(f"'{line}', whose drive has no frame so early" if early else path)
    return dict(findings)


def _check_frames(layout: Layout, loaded_ids: Sequence[FrameId]) -> None:
    if STEREO in loaded_ids and not layout.has_second_camera:
        raise UserError("--use_stereo: this data set has no second camera; drop --use_stereo")
    if len(loaded_ids) > 1 and not layout.has_neighbours:
        raise UserError("--dataset kitti_test holds single frames for scoring: train on kitti or kitti_odom")


def _trouble(folders: Listings, path: Path, frame: FrameId) -> str | None:
    """What is wrong with a picture's path, as the words of the report; None where the picture is there."""
    names = folders.list(path.parent)
    if names is None:
        camera = "the other camera's " if frame == STEREO else ""
        return f"pictures in missing folders (check {camera}path, --data_path, --dataset)"
    if path.name in names:
        return None
    if frame == 0:
        return "target frames missing"
    if frame == STEREO:
        return "frames of the other camera missing"
    remedy = "leave such targets out of the split; a training does so with --skip_incomplete"
    return f"neighbour frames {frame:+d} missing ({remedy})"


def complete_lines(
    layout: Layout, lines: Sequence[SplitLine], loaded_ids: Sequence[FrameId], gaps: Sequence[int] = (1,)
) -> list[SplitLine]:
    """Return the lines that have all their pictures, of one gap at least (see `check_data_set`).

    Raises:
        UserError: the data set has no such frames at all.
    """
    _check_frames(layout, loaded_ids)
    folders = Listings()
    return [line for line in lines if folders.gaps(layout, line, loaded_ids, gaps)]


def check_calibration(layout: Layout, lines: Sequence[SplitLine]) -> None:
    """Check that the calibration of every date whose drives have scans can be read.

    Raises:
        UserError: it cannot; the message has the number of dates and an example.
    """
    if type(layout) is not KittiRaw:
        return
    folders, finding = Listings(), Tally()
    dates = {layout.calibration_folder(line) for line in lines if folders.list(layout.scan_path(line).parent)}
    for date in sorted(dates):
        try:
            Calibration.read(date)
        except UserError as error:
            finding.add(error)
    if finding.count:
        raise UserError(f"{finding.count:,} calibration files unreadable (needed for the drives' scans), e.g. "
                        f"{finding.example}")  # fmt: skip


def calibration_remarks(layout: Layout, lines: Sequence[SplitLine]) -> list[str]:
    """Say what a training lacks without calibration: the figures of depth alone."""
    try:
        check_calibration(layout, lines)
    except UserError as error:
        return [f"no figures of depth while training: {error}"]
    return []
