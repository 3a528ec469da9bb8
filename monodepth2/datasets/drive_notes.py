"""What lies beside a drive's pictures of their times, and what `prepare` has noted of the drive."""

from pathlib import Path
from typing import Any

import numpy as np

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import read_json
from monodepth2.files.text import numbered_lines

TIMES, DRIVE = "times.txt", "drive.json"
PREPARED = "prepare.json"  # of a whole data set that `prepare` has made
STAMPS = "timestamps.txt"  # of a sensor of KITTI raw, above its data


def noted(folder: Path, name: str) -> Any:
    """Return what `prepare` has noted of a drive under a name; None where it has noted nothing.

    Raises:
        UserError: its notes cannot be read.
    """
    path = folder / DRIVE
    if not path.is_file():
        return None
    try:
        return read_json(path).get(name)
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read ({first_line(error)}); remove it, or make the drive again") from error


def stated_times(folder: Path) -> tuple[np.ndarray, Path] | None:
    """Return the times of a drive's pictures in seconds, and their file.

    None where there are none: `prepare` notes none of frames whose rate it has assumed.

    Raises:
        UserError: they cannot be read.
    """
    if (folder / TIMES).is_file():
        return numbers_of(folder / TIMES), folder / TIMES
    path, times = folder / DRIVE, noted(folder, "times")
    if times is None:
        return None
    try:
        return np.array([float(time) for time in times]), path
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(f"{path}: states no times of its pictures; write {TIMES} beside it") from error


def numbers_of(path: Path) -> np.ndarray:
    """Read a file with a number per line.

    Raises:
        UserError: a line holds something else.
    """
    try:
        return np.array([float(line) for _, line in numbered_lines(path)])
    except ValueError as error:
        raise UserError(f"{path}: holds something other than a number per line ({first_line(error)})") from error


def check_one_each(path: Path, count: int, what: str, pictures: int) -> None:
    """Check that a file of a drive holds as many numbers as the drive has pictures.

    Raises:
        UserError: it does not.
    """
    if count != pictures:
        raise UserError(f"{path}: holds {count} {what}, and its drive has {pictures} pictures; one each is needed: "
                        "correct the file")  # fmt: skip


def read_stamps(path: Path) -> np.ndarray:
    """Read a file of KITTI raw's dates and times, one a line, in seconds from the first, (n,).

    Raises:
        UserError: a line is none.
    """
    try:
        stamps = np.array([line for _, line in numbered_lines(path)], dtype="datetime64[ns]")
    except (ValueError, OverflowError) as error:
        raise UserError(f"{path}: holds something other than a date and time per line ({first_line(error)})") from error
    return (stamps - stamps[:1]) / np.timedelta64(1, "s")
