"""How far a camera has moved between pictures, as the speed of its vehicle and the pictures' times say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.drive_notes import DRIVE, STAMPS, TIMES, check_one_each, numbers_of, read_stamps, stated_times
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.text import numbered_lines
from monodepth2.method.depth_maps import network_unit

SPEEDS = "speed.txt"
FORWARD = 8  # the place of the forward speed among the numbers of one of KITTI's oxts files
OXTS_BYTES = 1 << 13  # that such a file may have: thirty numbers
FASTEST = 150.0  # metres per second; more is a mistake of unit
_OXTS = re.compile(r"\d{10}\.txt", re.ASCII)


@dataclass(frozen=True)
class KnownSpeeds:
    """The known speeds of a data set's drives.

    KITTI raw has them in `oxts`. A plain folder has `speed.txt`, metres per second of each picture, and the seconds of
    each picture in `times.txt`, or in the `drive.json` of `prepare`.

    Attributes:
        layout: of the data set.
        temporal_ids: the sources to which the way is asked for.
        unit: what a metre is in the network's unit.
    """

    layout: Layout
    temporal_ids: tuple[int, ...]
    unit: float
    _read: dict[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: Options, layout: Layout) -> "KnownSpeeds | None":
        """What `--velocity_weight` asks for; None without it.

        Raises:
            UserError: the layout has no speeds, or metres have no meaning beside a rig of unknown baseline.
        """
        if not options.velocity_weight:
            return None
        if not isinstance(layout, KittiRaw | Folders):
            raise UserError(f"--velocity_weight: --dataset {options.dataset} has no speeds; drop the flag")
        return cls(layout, options.temporal_ids, network_unit(options.use_stereo, layout.baseline))

    def check(self, lines: Sequence[SplitLine], frames: SampleFrames) -> str:
        """Check that speeds and times of all lines are there, and say how far neighbours are apart.

        Args:
            lines: of the run.
            frames: of its samples.

        Raises:
            UserError: a file is missing or unusable, or lacks one of the pictures.
        """
        ways = []
        for line in lines:
            known, gap = self._drive(line.folder), max(frames.drawn(line))
            first, last = (line.frame + gap * end for end in (min(0, *self.temporal_ids), max(0, *self.temporal_ids)))
            if last >= len(known) or not np.isfinite(known[first : last + 1]).all():
                raise UserError(f"--velocity_weight: there is no speed or no time for each of the pictures {first} to "
                                f"{last} of {line.folder}; complete them, or leave '{line}' out")  # fmt: skip
            ways += [abs(self._way(line, source) / source) for source in self.temporal_ids]
        return f"--velocity_weight: neighbouring pictures are {np.median(ways):.3g} m apart by their speeds (median)"

    def travelled(self, line: SplitLine, source: int) -> float:
        """The length of the way between a line's picture and a source, in the network's unit."""
        return abs(self._way(line, source)) * self.unit

    def _way(self, line: SplitLine, source: int) -> float:
        """Metres, the integral of the speed over time."""
        first, last = sorted((line.frame, line.frame + source))
        speeds, times = self._drive(line.folder)[first : last + 1].T
        return float(np.sum(np.diff(times) * (speeds[1:] + speeds[:-1]) / 2))  # by trapezoids

    def _drive(self, folder: str) -> np.ndarray:
        """Speeds in metres per second and times in seconds by picture, (n, 2); not a number where unknown."""
        if folder not in self._read:
            place = self.layout.root / folder
            if isinstance(self.layout, Folders):
                self._read[folder] = read_speeds(place, len(self.layout.names(place)))
            else:
                self._read[folder] = read_oxts(place / "oxts")
        return self._read[folder]


def read_speeds(folder: Path, pictures: int) -> np.ndarray:
    """Read the speeds and times of a plain folder's pictures, (n, 2): metres per second, seconds.

    Raises:
        UserError: a file is missing or unusable, or its numbers are not as many as the pictures.
    """
    if not (folder / SPEEDS).is_file():
        raise _lacking(folder / SPEEDS, "metres per second")
    speeds = np.array([_possible(speed, folder / SPEEDS) for speed in numbers_of(folder / SPEEDS)])
    found = stated_times(folder)
    if found is None and (folder / DRIVE).is_file():
        raise UserError(f"{folder / DRIVE}: states no times of its pictures; write {TIMES} beside it")
    if found is None:
        raise _lacking(folder / TIMES, "seconds")
    times, path = found
    for numbers, of in ((speeds, folder / SPEEDS), (times, path)):
        check_one_each(of, len(numbers), "numbers", pictures)
    return _timed(speeds, times, path)


def read_oxts(folder: Path) -> np.ndarray:
    """Read the forward speeds and times of KITTI raw's `oxts`, (n, 2) by frame; not a number where there is no file.

    Raises:
        UserError: there is no such folder, or a file in it cannot be used.
    """
    path = folder / STAMPS
    if not path.is_file():
        raise UserError(f"{path}: no such file; download the drive's oxts, which have its speeds")
    times = read_stamps(path)
    speeds = np.full(len(times), np.nan)
    for file in (folder / "data").glob("*.txt"):
        if _OXTS.fullmatch(file.name) and int(file.stem) < len(speeds):
            speeds[int(file.stem)] = _forward_speed(file)
    return _timed(speeds, times, path)


def _forward_speed(path: Path) -> float:
    words = [word for _, line in numbered_lines(path, OXTS_BYTES) for word in line.split()]
    try:
        return _possible(float(words[FORWARD]), path)
    except (IndexError, ValueError) as error:
        raise UserError(f"{path}: not one of KITTI's oxts files, which have the forward speed in place 9") from error


def _lacking(path: Path, what: str) -> UserError:
    return UserError(f"{path}: no such file; --velocity_weight needs a line with the {what} of each picture")


def _possible(speed: float, path: Path) -> float:
    if abs(speed) > FASTEST:
        raise UserError(f"{path}: holds a speed above {FASTEST:g} metres per second; give metres per second")
    return speed


def _timed(speeds: np.ndarray, times: np.ndarray, path: Path) -> np.ndarray:
    """Put speeds and times together; `path` is that of the times."""
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise UserError(f"{path}: its times do not grow from line to line; correct it")
    return np.stack([speeds, times], axis=1)
