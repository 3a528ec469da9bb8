"""The drive that is scored: its layout, its frames, its true poses, its times."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monodepth2.config import ODOMETRY_SPLITS, Options
from monodepth2.datasets.drive_notes import STAMPS, check_one_each, read_stamps, stated_times
from monodepth2.datasets.drives import frames_of_drive, own_lines
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.kitti_layouts import KittiOdometry, KittiRaw, sequence_name
from monodepth2.datasets.layout_choice import make_layout
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.poses import Trajectory, poses_path, read_trajectory
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import file_name, known_splits, read_split
from monodepth2.datasets.trajectories import from_first
from monodepth2.errors import UserError, counted

LAST_WITH_TRUTH = 10  # of KITTI's 22 sequences; the poses of the others are not published


class Drive(NamedTuple):
    """A drive to predict.

    Attributes:
        layout: of the data set.
        lines: consecutive frames of one camera; the frame after the last one belongs to the drive, too.
    """

    layout: Layout
    lines: list[SplitLine]

    @property
    def name(self) -> str:
        """The drive's folder in the data set, or the data set's own; of odometry's sequences the number."""
        folder = self.lines[0].folder
        return self.layout.root.resolve().name if folder == "." else drive_name(folder)

    @property
    def paths(self) -> list[Path]:
        """The pictures, one more than lines."""
        return [*map(self.layout.picture_path, self.lines), self.layout.picture_path(self.lines[-1].other(1))]

    @property
    def poses_path(self) -> Path:
        """Where the data set has the drive's true poses, or would have them."""
        return poses_path(self.layout, self.lines[0].folder)

    @property
    def frames(self) -> range:
        """The numbers of the frames, one more than lines."""
        return range(self.lines[0].frame, self.lines[-1].frame + 2)


def find_drive(options: Options) -> Drive:
    """Return the drive that `--eval_split` names: odom_<number>, a list of consecutive frames, or a drive's folder.

    Raises:
        UserError: it is none of these, or lies in another data set than `--dataset` says.
    """
    split = options.eval_split
    listed = read_split(split, "test") if _has_list(split) else None
    layout = make_layout(_dataset(options, listed), options.data_path, options.png)
    if not layout.has_neighbours:
        raise UserError(f"--dataset {options.dataset} holds single frames, which have no path: use kitti or kitti_odom")
    if listed is None:
        lines = own_lines(split, layout) or []
        _check_lines(split, lines)
        if len(lines) < 2:
            raise UserError(f"--eval_split {split}: has a single frame, and a path needs two")
        return Drive(layout, lines[:-1])
    _check_lines(split, listed)
    return Drive(layout, listed)


def _has_list(split: str) -> bool:
    return split in known_splits() or (Path(split).expanduser() / file_name("test")).is_file()


def _dataset(options: Options, listed: list[SplitLine] | None) -> str:
    """The data set: as the flag says, else as the drive's name looks."""
    sequences = options.eval_split in ODOMETRY_SPLITS
    if options.is_given("dataset"):
        if sequences and options.dataset != "kitti_odom":
            raise UserError(f"--eval_split {options.eval_split} lies in kitti_odom: drop --dataset {options.dataset}")
        return options.dataset
    if listed:
        sequences = sequences or sequence_name(listed[0].folder) is not None
    else:
        sequences = sequences or "sequences" in Path(options.eval_split).expanduser().resolve().parts[-2:-1]
    return "kitti_odom" if sequences else "kitti"


def _check_lines(split: str, lines: Sequence[SplitLine]) -> None:
    """Refuse lines that are not consecutive frames of one camera on one drive, and name the first such line."""
    remedy = "use odom_<number>, a drive's folder, or a list of consecutive frames of one camera"
    for number, (before, line) in enumerate(pairwise(lines), start=2):
        where = f"--eval_split {split}, line {number}: '{line}'"
        if drive_name(line.folder) != drive_name(before.folder):
            raise UserError(f"{where} is of another drive than '{before}'; {remedy}")
        if line.side != before.side:
            raise UserError(f"{where} is of the other camera than '{before}'; {remedy}")
        if line.frame != before.frame + 1:
            raise UserError(f"{where} does not follow '{before}'; {remedy}")


def drive_name(folder: str) -> str:
    """Return a drive's name: a sequence's number as KITTI writes it, else the folder."""
    return sequence_name(folder) or folder


def true_trajectory(options: Options, drive: Drive) -> Trajectory | None:
    """Return the true poses of a drive's frames, the first camera as the world; None where there are none.

    Raises:
        UserError: they should be there and are missing, malformed or too few.
    """
    if options.no_eval:
        return None
    path = options.true_poses.expanduser() if options.true_poses else drive.poses_path
    first = drive.lines[0]
    if not options.true_poses and not path.is_file() and not _is_published(drive):
        return None
    if not options.true_poses and first.side == "r":
        raise UserError(f"--eval_split {options.eval_split}: '{first}' is of the right camera, and {path} has the left "
                        "one's poses; list the left one's frames, give --true_poses, or add --no_eval")  # fmt: skip
    if options.true_poses and not path.is_file():
        raise UserError(f"--true_poses {path}: no such file; name another one, or drop --true_poses")
    trajectory = read_trajectory(path)
    frames, known = drive.frames, len(trajectory.poses)
    if options.true_poses or not isinstance(drive.layout, KittiOdometry):  # whose own poses are KITTI's
        _check_count(path, known, drive)
    elif known != len(frames) and known < frames.stop:
        raise UserError(
            f"{path} holds {counted(known, 'pose')}, the split needs {frames.stop} (up to frame {frames.stop - 1})"
            + (f", or {len(frames)}, one for each of its own frames" if frames.start else "")
        )
    # a file of exactly these frames, else one that counts as the drive does
    chosen = slice(0, known) if known == len(frames) else slice(frames.start, frames.stop)
    times = trajectory.times
    return Trajectory(from_first(trajectory.poses[chosen]), None if times is None else times[chosen])


def _check_count(path: Path, known: int, drive: Drive) -> None:
    """Refuse a file of poses that has neither one for each of the split's frames, nor for each of the drive's.

    With more of them there is no saying which belong to the pictures: they may come ten times as often.
    """
    first, named = drive.lines[0], len(drive.frames)
    last = frames_of_drive(drive.layout, first.folder, first.side)[-1].frame
    if known not in (named, last + 1):
        raise UserError(
            f"{path} holds {counted(known, 'pose')}, the drive {counted(last + 1, 'frame')} (0 to {last}), of which "
            f"the split names {named}: give one pose for each of the drive's, or for each that the split names"
        )


def _is_published(drive: Drive) -> bool:
    return isinstance(drive.layout, KittiOdometry) and int(drive.lines[0].folder) <= LAST_WITH_TRUTH


def frame_times(drive: Drive, truth: Trajectory | None) -> np.ndarray:
    """Return the times of a drive's frames in seconds: the truth's, else the drive's own, else the frame numbers.

    It has its own in `times.txt`, as KITTI's odometry or beside pictures, in the `drive.json` of `prepare`, or in KITTI
    raw's `timestamps.txt` of the camera, which are counted from the drive's first.

    Raises:
        UserError: the file of the times is malformed, or is of another number of pictures.
    """
    frames = drive.frames
    if truth and truth.times is not None:
        return truth.times
    camera = drive.paths[0].parents[1]
    folder = camera if isinstance(drive.layout, KittiOdometry) else drive.layout.root / drive.lines[0].folder
    if found := stated_times(folder):
        times, path = found
        if isinstance(drive.layout, Folders):
            check_one_each(path, len(times), "times", len(drive.layout.names(folder)))
    elif isinstance(drive.layout, KittiRaw) and (path := camera / STAMPS).is_file():
        times = read_stamps(path)
    else:
        return np.array(frames, dtype=float)
    times = times[frames.start : frames.stop]
    if len(times) < len(frames) or not np.isfinite(times).all():
        raise UserError(f"{path}: holds no time for each of the frames {frames.start} to {frames.stop - 1}; "
                        "correct or remove it")  # fmt: skip
    return times
