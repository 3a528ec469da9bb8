"""Where results go, found out before the work rather than after it."""

import os
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
