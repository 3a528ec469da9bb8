"""Where results go: checked before the work rather than after it, and written whole or not at all."""

import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from monodepth2.errors import UserError


def check_output_file(flag: str, path: Path) -> None:
    """Check that a file can be written.

    Raises:
        UserError: it cannot; the message names the flag.
    """
    path = path.expanduser()
    target = _target(path)
    # the file comes into being beside its place, so that the folder has to be writable, too
    places = [target.parent, target] if os.path.exists(target) else [target.parent]
    if (
        not os.path.isdir(target.parent)
        or os.path.isdir(target)
        or not all(os.access(place, os.W_OK) for place in places)
    ):
        raise UserError(f"--{flag} {path}: cannot be written; give a file in an existing, writable folder")
    _check_regular(path, f"--{flag} ")


def check_not_among(outputs: Mapping[str, Iterable[Path]], inputs: Iterable[Path]) -> None:
    """Check that no output takes the place of an input, or of an output of another flag, through links too.

    Args:
        outputs: the files that each flag makes.
        inputs: files that are read.

    Raises:
        UserError: one would; the message names the flag.
    """
    read = {_identity(path) for path in inputs if os.path.exists(path)}
    owner: dict[Path, str] = {}
    for flag, paths in outputs.items():
        for path in paths:
            if os.path.exists(path) and _identity(path) in read:
                raise UserError(f"{path} is an input and would be overwritten: choose another --{flag}")
            other = owner.setdefault(_target(path), flag)
            if other != flag:
                raise UserError(f"--{other} and --{flag} would both write {path}: name a file of its own for each")


def check_apart(flag: str, folder: Path, pictures: Iterable[Path], remedy: str = "name another folder") -> None:
    """Check that pictures are not written among those that are read, where they would be taken for frames of a drive.

    Args:
        flag: that names the folder.
        folder: for the pictures.
        pictures: that are read.
        remedy: for the message.

    Raises:
        UserError: they would be; the message names the flag.
    """
    places = {path.parent for path in pictures}  # few, of many pictures
    if os.path.realpath(folder) in map(os.path.realpath, places):
        raise UserError(
            f"--{flag} {folder}: holds pictures that are read, and what is written there would be taken for further "
            f"ones: {remedy}"
        )


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def check_output_folder(flag: str, folder: Path) -> None:
    """Check that a folder can be written into, or made, without making it.

    Raises:
        UserError: it cannot; the message names the flag.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"--{flag} {folder}: cannot be written; name another folder")


def check_replaceable(folder: Path, before: str = "") -> None:
    """Check that another folder can take the place of one, or of nothing; `before` begins the message.

    Raises:
        UserError: it is where a disk is attached, or the folder in which this process is.
    """
    if os.path.ismount(folder.resolve()):
        raise UserError(
            f"{before}{folder}: is where a disk is attached, which nothing can replace; name a folder in it"
        )
    if folder.resolve() == Path.cwd():
        raise UserError(f"{before}{folder}: is the folder you are in; name one that is new")


def make_output_folder(flag: str, folder: Path) -> Path:
    """Make a folder, `~` expanded, that can be written into.

    Raises:
        UserError: it cannot be; the message names the flag.
    """
    folder = folder.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--{flag} {folder}: cannot be made a folder ({error.strerror}); give another") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"--{flag} {folder}: cannot be written; give another folder")
    return folder


def _target(path: Path) -> Path:
    """The file that a path leads to through links, which stay."""
    return Path(os.path.realpath(path))


def _check_regular(path: Path, before: str = "") -> None:
    """Refuse what a file would replace to its loss: a device or a pipe."""
    # what may not be seen does not exist, of which `Path.exists` would raise
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{before}{path}: cannot be written, as it is a folder, a device or a pipe; name a file")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Lend a temporary name beside a file; when all went well, what was written under it becomes the file.

    The name is this process's own, and short, however long the file's own is. A link stays, and what it leads to is
    written.

    Raises:
        UserError: it cannot be written, or is no file.
    """
    target = _target(path)
    _check_regular(path)
    partial = target.with_name(f".{zlib.crc32(os.fsencode(target.name)):08x}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Lend a temporary folder beside one; when all went well, it becomes the folder, in the place of an empty one.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = tempfile.TemporaryDirectory(prefix=f".{path.name}.partial-", dir=path.parent, ignore_cleanup_errors=True)
    with beside as temporary:
        partial = Path(temporary) / path.name
        partial.mkdir()  # with the rights that folders have here; a temporary one is closed to others
        yield partial
        if path.exists():
            path.rmdir()
        partial.rename(path)


def write_whole(path: Path, content: str | bytes | memoryview, synced: bool = False) -> None:
    """Write a file whole or not at all: a text in UTF-8, with escapes for what of a file's name is no text, or bytes.

    Args:
        path: of the file.
        content: of the file.
        synced: after a loss of power, too, the file holds this, or what it held before.

    Raises:
        UserError: it cannot be written.
    """
    content = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with whole_file(path) as partial:
        if synced:
            write_synced(partial, content)
        else:
            partial.write_bytes(content)


def write_synced(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is on the disk, not only in the system's memory, when this returns.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
