"""Names of pictures in a folder: which there are, in which order, and which of them are masks or predictions."""

import os
import re
from decimal import Decimal
from pathlib import Path

from monodepth2.files.picture_opening import PictureError, is_own_output

LONGEST_NAME = 32  # of a numbered picture
ENDINGS = (".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MASK = "mask.png"  # of a folder of pictures: what of them is to be left out; no picture itself
OWN_WORDS = ("disp", "depth", "side_by_side")  # in the names of predictions

# a number, or the seconds of a clock since 1970 with their decimals
_NUMBER = re.compile(r"(\d{10}\.\d{1,30}|\d{1,30})", re.ASCII)


def picture_names(folder: Path) -> tuple[str, ...]:
    """The names of a folder's pictures in natural order, without hidden ones and masks; none where it has none."""
    return tuple(sorted((name for name in _listed(folder) if not is_mask(name)), key=natural_key))


def frame_names(folder: Path) -> tuple[str, ...]:
    """The same without pictures that a prediction wrote beside them, under a name that says so."""
    names = picture_names(folder)
    return tuple(
        name for name in names if not (any(word in name for word in OWN_WORDS) and is_own_output(folder / name))
    )


def numbered_names(folder: Path, preferred: str) -> dict[int, str]:
    """The names of a folder's pictures by their numbers; of several of one number one with the preferred ending."""
    pictures = sorted(name for name in _listed(folder) if Path(name).stem.isdecimal() and len(name) <= LONGEST_NAME)
    pictures.sort(key=lambda name: name.endswith(preferred))
    return {int(Path(name).stem): name for name in pictures}


def _listed(folder: Path) -> list[str]:
    """The names of a folder's files that end as pictures do, in any order, without hidden ones."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [name for name in names if Path(name).suffix.lower() in ENDINGS and name[0] != "."]


def is_mask(name: str) -> bool:
    """Whether a picture's name is that of a mask of the pictures beside it, in any case and with any ending."""
    return Path(name).stem.lower() == Path(MASK).stem


def check_mask_name(folder: Path) -> None:
    """Check that a folder's mask, if it has one, is called `MASK`: under another name nothing would read it.

    Raises:
        PictureError: it is called otherwise.
    """
    masks = [name for name in _listed(folder) if is_mask(name)]
    if masks and MASK not in masks:
        raise PictureError(folder / masks[0], f"is no frame, and no mask either: save it as a PNG file called {MASK}")


def natural_key(name: str) -> list[tuple[int, Decimal, str]]:
    """A key that sorts names as people do: numbers in them by their value, time stamps with decimals among them."""
    parts = _NUMBER.split(name)
    return [(0, Decimal(part), part) if n % 2 else (1, Decimal(), part) for n, part in enumerate(parts)]
