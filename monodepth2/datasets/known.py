"""What else is known of drives, beside pictures and cameras, and learnt from where a run asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.known_depth import KnownDepth
from monodepth2.datasets.known_poses import KnownPoses, mirrored_motion
from monodepth2.datasets.known_speeds import KnownSpeeds
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.pseudo_labels import PseudoLabels
from monodepth2.datasets.samples import Shown
from monodepth2.datasets.split_lines import SplitLine


@dataclass(frozen=True)
class Known:
    """What a run takes as known.

    Attributes:
        depth: of the targets; None: it is not asked for.
        poses: of the cameras; likewise.
        speeds: of the vehicles; likewise.
        pseudo: what another model says of the targets; likewise.
    """

    depth: KnownDepth | None = None
    poses: KnownPoses | None = None
    speeds: KnownSpeeds | None = None
    pseudo: PseudoLabels | None = None

    @classmethod
    def from_options(cls, options: Options, layout: Layout) -> "Known":
        """What a run's options ask for.

        Raises:
            UserError: the data set cannot have it.
        """
        return cls(
            KnownDepth.from_options(options, layout),
            KnownPoses.from_options(options, layout),
            KnownSpeeds.from_options(options, layout),
            PseudoLabels.from_options(options, layout),
        )

    def check(self, lines: Sequence[SplitLine], frames: SampleFrames) -> list[str]:
        """Check that it is there for the lines of a run, and say what there is, a sentence each.

        Args:
            lines: of the run.
            frames: of its samples.

        Raises:
            UserError: it is not there, or unusable.
        """
        said = [self.depth.check(lines)] if self.depth else []
        said += self.pseudo.check(lines) if self.pseudo else []
        return said + [part.check(lines, frames) for part in (self.poses, self.speeds) if part]

    def parts(self, shown: Shown, dtype: DTypeLike) -> dict[str, Any]:
        """The fields of a `Sample`, by name, cut and mirrored as its pictures are.

        Args:
            shown: what the sample shows.
            dtype: of the numbers.

        Raises:
            PictureError: a file cannot be read.
        """
        found: dict[str, Any] = {}
        line, gap, mirrored = shown.line, shown.gap, shown.mirrored
        if self.depth:
            found["depth"] = _map(self.depth.read(shown), mirrored, dtype)
        if self.pseudo:
            found["pseudo"] = _map(self.pseudo.read(shown), mirrored, dtype)
        if self.poses:
            motions = {source: self.poses.source_T_target(line, gap * source) for source in self.poses.temporal_ids}
            found["source_T_target"] = {
                source: torch.from_numpy((mirrored_motion(motion) if mirrored else motion).astype(dtype))
                for source, motion in motions.items()
            }
        if self.speeds:
            ways = {source: self.speeds.travelled(line, gap * source) for source in self.speeds.temporal_ids}
            found["travelled"] = {source: torch.tensor(np.array(way, dtype)) for source, way in ways.items()}
        return found


def _map(map_hw: np.ndarray, mirrored: bool, dtype: DTypeLike) -> Tensor:
    """A map as a sample holds it, (1, h, w)."""
    map_hw = map_hw.astype(dtype, copy=False)
    return torch.from_numpy(np.ascontiguousarray(map_hw[:, ::-1]) if mirrored else map_hw)[None]


NOTHING = Known()
