"""Checkpoint folders on disk: they appear whole or not at all, and say whether they still are what was written."""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input, read_json
from monodepth2.files.weight_files import LARGEST_FILE

MANIFEST = "manifest.json"
PARTIAL = ".partial_"  # before the name of a file or folder that is being written, or removed
_FILE_NAME = re.compile(r"(\w+/)?\w+\.pth", re.ASCII)
MOST_BYTES = 1 << 20  # of a manifest


@dataclass(frozen=True)
class FileFacts:
    """What a manifest says of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint holds, and at which step of its run it was written."""

    step: int
    files: dict[str, FileFacts]


def write_folder(folder: Path, states: Mapping[str, Mapping[str, Any]], step: int) -> None:
    """Write state dicts by file name, and the manifest of their sizes and checksums.

    A name may have one folder in it. All is on the disk, not only in the system's memory, before the folder gets its
    name.

    Raises:
        UserError: it cannot be written, or holds something already; nothing of it is left then.
    """
    partial = folder.with_name(PARTIAL + folder.name)
    try:
        shutil.rmtree(partial, ignore_errors=True)  # what a process that was killed has left
        partial.mkdir(parents=True)
        inner = {(partial / name).parent for name in states} - {partial}
        for one in inner:
            one.mkdir()
        files = {name: _write_state(state, partial / name) for name, state in states.items()}
        _write_synced(json.dumps(asdict(Manifest(step, files)), indent=2), partial / MANIFEST)
        for one in (*inner, partial):
            _sync_folder(one)
        os.rename(partial, folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError(f"{folder}: the checkpoint cannot be written ({error.strerror or error})") from error
    with suppress(OSError):  # the folder is in its place, come what may
        _sync_folder(folder.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text so that after a loss of power, too, the file holds it, or what it held before.

    Raises:
        UserError: it cannot be written.
    """
    partial = path.with_name(PARTIAL + path.name)
    try:
        _write_synced(text, partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


def read_manifest(folder: Path) -> Manifest:
    """Read what a checkpoint says of itself.

    Raises:
        UserError: it says nothing, or nothing usable.
    """
    path = folder / MANIFEST
    try:
        said = read_json(path, MOST_BYTES)
        files = {name: FileFacts(int(facts["bytes"]), str(facts["sha256"])) for name, facts in said["files"].items()}
        if not all(map(_FILE_NAME.fullmatch, files)):
            raise ValueError("a file name is none of a checkpoint")
        if type(said["step"]) is not int or said["step"] < 0:
            raise ValueError("no number of steps")
        return Manifest(said["step"], files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UserError(f"{path}: no usable manifest ({first_line(error)})") from error


def check_files(folder: Path, manifest: Manifest) -> None:
    """Check that every file of a checkpoint is what was written.

    Raises:
        UserError: one is not, or is missing.
    """
    for name, expected in manifest.files.items():
        path = folder / name
        try:
            found = path.stat().st_size
            if found != expected.bytes:
                raise UserError(f"{path}: {found:,} bytes instead of {expected.bytes:,}")
            same = _sha256(path) == expected.sha256
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        if not same:
            raise UserError(f"{path}: does not match its checksum")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_input(path, LARGEST_FILE) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class _Hashing:
    """A file that is only written, front to back, with the checksum of what passed, and what ended it early."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            written = self.file.write(data)
        except BaseException as error:  # Ctrl-C, too
            self.error = error
            raise
        self.sha256.update(data)
        return written

    def flush(self) -> None:
        self.file.flush()


def _write_state(state: Mapping[str, Any], path: Path) -> FileFacts:
    with path.open("wb") as file:
        hashing = _Hashing(file)
        try:
            torch.save(dict(state), hashing)  # type: ignore[arg-type]  # it writes, and asks for no more
        except RuntimeError as error:  # PyTorch's writer has words of its own for a write that failed
            raise hashing.error or OSError(first_line(error)) from error
        file.flush()
        os.fsync(file.fileno())
        return FileFacts(file.tell(), hashing.sha256.hexdigest())


def _write_synced(text: str, path: Path) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk, where the system and the file system know how."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(opened)
