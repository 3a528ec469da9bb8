"""What else is known of drives, beside pictures and cameras, and learnt from where a run asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike

from monodepth2.config import Options
from monodepth2.datasets.known_depth import KnownDepth
from monodepth2.datasets.known_poses import KnownPoses, mirrored_motion
from monodepth2.datasets.known_speeds import KnownSpeeds
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine


@dataclass(frozen=True)
class Known:
    """What a run takes as known.

    Attributes:
        depth: of the targets; None: it is not asked for.
        poses: of the cameras; likewise.
        speeds: of the vehicles; likewise.
    """

    depth: KnownDepth | None = None
    poses: KnownPoses | None = None
    speeds: KnownSpeeds | None = None

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
        )

    def check(self, lines: Sequence[SplitLine]) -> list[str]:
        """Check that it is there for the lines of a run, and say what there is, a sentence each.

        Raises:
            UserError: it is not there, or unusable.
        """
        return [part.check(lines) for part in (self.depth, self.poses, self.speeds) if part]

    def parts(self, line: SplitLine, mirrored: bool, dtype: DTypeLike) -> dict[str, Any]:
        """The fields of a line's `Sample`, by name, mirrored as its pictures are.

        Raises:
            PictureError: a file cannot be read.
        """
        found: dict[str, Any] = {}
        if self.depth:
            depth_hw = self.depth.read(line).astype(dtype, copy=False)
            found["depth"] = torch.from_numpy(np.ascontiguousarray(depth_hw[:, ::-1]) if mirrored else depth_hw)[None]
        if self.poses:
            motions = {source: self.poses.source_T_target(line, source) for source in self.poses.temporal_ids}
            found["source_T_target"] = {
                source: torch.from_numpy((mirrored_motion(motion) if mirrored else motion).astype(dtype))
                for source, motion in motions.items()
            }
        if self.speeds:
            ways = {source: self.speeds.travelled(line, source) for source in self.speeds.temporal_ids}
            found["travelled"] = {source: torch.tensor(np.array(way, dtype)) for source, way in ways.items()}
        return found


NOTHING = Known()
