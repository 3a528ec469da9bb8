"""Writes `poses.txt` into every drive of a prepared data set, for `train --known_poses`.

`python benchmarks/drive_poses.py DATA --speed project_video.mp4=28.8`: rotation and direction are those of points that
are tracked from picture to picture. How far the camera goes comes from how fast the road passes, of a camera 1.3 m
above it. On a highway it passes too fast to be tracked: give the speed there.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).parents[1]))

from monodepth2.motion.tracks import small_size, track
from monodepth2.odometry.trajectories import chained, write_poses

HEIGHT = 1.3  # metres of the camera above the road
APART = 3  # pictures, between which points move far enough to tell a rotation
LEAST_POINTS, LEAST_ROAD = 25, 6
ROWS, COLUMNS = 14, 110  # pixels below the horizon, and beside the middle, in which the road is looked for
SLOWEST, FASTEST = 0.2, 0.45  # metres from picture to picture, where the road tells it


def main() -> None:
    """Find and write the poses of all drives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that `monodepth2 prepare` has made")
    parser.add_argument(
        "--speed", type=named, nargs="+", default=[], metavar="VIDEO=SPEED", help="metres per second of a video"
    )
    arguments = parser.parse_args()
    drives, speeds = sorted(arguments.data.glob("drive_*")), dict(arguments.speed)
    if not drives:
        parser.error(f"{arguments.data}: holds no drives; name the folder that `monodepth2 prepare` has made")
    for drive in drives:
        facts = json.loads((drive / "drive.json").read_text())
        speed = speeds.get(Path(facts["source"]["path"]).name)
        seconds = np.median(np.diff(facts["times"]))
        write_poses(drive / "poses.txt", poses(drive, None if speed is None else speed * seconds))


def named(words: str) -> tuple[str, float]:
    """A video's name and its speed."""
    name, _, speed = words.rpartition("=")
    return name, float(speed)


def poses(drive: Path, metres: np.floating | None) -> np.ndarray:
    """The `world_T_camera` of a drive's pictures, the first camera the world, (n, 4, 4).

    Args:
        drive: the folder.
        metres: from picture to picture, where they are known.
    """
    facts = json.loads((drive / "camera.json").read_text())
    size = small_size((facts["w"], facts["h"]))
    K = np.array([[facts["fl_x"], 0, facts["cx"]], [0, facts["fl_y"], facts["cy"]], [0, 0, 1]])
    K[:2] *= size[0] / facts["w"]
    files = sorted(drive.glob("*.jpg"))
    pictures = [cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), size) for path in files]
    found = np.array([motion(*pair, K) for pair in zip(pictures, pictures[APART:], strict=False)])
    if not np.isfinite(found).any():
        found = np.array([[0, 0, 0, 0, 0, -1, np.nan]])  # nothing tells: straight on
    rotations = smooth(found[:, :3], 7, 2) / APART
    directions = smooth(found[:, 3:6], 15, 4)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.clip(smooth(found[:, 6:], 15, 4) / APART, SLOWEST, FASTEST) if metres is None else metres
    steps = np.tile(np.eye(4), (len(found), 1, 1))
    steps[:, :3, :3] = Rotation.from_rotvec(rotations).as_matrix()
    steps[:, :3, 3] = directions * lengths
    # a motion between two pictures is that of the step in the middle between them
    middles = np.clip(np.arange(len(files) - 1) - APART // 2, 0, len(steps) - 1)
    return chained(steps[middles])


def motion(one_hw: np.ndarray, other_hw: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Rotation vector, direction and metres of `other_T_one`, (7,); not a number where the points do not tell."""
    unknown, tracks = np.full(7, np.nan), track(one_hw, other_hw)
    before, after = tracks.start_n2, tracks.end_n2
    if len(before) < LEAST_POINTS:
        return unknown
    essential, inliers = cv2.findEssentialMat(before, after, K, cv2.RANSAC, 0.999, 0.4)
    if essential is None or essential.shape != (3, 3):
        return unknown
    _, rotation, direction, _ = cv2.recoverPose(essential, before, after, K, mask=inliers)
    if direction[2] > 0:  # backwards: not a car that drives
        return unknown
    turned = np.c_[after, np.ones(len(after))] @ np.linalg.inv(K).T @ rotation  # as if it had not turned
    below = np.stack([before[:, 1] - K[1, 2], K[1, 1] * turned[:, 1] / turned[:, 2]])  # the horizon
    road = (below > ROWS).all(0) & (abs(before[:, 0] - K[0, 2]) < COLUMNS)
    depths = K[1, 1] * HEIGHT / below[:, road]
    metres = np.median(depths[0] - depths[1]) if road.sum() >= LEAST_ROAD else np.nan
    return np.concatenate([Rotation.from_matrix(rotation).as_rotvec(), direction.ravel(), [metres]])


def smooth(values_nk: np.ndarray, median: int, sigma: float) -> np.ndarray:
    """Columns without gaps and outliers; one of which nothing is known is 0."""
    filled = np.zeros_like(values_nk)
    for column, values in zip(filled.T, values_nk.T, strict=True):
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            column[:] = np.interp(np.arange(len(values)), known, values[known])
    return gaussian_filter1d(median_filter(filled, (median, 1), mode="nearest"), sigma, axis=0, mode="nearest")


if __name__ == "__main__":
    main()
