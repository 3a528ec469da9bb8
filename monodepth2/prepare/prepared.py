"""A data set that was prepared, and what its user is told of it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from monodepth2.config import MOTION_WARMUP, Options
from monodepth2.config.scripts import started_as
from monodepth2.datasets.training_lines import steps_of, usual_batch
from monodepth2.prepare.advice import advice_on
from monodepth2.prepare.part import Part, WrittenDrive


@dataclass(frozen=True)
class Prepared:
    """A data set that was prepared.

    Attributes:
        output: its folder, as the user names it.
        parts: the sources.
        drives: of all sources.
        tracked: whether to train with the motion that points show.
        counts: the targets that training makes of it, of "train" and of "val".
    """

    output: Path
    parts: Sequence[Part]
    drives: Sequence[WrittenDrive]
    tracked: bool
    counts: Mapping[str, int]

    @cached_property
    def advice(self) -> list[str]:
        """What should be known of it, in sentences."""
        return advice_on(self.parts, self.drives, self.counts["train"], self.tracked)

    @property
    def command(self) -> str:
        """The command that trains on it."""
        (width, height), targets = self.parts[0].framing.size, self.counts["train"]
        motion = ""
        if self.tracked:
            motion = " --poses tracked"
        elif steps_of(targets) >= 4 * MOTION_WARMUP:
            motion = f" --motion_warmup {MOTION_WARMUP}"
        batch_size = usual_batch(targets)
        batch = f" --batch_size {batch_size}" if batch_size != Options.batch_size else ""
        size = f"--width {width} --height {height}"
        return f"{started_as('train')} {shlex.quote(str(self.output))} {size}{motion}{batch}"
