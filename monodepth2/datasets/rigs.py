"""The baselines of rigs: metres between the two cameras of a drive, as files above its pictures state them."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from monodepth2.datasets.camera_choice import files_above
from monodepth2.datasets.camera_files import CAMERA, read_baseline
from monodepth2.errors import UserError

REMEDY = (
    "state it in a camera.json above all drives of the rig, or give --baseline METRES if all lines are of one rig, or "
    "train on one rig's drives, or without --use_stereo"
)


class Stated(NamedTuple):
    """A baseline in metres, and the file that states it."""

    path: Path
    metres: float


def stated_baselines(folders: Iterable[Path], root: Path) -> dict[Path, Stated | None]:
    """Return the baseline of each folder of pictures: that of the nearest file above them which states one.

    Args:
        folders: of the left cameras.
        root: of the data set, beyond which no file is looked for.

    Raises:
        UserError: a file cannot be used.
    """
    read = cache(read_baseline)  # a file may lie above thousands of folders

    def nearest(folder: Path) -> Stated | None:
        for path in files_above(folder, root):
            if path.name == CAMERA and (metres := read(path)):
                return Stated(path, metres)
        return None

    return {folder: nearest(folder) for folder in folders}


def common_baseline(stated: Mapping[Path, Stated | None], standard: float | None) -> float | None:
    """Return the baseline of all folders, None where they have several, or some of them none.

    Args:
        stated: of each folder.
        standard: what holds if no file states any.
    """
    found = {one and one.metres for one in stated.values()}
    metres = found.pop() if len(found) == 1 else None
    return metres if any(stated.values()) else standard


def check_alike(stated: Mapping[Path, Stated | None]) -> None:
    """Refuse several baselines, and one that only some folders have.

    Raises:
        UserError: there are such, and one network learns one rig.
    """
    first = next(filter(None, stated.values()), None)
    if first is None:
        return
    for folder, other in stated.items():
        if other is None:
            raise UserError(
                f"{first.path} states a baseline of {first.metres:g} m, and no file states that of {folder}: {REMEDY}"
            )
        if other.metres != first.metres:
            raise UserError(
                f"{first.path} and {other.path} state baselines that differ ({first.metres:g} m and {other.metres:g} "
                f"m): {REMEDY}"
            )
