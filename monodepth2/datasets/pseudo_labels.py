"""Disparities that another model made of the pictures: found by their names, and brought to the network's size.

Legend of shapes: h w pixels of a map, h' w' of the network's input.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.depth_files import part_of_sample, read_depth_map
from monodepth2.datasets.depth_folders import CAMERA_FOLDERS, DepthFolder
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.samples import Shown
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import Fit, Size
from monodepth2.files.pictures import PictureError

ALL_KNOWN = 0.999  # share of a pixel's weights that must come from known ones
RECORD = "pseudo_labels.json"  # beside labels that `monodepth2 pseudo_label` made: by which model, and how


@dataclass
class PseudoLabelFolder(DepthFolder):
    """Finds the label of a line: at the place of its picture in the data set's tree, or where `--gt_path` would lie."""

    flag: ClassVar[str] = "--pseudo_labels"
    pictures: Path = Path()

    def place(self, picture: Path) -> Path:
        """The folder below `root` that is the picture's in the data set."""
        return self.root / picture.parent.relative_to(self.pictures)

    def _usual(self, line: SplitLine, picture: Path) -> Path:
        return self.place(picture)

    def _folders(self, line: SplitLine, picture: Path) -> Iterator[Path]:
        yield self.place(picture)
        others, cameras = super()._folders(line, picture), CAMERA_FOLDERS[line.side]
        # a drive's own folder has the left camera's
        yield from (folder for folder in others if line.side == "l" or folder.name in cameras)


@dataclass(frozen=True)
class PseudoLabels:
    """The pseudo-labels of a data set's pictures.

    Attributes:
        layout: of the data set.
        size: (width, height) of the network's input.
        fit: how pictures come to that size.
        folder: finds the files.
    """

    layout: Layout
    size: Size
    fit: Fit
    folder: PseudoLabelFolder

    @classmethod
    def from_options(cls, options: Options, layout: Layout) -> "PseudoLabels | None":
        """What `--pseudo_labels` asks for; None without it, or where their weight is 0.

        Raises:
            UserError: there is no such folder.
        """
        if options.pseudo_labels is None or not options.learns_pseudo_labels:
            return None
        root = options.pseudo_labels.expanduser()
        if not root.is_dir():
            raise UserError(f"--pseudo_labels {root}: no such folder; {_command(layout, root)} makes it")
        size, folder = (options.width, options.height), PseudoLabelFolder(root, pictures=layout.root)
        return cls(layout, size, options.input_fit, folder)

    def check(self, lines: Sequence[SplitLine]) -> list[str]:
        """Check that every line has a label, and say so; and warn of labels that are older than their pictures.

        Raises:
            UserError: some have none, several files could be meant, or different lines would share one.
        """
        paths = {line: self.layout.picture_path(line) for line in lines}
        labels = {path: self.folder.find_one(line, path) for line, path in paths.items()}
        missing, root = [path for path, label in labels.items() if label is None], self.folder.root
        if missing:
            first = self.folder.place(missing[0]) / missing[0].stem
            raise UserError(
                f"--pseudo_labels {root}: {len(missing):,} of {len(paths):,} pictures have no file there, the first "
                f"is {first}.npy (or .png); {_command(self.layout, root)}, and what else the training says of its "
                "data, makes what is missing"
            )
        self.folder.find(list(paths), self.layout.picture_path)
        said = f"with pseudo-labels: another model's disparities of {len(paths):,} pictures are learnt from, too"
        return [said, *self._older(labels)]

    def _older(self, labels: Mapping[Path, Path | None]) -> list[str]:
        """A warning of labels whose pictures have been written since; other labels than `pseudo_label`'s may be so."""
        if not (self.folder.root / RECORD).is_file():
            return []
        older = [label for picture, label in labels.items() if label and is_older(label, picture)]
        if not older:
            return []
        return [
            f"warning: --pseudo_labels {self.folder.root}: {len(older):,} of {len(labels):,} labels are older than "
            f"their pictures, the first is {older[0]}: unless the pictures have been copied only, "
            f"{_command(self.layout, self.folder.root)}, and what else the training says of its data, makes them anew"
        ]

    def read(self, shown: Shown) -> np.ndarray:
        """The label of what is shown, not mirrored, at the network's size, float32, (h', w'), 0 where unknown.

        Raises:
            PictureError: the file is missing or cannot be read.
        """
        picture = self.layout.picture_path(shown.line)
        path = self.folder.find_one(shown.line, picture)
        if path is None:
            raise PictureError(picture, f"has no pseudo-label in {self.folder.root}")
        with part_of_sample(path):
            label_hw = read_depth_map(path)
        whole = shown.whole or label_hw.shape[::-1]
        return resized_label(label_hw, self.size, replace(self.fit, window=shown.window), whole)


def is_older(label: Path, picture: Path) -> bool:
    """Whether a label was made before its picture was written."""
    return label.stat().st_mtime_ns < picture.stat().st_mtime_ns


def resized_label(label_hw: np.ndarray, size: Size, fit: Fit, whole: Size) -> np.ndarray:
    """Bring a label to the size of a network's input.

    A pixel is known where all that it is made of is.

    Args:
        label_hw: 0 where unknown; at any size, and of any aspect: it shows the whole picture.
        size: (width, height) of the input.
        fit: how the picture comes to that size.
        whole: (width, height) of the picture.

    Returns:
        The label, float32, (h', w'), 0 where unknown.
    """
    box = fit.box_of_map(label_hw.shape, size, whole)
    known_hw = (label_hw > 0).astype(np.float32)
    label, known = (
        np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BILINEAR, box))
        for part in (label_hw.astype(np.float32, copy=False), known_hw)
    )
    return np.where(known > ALL_KNOWN, label, np.float32(0))


def _command(layout: Layout, root: Path) -> str:
    data = f"{'--dataset folder ' if isinstance(layout, Folders) else ''}--data_path {shlex.quote(str(layout.root))}"
    how = "monodepth2 pseudo_label --onnx MODEL.onnx --normalise ... --output_is ..."
    return f"{how} {data} --output {shlex.quote(str(root))}"
