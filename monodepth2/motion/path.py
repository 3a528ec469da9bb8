"""The path of a camera by points that are followed from picture to picture; nothing is learnt.

Between neighbours, points show the rotation and the direction of the way (`two_views`). Points of three pictures show
how long a step is beside the one before it: by both, they have the same depth in the picture in the middle. Along a
drive these ratios make lengths. A weak pull on the median depth of the points keeps their errors from adding up, and
gives the unit: that depth is `TRACKED_DEPTH`. How long it is in metres no picture shows.

Where a plane fills the view, two motions explain it equally well. Steps of which that is seen say nothing; others may
get the wrong one, and differ from those around them. A drive with many of either, or several at a time, has no path.

Legend of shapes: k steps, one fewer than pictures; p points.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.interpolate import interp1d
from scipy.linalg import solveh_banded
from scipy.ndimage import median_filter
from scipy.spatial.transform import Rotation

from monodepth2.config.options import TRACKED_DEPTH
from monodepth2.motion.tracks import corners_of, followed
from monodepth2.motion.two_views import Motion, backwards, depths, motion_of

LEAST_STEPS = 3
LEAST_POINTS = 5  # with a depth in both steps, for a ratio
LEAST_PARALLAX = 0.3  # pixels of a small frame, below which a depth says nothing
LARGEST_TURN = 0.5  # radians from picture to picture: beyond it, a wrong solution of the two views
NEIGHBOURS = 7  # steps, from whose median direction one differs
USUAL_BENDS = 4  # times as much as half of them do, where it is wrong,
LEAST_BEND, LARGEST_BEND = 0.1, 0.35  # but never below and always above these, in radians
LARGEST_JUMP = 0.8  # radians from step to step, unless the camera turns back: beyond it, one of the two is wrong,
MOST_JUMPS = 0.01  # and where more than this share are such, many are
LEAST_TOLD = 0.7  # share of the steps that points must show
LEAST_ERROR = 0.02  # of the logarithm of a ratio
CHANGE = 0.1  # likewise: how much the length usually changes from a step to the next
PULL = 1.5  # of the logarithm of a length: how uncertain it is by the median depth alone


class TrackedPath(NamedTuple):
    """The path of a camera along a drive.

    Attributes:
        steps: `next_T_this`, (k, 4, 4); the points' median depth is `TRACKED_DEPTH`.
        told: how many of the steps points have shown; the others are like those around them.
    """

    steps: np.ndarray
    told: int


class Step(NamedTuple):
    """What points say of the way from a picture to the next; not a number where they say nothing.

    Attributes:
        turn: rotation vector of `next_T_this`.
        direction: of its translation.
        depth: logarithm of the median depth of the points, in lengths of the step.
        ratio: logarithm of the length, in lengths of the step before.
        error: of that.
    """

    turn: np.ndarray
    direction: np.ndarray
    depth: float = np.nan
    ratio: float = np.nan
    error: float = np.nan


UNTOLD = Step(np.full(3, np.nan), np.full(3, np.nan))


def path_of(found: Sequence[Step]) -> TrackedPath | None:
    """Return the path along the steps of a drive; None where points show too little of it."""
    turns, directions = (np.array([step[n] for step in found]).reshape(-1, 3) for n in (0, 1))
    untold = np.isnan(turns[:, 0])
    if not _is_enough(untold):
        return None
    bends = _bends(directions)
    untold |= ~(bends < np.clip(USUAL_BENDS * np.nanmedian(bends), LEAST_BEND, LARGEST_BEND))
    lengths = np.array([step[2:] for step in found])
    lengths[untold] = np.nan
    lengths[1:][untold[:-1], 1:] = np.nan  # a ratio to a step that was wrong
    if not _is_enough(untold) or not _is_enough(np.isnan(lengths[:, 0])):
        return None
    directions = _filled(directions, untold)
    jumps = np.abs((directions[1:] * directions[:-1]).sum(axis=1)) < np.cos(LARGEST_JUMP)
    if jumps.mean() > MOST_JUMPS:
        return None
    steps = np.tile(np.eye(4), (len(found), 1, 1))
    steps[:, :3, :3] = Rotation.from_rotvec(_filled(turns, untold)).as_matrix()
    steps[:, :3, 3] = directions * _lengths(*lengths.T)[:, None]
    return TrackedPath(steps, int((~untold).sum()))


def steps_of(pictures: Iterable[np.ndarray], K_33: np.ndarray, seen_hw: np.ndarray | None = None) -> Iterator[Step]:
    """Yield what points say of each step between pictures.

    Args:
        pictures: of one drive in order, small and grey, uint8, (h, w) each; neighbours show some pixels of motion.
        K_33: their camera, in pixels.
        seen_hw: where something may move, not 0; None: everywhere.
    """
    motion: Motion | None = None
    carried_p2, known_p2 = np.empty((0, 2), np.float32), np.empty((0, 2))  # points; depth, parallax by the step before
    for this, following in pairwise(pictures):
        points_p2 = np.concatenate([carried_p2, corners_of(this, seen_hw)])
        ends_p2, kept = followed(this, following, points_p2)
        start_p2, end_p2 = points_p2[kept].astype(float), ends_p2[kept].astype(float)
        motion = motion_of(start_p2, end_p2, K_33, motion)
        if motion is None or (turn := Rotation.from_matrix(motion.R_33)).magnitude() > LARGEST_TURN:
            carried_p2, known_p2 = carried_p2[:0], known_p2[:0]
            yield UNTOLD
            continue
        depth_p, parallax_p = depths(motion, start_p2, end_p2, K_33)
        good = motion.kept_n & (depth_p > 0) & (parallax_p > LEAST_PARALLAX)
        carried = np.flatnonzero(kept) < len(carried_p2)
        both = good & carried
        before_p, parallax_before_p = known_p2[kept[: len(known_p2)]][good[carried]].T
        # of near points, whose parallax is large, the depth is surest
        ratio, error = _median(np.log(before_p / depth_p[both]), np.minimum(parallax_p[both], parallax_before_p))
        nearness = np.median(1 / depth_p[motion.kept_n])
        yield Step(turn.as_rotvec(), motion.t_3, -np.log(nearness) if nearness > 0 else np.nan, ratio, error)
        next_p, parallax_p = depths(backwards(motion), end_p2, start_p2, K_33)
        good &= (next_p > 0) & (parallax_p > LEAST_PARALLAX) & ~carried  # followed for long, points slip
        carried_p2, known_p2 = ends_p2[kept][good], np.stack([next_p, parallax_p], axis=1)[good]


def _median(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The weighted median of values, and how uncertain it is; not numbers where they are too few."""
    if len(values) < LEAST_POINTS:
        return np.nan, np.nan
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    middle = float(values[order][np.searchsorted(shares, 0.5)])
    spread = 1.48 * float(np.median(np.abs(values - middle)))
    return middle, spread * float(np.sqrt((weights**2).sum()) / weights.sum())


def _is_enough(untold: np.ndarray) -> bool:
    return len(untold) >= LEAST_STEPS and bool(untold.mean() <= 1 - LEAST_TOLD)


def _bends(directions_k3: np.ndarray) -> np.ndarray:
    """Angles between directions and the median of those around, in radians, (k,); not a number where there is none."""
    usual = median_filter(_filled(directions_k3, np.isnan(directions_k3[:, 0])), (NEIGHBOURS, 1), mode="mirror")
    cosines: np.ndarray = (directions_k3 * usual).sum(axis=1) / (np.linalg.norm(usual, axis=1) + 1e-9)
    return np.arccos(cosines.clip(-1, 1))


def _filled(values_k3: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Rows, the unknown ones like the nearest that is known."""
    rows = np.arange(len(values_k3))
    known = rows[~unknown]
    if len(known) == 1:
        return np.repeat(values_k3[known], len(rows), axis=0)
    ends = (values_k3[known[0]], values_k3[known[-1]])
    found: np.ndarray = interp1d(known, values_k3[known], "nearest", axis=0, bounds_error=False, fill_value=ends)(rows)
    return found


def _lengths(depth_k: np.ndarray, ratio_k: np.ndarray, error_k: np.ndarray) -> np.ndarray:
    """Lengths of the steps, (k,): least squares over their logarithms."""
    pull_k = np.where(np.isfinite(depth_k), PULL**-2, 1e-9)
    sure_k = np.where(np.isfinite(ratio_k), 1 / (np.nan_to_num(error_k) ** 2 + LEAST_ERROR**2), 0)[1:]
    steady_k = sure_k + CHANGE**-2
    banded = np.zeros((2, len(depth_k)))  # the matrix's diagonal, and above it the one beside it
    banded[1] = pull_k
    banded[1, 1:] += steady_k
    banded[1, :-1] += steady_k
    banded[0, 1:] = -steady_k
    right = -pull_k * np.nan_to_num(depth_k)
    wanted = sure_k * np.nan_to_num(ratio_k)[1:]
    right[1:] += wanted
    right[:-1] -= wanted
    logs = solveh_banded(banded, right)
    return TRACKED_DEPTH * np.exp(logs - np.nanmedian(logs + depth_k))
