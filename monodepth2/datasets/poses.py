"""Files of poses, in KITTI's and TUM's formats, and where drives have theirs.

Legend of shapes: n poses. `world_T_camera` are poses: points of the camera into the world. Float64 throughout.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from monodepth2.datasets.kitti_layouts import KittiOdometry
from monodepth2.datasets.layouts import Layout
from monodepth2.errors import UserError, shown
from monodepth2.files.text import numbered_lines

POSES, TRACKED = "poses.txt", "tracked_poses.txt"
NUMBERS = 12  # of a pose in KITTI's format: the upper three rows of its matrix
TUM_NUMBERS = 8  # in TUM's: time, place, quaternion x y z w
FARTHEST = 1e9  # metres from the origin; with much larger numbers distances overflow
LARGEST_SKEW = 1e-3  # of a rotation in a file; its numbers have at least six digits
LARGEST_LENGTH_ERROR = 0.01  # of a quaternion in a file; some have four digits


class Trajectory(NamedTuple):
    """Poses from a file.

    Attributes:
        poses: `world_T_camera`, (n, 4, 4).
        times: in seconds, (n,); None where the format has none.
    """

    poses: np.ndarray
    times: np.ndarray | None


def poses_path(layout: Layout, folder: str, tracked: bool = False) -> Path:
    """Return where a data set has the poses of a drive, or would have them.

    Args:
        layout: of the data set.
        folder: of the drive, as split lines name it.
        tracked: of those that `prepare` has found by points, in an unknown unit.
    """
    if tracked:
        return layout.root / folder / TRACKED
    if isinstance(layout, KittiOdometry):
        return layout.root / f"poses/{int(folder):02d}.txt"
    return layout.root / folder / POSES


def read_poses(path: Path) -> np.ndarray:
    """Read the poses of a file as `read_trajectory` does, (n, 4, 4)."""
    return read_trajectory(path).poses


def read_trajectory(path: Path) -> Trajectory:
    """Read a file of poses, one a line, blank lines and those that begin with # left out.

    KITTI's format has the upper three rows of the matrix in row order, TUM's has a time in seconds, the place and a
    quaternion x y z w; the number of numbers in the first line tells them apart.

    Raises:
        UserError: the file is missing, unreadable, or a line is no pose; the message names the line.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of ground-truth poses; check --data_path, or add --no_eval")
    rows: list[np.ndarray] = []
    for number, line in numbered_lines(path):
        if not line.startswith("#"):
            rows.append(_numbers(line, f"{path}, line {number}", len(rows[0]) if rows else None))
    if not rows:
        raise UserError(f"{path} holds no poses")
    numbers = np.array(rows)
    if numbers.shape[1] == NUMBERS:
        bottom = np.tile([0.0, 0.0, 0.0, 1.0], (len(rows), 1, 1))
        return Trajectory(np.concatenate([numbers.reshape(-1, 3, 4), bottom], axis=1), None)
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3, 3] = numbers[:, 1:4]
    poses[:, :3, :3] = Rotation.from_quat(numbers[:, 4:]).as_matrix()
    return Trajectory(poses, numbers[:, 0])


def _numbers(line: str, where: str, expected: int | None) -> np.ndarray:
    """The numbers of a pose, in the format of the lines before it."""
    words = line.split()
    if len(words) not in ((NUMBERS, TUM_NUMBERS) if expected is None else (expected,)):
        kinds = f"{NUMBERS} (KITTI's format) or {TUM_NUMBERS} (TUM's)" if expected is None else f"{expected} here"
        raise UserError(f"{where}: {shown(line)} has {len(words)} numbers; a pose has {kinds}")
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise UserError(f"{where}: {shown(line)} is not {len(words)} numbers") from error
    if not (_is_matrix(numbers) if len(words) == NUMBERS else _is_place_and_quaternion(numbers)):
        form = "a rotation, and a translation in every 4th place"
        form = form if len(words) == NUMBERS else "a time, a place, and a quaternion of length 1"
        raise UserError(f"{where}: {shown(line)} is no rigid motion ({form})")
    return numbers


def _is_matrix(numbers: np.ndarray) -> bool:
    rows = numbers.reshape(3, 4)
    rotation = rows[:, :3]
    likely = np.abs(rotation).max() < 2 and np.abs(rows).max() < FARTHEST
    return bool(
        likely and np.linalg.det(rotation) > 0 and np.abs(rotation @ rotation.T - np.eye(3)).max() <= LARGEST_SKEW
    )


def _is_place_and_quaternion(numbers: np.ndarray) -> bool:
    length_error = abs(np.linalg.norm(numbers[4:].clip(-2, 2)) - 1)
    return bool(
        np.isfinite(numbers[0]) and np.abs(numbers[1:4]).max() < FARTHEST and length_error <= LARGEST_LENGTH_ERROR
    )
