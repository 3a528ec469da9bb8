"""The check of a data set before training: everything a split refers to is there, or one report says what is not."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from monodepth2.config import STEREO, FrameId, Options
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.layouts import Layout
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


@dataclass(frozen=True)
class SampleFrames:
    """Which pictures the samples of a run need, and which of them there are.

    Folders are listed once each, however often pictures are asked for; none of these is opened.

    Attributes:
        layout: of the data set.
        ids: the frames of a sample, the target (0) first.
        gaps: of `--frame_gap`, factors on the temporal ids: a sample needs the pictures of one of them.
    """

    layout: Layout
    ids: tuple[FrameId, ...]
    gaps: tuple[int, ...] = (1,)
    _names: dict[Path, frozenset[str] | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: Options, layout: Layout) -> "SampleFrames":
        """What a run's options ask for."""
        return cls(layout, options.loaded_ids, options.gaps)

    def paths(self, line: SplitLine) -> list[Path]:
        """Return every picture that a sample of a line may show, there or not."""
        return [self.layout.picture_path(line.other(frame, gap)) for frame in self.ids for gap in self.gaps]

    def drawn(self, line: SplitLine) -> tuple[int, ...]:
        """Return the gaps that a sample of a line draws from; where it has the pictures of none, the smallest."""
        return self.gaps if len(self.gaps) == 1 else self._there(line) or self.gaps[:1]

    def complete(self, lines: Sequence[SplitLine]) -> list[SplitLine]:
        """Return the lines that have all their pictures, of one gap at least.

        Raises:
            UserError: the data set has no such frames at all.
        """
        self._check_kinds()
        return [line for line in lines if self._there(line)]

    def missing(self, lines: Sequence[SplitLine]) -> dict[str, Tally]:
        """Return which pictures of the samples do not exist, by what is wrong with them.

        Of a sample that has the pictures of none of several gaps those of the smallest count.

        Raises:
            UserError: the data set has no such frames at all.
        """
        self._check_kinds()
        findings: dict[str, Tally] = defaultdict(Tally)
        for line in lines:
            if len(self.gaps) > 1 and self._there(line):
                continue
            for frame in self.ids:
                other = line.other(frame, self.gaps[0])
                path = self.layout.picture_path(other)
                if trouble := self._trouble(path, frame if isinstance(frame, str) else other.frame - line.frame):
                    early = f"'{line}', whose drive has no frame so early"
                    findings[trouble].add(early if other.frame < 0 else path)
        return dict(findings)

    def check(self, lines: Sequence[SplitLine]) -> None:
        """Check that every picture of every sample exists.

        Raises:
            UserError: a report of all that is missing, with counts, examples and remedies.
        """
        findings = self.missing(lines)
        if findings:
            rows = [f"  {found.count:>8,} {trouble}, e.g. {found.example}" for trouble, found in findings.items()]
            pictures = len(lines) * len(self.ids)
            raise UserError("\n".join([f"the data set lacks what the split of {counted(len(lines), 'line')} "
                                       f"({counted(pictures, 'picture')}) needs:", *rows]))  # fmt: skip

    def _there(self, line: SplitLine) -> tuple[int, ...]:
        """The gaps for which a line has all its pictures."""
        return tuple(
            gap for gap in self.gaps if all(self._has(self.layout.picture_path(line.other(i, gap))) for i in self.ids)
        )

    def _has(self, path: Path) -> bool:
        return path.name in (self._listed(path.parent) or ())

    def _listed(self, folder: Path) -> frozenset[str] | None:
        if folder not in self._names:
            self._names[folder] = listed(folder)
        return self._names[folder]

    def _check_kinds(self) -> None:
        if STEREO in self.ids and not self.layout.has_second_camera:
            raise UserError("--use_stereo: this data set has no second camera; drop --use_stereo")
        if len(self.ids) > 1 and not self.layout.has_neighbours:
            raise UserError("--dataset kitti_test holds single frames for scoring: train on kitti or kitti_odom")

    def _trouble(self, path: Path, frame: FrameId) -> str | None:
        """What is wrong with a picture's path, as the words of the report; None where the picture is there."""
        names = self._listed(path.parent)
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


def listed(folder: Path) -> frozenset[str] | None:
    """Return a folder's entries, None where there is no such folder.

    Raises:
        UserError: it cannot be listed.
    """
    try:
        return frozenset(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror})") from error


def check_calibration(layout: Layout, lines: Sequence[SplitLine]) -> None:
    """Check that the calibration of every date whose drives have scans can be read.

    Raises:
        UserError: it cannot; the message has the number of dates and an example.
    """
    if type(layout) is not KittiRaw:
        return
    has_scans, finding = cache(listed), Tally()
    dates = {layout.calibration_folder(line) for line in lines if has_scans(layout.scan_path(line).parent)}
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
