"""Pictures kept at training size, so that a run need not decode and resize the same files in every epoch.

Each size has a folder of its own, which is only ever added to: whole shards, under names that nobody else takes. So
any number of processes may read while one writes, and one that is killed leaves nothing that another would read.
Pictures are kept as they are, not mirrored: see `MonoDataset`.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL
from tqdm import tqdm

from monodepth2.config import Options, available_cores
from monodepth2.datasets.check import check_data_set
from monodepth2.datasets.layouts import Layout, frame_path, make_layout
from monodepth2.datasets.picture_shards import (
    LEVELS,
    SUFFIX,
    DamagedShard,
    PictureKey,
    level_shapes,
    picture_bytes,
    read_keys,
    write_shard,
)
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.files.output_paths import make_output_folder
from monodepth2.files.pictures import PictureError, read_pyramid
from monodepth2.runtime.threads import map_ahead

VERSION = 1
SHARD_BYTES = 1 << 29


class PictureCache:
    """Reads pictures from a folder of shards, and from their own files where it has not got them.

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
        self._shapes, self._bytes = level_shapes(width, height), picture_bytes(width, height)
        self._expected: dict[PictureKey, Path] = {}
        self._places: dict[str, tuple[Path, int]] = {}  # of each kept picture: shard and offset
        self._files: dict[Path, BinaryIO] = {}

    @classmethod
    def from_options(cls, options: Options, layout: Layout, lines: Sequence[SplitLine]) -> "PictureCache | None":
        """The cache of a run, expecting every picture of the given lines; None without `--cache_dir`.

        Raises:
            UserError: the folder cannot be made or written, or its disk has not room for what is missing.
        """
        if options.cache_dir is None:
            return None
        cache = cls(options.cache_dir, layout.root, options.width, options.height, Fit(options.fit, options.crop_top))
        cache.expect({frame_path(layout, line, frame) for line in lines for frame in options.loaded_ids})
        return cache

    def __getstate__(self) -> dict[str, Any]:
        """Open files stay with their process."""
        return {**self.__dict__, "_files": {}}

    def __call__(self, path: Path, deepest: int) -> list[np.ndarray]:
        """Return a picture's levels 0 to `deepest`, the very same as `read_pyramid`, which stands in where it must.

        Raises:
            PictureError: the picture is not kept, and cannot be read.
        """
        place = self._places.get(str(path))
        kept = place and self._read(*place, self._shapes[: deepest + 1])
        return kept or read_pyramid(path, deepest, *self.size, self.fit)

    def expect(self, paths: Iterable[Path], free_bytes: int | None = None) -> None:
        """Look for pictures, each in its present state; files that do not exist are left to the reader.

        Args:
            paths: of the pictures.
            free_bytes: on the folder's disk (default: as the system says).

        Raises:
            UserError: the disk has not room for those that are missing.
        """
        self._expected = {}
        for path in sorted(paths):
            with suppress(OSError):
                found = path.stat()
                key = PictureKey(path.relative_to(self.root).as_posix(), found.st_size, found.st_mtime_ns)
                self._expected[key] = path
        needed = len(self._find()) * self._bytes
        free = shutil.disk_usage(self.folder).free if free_bytes is None else free_bytes
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
        with _alone(self.folder):
            for left_behind in self.folder.glob(f".*{SUFFIX}.*.partial"):
                left_behind.unlink()
            for shard in self._shards():
                self._remove_damaged(shard)
            missing = self._find()
            if missing:
                self._make(missing)
                self._find()

    def report(self) -> str:
        """What is there, as text for people."""
        total = len(self._places) * self._bytes
        missing = len(self._expected) - len(self._places)
        text = (
            f"{len(self._places):,} pictures of {self.size[0]} x {self.size[1]} ({_shown(total)}) are in {self.folder}"
        )
        return text + (f"; {missing:,} could not be read" if missing else "")

    def _shards(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def _remove_damaged(self, shard: Path) -> None:
        try:
            read_keys(shard, self._bytes)
        except DamagedShard:
            print(f"{shard}: damaged, its pictures are made again", file=sys.stderr)
            shard.unlink()

    def _keys(self, shard: Path) -> list[PictureKey]:
        """A shard's keys, none where it is damaged or cannot be read."""
        try:
            return read_keys(shard, self._bytes)
        except (DamagedShard, OSError):
            return []

    def _find(self) -> list[PictureKey]:
        """Learn where the expected pictures are kept; return those that are nowhere."""
        missing = dict(self._expected)
        self._places = {}
        for shard in self._shards():
            for n, key in enumerate(self._keys(shard)):
                path = missing.pop(key, None)
                if path is not None:
                    self._places[str(path)] = shard, n * self._bytes
        return list(missing)

    def _make(self, missing: Sequence[PictureKey]) -> None:
        size = _shown(len(missing) * self._bytes)
        print(f"keeping {len(missing):,} pictures ({size}) in {self.folder}", file=sys.stderr)
        cores, step = available_cores(), max(1, SHARD_BYTES // self._bytes)
        with tqdm(total=len(missing), desc="keeping pictures", unit="picture", disable=None) as bar:
            for start in range(0, len(missing), step):
                made = map_ahead(self._pyramid, missing[start : start + step], 2 * cores, cores)
                write_shard(self.folder, _counted(made, bar))

    def _pyramid(self, key: PictureKey) -> tuple[PictureKey, list[np.ndarray] | None]:
        try:
            return key, read_pyramid(self._expected[key], LEVELS - 1, *self.size, self.fit)
        except PictureError:  # the loader says so where the run meets it
            return key, None

    def _read(self, shard: Path, offset: int, shapes: Sequence[tuple[int, int, int]]) -> list[np.ndarray] | None:
        """Levels from a shard, None where it has changed since it was found.

        Read, not mapped: as fast from the page cache, and a file that is cut short meanwhile ends in a short read
        rather than a killed process.
        """
        ends = np.cumsum([h * w * c for h, w, c in shapes])
        levels = np.empty(ends[-1], np.uint8)
        try:
            if shard not in self._files:
                self._files[shard] = shard.open("rb", buffering=0)
            if os.preadv(self._files[shard].fileno(), [levels.data], offset) != levels.size:
                return None
        except OSError:
            return None
        return [part.reshape(shape) for part, shape in zip(np.split(levels, ends[:-1]), shapes, strict=True)]


def fill_cache(options: Options) -> str:
    """Keep every picture of a training's split, and say what is there.

    Raises:
        UserError: the data set lacks pictures, or the folder's disk has not room, or cannot be written.
    """
    layout = make_layout(options.dataset, options.data_path, options.png)
    lines = [line for part in ("train", "val") for line in read_split(options.split, part)]
    check_data_set(layout, lines, options.loaded_ids)
    cache = PictureCache.from_options(options, layout, lines)
    assert cache is not None
    cache.fill()
    return cache.report()


def _counted(items: Iterable[Any], bar: tqdm) -> Iterator[Any]:
    for item in items:
        yield item
        bar.update()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into a folder; the system lifts this even from one that is killed."""
    try:
        with (folder / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"another process is filling {folder}: waiting for it", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise UserError(f"--cache_dir {folder}: cannot be locked or written ({error}); name another folder") from error


def _shown(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB" if size < 1 << 30 else f"{size / (1 << 30):.1f} GiB"
