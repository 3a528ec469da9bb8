"""The lines that a run trains and validates on."""

from typing import NamedTuple

from monodepth2.config import Options
from monodepth2.datasets.check import complete_lines
from monodepth2.datasets.folders import Folders, made_split
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split


class TrainingLines(NamedTuple):
    """The two lists of a run, and how many lines `--skip_incomplete` has left out of them."""

    training: list[SplitLine]
    validation: list[SplitLine]
    skipped: int


def training_lines(options: Options, layout: Layout) -> TrainingLines:
    """Return the lines of `--split`, or of a split that is made of folders, less those that are to be skipped.

    Raises:
        UserError: the lists cannot be used, or no split can be made.
    """
    if options.makes_split:
        assert isinstance(layout, Folders)
        training, validation = made_split(layout, options.temporal_ids)
    else:
        training, validation = read_split(options.split, "train"), read_split(options.split, "val")
    if not options.skip_incomplete:
        return TrainingLines(training, validation, 0)
    given = len(training) + len(validation)
    training, validation = (complete_lines(layout, lines, options.loaded_ids) for lines in (training, validation))
    return TrainingLines(training, validation, given - len(training) - len(validation))
