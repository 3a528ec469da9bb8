"""A row as the options of a training and of a scoring: as the paper has it, or as a rehearsal on a small street."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from monodepth2.config import Options, ReproduceOptions
from monodepth2.datasets.check import SampleFrames, check_calibration
from monodepth2.datasets.ground_truth import FILE_NAME
from monodepth2.datasets.make3d import DEPTH_PLACE, GRID, PICTURES, Make3D
from monodepth2.datasets.splits import file_name, read_split, split_folder
from monodepth2.datasets.training_lines import training_lines
from monodepth2.errors import UserError
from monodepth2.evaluation.protocol import split_layout
from monodepth2.evaluation.truth import open_truth
from monodepth2.files.output_paths import whole_file
from monodepth2.odometry.drive import find_drive, true_trajectory
from monodepth2.reproduce.rows import BENCHMARK, MAKE3D, RECIPES, Recipe, Row
from monodepth2.synthetic import DriveSettings, camera, make_street, render, write_synthetic_drive

ODOMETRY = "kitti_odom"
FLAGS = {ODOMETRY: "odom_path", MAKE3D: "make3d_path"}  # of roots; that of all else is --data_path
TINY = DriveSettings(drives=2, frames_per_drive=5, width=124, height=38)
UPRIGHT = 96, 128  # width and height
TINY_RUN: dict[str, Any] = {
    **{"batch_size": 2, "num_epochs": 1, "weights_init": "scratch", "dataset": "kitti", "num_workers": 0},
    **{"no_report": True, "no_doctor": True},
}
COMPLETE = "complete them, or score the part that is there with `monodepth2 evaluate`"


class PaperScale:
    """The trainings and scorings of the paper.

    Args:
        options: of the command.
    """

    make3d_pictures = PICTURES

    def __init__(self, options: ReproduceOptions) -> None:
        self.options = options
        self.folder = options.folder
        self._truths: dict[str, str] = {}  # what scoring lacks, by split: stored maps are long to read
        self._pictures: dict[object, str] = {}  # what training lacks, by its samples: folders are long to list

    def prepare(self) -> None:
        """Make what the data set lacks."""

    def training(self, recipe: Recipe, seed: int) -> Options:
        """The options of a training; one that was ended goes on."""
        options, flags = self.options, dict(recipe.flags)
        if recipe.start:
            flags["load_weights_folder"] = self.weights(RECIPES[recipe.start], seed)
        if flags.get("weights_init") != "scratch" and "encoder" not in flags:  # the file is of a ResNet
            flags["pretrained_weights"] = options.pretrained_weights
        return Options(
            **self._system,
            data_path=self._data(str(flags.get("dataset"))),
            log_dir=self.folder / "runs",
            model_name=f"{recipe.name}_seed{seed}",
            seed=seed,
            resume="auto",
            png=options.png,
            cache_dir=options.cache_dir,
            precision=options.precision,
            compile=options.compile,
            **flags,
        )

    def scoring(self, row: Row, weights: Path) -> Options:
        """The options of scoring weights for a row."""
        flags: dict[str, Any] = {"eval_stereo" if RECIPES[row.recipe].stereo else "eval_mono": True}
        if row.split == BENCHMARK and not (split_folder(BENCHMARK) / FILE_NAME).is_file():
            flags["dataset"] = "kitti_depth"
        flags["png"] = self.options.png and row.split != MAKE3D
        where: dict[str, Any] = {"data_path": self._data(_kind(row)), "load_weights_folder": weights}
        return Options(**self._system, **where, eval_split=row.split, **flags)

    def weights(self, recipe: Recipe, seed: int) -> Path:
        """The weights that a training ends with; they are there once it is complete."""
        return self.training(recipe, seed).last_weights

    def lacking(self, row: Row, seeds: Sequence[int] = ()) -> str:
        """What is missing to score a row, and to train it with some seeds; a sentence, empty where nothing is."""
        if row.split not in self._truths:
            self._truths[row.split] = self._folder_lacking(_kind(row)) or _refused(lambda: self._check_scoring(row))
        undone = [seed for seed in seeds if not self.weights(RECIPES[row.recipe], seed).is_dir()]
        return self._truths[row.split] or (self._pictures_lacking(row, undone[0]) if undone else "")

    def _check_scoring(self, row: Row) -> None:
        """Check what scoring a row needs, which is the same for all rows of its split."""
        scoring = self.scoring(row, Path())
        if _kind(row) == ODOMETRY:
            drive = find_drive(scoring)
            SampleFrames(drive.layout, (0, 1)).check(drive.lines)
            true_trajectory(scoring, drive)
            return
        layout = split_layout(scoring)
        if isinstance(layout, Make3D):  # whose lines are its pictures
            lines = layout.lines()
            if len(lines) < self.make3d_pictures:
                place = layout.picture_path(lines[0]).parent
                raise UserError(f"{len(lines)} of {self.make3d_pictures} pictures are in {place}; {COMPLETE}")
        else:
            lines = read_split(scoring.eval_split, "test")
        truth = open_truth(scoring, scoring.eval_split, lines, layout)
        if not isinstance(layout, Make3D):
            SampleFrames(layout, (0,)).check(lines)
        if truth.from_data_set:
            check_calibration(layout, lines)
        if truth.missing:
            raise UserError(
                f"the ground truth of {len(truth.missing):,} of {len(lines):,} images is missing, e.g. of "
                f"'{lines[min(truth.missing)]}' (looked for: {truth.described}); {COMPLETE}"
            )

    def _pictures_lacking(self, row: Row, seed: int) -> str:
        """What is missing to train a row; the training that it starts from is of the same samples."""
        options = self.training(RECIPES[row.recipe], seed)
        samples = options.dataset, options.split, options.loaded_ids, options.gaps
        if samples not in self._pictures:
            self._pictures[samples] = self._folder_lacking(options.dataset) or _refused(
                lambda: _check_training(options)
            )
        return self._pictures[samples]

    def _folder_lacking(self, kind: str) -> str:
        folder = self._data(kind)
        return "" if folder.is_dir() else f"--{FLAGS.get(kind, 'data_path')} {folder}: no such folder"

    @property
    def _system(self) -> dict[str, Any]:
        names = ("device", "no_cuda", "num_workers")
        return {name: getattr(self.options, name) for name in names}

    def _data(self, kind: str) -> Path:
        """The root of a kind of data set."""
        return Path(getattr(self.options, FLAGS.get(kind, "data_path"))).expanduser()


class TinyScale(PaperScale):
    """The same in minutes: a few steps in small pictures of a rendered street, so that every part runs once."""

    make3d_pictures = 2

    @property
    def street(self) -> Path:
        """The rendered data set."""
        return self.folder / "street"

    def prepare(self) -> None:
        """Render the street, with its lists and true poses."""
        write_synthetic_drive(self.street, TINY, processes=1)
        improved = self.street / BENCHMARK  # a list is scored by the rules of its folder's name
        improved.mkdir(exist_ok=True)
        (improved / file_name("test")).write_text((self.street / "split" / file_name("test")).read_text())
        write_make3d(self.street / MAKE3D)

    def training(self, recipe: Recipe, seed: int) -> Options:
        """The options of a training of a few steps."""
        options = super().training(recipe, seed)
        width = 128 if options.width > Options.width else 96
        street: dict[str, Any] = {"split": str(self.street / "split"), "png": False, "cache_dir": None}
        return replace(options, **street, **TINY_RUN, width=width, height=64, pretrained_weights=None)

    def scoring(self, row: Row, weights: Path) -> Options:
        """The options of scoring weights on the street's last drive."""
        options = super().scoring(row, weights)
        if row.split == MAKE3D:
            return replace(options, num_workers=0)
        dataset, split = "kitti_depth" if row.split == BENCHMARK else "kitti", self.street / "split"
        if row.split == BENCHMARK:
            split = self.street / BENCHMARK
        if _kind(row) == ODOMETRY:
            split = self.street / TINY.folder(TINY.drives - 1)
        return replace(options, eval_split=str(split), dataset=dataset, png=False, num_workers=0)

    def _data(self, kind: str) -> Path:
        return self.street / MAKE3D if kind == MAKE3D else self.street


def write_make3d(folder: Path) -> None:
    """Write two upright pictures of a street and their depths, laid out as Make3D's test set, unless they are there."""
    for part in ("Test134", "Gridlaserdata"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for n in range(TinyScale.make3d_pictures):
        path = folder / f"Gridlaserdata/depth_sph_corr-{n}.mat"
        if path.is_file():
            continue
        picture, depth = render(make_street(n, 30), n, camera(*UPRIGHT, intrinsics=(0.8, 0.6, 0.5, 0.5)))
        Image.fromarray(picture).save(folder / f"Test134/img-{n}.jpg")
        grid = np.zeros((*depth.shape, 4))
        grid[..., DEPTH_PLACE] = np.where(np.isfinite(depth), depth, 0)
        with whole_file(path) as partial, partial.open("wb") as file:
            savemat(file, {GRID: grid})


def _check_training(options: Options) -> None:
    """Check that all pictures of a training are there.

    Raises:
        UserError: some are not, or its lists cannot be read.
    """
    lines = training_lines(options)
    SampleFrames.from_options(options, lines.layout).check(lines.all)


def _refused(check: Callable[[], None]) -> str:
    """Why a check fails, a sentence; empty where it does not."""
    try:
        check()
    except UserError as error:
        first, *others = str(error).splitlines()  # a list of what is missing has its first entry in the second one
        return f"{first} {others[0].strip()}" if others and first.endswith(":") else first
    return ""


def _kind(row: Row) -> str:
    """Of the data set that a row is scored on."""
    return ODOMETRY if row.split.startswith("odom") else row.split


def scale_of(options: ReproduceOptions) -> PaperScale:
    """The scale that the options name."""
    return TinyScale(options) if options.scale == "tiny" else PaperScale(options)
