"""Depth maps from outside, one a file: `.npy`, 16-bit `.png`, `.pfm`, `.exr`.

Programs write different things for a depth that is not known: zero, a negative number, infinity, no number. A map that
was read holds 0 there.

Legend of shapes: h w pixels.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input, read_input
from monodepth2.files.npy_files import mapped_array
from monodepth2.files.picture_opening import MAX_PIXELS, PictureError
from monodepth2.files.pictures import picture_size, read_depth_png
from monodepth2.runtime.extras import require_packages

KITTI_PNG_SCALE = 256.0  # steps of a 16-bit PNG per metre; 1000 where it holds millimetres, 5000 in TUM's data sets
LARGEST_FILE = 8 * MAX_PIXELS + (1 << 16)
DEPTH_CHANNELS = ("Z", "Y", "V", "R")  # of an .exr file, by the last part of the name; the first that is there
MOST_STRETCH = 1.05  # between the shapes of a map and its picture, for sizes that are rounded
MOST_NUMBERS = 4 * MAX_PIXELS  # of all channels of an .exr file


def read_depth_map(path: Path, png_scale: float = KITTI_PNG_SCALE) -> np.ndarray:
    """Read a depth map in metres, float32, (h, w), 0 where the depth is not known.

    Args:
        path: `.npy`, `.pfm` and `.exr` hold metres, `.png` 16-bit steps.
        png_scale: steps of a `.png` per metre.

    Raises:
        UserError: the file is missing, damaged, too large, of another kind, or no map; or it is `.exr` and OpenEXR
            is not installed.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: depth maps are {', '.join(READERS)} files; convert it to one of them")
    depth_hw = reader(path, png_scale)
    try:
        return known_depths(depth_hw)
    except ValueError as error:
        raise _refused(path, error) from error


@contextmanager
def part_of_sample(path: Path) -> Iterator[None]:
    """Report an unreadable map as an unreadable picture is reported, so that another sample takes its place.

    Raises:
        PictureError: in place of a `UserError`.
    """
    try:
        yield
    except UserError as error:
        raise PictureError(path, first_line(error).removeprefix(f"{path}: ")) from error


def other_shapes(pairs: Iterable[tuple[Path, Path]], png_scale: float) -> str:
    """Say how maps lie on pictures of another shape; nothing where they have one. One map of each folder is looked at.

    Args:
        pairs: maps with their pictures.
        png_scale: steps of a `.png` per metre.

    Raises:
        UserError: a map lies on its side, as sensors of phones store it, and its picture stands upright.
    """
    told = ""
    for path, picture in {path.parent: (path, picture) for path, picture in pairs}.values():
        try:
            (h, w), (width, height) = read_depth_map(path, png_scale).shape, picture_size(picture)
        except UserError:
            continue  # whoever needs it says so
        if _is_near(w / h, width / height):
            continue
        sizes = f"{w} x {h} pixels, and its picture {picture.name}, upright, {width} x {height}"
        if _is_near(h / w, width / height):
            raise UserError(f"{path}: has {sizes}: the map lies on its side; turn the maps as the pictures are turned")
        told = told or (
            f"{path} has {sizes}: each map is taken to show all of its picture, so cut or fill up maps that do not"
        )
    return told


def _is_near(ratio: float, other: float) -> bool:
    return 1 / MOST_STRETCH < ratio / other < MOST_STRETCH


def known_depths(depth_hw: np.ndarray) -> np.ndarray:
    """Return a map as float32 with 0 wherever it holds no positive, finite depth.

    Raises:
        ValueError: a depth is too large for float32, which no scene has.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        narrow_hw = np.asarray(depth_hw).astype(np.float32, copy=False)
    finite = np.isfinite(narrow_hw)
    if not finite.all() and (np.isfinite(depth_hw) > finite).any():
        raise ValueError("depths that are too large")
    known = finite & (narrow_hw > 0)
    return narrow_hw if known.all() else np.where(known, narrow_hw, np.float32(0))


def _read_npy(path: Path, _: float) -> np.ndarray:
    try:
        with open_input(path, LARGEST_FILE) as file:
            values = np.array(mapped_array(file))
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error
    sides = [side for side in values.shape if side != 1] if values.ndim == 3 else values.shape
    if values.dtype.kind not in "fiu" or len(sides) != 2:
        raise UserError(f"{path}: is an array {values.shape} of {values.dtype!s:.80}, expected numbers (h, w)")
    return values.reshape(sides)


def _read_png(path: Path, png_scale: float) -> np.ndarray:
    return read_depth_png(path) * np.float32(KITTI_PNG_SCALE) / np.float32(png_scale)


def _read_pfm(path: Path, _: float) -> np.ndarray:
    """Read a grey PFM: a line each for its kind, its size and its order of bytes, then rows from the lowest up.

    The amount of the third line, a unit of brightness, is 1 in depth maps; it is not applied.
    """
    try:
        kind, size, order, content = read_input(path, LARGEST_FILE).split(b"\n", 3)
        width, height = map(int, size.split())
        little = float(order) < 0
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error
    if kind.strip() != b"Pf":
        raise UserError(f"{path}: is no grey .pfm file (it begins with {kind[:8]!r} instead of b'Pf')")
    if min(width, height) < 1 or 4 * width * height != len(content):
        raise UserError(f"{path}: states {width} x {height} pixels, but holds {len(content):,} bytes of them")
    return np.frombuffer(content, "<f4" if little else ">f4").reshape(height, width)[::-1]


def _read_exr(path: Path, _: float) -> np.ndarray:
    require_packages("exr", ".exr files", "OpenEXR")
    import OpenEXR

    try:
        with open_input(path, LARGEST_FILE):
            pass
        header = OpenEXR.File(str(path), header_only=True).header()
        low, high = header["dataWindow"]
        width, height = (high.astype(int) - low + 1).tolist()
        if not (width > 0 and 0 < width * height <= MOST_NUMBERS // len(header["channels"])):
            raise ValueError(f"declares {width} x {height} pixels of {len(header['channels'])} channels")
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
    except Exception as error:  # OpenEXR raises many kinds for bad bytes
        raise _refused(path, error) from error
    by_name = {name.rpartition(".")[2]: channel.pixels for name, channel in channels.items()}
    found = [by_name[name] for name in DEPTH_CHANNELS if name in by_name] or list(by_name.values())[:1]
    if not found or found[0].shape != (height, width):
        raise UserError(f"{path}: holds no channel of depth (Z, Y, V or R) at its full size")
    return found[0]


def _refused(path: Path, error: Exception) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path}: no such file")
    reason = getattr(error, "strerror", None) or first_line(error)
    return UserError(f"{path}: not a readable depth map ({reason})")


READERS: dict[str, Callable[[Path, float], np.ndarray]] = {
    ".npy": _read_npy,
    ".png": _read_png,
    ".pfm": _read_pfm,
    ".exr": _read_exr,
}
