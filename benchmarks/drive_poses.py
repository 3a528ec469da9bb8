"""Writes `poses.txt` into every drive of a prepared data set, for `train --known_poses`.

`python benchmarks/drive_poses.py DATA [NAME=SPEED ...]`: rotation and direction are those of points that are tracked
from picture to picture. How far the camera goes is given in metres per second for the sources of a name, else it comes
from how fast the road passes, of a camera 1.3 m above it.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.spatial.transform import Rotation

HEIGHT = 1.3  # metres of the camera above the road
APART = 3  # pictures, between which points move far enough to tell a rotation
SLOWEST, FASTEST = 0.2, 0.45  # metres from picture to picture, where the road tells it


def main(data: Path, speeds: dict[str, float]) -> None:
    """Find and write the poses of all drives."""
    for drive in sorted(data.glob("drive_*")):
        facts = json.loads((drive / "drive.json").read_text())
        name = Path(facts["source"]["path"]).name
        known = speeds[name] * facts["gap"]["seconds"] if name in speeds else None
        np.savetxt(drive / "poses.txt", poses(drive, known)[:, :3].reshape(-1, 12), fmt="%.8f")


def poses(drive: Path, metres: float | None) -> np.ndarray:
    """The `world_T_camera` of a drive's pictures, the first camera the world, (n, 4, 4)."""
    facts = json.loads((drive / "camera.json").read_text())
    K = np.array([[facts["fl_x"], 0, facts["cx"]], [0, facts["fl_y"], facts["cy"]], [0, 0, 1]])
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(drive.glob("*.jpg"))]
    found = np.array([motion(*pair, K) for pair in zip(pictures, pictures[APART:], strict=False)])
    if not len(found):  # too few pictures to tell
        found = np.array([[0, 0, 0, 0, 0, -1, np.nan]])
    rotations = np.stack([smooth(column, 7, 2) for column in found[:, :3].T], 1) / APART
    directions = np.stack([smooth(column, 15, 4) for column in found[:, 3:6].T], 1)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.clip(smooth(found[:, 6], 15, 4) / APART, SLOWEST, FASTEST) if metres is None else [metres] * len(found)
    path = [np.eye(4)]
    for n in range(len(pictures) - 1):
        middle = min(max(n - APART // 2, 0), len(found) - 1)
        next_T_this = np.eye(4)
        next_T_this[:3, :3] = Rotation.from_rotvec(rotations[middle]).as_matrix()
        next_T_this[:3, 3] = directions[middle] * lengths[middle]
        path.append(path[-1] @ np.linalg.inv(next_T_this))
    return np.array(path)


def motion(one: np.ndarray, other: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Rotation vector, direction and metres of `other_T_one`; not a number where the points do not tell."""
    unknown = np.full(7, np.nan)
    corners = cv2.goodFeaturesToTrack(one, 500, 0.003, 4)
    here = track(one, other, corners)
    back = track(other, one, here)
    same = np.linalg.norm(corners - back, axis=2).ravel() < 0.5
    before, after = corners[same, 0], here[same, 0]
    if len(before) < 25:
        return unknown
    essential, inliers = cv2.findEssentialMat(before, after, K, cv2.RANSAC, 0.999, 0.4)
    if essential is None or essential.shape != (3, 3):
        return unknown
    _, rotation, direction, _ = cv2.recoverPose(essential, before, after, K, mask=inliers)
    if direction[2] > 0:  # backwards: not a car that drives
        return unknown
    turned = np.c_[after, np.ones(len(after))] @ np.linalg.inv(K).T @ rotation  # as if it had not turned
    below = np.stack([before[:, 1], K[1, 1] * turned[:, 1] / turned[:, 2] + K[1, 2]]) - K[1, 2]  # the horizon
    road = (below > 14).all(0) & (abs(before[:, 0] - K[0, 2]) < 110)
    metres = np.nan
    if road.sum() >= 6:
        metres = np.median(K[1, 1] * HEIGHT * (1 / below[0, road] - 1 / below[1, road]))
    return np.concatenate([Rotation.from_matrix(rotation).as_rotvec(), direction.ravel(), [metres]])


def track(one: np.ndarray, other: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where points of one picture lie in another, (n, 1, 2)."""
    return cv2.calcOpticalFlowPyrLK(one, other, points, None, winSize=(13, 13), maxLevel=3)[0]


def smooth(values: np.ndarray, median: int, sigma: float) -> np.ndarray:
    """Values without gaps and outliers."""
    known = np.isfinite(values)
    whole = np.interp(np.arange(len(values)), np.flatnonzero(known), values[known]) if known.any() else 0 * values
    return gaussian_filter1d(median_filter(np.nan_to_num(whole), median, mode="nearest"), sigma, mode="nearest")


if __name__ == "__main__":
    pairs = [argument.split("=") for argument in sys.argv[2:]]
    main(Path(sys.argv[1]), {name: float(speed) for name, speed in pairs})
