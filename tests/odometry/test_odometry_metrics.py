import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from monodepth2.datasets.trajectories import chained, scaled, steps
from monodepth2.odometry.metrics import (
    LENGTHS,
    align,
    coincide,
    odometry_figures,
    root_mean_square,
    segment_errors,
    snippet_errors,
)
from trajectory import trajectory

DRIVE = trajectory(seed=2, frames=1200)[0]  # 963 m


@pytest.fixture(autouse=True)
def _no_silent_nan() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def turned(angle: float, axis: int = 1) -> np.ndarray:
    """A rotation about one of the axes, (4, 4)."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.eye(4)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    rotation[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return rotation


def straight(frames: int, step: float = 1.0) -> np.ndarray:
    """Poses along a straight line, `step` metres apart."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 2, 3] = step * np.arange(frames)
    return poses


def test_a_perfect_prediction_has_no_error() -> None:
    figures = odometry_figures(DRIVE, DRIVE, metric=True)
    assert figures.snippets.max() < 1e-12
    assert figures.ate_se3 < 1e-9
    assert figures.ate_sim3 < 1e-9
    assert len(figures.segments) > 300
    assert set(figures.segments.length) == set(LENGTHS)
    assert figures.segments.means() == pytest.approx((0, 0), abs=1e-6)


def test_sim3_finds_the_scale_of_a_prediction_and_se3_does_not() -> None:
    figures = odometry_figures(DRIVE, scaled(DRIVE, 1 / 31.0), metric=False)
    assert figures.sim3.scale == pytest.approx(31.0)
    assert figures.ate == figures.ate_sim3 < 1e-9
    assert figures.ate_se3 > 10
    assert figures.segments.means() == pytest.approx((0, 0), abs=1e-6)
    assert figures.snippets.max() < 1e-12  # each snippet has a scale of its own
    claimed = odometry_figures(DRIVE, scaled(DRIVE, 0.9), metric=True)
    assert claimed.ate == claimed.ate_se3 > 1
    # nearly straight pieces shorter by a tenth; a length is passed by a step of at most 0.9 m
    t_err, r_err = claimed.segments.means() or (0, 0)
    assert 9.5 < t_err < 10.1
    assert r_err == pytest.approx(0, abs=1e-6)


def test_another_world_frame_changes_nothing() -> None:
    world = turned(0.7) @ turned(-0.4, axis=0)
    world[:3, 3] = 5, -3, 11
    figures = odometry_figures(DRIVE, world @ scaled(DRIVE, 0.1), metric=False)
    assert figures.ate < 1e-9
    assert figures.sim3.scale == pytest.approx(10)
    np.testing.assert_allclose(figures.sim3.rotation, world[:3, :3].T, atol=1e-9)
    assert figures.segments.means() == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize("drift", [0.0005, -0.001])
def test_a_constant_drift_in_yaw_gives_its_angle_and_the_chord_of_its_circle(drift: float) -> None:
    true = straight(301)
    steps_ahead = np.array([turned(drift) @ step for step in steps(true)])
    errors = segment_errors(true, chained(steps_ahead))
    # KITTI ends a segment at the first frame farther than its length: 101 steps of 1 m for 100 m
    assert errors.count(100) == 20
    assert errors.count(200) == 10
    assert errors.count(300) == 0
    for length in (100, 200):
        n = length + 1
        t_err, r_err = errors.means(length) or (0, 0)
        assert r_err == pytest.approx(100 * n * np.degrees(abs(drift)) / length)
        # k steps ahead the camera looks k * drift aside, and has gone there before: a polygon with angle drift
        ahead = sum(np.cos(k * drift) for k in range(n))
        aside = sum(np.sin(k * drift) for k in range(n))
        assert t_err == pytest.approx(100 * np.hypot(ahead - n, aside) / length)
    assert errors.means(300) is None


def test_a_drift_of_scale_gives_its_share() -> None:
    true = straight(222)
    predicted = straight(222)
    predicted[:, 2, 3] = 1.03 * predicted[:, 2, 3]
    errors = segment_errors(true, predicted)
    np.testing.assert_array_equal(errors.first[errors.length == 100], np.arange(0, 121, 10))
    assert errors.means(100) == pytest.approx((100 * 101 * 0.03 / 100, 0), abs=1e-9)
    assert errors.means(200) == pytest.approx((100 * 201 * 0.03 / 200, 0), abs=1e-9)


def test_a_path_below_100_m_has_no_kitti_error() -> None:
    figures = odometry_figures(straight(100), straight(100), metric=True)
    assert len(figures.segments) == 0
    assert figures.segments.means() is None
    # the end must lie beyond the length, not on it
    assert len(segment_errors(straight(101), straight(101))) == 0
    assert len(segment_errors(straight(102), straight(102))) == 1


def test_alignment_is_no_reflection_and_no_worse_than_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 3))
    mirrored = points * [1, 1, -1]
    found = align(points, mirrored, with_scale=True)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    best = root_mean_square(found(points), mirrored)
    for axis in range(3):
        for angle in (-0.01, 0.01):
            centred = points - points.mean(0)
            other = found.scale * centred @ (turned(angle, axis)[:3, :3] @ found.rotation).T + mirrored.mean(0)
            assert root_mean_square(other, mirrored) > best
    for factor in (0.99, 1.01):
        other = factor * (found(points) - mirrored.mean(0)) + mirrored.mean(0)
        assert root_mean_square(other, mirrored) > best


def test_a_mirrored_triangle_is_turned_over_in_space() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0]])
    mirrored = points * [-1, 1, 1]
    found = align(points, mirrored, with_scale=True)
    np.testing.assert_allclose(found.rotation, np.diag([-1, 1, -1]), atol=1e-12)
    np.testing.assert_allclose(found(points), mirrored, atol=1e-12)


@pytest.mark.parametrize("frames", [2, 3, 30])
def test_a_straight_line_is_aligned_exactly(frames: int) -> None:
    aside = turned(1.2) @ straight(frames, 0.02)
    figures = odometry_figures(straight(frames), aside, metric=False)
    assert figures.sim3.scale == pytest.approx(50)
    assert figures.ate < 1e-9
    assert np.linalg.det(figures.sim3.rotation) == pytest.approx(1)


def test_a_prediction_that_stands_still_is_scored_without_nan() -> None:
    still = np.tile(np.eye(4), (300, 1, 1))
    assert coincide(still[:, :3, 3])
    figures = odometry_figures(straight(300), still, metric=False)
    assert figures.sim3.scale == 1
    assert figures.ate == pytest.approx(np.std(np.arange(300)))
    assert figures.segments.means(100) == pytest.approx((101, 0))
    assert figures.snippets[0] == pytest.approx(np.sqrt(1 + 4 + 9 + 16) / 5)
    assert figures.snippets[-1] == pytest.approx(1 / 2)


def test_a_camera_that_stands_still_is_scored_without_nan() -> None:
    figures = odometry_figures(np.tile(np.eye(4), (30, 1, 1)), straight(30, 0.1), metric=False)
    assert figures.ate == pytest.approx(0, abs=1e-12)
    assert np.isfinite(figures.snippets).all()
    assert len(figures.segments) == 0


def test_a_snippet_error_is_the_root_of_the_sum_over_the_number_of_frames() -> None:
    true = straight(3)
    predicted = straight(3)
    predicted[2, 0, 3] = 1.0
    # positions are chained of next_T_this as they are: (0,0,0), (0,0,-1), (-1,0,-2); the best scale is 5 / 6
    first, last = snippet_errors(steps(true), steps(predicted))
    scale = 5 / 6
    assert first == pytest.approx(np.sqrt((scale - 1) ** 2 + scale**2 + (2 * scale - 2) ** 2) / 3)
    # of the second step: (-1, 0, -1) for (0, 0, -1), scale 1 / 2
    assert last == pytest.approx(np.sqrt(0.25 + 0.25) / 2)
