"""Whole drives without a list: all their frames, as the files of their pictures tell."""

import re
from pathlib import Path

from monodepth2.config import ODOMETRY_SPLITS
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import file_name, known_splits
from monodepth2.errors import UserError
from monodepth2.files.picture_names import ENDINGS

_FRAME = re.compile(r"\d{1,10}", re.ASCII)


def own_lines(split: str, layout: Layout) -> list[SplitLine] | None:
    """Return the lines of a drive that a split stands for: `odom_<number>`, or a drive's folder without test_files.txt.

    Returns:
        All its frames; None where the split has a recipe or a list.

    Raises:
        UserError: the drive has no pictures, or the folder lies outside of the data set.
    """
    if split in known_splits():
        return None
    if split in ODOMETRY_SPLITS:
        return frames_of_drive(layout, split.removeprefix("odom_"))
    folder = Path(split).expanduser()
    if (folder / file_name("test")).is_file():
        return None
    try:
        within = folder.resolve().relative_to(layout.root.resolve())
    except ValueError as error:
        raise UserError(
            f"--eval_split {split}: holds no test_files.txt, and is no drive's folder under --data_path {layout.root}"
        ) from error
    # of odometry's sequences, split lines have the number alone
    return frames_of_drive(layout, within.name if within.parts[:1] == ("sequences",) else within.as_posix())


def frames_of_drive(layout: Layout, folder: str, side: str = "l") -> list[SplitLine]:
    """Return a line for every picture of a drive's camera, in the order of their numbers.

    Args:
        layout: of the data set.
        folder: of the drive, as split lines name it.
        side: of the camera; a plain folder's right one is asked for what the left one has.

    Raises:
        UserError: there are no such pictures.
    """
    if isinstance(layout, Folders):
        count = len(layout.names(layout.root / folder))
        if not count:
            raise UserError(f"{layout.root / folder}: holds no pictures, and no {file_name('test')}; check the folder")
        return [SplitLine(folder, place, side) for place in range(count)]
    first = layout.picture_path(SplitLine(folder, 0, side))
    pictures = first.parent.iterdir() if first.parent.is_dir() else ()
    names = [path.stem for path in pictures if path.suffix.lower() in ENDINGS and _FRAME.fullmatch(path.stem)]
    frames = sorted({int(name) for name in names})
    if not frames:
        raise UserError(f"{first.parent}: holds no pictures like {first.name}; check --data_path and --dataset")
    return [SplitLine(folder, frame, side) for frame in frames]


def all_lines(layout: Layout) -> list[SplitLine]:
    """Return a line for every picture of a data set of plain folders, in natural order.

    Raises:
        UserError: there are none.
    """
    assert isinstance(layout, Folders)
    return [line for drive in layout.drives() for line in frames_of_drive(layout, drive)]
