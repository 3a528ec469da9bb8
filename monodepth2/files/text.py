"""Text files, read without trust."""

import codecs
import io
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from monodepth2.errors import UserError
from monodepth2.files.input_files import read_input

MOST_BYTES = 1 << 26  # of a text file: a million lines
UNFIT = ("Cc", "Cs", "Zl", "Zp")  # control characters, what is no Unicode, and other ends of lines
LONGEST_LINE = 1 << 13  # in bytes: two of the longest paths that there are


@lru_cache(maxsize=1024)
def leads_out(folder: str) -> bool:
    """Whether a folder of a line could lie outside the data set, or holds what no line of a text can."""
    parts = folder.replace("\\", "/").split("/")
    on_drive = folder[1:2] == ":" and folder[0].isalpha()  # of Windows
    return parts[0] == "" or ".." in parts or on_drive or any(unicodedata.category(c) in UNFIT for c in folder)


def numbered_lines(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that are not blank, with their numbers from 1 on, stripped.

    The file is UTF-8, or UTF-16 with its mark; lines end as on Linux, Windows or the first Macs.

    Raises:
        UserError: the file is unreadable, is not text, or is too large; or a line is longer than any file's lines are.
    """
    for number, line in enumerate(io.BytesIO(_read(path, most_bytes)), start=1):  # a list of blank lines would be large
        if len(line) > LONGEST_LINE:
            raise UserError(f"{path}, line {number}: has {len(line):,} bytes")
        if not line.isspace() and (text := _decoded(line, path).strip()):
            yield number, text


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Return the content of a UTF-8 text file.

    Raises:
        UserError: the file is unreadable, is not text, or is too large.
    """
    return _decoded(_read(path, most_bytes), path)


def _read(path: Path, most_bytes: int) -> bytes:
    """The content as UTF-8, without the mark that some editors put before it, lines ended by line feeds alone."""
    try:
        content = read_input(path, most_bytes)
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            content = content.decode("utf-16").encode()
    except OSError as error:
        raise UserError(f"{path} cannot be read as text: {error.strerror}") from error
    except UnicodeError as error:
        raise UserError(f"{path} cannot be read as text: {error}") from error
    return content.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read as text: {error}") from error
