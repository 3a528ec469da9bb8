from pathlib import Path

import numpy as np
import pytest

from monodepth2.datasets.poses import read_poses
from monodepth2.datasets.trajectories import chained, distances, from_first, scaled, steps, write_poses
from monodepth2.errors import UserError
from trajectory import trajectory

IDENTITY = "1 0 0 0 0 1 0 0 0 0 1 0"


def test_steps_and_poses_are_inverses_of_each_other() -> None:
    poses, _ = trajectory(seed=3)
    np.testing.assert_allclose(chained(steps(poses)), poses, atol=1e-12)
    moved = poses[7] @ poses
    np.testing.assert_allclose(from_first(moved), poses, atol=1e-12)
    np.testing.assert_allclose(steps(moved), steps(poses), atol=1e-12)


def test_a_step_takes_points_into_the_next_camera() -> None:
    ahead = np.eye(4)
    ahead[2, 3] = -1.0  # what is 5 m ahead of this camera is 4 m ahead of the next
    poses = chained(np.array([ahead, ahead]))
    np.testing.assert_array_equal(poses[:, :3, 3], [[0, 0, 0], [0, 0, 1], [0, 0, 2]])
    np.testing.assert_array_equal(distances(poses), [0, 1, 2])
    np.testing.assert_array_equal(scaled(poses, 3.0)[:, 2, 3], [0, 3, 6])
    np.testing.assert_array_equal(poses[:, 2, 3], [0, 1, 2])


def test_poses_survive_a_file(tmp_path: Path) -> None:
    poses, _ = trajectory(seed=1)
    write_poses(tmp_path / "00.txt", poses)
    assert all(len(line.split()) == 12 for line in (tmp_path / "00.txt").read_text().splitlines())
    np.testing.assert_allclose(read_poses(tmp_path / "00.txt"), poses, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no poses"),
        (f"{IDENTITY}\n1 0 0 0\n", "line 2: '1 0 0 0' has 4 numbers; a pose has 12"),
        (IDENTITY.replace("1", "one"), "line 1: .* is not 12 numbers"),
        (IDENTITY.replace("1", "nan"), "line 1: .* is no rigid motion"),
        ("1 0 0 inf 0 1 0 0 0 0 1 0", "line 1: .* is no rigid motion"),
        (f"{IDENTITY}\n\n2 0 0 0 0 2 0 0 0 0 2 0", "line 3: .* is no rigid motion"),
        ("-1 0 0 0 0 1 0 0 0 0 1 0", "line 1: .* is no rigid motion"),
        ("1 0 0 0 1 0 0 0 0 1 0 0", "line 1: .* is no rigid motion"),
        (b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_malformed_files_are_refused(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "09.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=message):
        read_poses(path)


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file .* --no_eval"):
        read_poses(tmp_path / "09.txt")
