"""Checkpoint folders on disk: they appear whole or not at all, and say whether they still are what was written."""

import errno
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input, read_json
from monodepth2.files.output_paths import write_synced
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
        write_synced(partial / MANIFEST, json.dumps(asdict(Manifest(step, files)), indent=2).encode())
        for one in (*inner, partial):
            _sync_folder(one)
        os.rename(partial, folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError(f"{folder}: the checkpoint cannot be written ({error.strerror or error})") from error
    with suppress(OSError):  # the folder is in its place, come what may
        _sync_folder(folder.parent)


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


def _write_state(state: Mapping[str, Any], path: Path) -> FileFacts:
    buffer = io.BytesIO()  # PyTorch's writer has words of its own for a file that cannot be written
    torch.save(dict(state), buffer)
    content = buffer.getbuffer()
    write_synced(path, content)
    return FileFacts(content.nbytes, hashlib.sha256(content).hexdigest())


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
