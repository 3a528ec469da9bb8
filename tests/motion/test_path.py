"""The path of a camera by points: exact points, and pictures of a street whose poses are known."""

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from clips import Corridor
from monodepth2.config.options import TRACKED_DEPTH
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.trajectories import steps
from monodepth2.motion.path import TrackedPath, path_of, steps_of
from monodepth2.motion.two_views import LEAST_POINTS, backwards, depths, motion_of
from monodepth2.synthetic import camera, make_street, render
from monodepth2.synthetic.raycast import KITTI

K = np.array([[277.0, 0, 160], [0, 277, 96], [0, 0, 1]])
TURN, MOVE = np.array([0.01, -0.03, 0.005]), np.array([0.2, -0.05, -0.8])


def tracked_path(pictures: list[np.ndarray], K_33: np.ndarray, seen_hw: np.ndarray | None = None) -> TrackedPath | None:
    return path_of(list(steps_of(pictures, K_33, seen_hw)))


def seen(points: int = 120, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of two pictures, with noise in pixels, and their depth in the first one."""
    random = np.random.default_rng(0)
    start = random.uniform((10, 10), (310, 182), (points, 2))
    depth = random.uniform(4, 30, points)
    there = np.column_stack([start, np.ones(points)]) @ np.linalg.inv(K).T * depth[:, None]
    projected = (there @ Rotation.from_rotvec(TURN).as_matrix().T + MOVE) @ K.T
    end = projected[:, :2] / projected[:, 2:]
    return start + random.normal(0, noise, start.shape), end + random.normal(0, noise, end.shape), depth


def test_two_views_show_turn_direction_and_depth() -> None:
    start, end, depth = seen()
    end[:20] += np.random.default_rng(1).uniform(5, 20, (20, 2))  # things that move on their own
    motion = motion_of(start, end, K)
    assert motion is not None
    assert not motion.kept_n[:20].all()
    assert motion.kept_n[20:].mean() > 0.95
    np.testing.assert_allclose(Rotation.from_matrix(motion.R_33).as_rotvec(), TURN, atol=5e-4)
    length = np.linalg.norm(MOVE)
    assert motion.t_3 @ MOVE / length > np.cos(np.radians(1))
    found, parallax = depths(motion, start, end, K)
    sure = (parallax > 3) & (np.arange(len(start)) >= 20)
    assert sure.sum() > 30
    np.testing.assert_allclose(found[sure] * length, depth[sure], rtol=0.08)
    back, _ = depths(backwards(motion), end, start, K)
    there = np.column_stack([start, np.ones(len(start))]) @ np.linalg.inv(K).T * depth[:, None]
    second = (there @ Rotation.from_rotvec(TURN).as_matrix().T + MOVE)[:, 2]
    np.testing.assert_allclose(back[sure] * length, second[sure], rtol=0.08)


def test_a_guess_helps_where_it_is_right_and_does_no_harm_where_it_is_wrong() -> None:
    start, end, _ = seen()
    alone = motion_of(start, end, K)
    assert alone is not None
    wrong = alone._replace(R_33=np.eye(3), t_3=np.array([1.0, 0, 0]))
    for guess in (alone, wrong):
        motion = motion_of(start, end, K, guess)
        assert motion is not None
        assert motion.t_3 @ alone.t_3 > np.cos(0.01)


def test_too_few_points_show_nothing() -> None:
    start, end, _ = seen()
    assert motion_of(start[: LEAST_POINTS - 1], end[: LEAST_POINTS - 1], K) is None
    assert motion_of(start, np.random.default_rng(1).uniform(0, 190, start.shape), K) is None


@pytest.fixture(scope="module")
def street() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Grey pictures of a street that bends, their camera, and its true poses."""
    scene, sensor = make_street(5, 90), camera(320, 96)
    frames = range(60, 74)
    pictures = [np.asarray(Image.fromarray(render(scene, n, sensor)[0]).convert("L")) for n in frames]
    numbers = Camera(*KITTI).matrix(320, 96, dtype=np.float64)[:3, :3]
    return pictures, numbers, np.array([scene.pose(n) for n in frames])


def test_a_street_is_followed(street: tuple[list[np.ndarray], np.ndarray, np.ndarray]) -> None:
    pictures, K_33, poses = street
    path, true = tracked_path(pictures, K_33), steps(poses)
    assert path is not None
    found = path.steps
    assert path.told == len(found) == len(true)
    turns = Rotation.from_matrix(found[:, :3, :3] @ np.swapaxes(true[:, :3, :3], 1, 2)).magnitude()
    assert np.degrees(np.median(turns)) < 0.1
    lengths, true_lengths = (np.linalg.norm(one[:, :3, 3], axis=1) for one in (found, true))
    cosines = (found[:, :3, 3] * true[:, :3, 3]).sum(1) / lengths / true_lengths
    assert np.degrees(np.arccos(np.median(cosines))) < 2
    ratios = np.log(lengths / true_lengths)
    assert np.abs(ratios - np.median(ratios)).max() < 0.15
    assert 8 < TRACKED_DEPTH / np.exp(np.median(ratios)) < 40, "metres, the median depth of the points"


def test_a_picture_that_shows_nothing_is_bridged(street: tuple[list[np.ndarray], np.ndarray, np.ndarray]) -> None:
    pictures, K_33, poses = street
    blind = [*pictures]
    blind[6] = np.full_like(pictures[6], 90)
    path, true = tracked_path(blind, K_33), steps(poses)
    assert path is not None
    found = path.steps
    assert path.told == len(found) - 2
    assert np.isfinite(found).all()
    lengths = np.linalg.norm(found[:, :3, 3], axis=1) / np.linalg.norm(true[:, :3, 3], axis=1)
    assert abs(np.log(lengths[5:7] / np.median(lengths))).max() < 0.3


def test_what_is_hidden_by_a_mask_says_nothing(street: tuple[list[np.ndarray], np.ndarray, np.ndarray]) -> None:
    pictures, K_33, _ = street
    assert tracked_path(pictures, K_33, np.zeros_like(pictures[0])) is None
    assert tracked_path(pictures[:1], K_33) is None
    assert tracked_path(pictures[:2], K_33) is None
    assert tracked_path([np.full_like(pictures[0], 90)] * 5, K_33) is None


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_wall_that_fills_the_view_shows_no_path(seed: int) -> None:
    corridor, focal = Corridor(seed, (320, 192)), 160 / np.tan(np.radians(30))
    pictures = [corridor.picture(0.1 * n, turned=90)[..., 0].copy() for n in range(12)]
    assert tracked_path(pictures, np.array([[focal, 0, 160], [0, focal, 96], [0, 0, 1]])) is None


def test_backwards_is_told_from_forwards() -> None:
    scene, ahead = make_street(5, 90), camera(320, 96)
    K_33 = Camera(*KITTI).matrix(320, 96, dtype=np.float64)[:3, :3]
    pictures = [np.asarray(Image.fromarray(render(scene, n, ahead)[0]).convert("L")) for n in range(66, 60, -1)]
    path = tracked_path(pictures, K_33)
    assert path is not None
    assert (path.steps[:, 2, 3] > 0.98 * np.linalg.norm(path.steps[:, :3, 3], axis=1)).all()


def test_far_points_show_the_way_too() -> None:
    start, _, depth = seen(noise=0.0)
    for length in (0.05, -0.05):  # of depths from 80 to 600 lengths
        there = np.column_stack([start, np.ones(len(start))]) @ np.linalg.inv(K).T * depth[:, None]
        projected = (there + np.array([0, 0, length])) @ K.T
        motion = motion_of(start, projected[:, :2] / projected[:, 2:], K)
        assert motion is not None
        assert motion.t_3[2] * length > 0
