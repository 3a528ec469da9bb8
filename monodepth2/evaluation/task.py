"""What is scored, and how: the same for every checkpoint of an evaluation."""

from dataclasses import dataclass

from monodepth2.config import Options
from monodepth2.datasets.drives import all_lines, own_lines
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.make3d import Make3D
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.evaluation.metrics import Protocol
from monodepth2.evaluation.protocol import scored_split, split_layout, takes_all
from monodepth2.evaluation.truth import Truth
from monodepth2.method.ground_plane import GroundScale


@dataclass(frozen=True)
class Task:
    """What every source of disparities is asked.

    Attributes:
        options: of the evaluation.
        lines: the split.
        layout: its pictures.
        protocol: how predictions are scored; None to predict only.
        truth: to score them with; None to predict only.
        ground: what the ground says of the scale of the source that is asked; None where it is not to tell.
    """

    options: Options
    lines: list[SplitLine]
    layout: Layout
    protocol: Protocol | None = None
    truth: Truth | None = None
    ground: GroundScale | None = None

    @classmethod
    def of(cls, options: Options) -> "Task":
        """The split that the options name, with its pictures."""
        layout = split_layout(options)
        if isinstance(layout, Make3D):
            return cls(options, layout.lines(), layout)
        if takes_all(options):
            return cls(options, all_lines(layout), layout)
        split = scored_split(options)
        return cls(options, own_lines(split, layout) or read_split(split, "test"), layout)
