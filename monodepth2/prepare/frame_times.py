"""When the frames of a folder were taken: as a file beside them, their names or a rate say."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monodepth2.datasets.drive_notes import stated_times
from monodepth2.errors import UserError

USUAL_RATE = 10.0  # frames per second
# seconds of a clock since 1970 with decimals, or its milli-, micro- or nanoseconds
_STAMP = re.compile(r"1\d{9}\.\d{1,9}|1\d{12}|1\d{15}|1\d{18}", re.ASCII)
_WHOLE = 10  # digits of the seconds


class FrameTimes(NamedTuple):
    """When frames were taken.

    Attributes:
        seconds: of each frame since the first one.
        are_known: whether something states them.
    """

    seconds: list[float]
    are_known: bool


def times_of(folder: Path, names: Sequence[str], fps: float | None) -> FrameTimes:
    """Return the times of a folder's frames: by a rate, from its files, or from names that are time stamps.

    Args:
        folder: of the frames.
        names: of the frames, in order.
        fps: frames per second, where the user states it.

    Raises:
        UserError: a file states times that are not those of the frames.
    """
    if fps is None and (times := _stated(folder, len(names)) or _stamps(names)):
        return FrameTimes([time - times[0] for time in times], True)
    return FrameTimes([n / (fps or USUAL_RATE) for n in range(len(names))], fps is not None)


def _stated(folder: Path, count: int) -> list[float] | None:
    try:
        found = stated_times(folder)
    except UserError as error:
        raise UserError(f"{error}; or give --fps") from error
    if found is None:
        return None
    times, path = found
    if len(times) != count or not _grow(times):
        raise UserError(
            f"{path}: holds no growing time for each of the {count} frames; correct or remove it, or give --fps"
        )
    return [float(time) for time in times]


def _stamps(names: Sequence[str]) -> list[float] | None:
    stems = [Path(name).stem for name in names]
    if not all(map(_STAMP.fullmatch, stems)):
        return None
    # whole seconds apart: as floats, nanoseconds since 1970 would lose their last digits
    first = int(stems[0][:_WHOLE])
    times = [int(stem[:_WHOLE]) - first + float(f"0.{stem[_WHOLE:].lstrip('.')}") for stem in stems]
    return times if _grow(times) else None


def _grow(times: Sequence[float] | np.ndarray) -> bool:
    return bool(np.isfinite(times).all() and (np.diff(times) > 0).all())
