"""The ground in maps whose camera height is known exactly."""

import numpy as np
import pytest

from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.method.ground_plane import ground_distance, ground_scale
from monodepth2.synthetic import camera, make_street, render

WIDTH, HEIGHT = 320, 96
K = KITTI_INTRINSICS.matrix(WIDTH, HEIGHT, np.float64)[:3, :3]


def plane_disp(distance: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """The disparity of level ground below a camera that looks down by `pitch` and is turned by `roll`, in degrees."""
    pitch, roll = np.radians((pitch, roll))
    normal = np.array([np.sin(roll), np.cos(roll) * np.cos(pitch), np.cos(roll) * np.sin(pitch)])
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], -1)
    return np.maximum(rays @ normal / distance, 1e-3)


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (4, -3), (-3, 6)])
def test_the_distance_of_a_plane_is_exact(pitch: float, roll: float) -> None:
    assert ground_distance(plane_disp(1.65, pitch, roll), K) == pytest.approx(1.65, rel=1e-6)


def test_noise_and_a_car_on_the_road_hardly_matter() -> None:
    disp = plane_disp(1.2, pitch=1) * np.random.default_rng(1).normal(1, 0.02, (HEIGHT, WIDTH))
    disp[50:80, 100:150] = 1 / 6  # a wall six units ahead
    disp[:, 210:] = np.nan  # and what the network has not seen
    assert ground_distance(disp, K) == pytest.approx(1.2, rel=0.02)


@pytest.mark.parametrize("frame", [5, 40, 66])
def test_the_rendered_street_lies_below_the_camera_by_its_height(frame: int) -> None:
    _, depth = render(make_street(5, 90), frame, camera(WIDTH, HEIGHT))
    assert ground_distance(7 / depth, K) == pytest.approx(1.65 / 7, rel=0.02)


def test_what_is_no_level_ground_tells_nothing() -> None:
    assert ground_distance(np.full((HEIGHT, WIDTH), 0.1), K) is None, "a wall"
    assert ground_distance(plane_disp(1.5, roll=45), K) is None, "a slope to the side"
    assert ground_distance(np.random.default_rng(0).uniform(0.01, 1, (HEIGHT, WIDTH)), K) is None, "noise"
    assert ground_distance(np.full((HEIGHT, WIDTH), np.nan), K) is None, "nothing"


def test_the_scale_is_the_median_with_its_spread() -> None:
    scale = ground_scale([0.1, None, 0.11, 0.09], 1.65)
    assert scale is not None
    assert scale.factor == pytest.approx(16.5)
    assert scale.spread == pytest.approx(np.std([1, 10 / 11, 10 / 9]))
    assert (scale.found, scale.looked_at) == (3, 4)
    assert "± 8.3 %" in str(scale)
    assert ground_scale([None, None], 1.65) is None
