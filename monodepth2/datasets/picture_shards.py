"""Shards: files of many pictures of one size, written once and never changed.

A shard is its pictures one after the other, each with all its levels, then their keys as JSON, then a trailer that
tells where the keys begin. It appears under its name when it is whole.
"""

import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monodepth2.files.input_files import open_input
from monodepth2.files.output_paths import whole_file

SUFFIX = ".pictures"
LEVELS = 4
LARGEST_FILE = 1 << 36
_TRAILER = struct.Struct("<QI8s")  # bytes of the keys, their checksum, and what kind of file this is
_MAGIC = b"MD2PICS1"


class DamagedShard(ValueError):
    """A file that is not a whole shard of the expected size of pictures."""


class PictureKey(NamedTuple):
    """Which picture, and which state of its file.

    Attributes:
        path: of the file, relative to the data set's root.
        size: of the file in bytes.
        mtime_ns: when the file was last changed.
    """

    path: str
    size: int
    mtime_ns: int


def level_shapes(width: int, height: int, levels: int = LEVELS) -> list[tuple[int, int, int]]:
    """The shapes (h, w, 3) of a picture's levels."""
    return [(height >> level, width >> level, 3) for level in range(levels)]


def picture_bytes(width: int, height: int) -> int:
    """What one picture takes with all its levels."""
    return sum(h * w * c for h, w, c in level_shapes(width, height))


def write_shard(folder: Path, pictures: Iterable[tuple[PictureKey, Sequence[np.ndarray] | None]]) -> None:
    """Write pictures with all their levels as a new shard of a folder; those without levels are left out.

    Raises:
        UserError: it cannot be written.
    """
    path, keys = folder / f"{secrets.token_hex(8)}{SUFFIX}", []
    with whole_file(path) as partial, partial.open("wb") as file:
        for key, levels in pictures:
            if levels is not None:
                file.writelines(level.data for level in levels)
                keys.append(key)
        text = json.dumps(keys).encode()
        file.write(text + _TRAILER.pack(len(text), zlib.crc32(text), _MAGIC))
        file.flush()
        os.fsync(file.fileno())  # a name must not outlive, in a power cut, what it stands for
    if not keys:
        path.unlink()


def read_keys(path: Path, bytes_per_picture: int) -> list[PictureKey]:
    """Return the keys of a shard's pictures in order.

    Raises:
        DamagedShard: the file is no whole shard of such pictures.
        OSError: it cannot be read.
    """
    with open_input(path, LARGEST_FILE) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _TRAILER.size))
        trailer = file.read()
        if len(trailer) != _TRAILER.size:
            raise DamagedShard(path)
        length, checksum, magic = _TRAILER.unpack(trailer)
        if magic != _MAGIC or length > size - _TRAILER.size:
            raise DamagedShard(path)
        file.seek(size - _TRAILER.size - length)
        text = file.read(length)
    if zlib.crc32(text) != checksum:
        raise DamagedShard(path)
    keys = _parse(text, path)
    if len(keys) * bytes_per_picture + length + _TRAILER.size != size:
        raise DamagedShard(path)
    return keys


def _parse(text: bytes, path: Path) -> list[PictureKey]:
    try:
        keys = [PictureKey(*entry) for entry in json.loads(text)]
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedShard(path) from error
    if not all(isinstance(key.path, str) and type(key.size) is type(key.mtime_ns) is int for key in keys):
        raise DamagedShard(path)
    return keys
