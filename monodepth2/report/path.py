"""The path of the camera over a stretch of frames, as the pose network sees it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from monodepth2.checkpoints.depth_network import DepthNetwork
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import chained
from monodepth2.odometry.network import transforms_of
from monodepth2.report.evidence import TrainedRun

MOST_STEPS = 40  # they take a quarter of a second each on one core at 640x192
BATCH_SIZE = 4


@dataclass(frozen=True)
class CameraPath:
    """A path, its first camera the world.

    Attributes:
        poses: `world_T_camera` in the network's unit, float64, (n + 1, 4, 4).
        lines: the n targets that the motion is taken from.
        stride: frames between two of them.
        held_out: how many of them are validation lines.
    """

    poses: np.ndarray
    lines: list[SplitLine]
    stride: int
    held_out: int


def camera_path(run: TrainedRun) -> CameraPath | None:
    """Chain the motion of consecutive frames, the longest stretch of held-out ones first.

    The run has a pose network.

    Returns:
        The path; None where the motion is not finite, or no frame has all its pictures.

    Raises:
        UserError: a picture cannot be read.
    """
    options = run.options
    source = options.nearest_id
    gap = options.gaps[0]
    stride = abs(source) * gap
    in_time = replace(options.for_looking, use_stereo=False, frame_gap=() if gap == 1 else (gap, gap))
    frames = SampleFrames.from_options(in_time, layout_of(in_time).of_lines(run.lines))
    start = longest_run(run.lines, stride)
    stretch = [replace(start, frame=start.frame + n * stride) for n in range(MOST_STEPS)]
    complete = set(frames.complete(stretch))
    lines = list(takewhile(complete.__contains__, stretch))
    data_set = MonoDataset.from_options(in_time, lines, augment=False, frames=frames)
    depth, found = _partner(run), []
    for first in range(0, len(lines), BATCH_SIZE):
        batch = stack([data_set.sample(n) for n in range(first, min(first + BATCH_SIZE, len(lines)))])
        found.append(transforms_of(run.model, batch.color_aug, depth, run.device)[source])
    steps = np.concatenate(found) if found else np.empty((0, 4, 4))
    if not len(steps) or not np.isfinite(steps).all():
        return None
    next_T_this = steps if source > 0 else np.linalg.inv(steps)
    return CameraPath(chained(next_T_this), lines, stride, len(set(lines) & set(run.lines)))


def longest_run(lines: Sequence[SplitLine], stride: int) -> SplitLine:
    """Return the first line of the longest run of lines of one camera, `stride` frames apart."""
    drives: dict[tuple[str, str], set[int]] = defaultdict(set)
    for line in lines:
        drives[line.folder, line.side].add(line.frame)

    def length(line: SplitLine) -> int:
        frames, count = drives[line.folder, line.side], 1
        while line.frame + count * stride in frames:
            count += 1
        return count

    starts = [line for line in lines if line.frame - stride not in drives[line.folder, line.side]]
    return max(starts, key=length)


def _partner(run: TrainedRun) -> DepthNetwork | None:
    """The depth network, where translations are in units of its mean inverse depth: those of PoseCNN."""
    model, options = run.model, run.options
    if options.pose_model_type != "posecnn":
        return None
    size, nearest, farthest = (options.height, options.width), options.min_depth, options.max_depth
    return DepthNetwork(model.encoder, model.depth, *size, min_depth=nearest, max_depth=farthest)
