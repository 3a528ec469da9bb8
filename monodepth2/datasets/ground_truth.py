"""Stored ground truth of a split: `gt_depths.npz`.

Where all maps have one size the archive holds them as one array `data` (n, h, w); else each map is an array of its own,
`map_00000` and so on, since an array of arrays would have to be pickled. `lines` are the split's lines, as text. What
`np.savez` writes can be read, too, and the 2019 program's pickled array of objects, without executing anything in it.
"""

import pickle
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from monodepth2.datasets.depth_files import known_depths
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, counted, first_line
from monodepth2.files.input_files import open_input
from monodepth2.files.npy_files import read_array_header, read_pickled_arrays, require_size
from monodepth2.files.output_paths import whole_file

FILE_NAME = "gt_depths.npz"
IMPROVED_TRUTH = "eigen_benchmark"  # the split whose ground truth is the depth benchmark's
LARGEST_FILE = 64 << 30
MOST_BYTES = 2 << 30  # at once in memory; 697 maps of 1242 x 375 in float32 are 1.2 GiB
UNSUSPECTED = 64 << 20  # of a member, however well compressed
LARGEST_RATIO = 100  # of compression beyond that: projected scans come to 25, a file made to fill memory to 1000
_REMEDY = "make it again, or move it away if the data set has the depth itself"
_MAP_MEMBER = re.compile(r"map_\d{5,9}\.npy", re.ASCII)
_LINES = "lines"


def read_ground_truth(path: Path, count: int, lines: Sequence[SplitLine] = ()) -> Callable[[int], np.ndarray]:
    """Open the stored depth maps of a split.

    Their number and the lines that they were made for are checked now, each map when it is read, so that all are read
    once. One at a time is in memory, but for archives that allow no such thing: arrays in Fortran's order, and 2019's.

    Args:
        path: an archive of `write_ground_truth`, `np.savez` or `np.savez_compressed`, also one of 2019.
        count: lines of the split.
        lines: the lines themselves; archives that say what lines they were made for must agree.

    Returns:
        What reads the map of a line, by its position from 0 on, when it is asked for: in metres, float32, (h, w), 0
        where the file holds 0, a negative number, infinity or no number: there the depth is unknown. It is fastest
        where positions only grow. It raises `UserError` where the map is damaged, or is none.

    Raises:
        UserError: the file is no such archive, or its maps do not belong to the split.
    """
    with _refusal(path):
        archive = zipfile.ZipFile(open_input(path, LARGEST_FILE))
        found, read = _open_maps(archive, path)
        if found != count:
            raise UserError(
                f"{path}: holds {counted(found, 'map')}, but the split has {counted(count, 'line')}; {_REMEDY}"
            )
        _check_lines(archive, path, lines)

    def read_checked(position: int) -> np.ndarray:
        with _refusal(path):
            return _checked(read(position), path)

    return read_checked


def write_ground_truth(
    path: Path, maps: Iterable[np.ndarray], lines: Sequence[SplitLine], size: tuple[int, int] | None
) -> None:
    """Write depth maps in metres as a compressed archive, one map at a time; the file appears whole or not at all.

    Args:
        path: of the archive.
        maps: one map (h, w) per line.
        lines: of the split.
        size: (h, w) of all maps, None where they differ.

    Raises:
        UserError: the file cannot be written.
    """
    # level 6 takes three times as long for a tenth less
    with whole_file(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _write_array(archive, _LINES, np.array([str(line) for line in lines], dtype=str))
        if size:
            _write_stack(archive, "data", maps, (len(lines), *size))
        else:
            for position, (depth, _) in enumerate(zip(maps, lines, strict=True)):
                _write_array(archive, _map_name(position), depth.astype(np.float32, copy=False))


def _write_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _write_stack(archive: zipfile.ZipFile, name: str, maps: Iterable[np.ndarray], shape: tuple[int, int, int]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for depth, _ in zip(maps, range(shape[0]), strict=True):
            assert depth.shape == shape[1:]
            file.write(depth.astype("<f4").tobytes())


def _map_name(position: int) -> str:
    return f"map_{position:05d}"


@contextmanager
def _refusal(path: Path) -> Iterator[None]:
    """Turn what a file that cannot be used raises into one message."""
    try:
        yield
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: {error}, refused; {_REMEDY}") from error
    except Exception as error:  # zipfile raises many kinds for bad bytes
        raise UserError(f"{path}: not a readable .npz archive ({first_line(error)}); {_REMEDY}") from error


def _open_maps(archive: zipfile.ZipFile, path: Path) -> tuple[int, Callable[[int], Any]]:
    """The number of maps, and what reads the one at a position."""
    names = set(archive.namelist())
    if "data.npy" in names:
        return _open_stack(archive, archive.getinfo("data.npy"), path)
    count = sum(_MAP_MEMBER.fullmatch(name) is not None for name in names)
    absent = [position for position in range(count) if f"{_map_name(position)}.npy" not in names]
    if not count or absent:
        missing = _map_name(absent[0]) if absent else "data"
        raise UserError(f"{path}: holds no array '{missing}'; {_REMEDY}")
    return count, lambda position: _read_member(archive, _map_name(position))


def _open_stack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> tuple[int, Callable[[int], Any]]:
    """The same of the array `data`, which is read map by map where its order allows."""
    file, size = archive.open(member), member.file_size
    shape, fortran_order, dtype = read_array_header(file)
    if dtype.hasobject:
        _require_memory(size, member)
        maps = read_pickled_arrays(file)
        return len(maps), maps.__getitem__
    if len(shape) != 3:
        raise UserError(f"{path}: data has shape {shape}, expected (n, h, w); {_REMEDY}")
    start = file.tell()
    require_size(shape, dtype, size - start)
    if fortran_order:
        _require_memory(size, member)
        stack = np.frombuffer(file.read(), dtype=dtype).reshape(shape, order="F")
        return len(stack), stack.__getitem__
    step = (size - start) // max(shape[0], 1)
    _require_memory(step, member)

    def read(position: int) -> np.ndarray:
        file.seek(start + position * step)
        return np.frombuffer(file.read(step), dtype=dtype).reshape(shape[1:])

    return shape[0], read


def _read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """A plain array of the archive, whole."""
    member = archive.getinfo(f"{name}.npy")
    _require_memory(member.file_size, member)
    with archive.open(member) as file:
        shape, fortran_order, dtype = read_array_header(file)
        if dtype.hasobject:
            raise pickle.UnpicklingError(f"{name} is pickled")
        content = file.read()
    require_size(shape, dtype, len(content))
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran_order else "C")


def _require_memory(size: int, member: zipfile.ZipInfo) -> None:
    if size > min(MOST_BYTES, UNSUSPECTED + LARGEST_RATIO * member.compress_size):
        raise ValueError(f"{size:,} bytes at once, refused")


def _check_lines(archive: zipfile.ZipFile, path: Path, lines: Sequence[SplitLine]) -> None:
    if not lines or f"{_LINES}.npy" not in archive.namelist():
        return
    if _read_member(archive, _LINES).tolist() != [str(line) for line in lines]:
        raise UserError(f"{path}: was made for other lines than the split has now; make it again or move it away")


def _checked(depth: Any, path: Path) -> np.ndarray:
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind not in "fiu" or not depth.size:
        raise UserError(f"{path}: data holds something other than depth maps (h, w); {_REMEDY}")
    return known_depths(depth)
