"""The lists that are made of plain folders of drives, where nobody names others: what to train and to validate on."""

import argparse
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

from monodepth2.config import MOTIONS, Options
from monodepth2.datasets.camera_choice import CameraChoice
from monodepth2.datasets.drive_notes import noted
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.poses import poses_path
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import write_lines
from monodepth2.errors import UserError

LISTS = "lists"  # under this name `prepare` notes which lists it has written
VALIDATION_SHARE = 10  # one target in so many, the last ones of each drive
SECONDS_BETWEEN = 2.0  # after which a car sees other things, for the most part


def made_split(
    layout: Folders, temporal_ids: Sequence[int], gaps: Sequence[int] = (1,), tracked: bool = False
) -> tuple[list[SplitLine], list[SplitLine]]:
    """Return targets to train and to validate on: of each drive the last tenth validates, after some that are left out.

    Targets are the pictures that have all their neighbours. So many are left out that no picture is a target of one
    part and a source of the other, and two seconds at least where `prepare` has noted how far apart pictures are. The
    next drive may begin where one ends, at a stop or as the camera's next file: of what follows a part that validates
    two seconds are left out, too. Where no drive is so long, the longest one is parted all the same, without the
    seconds.

    Args:
        layout: of the drives, in the order in which they were recorded.
        temporal_ids: the sources of a target.
        gaps: factors on these; a target needs the neighbours of the smallest.
        tracked: whether to leave out drives of which points show no motion; where they show none of any, all stay.

    Raises:
        UserError: there are too few pictures.
    """
    first, last = -min((0, *temporal_ids)) * min(gaps), max((0, *temporal_ids)) * min(gaps)
    reach = max(map(abs, (0, *temporal_ids))) * max(gaps)
    targets: dict[str, list[SplitLine]] = {}
    parts: dict[str, tuple[list[SplitLine], list[SplitLine]]] = {}
    too_near = 0.0  # seconds that are still to be left out
    for drive in _with_motion(layout) if tracked else layout.drives():
        count, seconds = len(layout.names(layout.root / drive)), _seconds_apart(layout.root / drive)
        targets[drive] = [SplitLine(drive, n, "l") for n in range(first, count - last)]
        left_out = max(reach, math.ceil(SECONDS_BETWEEN / seconds))
        parts[drive] = _parted(targets[drive][math.ceil(too_near / seconds) :], left_out)
        too_near = SECONDS_BETWEEN if parts[drive][1] else max(0.0, too_near - count * seconds)
    if not any(validation for _, validation in parts.values()):
        longest = max(targets, key=lambda drive: len(targets[drive]))
        parts[longest] = _parted(targets[longest], reach, least=1)
    training, validation = ([line for part in parts.values() for line in part[n]] for n in range(2))
    if not training or not validation:
        raise UserError(
            f"--data_path {layout.root}: its drives have too few pictures for a split; give longer ones, nearer "
            "neighbours (--frame_ids, --frame_gap), or lists of your own with --split"
        )
    return training, validation


def digest_of_lists(training: Sequence[SplitLine], validation: Sequence[SplitLine]) -> str:
    """Return a checksum, by which lists are known that nobody has changed."""
    return hashlib.sha256("\n".join(map(str, [*training, "", *validation])).encode()).hexdigest()


def _with_motion(layout: Folders) -> list[str]:
    """The drives of which points show the motion; all where there is none."""
    drives = layout.drives()
    return [drive for drive in drives if poses_path(layout, drive, tracked=True).is_file()] or drives


def _seconds_apart(drive: Path) -> float:
    """How far apart the pictures of a drive are, as `prepare` has noted it; infinite where nothing says it."""
    gap = noted(drive, "gap")
    seconds = gap.get("seconds") if isinstance(gap, dict) else None
    return seconds if isinstance(seconds, float) and seconds > 1e-3 else math.inf


def _parted(
    targets: list[SplitLine], left_out: int, least: int | None = None
) -> tuple[list[SplitLine], list[SplitLine]]:
    """The targets before and after what is left out; all of them before where too few would be left there.

    Args:
        targets: of a drive.
        left_out: how many between the two.
        least: how many there must be before these; None wants as many as after them.
    """
    last = -(-len(targets) // VALIDATION_SHARE)
    first = len(targets) - last - left_out
    if first < (last if least is None else least):
        return targets, []
    return targets[:first], targets[-last:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the split that training makes of a folder of drives, as train_files.txt and val_files.txt."""
    parser = argparse.ArgumentParser(prog="python -m monodepth2.datasets.folders", description=main.__doc__)
    parser.add_argument("data_path", type=Path, help="the drive, or the folder of drives")
    parser.add_argument("--output", type=Path, required=True, help="folder that receives the lists")
    parser.add_argument("--frame_ids", type=int, nargs="+", default=[0, -1, 1], help="as in training")
    parser.add_argument("--frame_gap", type=int, nargs=2, default=(), metavar=("A", "B"), help="likewise")
    parser.add_argument("--poses", default=Options.poses, choices=MOTIONS, help="likewise")
    parser.add_argument("--force", action="store_true", help="replace files with other content")
    values = parser.parse_args(arguments)
    layout = Folders(values.data_path.expanduser(), cameras=CameraChoice())
    pairs = len(values.frame_ids) == 1  # of two cameras alone
    gaps = Options(dataset="folder", frame_ids=values.frame_ids, frame_gap=values.frame_gap, use_stereo=pairs).gaps
    parts = zip(("train", "val"), made_split(layout, values.frame_ids, gaps, values.poses == "tracked"), strict=True)
    for path in write_lines(dict(parts), values.output, values.force):
        print(path)
    return 0
