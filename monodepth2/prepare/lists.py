"""Lists of what to train and to validate on, with some time between the two."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from monodepth2.datasets.folders import VALIDATION_SHARE
from monodepth2.datasets.split_lines import SplitLine

SECONDS_BETWEEN = 2.0  # after which a car sees other things, for the most part


class Stretch(NamedTuple):
    """A drive of the data set.

    Attributes:
        folder: as lines name it.
        pictures: how many.
        gap: seconds between them.
    """

    folder: str
    pictures: int
    gap: float

    @property
    def targets(self) -> list[SplitLine]:
        """The pictures that have both neighbours."""
        return [SplitLine(self.folder, n, "l") for n in range(1, self.pictures - 1)]


def make_lists(stretches: Sequence[Stretch]) -> dict[str, list[SplitLine]]:
    """Part the targets: of each drive that is long enough the last tenth validates.

    Between the two parts at least two seconds are left out, and the picture that both would see. The next drive may
    begin where one ends, at a stop or as the camera's next file: of what follows a part that validates two seconds are
    left out, too. Where no drive is so long, the longest one is parted all the same, with that picture alone between
    the parts.

    Args:
        stretches: the drives in the order in which they were recorded.

    Returns:
        Lines by part, "train" and "val".
    """
    lists: dict[str, list[SplitLine]] = {"train": [], "val": []}
    too_near = 0.0  # seconds that are still to be left out
    for stretch in stretches:
        targets = stretch.targets[math.ceil(too_near / stretch.gap) :]
        training, validation = _parted(targets, math.ceil(SECONDS_BETWEEN / stretch.gap))
        too_near = SECONDS_BETWEEN if validation else max(0.0, too_near - stretch.pictures * stretch.gap)
        lists["train"] += training
        lists["val"] += validation
    if not lists["val"]:
        longest = max(stretches, key=lambda stretch: stretch.pictures)
        training, lists["val"] = _parted(longest.targets, 1)
        lists["train"] = [line for line in lists["train"] if line.folder != longest.folder or line in training]
    return lists


def _parted(targets: list[SplitLine], left_out: int) -> tuple[list[SplitLine], list[SplitLine]]:
    """The targets before and after what is left out; all of them before where too few would be left."""
    last = max(1, len(targets) // VALIDATION_SHARE)
    first = len(targets) - last - left_out
    if first < last:
        return targets, []
    return targets[:first], targets[-last:]
