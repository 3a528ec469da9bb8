"""The lines of a split, and the files that list them: `<folder> <frame> <l|r>`."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from monodepth2.errors import UserError, shown
from monodepth2.files.text import leads_out, numbered_lines

_FRAME = re.compile(r"\d{1,19}", re.ASCII)  # time stamps in nanoseconds have as many
_SIDES = {"l": "l", "r": "r", "L": "l", "R": "r", "2": "l", "3": "r"}


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

        The folder may hold blanks and be written with backslashes; sides may also be `L` and `R`, or `2` and `3`, the
        numbers of KITTI's cameras.

        Raises:
            UserError: the line has another form, or its folder could lead out of the data set.
        """
        words = text.rsplit(None, 2)
        if len(words) < 2:
            raise UserError(f"{shown(text)} is not '<folder> <frame> <l|r>'")
        folder, frame, side = (*words, "l")[:3]
        folder = folder.strip().replace("\\", "/")
        if leads_out(folder):
            raise UserError(f"folder {shown(folder)}: give it relative to the data set, without '..'")
        if not _FRAME.fullmatch(frame):
            raise UserError(f"frame {shown(frame)} is not a number of at most 19 digits")
        if side not in _SIDES:
            raise UserError(f"side {shown(side)} is neither l nor r")
        return cls(folder, int(frame), _SIDES[side])

    def other(self, frame: int | str, gap: int = 1) -> "SplitLine":
        """Return the line of another frame of a sample: an offset in time, times the gap, or the other camera's view.

        Its number may be negative: drives have no such picture.
        """
        if isinstance(frame, str):
            return SplitLine(self.folder, self.frame, "r" if self.side == "l" else "l")
        return SplitLine(self.folder, self.frame + frame * gap, self.side)

    def require_listable(self) -> None:
        """Refuse a line that would be read from a list as another one, or not at all.

        Raises:
            UserError: its folder has such a name.
        """
        with suppress(UserError):
            if self.parse(str(self)) == self:
                return
        raise UserError(
            f"folder {shown(self.folder)}: a list cannot hold this name (blanks at its ends, a backslash, a tab or "
            "another control character, the letter of a drive, or no Unicode): rename the folder"
        )


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
