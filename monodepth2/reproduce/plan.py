"""What there is to do for some rows, and how long it takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tabulate import tabulate

from monodepth2.config import Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.datasets.splits import read_split
from monodepth2.method.stages import Batch
from monodepth2.reproduce.rows import RECIPES, Recipe, Row
from monodepth2.reproduce.scales import PaperScale
from monodepth2.training.step import seconds_per_step

REFERENCE = Options()  # whose step is measured: mono, 12 pictures of 640x192


@dataclass(frozen=True)
class Job:
    """A training that rows need.

    Attributes:
        recipe: what is trained.
        seed: of the run.
        steps: that it has in all.
        share: what a step has to do, in pixels, by what that of `REFERENCE` has.
        done: whether its weights are there.
    """

    recipe: Recipe
    seed: int
    steps: int
    share: float
    done: bool

    def hours(self, step_seconds: float) -> float:
        """How long it takes, where a step of `REFERENCE` takes so many seconds."""
        return 0.0 if self.done else self.steps * self.share * step_seconds / 3600


def recipes_of(rows: Sequence[Row]) -> list[Recipe]:
    """The trainings that rows need, each once, those first that others start from."""
    found: dict[str, Recipe] = {}
    for row in rows:
        recipe = RECIPES[row.recipe]
        for name in (recipe.start, recipe.name):
            if name:
                found[name] = RECIPES[name]
    return list(found.values())


def jobs(rows: Sequence[Row], seeds: Sequence[int], scale: PaperScale) -> Iterator[Job]:
    """The trainings that rows need.

    Raises:
        UserError: a list of frames cannot be read.
    """
    for seed in seeds:
        for recipe in recipes_of(rows):
            options = scale.training(recipe, seed)
            steps = options.num_epochs * (len(read_split(options.split, "train")) // options.batch_size)
            yield Job(recipe, seed, steps, _pixels(options) / _pixels(REFERENCE), scale.weights(recipe, seed).is_dir())


def in_words(found: Sequence[Job], step_seconds: float, origin: str) -> str:
    """The plan as a table, and what its hours rest on."""
    cells = [
        [
            job.recipe.name,
            job.seed,
            f"{job.steps:,}",
            "is there" if job.done else f"{job.hours(step_seconds):.1f}",
            " ".join(job.recipe.words_of_flags),
        ]
        for job in found
    ]
    table = tabulate(
        cells, ["training", "seed", "steps", "hours", "flags"], colalign=("left", "right", "right", "right")
    )
    total = sum(job.hours(step_seconds) for job in found)
    return (
        f"{table}\n\n{total:.1f} hours of training in all, at {step_seconds:.3g} s for a step of 12 pictures of "
        f"640x192 ({origin}).\nOther sizes are taken to cost by their pixels; stereo alone costs less than that, "
        "deeper networks more, small ones less. Scoring takes minutes."
    )


def measured_step(device: torch.device, options: Options = REFERENCE) -> float:
    """How many seconds a step of a training takes here, from steps on random pictures; nothing is kept.

    A CPU, whose time grows with the pictures, is shown one of a batch.
    """
    samples = 1 if device.type == "cpu" else options.batch_size
    batch = _random_batch(samples, options).prepared(device)
    return seconds_per_step(options, batch, device) * options.batch_size / samples


def _random_batch(samples: int, options: Options) -> Batch:
    levels = {level: (options.height >> level, options.width >> level) for level in options.scales}
    color = {
        frame: {level: torch.rand(samples, 3, *size) for level, size in levels.items()} for frame in options.loaded_ids
    }
    K = {
        level: torch.from_numpy(KITTI_INTRINSICS.matrix(w, h)).repeat(samples, 1, 1) for level, (h, w) in levels.items()
    }
    index = torch.arange(samples)
    return Batch(color, {frame: pictures[0] for frame, pictures in color.items()}, K, None, index, index < 0)


def _pixels(options: Options) -> int:
    """Of a batch."""
    return options.batch_size * options.width * options.height
