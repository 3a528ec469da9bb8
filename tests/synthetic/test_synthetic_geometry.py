"""The synthetic street's pictures, depth, poses and scans agree exactly with each other."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from monodepth2.synthetic import Sensor, Street, camera, lidar_scan, make_street, render
from monodepth2.synthetic.calibration_files import write_calibration
from monodepth2.synthetic.raycast import BASELINE, cast
from monodepth2.synthetic.ripmap import atlas, sample
from monodepth2.synthetic.solids import Skin, box, gable, prism
from monodepth2.synthetic.textures import SIZE, TEXTURE_ID

WIDTH, HEIGHT = 310, 94
FX, FY, CX, CY = 0.58 * WIDTH, 1.92 * HEIGHT, 0.5 * WIDTH, 0.5 * HEIGHT
FRAMES = 60


@lru_cache
def picture(frame: int, side: str = "l") -> tuple[np.ndarray, np.ndarray]:
    return render(make_street(5, FRAMES), frame, camera(WIDTH, HEIGHT, side))


def back_project(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) of the pixels with a depth, and their flat indices."""
    pixels = np.flatnonzero(depth.ravel() < 60)
    v, u = np.divmod(pixels, depth.shape[1])
    z = depth.ravel()[pixels].astype(float)
    return np.stack([(u - CX) / FX * z, (v - CY) / FY * z, z], axis=1), pixels


def bilinear(image: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    u0, v0 = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = (u - u0)[:, None], (v - v0)[:, None]
    image = image.reshape(*image.shape[:2], -1).astype(float)
    top = image[v0, u0] * (1 - a) + image[v0, u0 + 1] * a
    return top * (1 - b) + (image[v0 + 1, u0] * (1 - a) + image[v0 + 1, u0 + 1] * a) * b


def warp_errors(target: tuple, source: tuple, source_T_target: np.ndarray) -> tuple[float, float, float]:
    """Mean absolute colour error of co-visible pixels with and without the warp, and the co-visible share."""
    points, pixels = back_project(target[1])
    moved = points @ source_T_target[:3, :3].T + source_T_target[:3, 3]
    u, v = moved[:, 0] / moved[:, 2] * FX + CX, moved[:, 1] / moved[:, 2] * FY + CY
    inside = (u >= 0) & (u < WIDTH - 1) & (v >= 0) & (v < HEIGHT - 1) & (moved[:, 2] > 0)
    moved, pixels, u, v = moved[inside], pixels[inside], u[inside], v[inside]
    seen = bilinear(1 / source[1], u, v)[:, 0]
    visible = np.abs(seen * moved[:, 2] - 1) < 0.01
    colours = target[0].reshape(-1, 3)[pixels[visible]].astype(float)
    warped = np.abs(bilinear(source[0], u[visible], v[visible]) - colours).mean()
    still = np.abs(source[0].reshape(-1, 3)[pixels[visible]] - colours).mean()
    return float(warped), float(still), float(visible.mean())


def test_right_depth_is_the_left_one_displaced_by_the_parallax() -> None:
    street, (_, depth) = make_street(5, FRAMES), picture(20)
    right = camera(WIDTH, HEIGHT, "r")
    pose = street.pose(20)
    pose[:3, 3] += pose[:3, :3] @ [BASELINE, 0, 0]
    equal = []
    for row in range(5, HEIGHT, 8):
        z = depth[row][depth[row] < 80].astype(float)
        across = (np.flatnonzero(depth[row] < 80) - CX) / FX - BASELINE / z
        order = np.argsort(across)
        ray_to_each_point = Sensor(np.stack([across, np.ones(len(z))])[:, order], right.slopes[[row]], right.offset)
        found = cast(street.solids(20), pose, ray_to_each_point).distance[0] / z[order]
        assert found.max() < 1 + 1e-4, "nothing may be seen behind a point of the left picture"
        equal.append(found > 1 - 1e-4)
    assert np.concatenate(equal).mean() > 0.85


@pytest.mark.parametrize("frame", [3, 40])
def test_right_picture_warps_into_the_left(frame: int) -> None:
    right_T_left = np.eye(4)
    right_T_left[0, 3] = -0.54
    warped, still, share = warp_errors(picture(frame), picture(frame, "r"), right_T_left)
    assert share > 0.7
    assert warped < 6
    assert warped < 0.4 * still


@pytest.mark.parametrize("frame", [3, 12])
def test_next_frame_warps_into_this_one_by_the_true_pose(frame: int) -> None:
    street = make_street(5, FRAMES)
    source_T_target = np.linalg.inv(street.pose(frame + 1)) @ street.pose(frame)
    assert 0.5 < np.linalg.norm(source_T_target[:3, 3]) < 1.3, "about a metre a frame"
    warped, still, share = warp_errors(picture(frame), picture(frame + 1), source_T_target)
    assert share > 0.7
    assert warped < 6
    assert warped < 0.4 * still


def test_drive_has_a_stop_turns_and_a_car_ahead_at_our_speed() -> None:
    street = make_street(5, FRAMES)
    speeds = np.diff(street.own_arcs)
    assert (speeds == 0).sum() >= 4
    assert 0.8 < speeds.max() < 1.3
    halt = int(np.flatnonzero(speeds == 0)[0])
    assert np.array_equal(street.pose(halt), street.pose(halt + 1))
    headings = [np.arctan2(*street.pose(frame)[[0, 2], 2]) for frame in range(FRAMES)]
    assert np.ptp(np.degrees(headings)) > 5
    gap = street.vehicles[0].arcs - street.own_arcs
    assert (np.abs(gap - 11) < 1e-6).sum() > FRAMES / 4
    assert gap.max() > 30


def test_a_seed_stands_for_one_street() -> None:
    image, depth = picture(7)
    make_street.cache_clear()
    again = render(make_street(5, FRAMES), 7, camera(WIDTH, HEIGHT))
    assert np.array_equal(image, again[0])
    assert np.array_equal(depth, again[1])
    other = render(make_street(6, FRAMES), 7, camera(WIDTH, HEIGHT))[1]
    assert np.mean(np.abs(depth / np.minimum(other, 1e6) - 1) > 0.1) > 0.3


def test_mean_depth_per_pixel_is_a_poor_predictor() -> None:
    sensor = camera(124, 38)
    train, test = (
        np.stack([_depth(make_street(seed, 90), frame, sensor) for seed in seeds for frame in range(0, 90, 9)])
        for seeds in ((0, 1, 2), (3,))
    )
    mean = np.nanmean(np.where(train < 80, train, np.nan)[:, 15:37, 4:119], axis=0)
    errors = []
    for truth in test[:, 15:37, 4:119]:
        known = truth < 80
        scaled = mean[known] * np.median(truth[known]) / np.median(mean[known])
        errors.append(np.mean(np.abs(scaled - truth[known]) / truth[known]))
    assert np.mean(errors) > 0.25


def _depth(street: Street, frame: int, sensor: Sensor) -> np.ndarray:
    return cast(street.solids(frame), street.pose(frame), sensor).distance


def test_solids_are_hit_where_geometry_says() -> None:
    skins = [Skin("plaster")] * 5
    ahead = Sensor(np.array([[0.0], [1.0]]), np.array([-0.1, 0.0, 0.1]), np.zeros(3))
    pose = np.eye(4)
    pose[1, 3] = -1.5
    assert cast(box((2, 3, 4), skins).placed(0, 12), pose, ahead).distance[1, 0] == pytest.approx(10)
    diamond = cast(box((2, 3, 2), skins).placed(0, 12, np.pi / 4), pose, ahead)
    assert diamond.distance[1, 0] == pytest.approx(12 - np.sqrt(2))
    low = cast(box((2, 1, 4), skins).placed(0, 12), pose, ahead).distance[:, 0]
    assert low == pytest.approx([np.inf, np.inf, 10]), "a low box is seen only by the ray that descends"
    leaning = cast(box((2, 3, 4), skins, taper=(0, 0.5)).placed(0, 12), pose, ahead)
    assert leaning.distance[1, 0] == pytest.approx(10 + 0.5 * 1.5)
    pole = cast(prism(0.5, 3, skins[0]).placed(0, 8, np.pi / 2), pose, ahead)
    assert pole.distance[1, 0] == pytest.approx(7.5)
    roof = cast(gable(4, 6, 2, 1.0, skins[0], skins[0]).placed(0, 9, np.pi / 2), pose, ahead)
    assert roof.distance[1, 0] == pytest.approx(7.5), "0.5 m up a slope of 45 degrees that starts 7 m ahead"


def test_ground_is_the_plane_below_the_camera() -> None:
    _, depth = picture(20)
    height = (HEIGHT - 1 - CY) / FY * depth[-1]
    assert np.mean(np.abs(height - 1.65) < 1e-3) > 0.3
    assert height.max() < 1.651


def test_lookup_returns_texels_and_averages_over_large_footprints() -> None:
    texture = np.array([TEXTURE_ID["brick"]])
    texels = atlas().view(np.uint8).reshape(-1, 2 * SIZE, 2 * SIZE, 4)
    whole = texels[texture[0], :SIZE, :SIZE, :3].astype(float)
    point, small, large = (np.array([value]) for value in (10.5 / SIZE, 1e-4, 1.0))
    at_row = sample(texture, point, 3 + 200 / SIZE + point, small, small)[0]
    assert at_row == pytest.approx(whole[210, 10], abs=0.01)
    assert sample(texture, point, point, large, large)[0] == pytest.approx(whole.mean((0, 1)), abs=3)
    along_u = sample(texture, point, point, large, small)[0]
    assert along_u == pytest.approx(whole[10].mean(0), abs=3), "a footprint along u does not blur v"


def read_calibration(path: Path) -> dict[str, np.ndarray]:
    rows = (line.split(": ") for line in path.read_text().splitlines()[1:])
    return {key: np.array(values.split(), dtype=float) for key, values in rows}


@pytest.mark.parametrize("number", [2, 3])
def test_scan_projects_onto_the_depth_map_by_the_written_calibration(tmp_path: Path, number: int) -> None:
    write_calibration(tmp_path, WIDTH, HEIGHT)
    cameras = read_calibration(tmp_path / "calib_cam_to_cam.txt")
    velodyne = read_calibration(tmp_path / "calib_velo_to_cam.txt")
    assert cameras[f"S_rect_0{number}"].tolist() == [WIDTH, HEIGHT]
    scan = lidar_scan(make_street(5, FRAMES), 20)
    points = scan[:, :3] @ velodyne["R"].reshape(3, 3).T + velodyne["T"]
    points = points @ cameras["R_rect_00"].reshape(3, 3).T
    u, v, z = (np.column_stack([points, np.ones(len(points))]) @ cameras[f"P_rect_0{number}"].reshape(3, 4).T).T
    u, v = u / z, v / z
    inside = (u >= 0) & (u < WIDTH - 1) & (v >= 0) & (v < HEIGHT - 1)
    _, depth = picture(20, "l" if number == 2 else "r")
    inverse = bilinear(1 / depth, u[inside], v[inside])[:, 0]
    agree = np.abs(inverse * z[inside] - 1) < 0.02
    assert inside.sum() > 4000
    assert agree.mean() > 0.85


def test_scan_is_in_the_scanners_frame() -> None:
    scan = lidar_scan(make_street(5, FRAMES), 10)
    assert scan.dtype == np.float32
    assert scan.shape[1] == 4
    assert scan[:, 2].min() == pytest.approx(-1.73, abs=1e-3), "the ground lies 1.73 m below it"
    assert scan[:, 0].min() > 0
    assert np.hypot(scan[:, 0], scan[:, 1]).max() <= 100


@pytest.mark.parametrize("path", ["straight", "handheld"])
def test_pictures_of_any_camera_and_path_warp_into_each_other(path: str) -> None:
    intrinsics = (0.5, 0.9, 0.4, 0.55)
    street, sensor = make_street(5, 40, path), camera(200, 112, intrinsics=intrinsics)
    fx, fy, cx, cy = (value * size for value, size in zip(intrinsics, (200, 112) * 2, strict=True))
    (target, depth), (source, _) = render(street, 10, sensor), render(street, 12, sensor)
    v, u = np.nonzero(depth < 30)
    z = depth[v, u].astype(float)
    points = np.stack([(u - cx) / fx * z, (v - cy) / fy * z, z, np.ones_like(z)])
    x, y, z = (np.linalg.inv(street.pose(12)) @ street.pose(10) @ points)[:3]
    there_u, there_v = x / z * fx + cx, y / z * fy + cy
    inside = (there_u >= 0) & (there_u < 199) & (there_v >= 0) & (there_v < 111) & (z > 0)
    warped = np.abs(bilinear(source, there_u[inside], there_v[inside]) - target[v, u][inside]).mean()
    still = np.abs(source[v, u][inside].astype(float) - target[v, u][inside]).mean()
    assert warped < 0.5 * still


def test_a_straight_way_does_not_turn_and_a_carried_camera_does() -> None:
    def headings(path: str) -> np.ndarray:
        poses = [make_street(5, 60, path).pose(frame) for frame in range(60)]
        return np.array([np.arctan2(pose[0, 2], pose[2, 2]) for pose in poses])

    assert np.ptp(headings("straight")) < 1e-9
    assert np.sqrt(np.mean(np.diff(headings("handheld")) ** 2)) > 0.02
