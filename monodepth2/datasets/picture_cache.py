"""Pictures kept at training size, so that a run need not decode and resize the same files in every epoch.

Each size has a folder of its own, of pairs of files: an array `<name>.npy`, uint8, (pictures, bytes of a picture), with
a picture's levels one after the other in its row; and an index `<name>.json`, which tells the rows' pictures in order,
as `PictureKey` has them, or null. Pairs are only added, never changed: an array gets its name when it is whole, its
index after it, and an array without an index is not read. So any number of processes may read while one writes, and one
that is killed leaves nothing that another would read.

Arrays are mapped into memory. One that is removed while it is used goes on serving. One that something else cuts short
in its place meanwhile, or that lies on a disk that fails, ends the process.

Pictures are kept whole, neither mirrored nor cut by `--augment_crop`: see `MonoDataset`.
"""

import json
import math
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from tqdm import tqdm

from monodepth2.config import CacheOptions, Options, available_cores
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.training_lines import training_lines
from monodepth2.errors import UserError, counted, tell
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.files.input_files import open_input, read_json
from monodepth2.files.npy_files import mapped_array
from monodepth2.files.output_paths import make_output_folder, whole_file
from monodepth2.files.pictures import PictureError, read_pyramid
from monodepth2.files.rgb import WHITE
from monodepth2.files.sixteen_bits import white_of_any
from monodepth2.runtime.locks import process_lock, take_lock
from monodepth2.runtime.threads import map_ahead

VERSION = 2  # of the files; those of another one lie in another folder
LEVELS = 4
ARRAY_BYTES = 1 << 29  # what a process that is killed while filling loses
MOST_ARRAYS = 256  # made at once; each is an open file of each process that reads, and systems allow some thousand
LARGEST_ARRAY, LARGEST_INDEX = 1 << 36, 1 << 26


class PictureKey(NamedTuple):
    """Which picture, and which state of its file: path relative to the data set's root, bytes, time of change.

    Of pictures of 16 bits it is also as what they are read: see `white_of`, which looks at the whole folder.
    """

    path: str
    size: int
    mtime_ns: int
    white: int = WHITE


class PictureCache:
    """Reads pictures from a folder of arrays, and from their own files where it has not got them.

    What it keeps is used for a picture whose file has still the size and time of change that it had then; `expect`
    finds that out, once, at the start of a run.

    Args:
        folder: of all caches; each size, filter and version has its own in it.
        root: the data set's; pictures are known by their path below it.
        width: of level 0.
        height: of level 0.
        fit: how pictures come to that size.

    Raises:
        UserError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, root: Path, width: int, height: int, fit: Fit = STRETCH) -> None:
        # another Pillow may decode or round in another way
        shape = f"{width}x{height}" if fit == STRETCH else f"{width}x{height}-{fit}"
        name = f"{shape}-lanczos-pillow{PIL.__version__}-v{VERSION}"
        self.folder = make_output_folder("cache_dir", folder / name)
        self.root, self.size, self.fit = root, (width, height), fit
        self._shapes = [(height >> level, width >> level, 3) for level in range(LEVELS)]
        self._ends = np.cumsum([math.prod(shape) for shape in self._shapes]).tolist()  # of the levels in a row
        self.picture_bytes = self._ends[-1]
        self._expected: dict[PictureKey, Path] = {}
        self._places: dict[str, tuple[Path, int]] = {}  # of each kept picture: array and row
        self._arrays: dict[Path, np.ndarray] = {}

    @classmethod
    def from_options(cls, options: Options, frames: SampleFrames, lines: Sequence[SplitLine]) -> "PictureCache | None":
        """The cache of a run, expecting every picture of the given lines; None without `--cache_dir`.

        Raises:
            UserError: the folder cannot be made or written, or its disk has not room for what is missing.
        """
        if options.cache_dir is None:
            return None
        cache = cls(options.cache_dir, frames.layout.root, options.width, options.height, options.input_fit)
        cache.expect({path for line in lines for path in frames.paths(line)})
        return cache

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the arrays itself."""
        return {**self.__dict__, "_arrays": {}}

    def __call__(self, path: Path, deepest: int) -> list[np.ndarray]:
        """Return a picture's levels 0 to `deepest`, the very same as `read_pyramid`, which stands in where it must.

        Raises:
            PictureError: the picture is not kept, and cannot be read.
        """
        place = self._places.get(str(path))
        kept = place and self._read(*place, deepest)
        return kept or read_pyramid(path, deepest, *self.size, self.fit)

    def expect(self, paths: Iterable[Path]) -> None:
        """Look for pictures, each in its present state; files that do not exist are left to the reader.

        Raises:
            UserError: the disk has not room for those that are missing.
        """
        self._expected = {}
        for path in sorted(paths):
            with suppress(OSError):
                found = path.stat()
                name = path.relative_to(self.root).as_posix()
                key = PictureKey(name, found.st_size, found.st_mtime_ns, white_of_any(path))
                self._expected[key] = path
        needed = len(self._find()) * self.picture_bytes
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f"--cache_dir {self.folder}: keeping the pictures needs {_shown(needed)} more, but {_shown(free)} are "
                "free; name a folder on another disk, or do without --cache_dir"
            )

    def fill(self) -> None:
        """Make what is missing of the expected pictures; where another process is about it, wait for that.

        Pictures that cannot be read are left out.

        Raises:
            UserError: the folder cannot be written.
        """
        if not self._find():
            return
        lock = process_lock(self.folder / "lock")
        try:
            take_lock(lock, lambda: tell(f"another process is filling {self.folder}: waiting for it"))
            self._tidy()
            if missing := self._find():
                self._make(missing)
                self._find()
        except OSError as error:
            raise UserError(
                f"--cache_dir {self.folder}: cannot be locked or written ({error}); name another folder"
            ) from error
        finally:
            lock.release()

    def report(self) -> str:
        """What is there, as text for people."""
        total = len(self._places) * self.picture_bytes
        missing = len(self._expected) - len(self._places)
        text = (
            f"{len(self._places):,} pictures of {self.size[0]} x {self.size[1]} ({_shown(total)}) are in {self.folder}"
        )
        return text + (f"; {missing:,} could not be read" if missing else "")

    def _find(self) -> list[PictureKey]:
        """Learn where the expected pictures are kept; return those that are nowhere."""
        missing, self._places = dict(self._expected), {}
        for index in sorted(self.folder.glob("*.json")):
            with suppress(OSError, ValueError):
                for row, key in enumerate(self._read_index(index)):
                    if path := missing.pop(key, None):
                        self._places[str(path)] = index.with_suffix(".npy"), row
        return list(missing)

    def _read_index(self, index: Path) -> list[PictureKey]:
        """The pictures of an array's rows.

        Raises:
            ValueError: index or array is damaged.
            OSError: one of them cannot be read.
        """
        entries = read_json(index, LARGEST_INDEX)
        if not isinstance(entries, list) or len(entries) != len(self._map(index.with_suffix(".npy"))):
            raise ValueError(index)
        try:
            keys = [PictureKey(*(entry or ("", 0, 0))) for entry in entries]
        except TypeError as error:
            raise ValueError(index) from error
        if any([type(value) for value in key] != [str, int, int, int] for key in keys):
            raise ValueError(index)
        return keys

    def _map(self, array: Path) -> np.ndarray:
        """An array, mapped into memory, (n, picture_bytes).

        Raises:
            ValueError: it is damaged.
            OSError: it cannot be read.
        """
        with open_input(array, LARGEST_ARRAY) as file:
            rows = np.asarray(mapped_array(file))
        if rows.shape[1:] != (self.picture_bytes,) or not rows.flags.c_contiguous or rows.dtype != np.uint8:
            raise ValueError(array)
        return rows

    def _tidy(self) -> None:
        """Remove what is damaged, and what killed processes have left; no other process may be writing."""
        for index in self.folder.glob("*.json"):
            try:
                self._read_index(index)
            except (ValueError, FileNotFoundError):
                tell(f"{index}: damaged, its pictures are made again")
                index.unlink()
        left = [array for array in self.folder.glob("*.npy") if not array.with_suffix(".json").exists()]
        for file in (*left, *self.folder.glob(".*.partial")):
            file.unlink()

    def _make(self, missing: Sequence[PictureKey]) -> None:
        size = _shown(len(missing) * self.picture_bytes)
        tell(f"keeping {counted(len(missing), 'picture')} ({size}) in {self.folder}")
        cores, step = available_cores(), max(1, ARRAY_BYTES // self.picture_bytes, len(missing) // MOST_ARRAYS)
        made = map_ahead(self._row, missing, 2 * cores, cores)
        rows = iter(tqdm(made, "keeping pictures", len(missing), unit="picture", disable=None))
        for start in range(0, len(missing), step):
            self._write(missing[start : start + step], rows)

    def _row(self, key: PictureKey) -> bytes | None:
        try:
            levels = read_pyramid(self._expected[key], LEVELS - 1, *self.size, self.fit)
        except PictureError:  # the loader says so where the run meets it
            return None
        return b"".join(level.tobytes() for level in levels)

    def _write(self, pictures: Sequence[PictureKey], rows: Iterator[bytes | None]) -> None:
        """Add a pair of files, of the next rows; not by a map, on which a full disk would end the process."""
        path, keys = self.folder / secrets.token_hex(8), []
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(pictures), self.picture_bytes)}
        with whole_file(path.with_suffix(".npy")) as partial, partial.open("wb") as array:
            np.lib.format.write_array_header_1_0(array, header)
            for key, row in zip(pictures, rows, strict=False):
                array.write(row or bytes(self.picture_bytes))
                keys.append(row and key)
            array.flush()
            os.fsync(array.fileno())  # in a power cut the index must not outlive what it tells of
        if any(keys):
            with whole_file(path.with_suffix(".json")) as partial, partial.open("w") as index:
                json.dump(keys, index)
        else:
            path.with_suffix(".npy").unlink()

    def _read(self, array: Path, row: int, deepest: int) -> list[np.ndarray] | None:
        """Levels of a kept picture, None where its array is no longer what was found."""
        try:
            if array not in self._arrays:
                self._arrays[array] = self._map(array)
            levels = np.split(self._arrays[array][row, : self._ends[deepest]].copy(), self._ends[:deepest])
        except (OSError, ValueError, IndexError):
            return None
        return [level.reshape(shape) for level, shape in zip(levels, self._shapes, strict=False)]


def fill_cache(options: CacheOptions) -> int:
    """Keep every picture of a split at training size, and say what is there; return the exit code.

    Raises:
        UserError: the data set lacks pictures, or the folder's disk has not room, or cannot be written.
    """
    of_training = options.training()
    lines = training_lines(of_training)
    frames = SampleFrames.from_options(of_training, lines.layout)
    frames.check(lines.all)
    cache = PictureCache.from_options(of_training, frames, lines.all)
    assert cache is not None
    cache.fill()
    print(cache.report())
    return 0


def _shown(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB" if size < 1 << 30 else f"{size / (1 << 30):.1f} GiB"
