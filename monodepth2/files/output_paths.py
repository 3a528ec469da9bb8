"""Where results go: checked before the work rather than after it, and written whole or not at all."""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from monodepth2.errors import UserError


def check_output_file(flag: str, path: Path) -> None:
    """Check that a file can be written.

    Raises:
        UserError: it cannot; the message names the flag.
    """
    path = path.expanduser()
    if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"--{flag} {path}: cannot be written; give a file in an existing, writable folder")


def check_output_folder(flag: str, folder: Path) -> None:
    """Check that a folder can be written into, or made, without making it.

    Raises:
        UserError: it cannot; the message names the flag.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"--{flag} {folder}: cannot be written; name another folder")


def check_replaceable(flag: str, folder: Path) -> None:
    """Check that another folder can take the place of one, or of nothing; `flag` begins the message.

    Raises:
        UserError: it is where a disk is attached, or the folder in which this process is.
    """
    if os.path.ismount(folder.resolve()):
        raise UserError(f"{flag}{folder}: is where a disk is attached, which nothing can replace; name a folder in it")
    if folder.resolve() == Path.cwd():
        raise UserError(f"{flag}{folder}: is the folder you are in; name one that is new")


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


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Lend a temporary name beside a file; when all went well, what was written under it becomes the file.

    The name is this process's own, and short, however long the file's own is.

    Raises:
        UserError: it cannot be written.
    """
    partial = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def write_whole(path: Path, content: str | bytes | memoryview) -> None:
    """Write a file whole or not at all: a text in UTF-8, with escapes for what of a file's name is no text, or bytes.

    Raises:
        UserError: it cannot be written.
    """
    with whole_file(path) as partial:
        if isinstance(content, str):
            partial.write_text(content, encoding="utf-8", errors="backslashreplace")
        else:
            partial.write_bytes(content)
