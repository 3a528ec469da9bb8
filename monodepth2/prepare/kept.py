"""What was read of a source, kept beside the output until that is whole: a run that was interrupted goes on with it."""

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

OF, ANALYSIS = "of.json", "analysis.json"
MOST_BYTES = 1 << 28
PER_FRAME = ("times", "sharpness", "exposure", "copies", "flow", "survival")  # arrays of an analysis


class KeptSource:
    """A folder with the pictures of a source's frames, and what was found of them once all are read.

    Args:
        folder: it is made, or emptied of what was made of another source or in another way.
        of: what tells all of this apart, as JSON can hold it.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path, of: Mapping[str, Any]) -> None:
        self.folder = folder
        wanted = json.loads(json.dumps({**of, "monodepth2": __version__}))
        if _read(folder / OF) != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write_whole(folder / OF, json.dumps(wanted))

    def picture(self, frame: int) -> Path:
        """The picture of a frame by its number."""
        return self.folder / f"{frame:07d}.jpg"

    def count(self) -> int:
        """The number of pictures that are there."""
        return sum(1 for _ in self.folder.glob("*.jpg"))

    def has(self, drives: Sequence[Drive]) -> bool:
        """Whether all pictures of drives are there."""
        return all(self.picture(frame).is_file() for drive in drives for frame in drive.frames)

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
        write_whole(self.folder / ANALYSIS, json.dumps({**values, "remarks": list(remarks)}))

    def analysis(self) -> tuple[Analysis, list[str]] | None:
        """What was written down, and the remarks; None where there is nothing that can be read."""
        values = _read(self.folder / ANALYSIS)
        try:
            return _analysis(values), [str(remark) for remark in values["remarks"]]
        except (KeyError, TypeError, ValueError, ArithmeticError):
            return None


def _analysis(values: Any) -> Analysis:
    frames = {name: np.array(values[name], bool if name == "copies" else float) for name in PER_FRAME}
    looks = tuple(Look(*look) for look in values["looks"])
    still = np.array([list(row) for row in values["still"]]) == "1"
    width, height = values["size"]
    focal = None if values["focal"] is None else FocalLength(*values["focal"])
    return Analysis(size=(width, height), looks=looks, still=still, focal=focal, **frames)


def _read(path: Path) -> Any:
    try:
        return read_json(path, MOST_BYTES)
    except (OSError, ValueError):
        return None
