"""The lines of a split, and the files that list them: `<folder> <frame> <l|r>`."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from monodepth2.errors import UserError
from monodepth2.input_files import read_input

MOST_BYTES = 1 << 26  # of a text file: a million lines
LONGEST_LINE = 1 << 13  # in bytes: two of the longest paths that there are
_FRAME = re.compile(r"\d{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SplitLine:
    """One target frame.

    Attributes:
        folder: where it lies in the data set: `<date>/<drive>`, for odometry the number of the sequence.
        frame: its number, 0 or more.
        side: the camera, `l` or `r`.
    """

    folder: str
    frame: int
    side: str

    def __str__(self) -> str:
        return f"{self.folder} {self.frame} {self.side}"

    @classmethod
    def parse(cls, text: str) -> "SplitLine":
        """Read `<folder> <frame> <side>`; a missing side is the left one, as in the benchmark's `image 0`.

        Raises:
            UserError: the line has another form, or its folder could lead out of the data set.
        """
        words = text.split()
        if not 2 <= len(words) <= 3:
            raise UserError(f"{shown(text)} is not '<folder> <frame> <l|r>'")
        folder, frame, side = (*words, "l")[:3]
        if leads_out(folder):
            raise UserError(f"folder {shown(folder)}: give it relative to the data set, without '..'")
        if not _FRAME.fullmatch(frame):
            raise UserError(f"frame {shown(frame)} is not a number of at most ten digits")
        if side not in ("l", "r"):
            raise UserError(f"side {shown(side)} is neither l nor r")
        return cls(folder, int(frame), side)


@lru_cache(maxsize=1024)
def leads_out(folder: str) -> bool:
    """Whether a folder of a line could lie outside the data set, or is none that can be shown."""
    parts = folder.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or folder[1:2] == ":" or not folder.isprintable()


def shown(text: str) -> str:
    """Return a user's text for a message: quoted, and cut where it is long."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def read_lines(path: Path) -> list[SplitLine]:
    """Return the lines of a list file; blank lines are skipped.

    Raises:
        UserError: the file is empty, unreadable, larger than 64 MiB, or a line is refused; the message names the line.
    """
    lines = []
    for number, text in numbered_lines(path):
        try:
            lines.append(SplitLine.parse(text))
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from error
    if not lines:
        raise UserError(f"{path} is empty: write one line '<folder> <frame> <l|r>' per sample, or remove the file")
    return lines


def numbered_lines(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 text file that are not blank, with their numbers from 1 on, stripped.

    Raises:
        UserError: the file is unreadable, is not text, or is too large; or a line is longer than any file's lines are.
    """
    for number, line in enumerate(io.BytesIO(_read(path, most_bytes)), start=1):  # a list of blank lines would be large
        if len(line) > LONGEST_LINE:
            raise UserError(f"{path}, line {number}: has {len(line):,} bytes")
        if not line.isspace() and (text := _decoded(line, path).strip()):
            yield number, text


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 text file.

    Raises:
        UserError: the file is unreadable, is not text, or is larger than 64 MiB.
    """
    return _decoded(_read(path, MOST_BYTES), path)


def _read(path: Path, most_bytes: int) -> bytes:
    """The content, without the mark that some editors put before it."""
    try:
        return read_input(path, most_bytes).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise UserError(f"{path} cannot be read as text: {error.strerror}") from error


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read as text: {error}") from error
