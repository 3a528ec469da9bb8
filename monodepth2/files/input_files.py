"""Files that come from elsewhere, opened without trust in what they are and how large."""

import errno
import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

from monodepth2.errors import UserError

MOST_JSON = 1 << 26  # bytes of a JSON file


def open_input(path: Path, most_bytes: int) -> BufferedReader:
    """Open a file for reading.

    A pipe or a device is refused: on these a reader could wait, or go on, for ever.

    Raises:
        OSError: the file cannot be opened, is no regular file, or is larger than `most_bytes`; `strerror` says which.
    """

    def open_regular(name: str, flags: int) -> int:
        without_waiting = getattr(os, "O_NONBLOCK", 0)  # for the other end of a pipe, which no file of Windows is
        descriptor = os.open(name, flags | without_waiting)
        try:
            _require_regular(os.fstat(descriptor), name, most_bytes)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    return open(path, "rb", opener=open_regular)


def _require_regular(found: os.stat_result, name: str, most_bytes: int) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", name)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", name)
    if found.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"{found.st_size:,} bytes are too many, refused", name)


def required_input(path: Path, most_bytes: int, absent: str, remedy: str = "") -> bytes:
    """Return the content of a file, as `read_input`, with messages for the user.

    Args:
        path: of the file.
        most_bytes: that it may have.
        absent: what to say if there is none.
        remedy: what to do if it cannot be read.

    Raises:
        UserError: it is missing or cannot be read.
    """
    try:
        return read_input(path, most_bytes)
    except FileNotFoundError as error:
        raise UserError(f"{path}: {absent}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}){remedy and f'; {remedy}'}") from error


def read_input(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: see `open_input`.
    """
    with open_input(path, most_bytes) as file:
        return file.read(most_bytes)


def read_json(path: Path, most_bytes: int = MOST_JSON) -> Any:
    """Return what a JSON file holds.

    Raises:
        OSError: see `open_input`.
        ValueError: it is not JSON.
    """
    try:
        return json.loads(read_input(path, most_bytes))
    except RecursionError as error:
        raise ValueError("brackets within brackets without end") from error
