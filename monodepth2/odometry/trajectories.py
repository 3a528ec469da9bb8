"""The path of a camera: as poses, as steps between neighbours, and as a file in KITTI's format.

Legend of shapes: n poses. `world_T_camera_n44` are poses (points of the camera into the world), `next_T_this` steps
(points of a frame's camera into that of the frame after it), one fewer than poses. Float64 throughout.
"""

from pathlib import Path

import numpy as np

from monodepth2.errors import UserError, shown
from monodepth2.files.text import numbered_lines

NUMBERS = 12  # of a pose in a file: the upper three rows of its matrix
FARTHEST = 1e9  # metres from the origin; with much larger numbers distances overflow
LARGEST_SKEW = 1e-3  # of a rotation in a file; its numbers have at least six digits


def chained(next_T_this: np.ndarray) -> np.ndarray:
    """Return the poses that steps lead through, (n, 4, 4); the first camera is the world."""
    return multiplied(np.linalg.inv(next_T_this))


def multiplied(transforms: np.ndarray) -> np.ndarray:
    """Return the products of the first 0, 1, 2, ... transforms, one more than there are, (n, 4, 4)."""
    products = [np.eye(4)]
    for transform in transforms:
        products.append(products[-1] @ transform)
    return np.array(products)


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


def read_poses(path: Path) -> np.ndarray:
    """Read a file of poses, one a line, the upper three rows of its matrix in row order; (n, 4, 4).

    Raises:
        UserError: the file is missing, unreadable, or a line is no pose; the message names the line.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of ground-truth poses; check --data_path, or add --no_eval")
    poses = []
    for number, line in numbered_lines(path):
        poses.append(_pose(line, f"{path}, line {number}"))
    if not poses:
        raise UserError(f"{path} holds no poses")
    return np.array(poses)


def _pose(line: str, where: str) -> np.ndarray:
    words = line.split()
    if len(words) != NUMBERS:
        raise UserError(f"{where}: {shown(line)} has {len(words)} numbers; a pose has {NUMBERS}")
    try:
        rows = np.array([float(word) for word in words]).reshape(3, 4)
    except ValueError as error:
        raise UserError(f"{where}: {shown(line)} is not {NUMBERS} numbers") from error
    rotation = rows[:, :3]
    likely = np.abs(rotation).max() < 2 and np.abs(rows).max() < FARTHEST
    if not likely or np.linalg.det(rotation) <= 0 or np.abs(rotation @ rotation.T - np.eye(3)).max() > LARGEST_SKEW:
        raise UserError(f"{where}: {shown(line)} is no rigid motion (a rotation, and a translation in every 4th place)")
    return np.vstack([rows, [0, 0, 0, 1]])


def write_poses(path: Path, world_T_camera_n44: np.ndarray) -> None:
    """Write poses in the format that `read_poses` reads."""
    np.savetxt(path, world_T_camera_n44[:, :3].reshape(-1, NUMBERS), fmt="%.9e")
