"""The lines that a run trains and validates on, and how many it needs to learn something."""

from dataclasses import dataclass
from pathlib import Path

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.drive_notes import PREPARED
from monodepth2.datasets.folders import SPLITS, Folders
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.made_lists import LISTS, digest_of_lists, made_split
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import file_name, read_split
from monodepth2.files.input_files import read_json

USEFUL_STEPS = 5000  # of a training, for a useful result
TEACH_MOTION = 10_000  # targets: with fewer, points are the safer source of motion (docs/results.md)
KNOWN_SHARE = 0.8  # of the targets
FEW_TARGETS = 300  # fewer do not become enough by looking at them more often


@dataclass(frozen=True)
class TrainingLines:
    """The two lists of a run, and its data set.

    Attributes:
        layout: of the drives that the lists name.
        training: lines to train on.
        validation: likewise.
        skipped: the lines that `--skip_incomplete` has left out of them.
    """

    layout: Layout
    training: list[SplitLine]
    validation: list[SplitLine]
    skipped: list[SplitLine]

    @property
    def all(self) -> list[SplitLine]:
        """The lines of both lists."""
        return [*self.training, *self.validation]


def training_lines(options: Options) -> TrainingLines:
    """Return the lines of `--split`, less those that are to be skipped.

    Where the flag is left out, plain folders have the lists in their data set's own `splits/` (see `own_split`), or a
    split that is made of them.

    Raises:
        UserError: there is no such data set, the lists cannot be used, or no split can be made.
    """
    layout = layout_of(options)
    own = own_split(options, layout)
    if options.makes_split and own is None:
        assert isinstance(layout, Folders)
        training, validation = made_split(layout, options.temporal_ids, options.gaps, options.poses == "tracked")
    else:
        split = own or options.split
        training, validation = read_split(split, "train"), read_split(split, "val")
    skipped: list[SplitLine] = []
    if options.skip_incomplete:
        given = [*training, *validation]
        training, validation = map(SampleFrames.from_options(options, layout).complete, (training, validation))
        kept = {*training, *validation}
        skipped = [line for line in given if line not in kept]
    return TrainingLines(layout.of_lines([*training, *validation]), training, validation, skipped)


def lists_in_words(options: Options, layout: Layout) -> str:
    """What messages call the lists of a run: the flag or the folder that they are from."""
    if not options.makes_split:
        return f"--split {options.split}"
    own = own_split(options, layout)
    return f"the lists in {own}" if own else f"the lists made of --data_path {layout.root}"


def steps_of(targets: int, batch_size: int = Options.batch_size, epochs: int = Options.num_epochs) -> int:
    """The steps of a run on so many targets, by default with the usual flags."""
    return targets // batch_size * epochs


def usual_batch(targets: int) -> int:
    """The usual samples per step, or all targets where they are fewer."""
    return max(1, min(targets, Options.batch_size))


def more_to_learn(targets: int, batch_size: int) -> str:
    """What to do where targets are too few for `USEFUL_STEPS` steps."""
    if targets < FEW_TARGETS:
        return "record more, of other places"
    epochs = -(-USEFUL_STEPS // max(1, targets // batch_size))
    return f"record more, of other places, or train for longer with --num_epochs {epochs}"


def prefers_tracked(targets: int, known: int) -> bool:
    """Whether to train with the motion that points show, and to leave drives out of which they show none.

    It is so if targets are too few to learn motion from, and such drives have few of them.

    Args:
        targets: of all drives, or about so many.
        known: of the drives whose motion points show.
    """
    return targets < TEACH_MOTION and known >= KNOWN_SHARE * targets


def own_split(options: Options, layout: Layout) -> str | None:
    """Return the folder of the lists that a data set brings along; None where it brings none, or others are named.

    Lists that `prepare` has written and nobody has changed count as none: they are made anew, for a run's neighbours.
    """
    folder = layout.root / SPLITS
    if not options.makes_split or not (folder / file_name("train")).is_file():
        return None
    return None if _as_prepared(layout.root, str(folder)) else str(folder)


def _as_prepared(root: Path, split: str) -> bool:
    """Whether a data set's lists are those that `prepare` has written."""
    path = root / PREPARED
    try:
        written = read_json(path).get(LISTS) if path.is_file() else None
    except (OSError, ValueError, AttributeError):
        return False
    return written is not None and written == digest_of_lists(read_split(split, "train"), read_split(split, "val"))
