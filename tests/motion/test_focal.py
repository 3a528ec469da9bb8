"""The focal length that motion shows: exact points, seen by a camera that is known."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from monodepth2.motion.focal import LEAST_PAIRS, focal_length
from monodepth2.motion.tracks import Tracks

WIDTH, HEIGHT, POINTS = 320, 192, 150
PAIRS = 12


def seen(fov: float, turn: np.ndarray, move: np.ndarray, seed: int, noise: float = 0.05) -> Tracks:
    """Points 5 to 40 m away, before and after a camera turns by an axis-angle and moves; noise in pixels."""
    random = np.random.default_rng(seed)
    focal, centre = 0.5 * WIDTH / math.tan(math.radians(fov) / 2), np.array([WIDTH / 2, HEIGHT / 2])
    start_n2 = random.uniform((10, 10), (WIDTH - 10, HEIGHT - 10), (POINTS, 2))
    depth_n1 = random.uniform(5, 40, (POINTS, 1))
    points_n3 = np.column_stack([(start_n2 - centre) / focal, np.ones(POINTS)]) * depth_n1
    after_n3 = (points_n3 - move) @ Rotation.from_rotvec(turn).as_matrix()
    end_n2 = after_n3[:, :2] / after_n3[:, 2:] * focal + centre
    both = [points + random.normal(0, noise, points.shape) for points in (start_n2, end_n2)]
    return Tracks(*both, POINTS, WIDTH)


@pytest.mark.parametrize("fov", [30, 60, 100])
def test_a_camera_in_the_hand_shows_it(fov: float) -> None:
    random = np.random.default_rng(1)
    pairs = [
        seen(fov, random.uniform(-0.1, 0.1, 3), random.uniform((-0.3, -0.1, 0.3), (0.3, 0.1, 0.8)), n)
        for n in range(PAIRS)
    ]
    found = focal_length(pairs, HEIGHT)
    assert found is not None
    focal = 0.5 / math.tan(math.radians(fov) / 2)
    assert found.focal == pytest.approx(focal, rel=0.03)
    assert abs(math.log(found.focal / focal)) < max(0.02, 1.5 * found.error)
    assert focal_length(pairs[: LEAST_PAIRS - 1], HEIGHT) is None


def test_moving_things_do_no_harm() -> None:
    random, pairs = np.random.default_rng(1), []
    for n in range(PAIRS):
        pair = seen(60, random.uniform(-0.1, 0.1, 3), random.uniform((-0.3, -0.1, 0.3), (0.3, 0.1, 0.8)), n)
        pair.end_n2[:30] += random.uniform(-8, 8, (30, 2))
        pairs.append(pair)
    found = focal_length(pairs, HEIGHT)
    assert found is not None
    assert found.focal == pytest.approx(0.866, rel=0.03)


def test_straight_ahead_shows_nothing() -> None:
    pairs = [seen(60, np.zeros(3), np.array([0, 0, 0.4 + 0.05 * n]), n) for n in range(2 * PAIRS)]
    assert focal_length(pairs, HEIGHT) is None


def test_a_bend_of_constant_radius_shows_nothing() -> None:
    """The camera looks along the tangent of a circle: its two axes meet at the same distance from both pictures."""
    pairs = []
    for n, angle in enumerate(np.linspace(0.02, 0.12, 2 * PAIRS)):
        radius = 0.8 / angle
        move = radius * np.array([1 - math.cos(angle), 0, math.sin(angle)])
        pairs.append(seen(70, np.array([0, angle, 0]), move, n))
    assert focal_length(pairs, HEIGHT) is None


def test_pairs_that_disagree_show_nothing() -> None:
    """As of a camera that zooms."""
    random = np.random.default_rng(1)
    pairs = [
        seen(fov, random.uniform(-0.1, 0.1, 3), random.uniform((-0.3, -0.1, 0.3), (0.3, 0.1, 0.8)), n)
        for n, fov in enumerate(np.linspace(30, 90, PAIRS))
    ]
    assert focal_length(pairs, HEIGHT) is None
