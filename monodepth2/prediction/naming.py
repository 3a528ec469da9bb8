"""Where each output goes: never onto an input, never two onto one file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_apart, check_not_among
from monodepth2.files.picture_names import ENDINGS, OWN_WORDS
from monodepth2.files.picture_opening import OWN_ENDINGS
from monodepth2.prediction.outputs import KINDS

VIDEO_KIND, VIDEO_ENDING = "side_by_side", ".mp4"
RECORDING_KIND = "rrd"
JOINED = (VIDEO_KIND, RECORDING_KIND)  # the kinds that make one file of a whole video


def of_frames(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds that make a file of each frame of a video."""
    return tuple(kind for kind in kinds if kind not in JOINED)


class Label(NamedTuple):
    """What an input is called: without its ending, and with it."""

    stem: str
    name: str

    @classmethod
    def of(cls, path: Path) -> "Label":
        """The label of a file."""
        return cls(path.stem, path.name)

    def frame(self, index: int) -> "Label":
        """The label of one frame of a video, counted from 0."""
        return Label(f"{self.stem}_{index:06d}", f"{self.name}_{index:06d}")


@dataclass(frozen=True)
class Naming:
    """Names output files.

    Attributes:
        folder: where they are.
        pattern: of their names, with {stem}, {name} and {kind}, without the ending.
    """

    folder: Path
    pattern: str

    def path(self, label: Label, kind: str) -> Path:
        """Return the file of one kind for one picture or frame."""
        return self._path(label, KINDS[kind].word, KINDS[kind].ending)

    def video_path(self, label: Label) -> Path:
        """Return the file that joins all frames of a video."""
        return self._path(label, VIDEO_KIND, VIDEO_ENDING)

    def joined_paths(self, label: Label) -> list[Path]:
        """Return all files that could join the frames of a video."""
        return [self.video_path(label), self.path(label, RECORDING_KIND)]

    def _path(self, label: Label, word: str, ending: str) -> Path:
        return self.folder / (self.pattern.format(**label._asdict(), kind=word) + ending)

    def check(self, labels: Sequence[Label], kinds: Sequence[str], protected: Iterable[Path]) -> None:
        """Check before the work that every output has a file of its own, and none takes the place of an input.

        Raises:
            UserError: two outputs would be one file, one would overwrite a protected file, through links too, or be
                taken for a frame beside those that are read.
        """
        taken: dict[Path, tuple[Label, str]] = {}
        for label in labels:
            for kind in kinds:
                path = self.path(label, kind)
                if path in taken:
                    raise self._clash(path, taken[path], (label, kind))
                taken[path] = label, kind
        check_not_among({"output_dir": taken}, protected)
        pictures = [path.name for path in taken if path.suffix in OWN_ENDINGS]
        if not all(any(word in name for word in OWN_WORDS) for name in pictures):
            remedy = "put {kind} into --output_pattern, or name another folder"
            check_apart(
                "output_dir", self.folder, (path for path in protected if path.suffix.lower() in ENDINGS), remedy
            )

    def _clash(self, path: Path, one: tuple[Label, str], other: tuple[Label, str]) -> UserError:
        start = f"--output_pattern {self.pattern}: "
        if one[0] == other[0]:
            return UserError(f"{start}{one[1]} and {other[1]} would both become {path.name}; put {{kind}} into it")
        names = f"{one[0].name} and {other[0].name}"
        return UserError(f"{start}{names} would both become {path.name}; put {{name}} into it")
