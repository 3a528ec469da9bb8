"""The motion between two pictures of a known camera, by points that both show.

Points x, y of two pictures, as rays (x, y, 1) of a camera, obey b^T E a = 0 with E = [t]x R: R and t, of which only the
direction shows, bring points of the first camera into the second one's axes (Hartley and Zisserman, "Multiple View
Geometry", 2004, chapter 9).

Legend of shapes: n points; f guesses of the camera's focal length, looked at together.
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from monodepth2.method.ground_plane import rays_of

OUTLIER = 0.7  # pixels of a small frame from the epipolar line
NOISE = 0.15  # likewise, of a track
NUDGE = 1e-6  # of angles, for derivatives
NUDGED = Rotation.from_rotvec(NUDGE * np.eye(5, 3)).as_matrix()[:, None]  # the first three turn, the others do not
CROSS = np.cross(np.eye(3)[:, None], np.eye(3)[None]).transpose(0, 2, 1)  # t @ CROSS is the matrix of t x
MOST_ROUNDS = 12
SETTLED = 0.2  # of the cost: from a round that changes it less, nothing is gained
AS_LIKELY = 9  # difference of costs, below which points of a plane, say, agree on either of two motions
APART = 0.3  # radians between the directions of two motions that are not the same
LEAST_POINTS = 20  # that agree on a motion, and
LEAST_SHARE = 0.4  # of all


class Refined(NamedTuple):
    """Motions with the least error.

    Attributes:
        R_f33: rotations.
        t_f3: directions, of length 1.
        residuals_fn: how far points lie from their epipolar lines, in pixels, with a sign.
        cost_f: sums of log(1 + (residual / NOISE)^2).
    """

    R_f33: np.ndarray
    t_f3: np.ndarray
    residuals_fn: np.ndarray
    cost_f: np.ndarray


class Motion(NamedTuple):
    """The motion of a camera between two pictures.

    Attributes:
        R_33: rotation from the first camera's axes into the second one's.
        t_3: direction of the translation, of length 1: second = R first + t.
        kept_n: which of the points obey it.
    """

    R_33: np.ndarray
    t_3: np.ndarray
    kept_n: np.ndarray


def motion_of(start_n2: np.ndarray, end_n2: np.ndarray, K_33: np.ndarray, guess: Motion | None = None) -> Motion | None:
    """Return the motion that most points agree on; None where they are too few, or agree on none or on two.

    Args:
        start_n2: x, y in pixels of the first picture.
        end_n2: the same points in the second one.
        K_33: the camera, in those pixels.
        guess: of the motion, such as that of the step before; one that is wrong does no harm.
    """
    if len(start_n2) < LEAST_POINTS:
        return None
    rays = rays_of(start_n2, K_33), rays_of(end_n2, K_33)
    # in units of the focal length: with fx and fy that differ, this method of OpenCV finds nothing
    first, second = (np.ascontiguousarray(rays_n3[:, :2]) for rays_n3 in rays)
    E_33, kept = cv2.findEssentialMat(first, second, np.eye(3), cv2.USAC_DEFAULT, 0.999, OUTLIER / float(K_33[0, 0]))
    if E_33 is None or E_33.shape != (3, 3) or kept.sum() < max(LEAST_POINTS, LEAST_SHARE * len(start_n2)):
        return None
    *turns, t_31 = cv2.decomposeEssentialMat(E_33)
    starts = [(max(turns, key=np.trace), t_31.ravel())]  # the other rotation turns the camera half round
    if guess is not None:
        starts.append((guess.R_33, guess.t_3))
    R_f33, t_f3 = map(np.array, zip(*starts, strict=True))
    found = refined(R_f33, t_f3, (rays[0][None], rays[1][None]), np.full(len(starts), K_33[0, 0]))
    if np.ptp(found.cost_f) < AS_LIKELY and np.abs(found.t_f3[0] @ found.t_f3[-1]) < np.cos(APART):
        return None
    best = int(np.argmin(found.cost_f))
    motion = Motion(found.R_f33[best], found.t_f3[best], np.abs(found.residuals_fn[best]) < OUTLIER)
    depth_n, parallax_n = depths(motion, start_n2, end_n2, K_33)
    if (np.sign(depth_n) * parallax_n)[motion.kept_n].sum() < 0:  # most lies behind the camera
        return motion._replace(t_3=-motion.t_3)
    return motion


def depths(motion: Motion, start_n2: np.ndarray, end_n2: np.ndarray, K_33: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth of points in the first picture, in lengths of the translation, and their parallax.

    Returns:
        (n,) each; a depth is negative where rays part, and the parallax, in pixels, is what the point has moved beyond
        what the rotation explains. Where that is small, the depth is uncertain.
    """
    turned_n3, end_n3 = rays_of(start_n2, K_33) @ motion.R_33.T, rays_of(end_n2, K_33)
    ends_n, both_n = (end_n3**2).sum(axis=1), (end_n3 * turned_n3).sum(axis=1)
    # of e x r and e x t, by dot products alone, which are quicker
    products_n = ends_n * (turned_n3 @ motion.t_3) - both_n * (end_n3 @ motion.t_3)
    squares_n = (ends_n * (turned_n3**2).sum(axis=1) - both_n**2).clip(0)
    return -products_n / (squares_n + 1e-18), np.sqrt(squares_n) * K_33[0, 0]


def backwards(motion: Motion) -> Motion:
    """The motion from the second picture to the first."""
    return Motion(motion.R_33.T, -motion.R_33.T @ motion.t_3, motion.kept_n)


def refined(R_f33: np.ndarray, t_f3: np.ndarray, rays: tuple[np.ndarray, np.ndarray], pixels_f: np.ndarray) -> Refined:
    """Levenberg and Marquardt's method over rotation and direction, for all guesses at once; robust errors.

    Args:
        R_f33: rotations to begin with.
        t_f3: directions to begin with.
        rays: of the points in either picture, (f, n, 3) each, or (1, n, 3) for all guesses.
        pixels_f: focal lengths in pixels, in which errors are counted.
    """
    residuals_fn = _residuals(R_f33, t_f3, rays, pixels_f)
    cost_f, damping_f = _cost(residuals_fn), np.full(len(pixels_f), 1e-3)
    for _ in range(MOST_ROUNDS):
        across_f23 = _across(t_f3)
        moved = NUDGED @ R_f33, _shifted(t_f3, across_f23, NUDGE * np.eye(5)[:, None, 3:])
        J_f5n = np.swapaxes(_residuals(*moved, rays, pixels_f) - residuals_fn, 0, 1) / NUDGE
        weighted_f5n = J_f5n / (1 + (residuals_fn / NOISE) ** 2)[:, None]
        H_f55 = weighted_f5n @ np.swapaxes(J_f5n, 1, 2)
        H_f55 += (damping_f[:, None] * np.diagonal(H_f55, axis1=1, axis2=2) + 1e-9)[..., None] * np.eye(5)
        steps_f5 = -np.linalg.solve(H_f55, weighted_f5n @ residuals_fn[..., None])[..., 0]
        R_new = Rotation.from_rotvec(steps_f5[:, :3]).as_matrix() @ R_f33
        t_new = _shifted(t_f3, across_f23, steps_f5[:, 3:])
        residuals_new = _residuals(R_new, t_new, rays, pixels_f)
        cost_new = _cost(residuals_new)
        better_f, change_f = cost_new < cost_f, np.abs(cost_new - cost_f)
        R_f33 = np.where(better_f[:, None, None], R_new, R_f33)
        t_f3 = np.where(better_f[:, None], t_new, t_f3)
        residuals_fn = np.where(better_f[:, None], residuals_new, residuals_fn)
        cost_f, damping_f = np.where(better_f, cost_new, cost_f), damping_f * np.where(better_f, 0.2, 10)
        if (change_f < SETTLED).all():
            break
    return Refined(R_f33, t_f3, residuals_fn, cost_f)


def _cost(residuals_fn: np.ndarray) -> np.ndarray:
    return np.log1p((residuals_fn / NOISE) ** 2).sum(axis=1)


def _across(t_f3: np.ndarray) -> np.ndarray:
    """Two directions at right angles to each other and to t, (f, 2, 3)."""
    return np.linalg.svd(t_f3[:, None])[2][:, 1:]


def _shifted(t_f3: np.ndarray, across_f23: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Directions after two angles along `across`: of (f, 2) one for each, of (k, 1, 2) k for each."""
    t_new = t_f3 + (shifts[..., None] * across_f23).sum(axis=-2)
    shifted: np.ndarray = t_new / np.linalg.norm(t_new, axis=-1, keepdims=True)
    return shifted


def _residuals(R_f33: np.ndarray, t_f3: np.ndarray, rays: tuple[np.ndarray, ...], pixels_f: np.ndarray) -> np.ndarray:
    """Sampson's distances from the epipolar geometry in pixels, (f, n); of (k, f) motions (k, f, n)."""
    start_fn3, end_fn3 = rays
    E_f33 = (t_f3 @ CROSS.reshape(3, 9)).reshape(*t_f3.shape, 3) @ R_f33
    lines_fn3, back_fn3 = start_fn3 @ np.swapaxes(E_f33, -1, -2), end_fn3 @ E_f33
    squares = (lines_fn3[..., :2] ** 2).sum(axis=-1) + (back_fn3[..., :2] ** 2).sum(axis=-1)
    return pixels_f[:, None] * (end_fn3 * lines_fn3).sum(axis=-1) / np.sqrt(squares + 1e-18)
