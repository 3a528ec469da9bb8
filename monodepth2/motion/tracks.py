"""Points tracked from one small grey frame to another, and what they say of the camera's motion.

Lengths are in pixels of a picture 640 wide, however small the frames are.

Legend of shapes: h w pixels, n points.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

SMALL_WIDTH = 320  # of the frames that points are tracked in
REFERENCE_WIDTH = 640
MOST_POINTS = 200
LEAST_POINTS = 12  # with fewer, a frame shows nothing that could be tracked
LEAST_QUALITY = 0.01  # of a corner, as a share of the best one's
APART = 8  # pixels between two corners
WINDOW, LEVELS = (11, 11), 3
PRECISION = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)
RETURNS_WITHIN = 0.5  # pixels of a small frame from where a point started, when it is tracked there and back
FITTED_SHARE = 0.7  # of the points, those that a turn explains best; the others may belong to things that move
ROUNDS = 4
TURN_WITHIN = 0.8  # pixels, or
TURN_SHARE = 0.12  # of the flow: what a view of wrongly assumed width leaves over of a turn


@dataclass(frozen=True)
class Tracks:
    """Corners of a frame that were found again in another one.

    Attributes:
        start_n2: x, y in the first frame, in its pixels.
        end_n2: the same points in the second frame.
        begun: how many corners the first frame has.
        width: of the frames.
    """

    start_n2: np.ndarray
    end_n2: np.ndarray
    begun: int
    width: int

    @property
    def survival(self) -> float:
        """The share of the corners that were found again, 0 where there are too few to tell."""
        return len(self.start_n2) / self.begun if self.begun >= LEAST_POINTS else 0.0

    @property
    def flow(self) -> float:
        """The median length of the motion, in pixels of a picture 640 wide; 0 where nothing was found again."""
        if not len(self.start_n2):
            return 0.0
        lengths = np.linalg.norm(self.end_n2 - self.start_n2, axis=1)
        return float(np.median(lengths)) * REFERENCE_WIDTH / self.width


def small_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) of the small frame of a frame of a size; it is never enlarged."""
    width = min(SMALL_WIDTH, size[0])
    return width, max(1, round(size[1] * width / size[0]))


def corners_of(frame_hw: np.ndarray, seen_hw: np.ndarray | None = None) -> np.ndarray:
    """Return points of a grey frame that can be tracked, in its pixels, float32, (n, 2).

    Args:
        frame_hw: uint8.
        seen_hw: where they may lie, not 0; None: everywhere.
    """
    corners = cv2.goodFeaturesToTrack(frame_hw, MOST_POINTS, LEAST_QUALITY, APART, mask=seen_hw)
    return np.empty((0, 2), np.float32) if corners is None else np.asarray(corners).reshape(-1, 2)


def track(first_hw: np.ndarray, second_hw: np.ndarray, corners_n2: np.ndarray | None = None) -> Tracks:
    """Track corners by pyramidal Lucas-Kanade, there and back; those that do not return are lost.

    Args:
        first_hw: a grey frame, uint8, at most some 320 pixels wide.
        second_hw: another one of its size.
        corners_n2: of the first frame, where they are known.
    """
    width = first_hw.shape[1]
    corners = corners_of(first_hw) if corners_n2 is None else corners_n2
    ends, kept = followed(first_hw, second_hw, corners)
    return Tracks(corners[kept].astype(float), ends[kept].astype(float), len(corners), width)


def followed(first_hw: np.ndarray, second_hw: np.ndarray, points_n2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where points of a frame are in another one, float32, (n, 2), and which of them are found there, (n,)."""
    if not len(points_n2):
        return np.empty((0, 2), np.float32), np.empty(0, bool)
    there, found = _flow(first_hw, second_hw, points_n2)
    back, found_back = _flow(second_hw, first_hw, there)
    error = np.abs(back - points_n2).max(axis=1)
    return there, (found & found_back).ravel().astype(bool) & (error < RETURNS_WITHIN)


def _flow(first_hw: np.ndarray, second_hw: np.ndarray, points: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where points of the first frame are in the second one, and which of them were found."""
    where: Any = None  # no guess is given
    ends, found, _ = cv2.calcOpticalFlowPyrLK(
        first_hw, second_hw, points, where, winSize=WINDOW, maxLevel=LEVELS, criteria=PRECISION
    )
    return np.asarray(ends), np.asarray(found)


def turn_share(tracks: Tracks, height: int, fov: float) -> float:
    """Return the share of the tracks that a turn of the camera on the spot explains, 0 to 1.

    A turn moves points by the homography K R K^-1, whatever their depth, so that nothing can be learnt of depth. R is
    fitted to the rays (Kabsch), again and again to those that it explains best.

    Args:
        tracks: between two frames.
        height: of the frames.
        fov: width of the view in degrees; some 30 % of error do no harm.
    """
    if len(tracks.start_n2) < LEAST_POINTS:
        return 0.0
    focal = 0.5 * tracks.width / math.tan(math.radians(fov) / 2)
    centre = np.array([tracks.width / 2, height / 2])
    before, after = (_rays((points - centre) / focal) for points in (tracks.start_n2, tracks.end_n2))
    kept = np.ones(len(before), bool)
    for _ in range(ROUNDS):
        turned = before @ _rotation(before[kept], after[kept]).T
        moved = turned[:, :2] / turned[:, 2:].clip(0.1) * focal + centre
        errors = np.linalg.norm(moved - tracks.end_n2, axis=1) * REFERENCE_WIDTH / tracks.width
        kept = errors <= np.quantile(errors, FITTED_SHARE)
    return float(np.mean(errors < max(TURN_WITHIN, TURN_SHARE * tracks.flow)))


def _rays(points_n2: np.ndarray) -> np.ndarray:
    rays = np.column_stack([points_n2, np.ones(len(points_n2))])
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def _rotation(before_n3: np.ndarray, after_n3: np.ndarray) -> np.ndarray:
    """The rotation that turns the first rays into the second ones with the least squared error, (3, 3)."""
    u, _, vt = np.linalg.svd(after_n3.T @ before_n3)
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
