"""The focal length that the motion of points shows, without knowing anything else of the camera.

Between two pictures the camera turns and moves. For the right focal length f, and for no other one, points obey an
essential matrix E = [t]x R, which has two degrees of freedom less than a fundamental matrix (Hartley and Zisserman,
"Multiple View Geometry", 2004, chapters 9 and 11). Pixels are taken as square, the axis as in the middle of the frame,
and lines as straight.

Motion does not always show f. Straight ahead it never does. A car in a bend of constant radius does not either: the
axes of two of its pictures meet at the same distance from both, for which f is not determined (Sturm, "On focal length
calibration from two views", CVPR 2001). Noise gives such pairs a best focal length all the same. Each pair therefore
has to show it by itself, and many pairs have to agree.

Legend of shapes: f focal lengths, n points.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from monodepth2.motion.tracks import Tracks
from monodepth2.motion.two_views import OUTLIER, refined

NARROWEST, WIDEST = 20.0, 140.0  # degrees of view
FOCALS = np.geomspace(0.5 / math.tan(math.radians(WIDEST) / 2), 0.5 / math.tan(math.radians(NARROWEST) / 2), 26)
LEAST_POINTS = 40
NEARBY = 0.45  # of the logarithm of a focal length: how far the errors must rise to both sides
RISE = 2.0  # of an error (`Refined.cost_f`), below which a minimum may be noise
LEAST_PAIRS = 8
LARGEST_SPREAD = 0.15  # of single pairs about the median, as a share of the focal length
LARGEST_ERROR = 0.1  # of the median
LEAST_SHARE = 1 / 3  # of the pairs that must show one: of a car in bends one in ten does, and wrongly


class FocalLength(NamedTuple):
    """What motion says.

    Attributes:
        focal: in widths of the frame.
        error: half of the interval that holds it in 95 of 100 cases, as a share of it.
    """

    focal: float
    error: float


def focal_length(pairs: Sequence[Tracks], height: int) -> FocalLength | None:
    """Return the focal length that pairs of frames agree on; None where they do not show it.

    Args:
        pairs: tracks between two frames each; the more the camera turns between them, the more they say.
        height: of the frames.
    """
    found = np.array([one for pair in pairs if (one := _of_pair(pair, height)) is not None])
    if len(found) < max(LEAST_PAIRS, LEAST_SHARE * len(pairs)):
        return None
    median = np.median(found)
    spread = 1.48 * np.median(np.abs(found - median))  # as large as a standard deviation, but blind to outliers
    drawn = np.random.default_rng(0).choice(found, (500, len(found)))
    error = 2 * float(np.median(drawn, axis=1).std())
    if spread > LARGEST_SPREAD or error > LARGEST_ERROR:
        return None
    return FocalLength(math.exp(median), error)


def _of_pair(pair: Tracks, height: int) -> float | None:
    """The logarithm of the focal length that a pair shows; None where another one would do nearly as well."""
    errors_f = _errors(pair, height)
    if errors_f is None:
        return None
    best, logs_f = int(np.argmin(errors_f)), np.log(FOCALS)
    apart = logs_f - logs_f[best]
    sides = [errors_f[(way * apart > 0) & (way * apart < NEARBY)] for way in (-1, 1)]
    if not 1 < best < len(FOCALS) - 2 or min(side.max() for side in sides) < errors_f[best] + RISE:
        return None
    before, here, after = errors_f[best - 1 : best + 2]
    return float(logs_f[best] + 0.5 * (logs_f[1] - logs_f[0]) * (before - after) / (before - 2 * here + after))


def _errors(pair: Tracks, height: int) -> np.ndarray | None:
    """How badly the motion that suits a focal length best explains the tracks, (f,); None with too few tracks."""
    centre = np.array([pair.width / 2, height / 2])
    start_n2, end_n2 = pair.start_n2 - centre, pair.end_n2 - centre
    if len(start_n2) < LEAST_POINTS:
        return None
    F_33, kept = cv2.findFundamentalMat(start_n2, end_n2, cv2.FM_RANSAC, OUTLIER, 0.999, 500)
    if F_33 is None or F_33.shape != (3, 3) or kept.sum() < LEAST_POINTS:
        return None
    start_n2, end_n2 = (points[kept.ravel().astype(bool)] for points in (start_n2, end_n2))
    pixels_f = pair.width * FOCALS
    rays = _rays(start_n2, pixels_f), _rays(end_n2, pixels_f)
    motions = [_motion(F_33, start_n2, end_n2, focal) for focal in pixels_f]
    R_f33, t_f3 = (np.stack(part) for part in zip(*motions, strict=True))
    return refined(R_f33, t_f3, rays, pixels_f).cost_f


def _rays(points_n2: np.ndarray, pixels_f: np.ndarray) -> np.ndarray:
    scaled_fn2 = points_n2 / pixels_f[:, None, None]
    return np.concatenate([scaled_fn2, np.ones_like(scaled_fn2[..., :1])], axis=-1)


def _motion(F_33: np.ndarray, start_n2: np.ndarray, end_n2: np.ndarray, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and direction (3,) of the essential matrix that is nearest to K^T F K."""
    K_33 = np.diag([focal, focal, 1.0])
    _, R_33, t_31, _ = cv2.recoverPose(K_33 @ F_33 @ K_33, start_n2, end_n2, K_33)
    return R_33, t_31.ravel()
