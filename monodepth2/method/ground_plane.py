"""The ground under the camera, in a map of disparity: how far below it lies, in the network's unit.

On a plane disparity is linear: for n . p = d and p = r / disp with the ray r of a pixel, disp = (n / d) . r. So three
pixels state a plane, and many are fitted by linear least squares; the distance of the plane is 1 / |n / d|.

Legend of shapes: h w pixels of the map, n pixels looked at, k planes tried.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ROWS, COLUMNS = (0.6, 0.95), (0.3, 0.7)  # of the map: the road ahead, and less of a bonnet and of the kerbs
MOST_PIXELS = 4000
PLANES_TRIED = 300
TOLERANCE = 0.03  # of a pixel's disparity: how far that may be from the plane's
LEAST_SHARE = 0.4  # of the pixels, that must lie on it
STEEPEST = np.cos(np.radians(20))  # of its normal's share downwards: cameras are held nearly level
MOST_MAPS = 32  # maps of an input that are looked at


class GroundScale(NamedTuple):
    """Metres per unit of depth, by the height of the camera above the ground.

    Attributes:
        factor: the median over the maps.
        spread: their standard deviation, divided by the median.
        found: maps that show the ground.
        looked_at: maps that were looked at.
    """

    factor: float
    spread: float
    found: int
    looked_at: int

    @property
    def values(self) -> dict[str, float | None]:
        """Ready for JSON; a single map tells no spread."""
        return {**self._asdict(), "spread": self.spread if self.found > 1 else None}

    def __str__(self) -> str:
        spread = f"± {100 * self.spread:.1f} %" if self.found > 1 else "by a single one, which tells no error"
        found = f"the ground was found in {self.found} of {self.looked_at} pictures"
        return f"{self.factor:.4g} metres per unit {spread}; {found}"


def ground_scale(distances: Sequence[float | None], height: float) -> GroundScale | None:
    """Return the scale that distances of the ground state.

    Args:
        distances: in the network's unit, None where no ground was found.
        height: of the camera above the ground, in metres.

    Returns:
        The scale; None where no distance is known.
    """
    scales = height / np.array([distance for distance in distances if distance is not None])
    if not len(scales):
        return None
    factor = float(np.median(scales))
    return GroundScale(factor, float(np.std(scales / factor)), len(scales), len(distances))


def ground_distance(disp_hw: np.ndarray, K_33: np.ndarray) -> float | None:
    """Return how far the ground lies below the camera, by the lower middle of a map.

    The plane with the most pixels of several hundred is taken (RANSAC, Fischler and Bolles 1981), and fitted to these.

    Args:
        disp_hw: scaled disparity, positive; not a number where unknown.
        K_33: intrinsics in pixels of the map.

    Returns:
        The distance in the network's unit; None where no plane that lies level holds enough of the pixels.
    """
    rays_n3, disp_n = _pixels(disp_hw, K_33)
    if len(disp_n) < 3:
        return None
    planes_k3 = _planes(rays_n3, disp_n)
    if not len(planes_k3):
        return None
    on_plane = np.abs(rays_n3 @ planes_k3.T / disp_n[:, None] - 1) < TOLERANCE
    best = on_plane[:, on_plane.sum(0).argmax()]
    if best.mean() < LEAST_SHARE:
        return None
    # errors divided by the disparity of their pixel, as for the tolerance
    rows = rays_n3[best] / disp_n[best, None]
    plane_3 = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)[0]
    return float(1 / np.linalg.norm(plane_3)) if _is_level(plane_3[None])[0] else None


def _pixels(disp_hw: np.ndarray, K_33: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rays and disparities of evenly chosen pixels of the lower middle."""
    h, w = disp_hw.shape
    top, bottom, left, right = (round(share * size) for size, part in ((h, ROWS), (w, COLUMNS)) for share in part)
    step = max(1, int(np.ceil(np.sqrt((bottom - top) * (right - left) / MOST_PIXELS))))
    v, u = (grid.ravel() for grid in np.mgrid[top:bottom:step, left:right:step])
    disp_n = disp_hw[v, u].astype(np.float64)
    known = disp_n > 0  # False for what is not a number
    u, v, disp_n = u[known], v[known], disp_n[known]
    return rays_of(np.column_stack([u, v]), K_33), disp_n


def rays_of(points_n2: np.ndarray, K_33: np.ndarray) -> np.ndarray:
    """Return points of a picture, x and y in pixels, as rays of its camera, which has no skew, with depth 1, (n, 3)."""
    return np.column_stack([(points_n2 - K_33[:2, 2]) / K_33.diagonal()[:2], np.ones(len(points_n2))])


def _planes(rays_n3: np.ndarray, disp_n: np.ndarray) -> np.ndarray:
    """Level planes n / d through three random pixels each, (k, 3)."""
    chosen = np.random.default_rng(0).integers(len(disp_n), size=(PLANES_TRIED, 3))
    corners = rays_n3[chosen]
    apart = np.abs(np.linalg.det(corners)) > 1e-9
    planes = np.linalg.solve(corners[apart], disp_n[chosen][apart][..., None])[..., 0]
    return planes[_is_level(planes)]


def _is_level(planes_k3: np.ndarray) -> np.ndarray:
    """Whether planes lie below the camera and nearly level, (k,)."""
    return planes_k3[:, 1] > STEEPEST * np.linalg.norm(planes_k3, axis=1)
