"""The path of a camera: as poses, as steps between neighbours, and written in KITTI's and TUM's formats.

Legend of shapes: n poses. `world_T_camera_n44` are poses (points of the camera into the world), `next_T_this` steps
(points of a frame's camera into that of the frame after it), one fewer than poses. Float64 throughout.
"""

from itertools import accumulate
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from monodepth2.datasets.poses import NUMBERS


def chained(next_T_this: np.ndarray) -> np.ndarray:
    """Return the poses that steps lead through, (n, 4, 4); the first camera is the world."""
    return multiplied(np.linalg.inv(next_T_this))


def multiplied(transforms: np.ndarray) -> np.ndarray:
    """Return the products of the first 0, 1, 2, ... transforms, one more than there are, (n, 4, 4)."""
    return np.array([*accumulate(transforms, np.matmul, initial=np.eye(4))])


def steps(world_T_camera_n44: np.ndarray) -> np.ndarray:
    """Return `next_T_this` between neighbouring poses, (n - 1, 4, 4)."""
    return np.linalg.inv(world_T_camera_n44[1:]) @ world_T_camera_n44[:-1]


def from_first(world_T_camera_n44: np.ndarray) -> np.ndarray:
    """Return poses with the first camera as the world."""
    return np.linalg.inv(world_T_camera_n44[0]) @ world_T_camera_n44


def scaled(transforms_n44: np.ndarray, factor: float) -> np.ndarray:
    """Return poses or steps with translations times `factor`."""
    result = transforms_n44.copy()
    result[:, :3, 3] *= factor
    return result


def distances(world_T_camera_n44: np.ndarray) -> np.ndarray:
    """Return how far the camera has come at each pose along its path, (n,); 0 at the first."""
    moves = np.linalg.norm(np.diff(world_T_camera_n44[:, :3, 3], axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(moves)])


def write_poses(path: Path, world_T_camera_n44: np.ndarray) -> None:
    """Write poses in KITTI's format."""
    np.savetxt(path, world_T_camera_n44[:, :3].reshape(-1, NUMBERS), fmt="%.9e")


def write_tum(path: Path, world_T_camera_n44: np.ndarray, times_n: np.ndarray) -> None:
    """Write poses in TUM's format, with their times in seconds."""
    quaternions = Rotation.from_matrix(world_T_camera_n44[:, :3, :3]).as_quat()
    rows = np.column_stack([times_n, world_T_camera_n44[:, :3, 3], quaternions])
    np.savetxt(path, rows, fmt=["%.6f", *["%.9g"] * 7])
