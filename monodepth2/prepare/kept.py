"""What was read of a source, kept beside the output until that is whole, for the run after an interruption."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monodepth2 import __version__
from monodepth2.files.input_files import read_json
from monodepth2.files.output_paths import write_whole
from monodepth2.motion.focal import FocalLength
from monodepth2.prepare.analysis import Analysis, Look
from monodepth2.prepare.plan import Drive
from monodepth2.prepare.staging import FOUND

MOST_BYTES = 1 << 28
PER_FRAME = ("times", "sharpness", "exposure", "copies", "flow", "survival")  # arrays of an analysis
Found = tuple[Analysis, list[str]]  # and remarks


class KeptSource:
    """A folder with the pictures of a source's frames, and what was found of them once all are read.

    Attributes:
        found: what an earlier run has found of the same source, which it has read in the same way and to its end; None
            where there is no such run, and then the folder is empty at first.

    Args:
        folder: it is made, or emptied of anything else.
        of: what tells all of this apart, as JSON can hold it.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path, of: Mapping[str, Any]) -> None:
        self.folder = folder
        self._of = json.loads(json.dumps({**of, "monodepth2": __version__}))
        self.found = read_found(folder / FOUND, self._of)
        if self.found is None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def picture(self, frame: int) -> Path:
        """The picture of a frame by its number."""
        return self.folder / f"{frame:07d}.jpg"

    def trim(self, drives: Sequence[Drive]) -> None:
        """Remove the pictures that drives do not need."""
        needed = {self.picture(frame).name for drive in drives for frame in drive.frames}
        for path in self.folder.glob("*.jpg"):
            if path.name not in needed:
                path.unlink()

    def keep(self, analysis: Analysis, remarks: Sequence[str]) -> None:
        """Write down what was found of the whole source."""
        values = {name: getattr(analysis, name).tolist() for name in PER_FRAME}
        still = ["".join(map(str, row)) for row in analysis.still.astype(int)]
        values |= {"size": analysis.size, "looks": analysis.looks, "still": still, "focal": analysis.focal}
        write_whole(self.folder / FOUND, json.dumps({**values, "remarks": list(remarks), "of": self._of}))


def read_found(path: Path, of: Any) -> Found | None:
    """Read what was found of a source; None where the file is none, or of another source."""
    try:
        values = read_json(path, MOST_BYTES)
        return (_analysis(values), [str(remark) for remark in values["remarks"]]) if values["of"] == of else None
    except (OSError, KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _analysis(values: Any) -> Analysis:
    frames = {name: np.array(values[name], bool if name == "copies" else float) for name in PER_FRAME}
    looks = tuple(Look(*look) for look in values["looks"])
    still = np.array([list(row) for row in values["still"]]) == "1"
    width, height = values["size"]
    focal = None if values["focal"] is None else FocalLength(*values["focal"])
    return Analysis(size=(width, height), looks=looks, still=still, focal=focal, **frames)
