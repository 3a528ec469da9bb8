"""The path of a camera by points that are followed from picture to picture; nothing is learnt.

Between neighbours, points show the rotation and the direction of the way (`two_views`). Points of three pictures show
how long a step is beside the one before it: by both, they have the same depth in the picture in the middle. Along a
drive these ratios make lengths. A weak pull on the median depth of the points keeps their errors from adding up, and
gives the unit: that depth is 1. How long it is in metres no picture shows.

Legend of shapes: n pictures, k steps between them (one fewer), p points.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import median_filter
from scipy.spatial.transform import Rotation

from monodepth2.motion.tracks import corners_of, followed
from monodepth2.motion.two_views import backwards, depths, motion_of

LEAST_POINTS = 5  # with a depth, for a length to be told
LEAST_PARALLAX = 1.0  # pixels of a small frame, below which a depth says little
LARGEST_TURN = 0.5  # radians from picture to picture: beyond it, a wrong solution of the two views
NEIGHBOURS = 7  # steps, from whose median direction one differs
USUAL_BENDS = 4  # times as much as half of them do, or
LEAST_BEND = 0.1  # radians, where it is wrong
LEAST_TOLD = 0.7  # share of the steps that points must show
LEAST_ERROR = 0.02  # of the logarithm of a ratio
CHANGE = 0.1  # likewise: how much the length usually changes from a step to the next
PULL = 1.5  # of the logarithm of a length: how uncertain it is by the median depth alone


class _Step(NamedTuple):
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


UNTOLD = _Step(np.full(3, np.nan), np.full(3, np.nan))


def tracked_steps(
    pictures: Iterable[np.ndarray], K_33: np.ndarray, seen_hw: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the steps of a camera, `next_T_this` in units of the points' median depth, (k, 4, 4).

    Args:
        pictures: of one drive in order, small and grey, uint8, (h, w) each; neighbours show some pixels of motion.
        K_33: their camera, in pixels.
        seen_hw: where something may move, not 0; None: everywhere.

    Returns:
        The steps; None where points show too few of them.
    """
    found = list(_steps(pictures, K_33, seen_hw))
    if not found:
        return None
    turns, directions = (np.stack([step[n] for step in found]) for n in (0, 1))
    untold = np.isnan(turns[:, 0])
    if untold.mean() > 1 - LEAST_TOLD:
        return None
    bends = _bends(directions)
    untold |= ~(bends < max(LEAST_BEND, USUAL_BENDS * np.nanmedian(bends)))
    lengths = np.array([step[2:] for step in found])
    lengths[untold] = np.nan
    lengths[1:][untold[:-1], 1:] = np.nan  # a ratio to a step that was wrong
    turns[untold], directions[untold] = np.nan, np.nan
    directions = _filled(directions)
    steps = np.tile(np.eye(4), (len(found), 1, 1))
    steps[:, :3, :3] = Rotation.from_rotvec(_filled(turns)).as_matrix()
    steps[:, :3, 3] = directions / np.linalg.norm(directions, axis=1, keepdims=True) * _lengths(*lengths.T)[:, None]
    return steps


def _steps(pictures: Iterable[np.ndarray], K_33: np.ndarray, seen_hw: np.ndarray | None) -> Iterator[_Step]:
    carried_p2, known_p = np.empty((0, 2), np.float32), np.empty(0)  # points, and their depth by the step before
    for this, following in pairwise(pictures):
        points_p2 = np.concatenate([carried_p2, corners_of(this, seen_hw)])
        ends_p2, kept = followed(this, following, points_p2)
        start_p2, end_p2 = points_p2[kept].astype(float), ends_p2[kept].astype(float)
        motion = motion_of(start_p2, end_p2, K_33)
        if motion is None or (turn := Rotation.from_matrix(motion.R_33)).magnitude() > LARGEST_TURN:
            carried_p2, known_p = carried_p2[:0], known_p[:0]
            yield UNTOLD
            continue
        depth_p, parallax_p = depths(motion, start_p2, end_p2, K_33)
        good = motion.kept_n & (depth_p > 0) & (parallax_p > LEAST_PARALLAX)
        before_p = np.concatenate([known_p, np.full(len(points_p2) - len(known_p), np.nan)])[kept]
        both = good & np.isfinite(before_p)
        ratios = np.log(before_p[both] / depth_p[both])
        yield _Step(
            turn.as_rotvec(),
            motion.t_3,
            float(np.log(np.median(depth_p[good]))) if good.sum() >= LEAST_POINTS else np.nan,
            *(_median(ratios) if both.sum() >= LEAST_POINTS else ()),
        )
        next_p, _ = depths(backwards(motion), end_p2, start_p2, K_33)
        good &= (next_p > 0) & (np.flatnonzero(kept) >= len(carried_p2))  # followed for long, points slip
        carried_p2, known_p = ends_p2[kept][good], next_p[good]


def _median(values: np.ndarray) -> tuple[float, float]:
    """Of values, and how uncertain it is."""
    middle = float(np.median(values))
    return middle, 1.48 * float(np.median(np.abs(values - middle))) / np.sqrt(len(values))


def _bends(directions_k3: np.ndarray) -> np.ndarray:
    """Angles between directions and the median of those around, in radians, (k,); not a number where there is none."""
    usual = median_filter(_filled(directions_k3), (NEIGHBOURS, 1), mode="mirror")
    cosines: np.ndarray = (directions_k3 * usual).sum(axis=1) / (np.linalg.norm(usual, axis=1) + 1e-9)
    return np.arccos(cosines.clip(-1, 1))


def _filled(values_k3: np.ndarray) -> np.ndarray:
    """Columns with what is not a number taken from the rows around."""
    known, rows = np.isfinite(values_k3[:, 0]), np.arange(len(values_k3))
    return np.stack([np.interp(rows, rows[known], column[known]) for column in values_k3.T], axis=1)


def _lengths(depth_k: np.ndarray, ratio_k: np.ndarray, error_k: np.ndarray) -> np.ndarray:
    """Lengths of the steps in units of the median depth, (k,): least squares over their logarithms."""
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
    logs -= np.nanmedian(logs + depth_k) if np.isfinite(depth_k).any() else 0
    return np.exp(logs)
