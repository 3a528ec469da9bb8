import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.velodyne import depth_map, read_scan
from monodepth2.errors import UserError
from scene import CALIBRATION, DATE, DRIVE

CAM_TO_CAM, VELO_TO_CAM = CALIBRATION.values()
FACTS = json.loads((Path(__file__).parents[1] / "golden/evaluation.json").read_text())["mono"]


def slow_depth_map(scan: np.ndarray, calibration: Calibration, camera: int, forward: bool) -> np.ndarray:
    """The map as the words say it: point by point, then a search through all points for every shared index."""
    width, height = calibration.image_size(2)
    projection = calibration.image_from_velodyne(camera)
    ahead = scan[scan[:, 0] >= 0].astype(np.float64)
    ahead[:, 3] = 1
    projected = (projection @ ahead.T).T
    points = []
    for point, (x, y, z) in zip(ahead, projected, strict=True):
        column, row = np.round(x / z) - 1, np.round(y / z) - 1
        if 0 <= column < width and 0 <= row < height:
            points.append((int(row), int(column), point[0] if forward else z))
    depth = np.zeros((height, width))
    places = defaultdict(int)
    for row, column, value in points:
        depth[row, column] = value
        places[row * (width - 1) + column - 1] += 1
    indices = np.array([row * (width - 1) + column - 1 for row, column, _ in points])
    for index in [index for index, count in places.items() if count > 1]:
        sharing = [points[i] for i in np.flatnonzero(indices == index)]
        row, column, _ = sharing[0]
        depth[row, column] = min(value for _, _, value in sharing)
    depth[depth < 0] = 0
    return depth.astype(np.float32)


@pytest.fixture
def calibration(small_scene: Path) -> Calibration:
    return Calibration.read(small_scene / DATE)


@pytest.fixture
def scan(small_scene: Path) -> np.ndarray:
    return read_scan(small_scene / DRIVE / f"velodyne_points/data/{int(FACTS['lines'][0].split()[1]):010d}.bin")


@pytest.mark.parametrize(("name", "camera", "forward"), [("gt_forward", 2, True), ("gt_projected_cam3", 3, False)])
def test_golden_maps(name: str, camera: int, forward: bool, scan: np.ndarray, calibration: Calibration) -> None:
    depth = depth_map(scan, calibration, camera, forward=forward)
    assert depth.shape == (375, 1242)
    assert depth.dtype == np.float32
    assert np.count_nonzero(depth) == FACTS[name]["count"]
    assert depth.sum(dtype=np.float64) == pytest.approx(FACTS[name]["total"], rel=1e-9)


@pytest.mark.parametrize("camera", [2, 3])
@pytest.mark.parametrize("forward", [True, False])
def test_as_the_slow_twin(camera: int, forward: bool, scan: np.ndarray, calibration: Calibration) -> None:
    expected = slow_depth_map(scan, calibration, camera, forward)
    np.testing.assert_array_equal(depth_map(scan, calibration, camera, forward=forward), expected)


def small_calibration(folder: Path, width: int, height: int) -> Calibration:
    """A camera of few pixels in the scanner's place, so that points crowd."""
    cameras = CAM_TO_CAM.replace("1.242000e+03 3.750000e+02", f"{width} {height}")
    projection = f"{width} 0 {width / 2} 0 0 {height} {height / 2} 0 0 0 1 0"
    lines = [f"P_rect_{line[7:9]}: {projection}" if line.startswith("P_rect") else line for line in cameras.split("\n")]
    (folder / "calib_cam_to_cam.txt").write_text("\n".join(lines))
    (folder / "calib_velo_to_cam.txt").write_text(VELO_TO_CAM)
    return Calibration.read(folder)


@pytest.mark.parametrize("seed", range(6))
def test_crowded_scans_as_the_slow_twin(seed: int, tmp_path: Path) -> None:
    calibration = small_calibration(tmp_path, width=5 + 3 * seed, height=1 + seed)
    rng = np.random.default_rng(seed)
    # near points too: some have positive forward distance and negative depth
    scan = rng.uniform((-2, -4, -4, 0), (8, 4, 4, 1), (800, 4)).astype(np.float32)
    for forward in (True, False):
        depth = depth_map(scan, calibration, 2, forward=forward)
        assert 0 < np.count_nonzero(depth) < 400
        np.testing.assert_array_equal(depth, slow_depth_map(scan, calibration, 2, forward))


def at_pixels(calibration: Calibration, pixels: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """A scan whose points fall on (row, column) with the given depth."""
    projection = calibration.image_from_velodyne(2)
    image = np.array([[(column + 1) * z, (row + 1) * z, z] for row, column, z in pixels])
    points = np.linalg.solve(projection[:, :3], (image - projection[:, 3]).T).T
    return np.column_stack([points, np.zeros(len(pixels))]).astype(np.float32)


def test_the_nearest_point_of_a_pixel_stays(calibration: Calibration) -> None:
    scan = at_pixels(calibration, [(200, 300, 9.0), (200, 300, 7.0), (200, 300, 8.0), (201, 300, 30.0)])
    depth = depth_map(scan, calibration, 2, forward=False)
    assert depth[200, 300] == pytest.approx(7)
    assert depth[201, 300] == pytest.approx(30)
    assert np.count_nonzero(depth) == 2


def test_the_end_of_a_row_is_taken_for_the_start_of_the_next(calibration: Calibration) -> None:
    # 200 * 1241 + 1241 - 1 = 201 * 1241 + 0 - 1
    scan = at_pixels(calibration, [(200, 1241, 9.0), (201, 0, 5.0), (201, 0, 7.0)])
    depth = depth_map(scan, calibration, 2, forward=False)
    assert depth[200, 1241] == pytest.approx(5)
    assert depth[201, 0] == pytest.approx(7)


def test_points_between_scanner_and_camera_have_no_depth_but_a_forward_distance(calibration: Calibration) -> None:
    scan = at_pixels(calibration, [(200, 300, 9.0), (200, 300, -0.1), (210, 300, -0.1)])
    assert not depth_map(scan, calibration, 2, forward=False).any()
    forward = depth_map(scan, calibration, 2, forward=True)
    np.testing.assert_allclose(forward[[200, 210], 300], 0.17, atol=0.001)
    np.testing.assert_array_equal(forward, slow_depth_map(scan, calibration, 2, True))


def test_points_behind_or_outside_leave_no_trace(calibration: Calibration) -> None:
    scan = at_pixels(calibration, [(200, 300, -9.0), (200, -1, 9.0), (375, 300, 9.0), (-1, 10, 9.0), (0, 1242, 9.0)])
    assert not depth_map(scan, calibration, 2, forward=False).any()
    assert not depth_map(scan[:0], calibration, 2, forward=False).any()


def test_reflectance_does_not_matter(scan: np.ndarray, calibration: Calibration) -> None:
    changed = scan.copy()
    changed[:, 3] = 77
    np.testing.assert_array_equal(
        depth_map(changed, calibration, 2, forward=True), depth_map(scan, calibration, 2, forward=True)
    )


def test_a_crowd_of_points_as_the_slow_twin(calibration: Calibration) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform((0, 0, 2), (374, 1241, 70), (60_000, 3))
    scan = at_pixels(calibration, pixels)
    expected = slow_depth_map(scan, calibration, 2, False)
    np.testing.assert_array_equal(depth_map(scan, calibration, 2, forward=False), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "0 bytes"), (b"x" * 31, "31 bytes"), (np.float32([1, 2, np.nan, 0]).tobytes(), "not finite")],
)
def test_a_broken_scan_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "0000000000.bin"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read_scan(path)
    assert str(path) in str(error.value)


def test_a_vast_scan_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "0000000000.bin"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UserError, match="bytes are too many"):
        read_scan(path)


def test_a_missing_scan(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such scan"):
        read_scan(tmp_path / "0000000000.bin")


def test_scan_values(tmp_path: Path) -> None:
    values = np.arange(8, dtype=np.float32).reshape(2, 4)
    values.tofile(tmp_path / "0000000000.bin")
    np.testing.assert_array_equal(read_scan(tmp_path / "0000000000.bin"), values)
