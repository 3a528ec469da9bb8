"""Pictures of 16 bits per value, and the range that a camera uses of these."""

import threading
from collections.abc import Iterator
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from monodepth2.errors import tell
from monodepth2.files.evenly import evenly
from monodepth2.files.picture_names import picture_names
from monodepth2.files.picture_opening import PictureError, is_marked, open_picture
from monodepth2.files.rgb import WHITE, upright

NARROW = {1023: 10, 4095: 12}  # the white of cameras with fewer bits
EIGHT_BITS = (".jfif", ".jpeg", ".jpg")  # nothing else comes in such files, which are not opened for it
SAMPLE = 16  # pictures of a folder that are looked at
# Pillow decodes the high byte of 16-bit colour alone; told the other order of bytes, it decodes the low one
SWAPPED = {f"{mode};16{order}": f"{mode};16{other}" for mode in ("RGB", "RGBA") for order, other in ("BL", "LB", "NB")}
_one_at_a_time = threading.Lock()


def values_of(picture: Image.Image, path: Path) -> np.ndarray | None:
    """Return the values of a 16-bit picture, upright, (h, w) or (h, w, 3); None for a picture of other kinds.

    Args:
        picture: just opened, not yet decoded.
        path: of its file.

    Raises:
        PictureError: the file has changed.
    """
    if not is_wide(picture):
        return None
    if picture.mode.startswith("I"):
        return np.asarray(upright(picture))
    with open_picture(path) as again:
        assert isinstance(again, ImageFile.ImageFile)
        again.tile = [tile._replace(args=_swapped(tile.args)) for tile in again.tile]
        low = np.asarray(upright(again))
    values = np.asarray(upright(picture)).astype(np.uint16) << 8 | low
    if picture.mode == "RGB":
        return values
    return (values[..., :3].astype(np.uint32) * values[..., 3:] // WHITE).astype(np.uint16)  # over black


def is_wide(picture: Image.Image) -> bool:
    """Whether an image has more than 8 bits per value; of colours that is known until it is decoded."""
    return picture.mode.startswith("I") or (picture.mode in ("RGB", "RGBA") and _order_of_bytes(picture) in SWAPPED)


def white_of(path: Path) -> int:
    """Return the brightest value of the camera that took a 16-bit picture: 1023, 4095 or 65535.

    That is found once for all pictures of the same folder and ending, from some of them, and told where it is not 16
    bits, so that all of a drive have one scale.
    """
    with _one_at_a_time:
        return _white_of(path.parent, path.suffix)


def white_of_any(path: Path) -> int:
    """The same of a picture of any kind; 65535 where it has 8 bits."""
    return WHITE if path.suffix.lower() in EIGHT_BITS else white_of(path)


def tell_white(path: Path) -> None:
    """Find and tell the white of a picture's folder, if it has 16 bits, before other processes read from it."""
    try:
        with open_picture(path) as picture:
            if values_of(picture, path) is not None:
                white_of(path)
    except PictureError:  # is reported when it is read
        pass


@cache
def _white_of(folder: Path, ending: str) -> int:
    largest = max(_largest_values(folder, ending), default=WHITE)
    white = next((white for white in NARROW if largest <= white), WHITE)
    if white != WHITE and parent_process() is None:  # one of many processes tells it
        found = f"16-bit {ending} pictures with values up to {largest} are read as {NARROW[white]}-bit ones"
        tell(f"{folder}: {found} ({white} is white)")
    return white


def _largest_values(folder: Path, ending: str) -> Iterator[int]:
    names = [name for name in picture_names(folder) if name.endswith(ending)]
    for name in evenly(names, SAMPLE):
        try:
            with open_picture(folder / name) as picture:
                values = None if is_marked(picture) else values_of(picture, folder / name)
        except PictureError:  # is reported when it is read
            continue
        if values is not None:
            yield int(values.max())


def _order_of_bytes(picture: Image.Image) -> object:
    """Pillow's word for how the bytes of a file become a picture ("rawmode")."""
    for tile in getattr(picture, "tile", ()):
        return tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
    return None


def _swapped(args: Any) -> Any:
    return (SWAPPED[args[0]], *args[1:]) if isinstance(args, tuple) else SWAPPED[args]
