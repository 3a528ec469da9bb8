"""What a scan's depth map costs, beside a loop over the pixels that several points share: `make bench`.

Both make the same map to the bit. Every figure is a median of several runs, taken in turns so that a machine's moods
meet both; compare ratios of one run, not seconds of two. A loop costs the more, the more pixels are shared: few are
where a scan is seen from beside the scanner, thousands in a crowd of random points.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/golden"))

from benchmarks.timing import Table, in_turns, show
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.velodyne import depth_map, read_scan
from scene import DATE, DRIVE, write_kitti_raw

CROWD = 120_000  # points of a full turn of KITTI's scanner


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scan", type=Path, help="measure this scan of a KITTI drive, too")
    args = parser.parse_args()
    show(measure(args.rounds, args.scan))


def measure(rounds: int, scan: Path | None = None) -> list[Table]:
    """Return the table of projections: milliseconds per scan."""
    with tempfile.TemporaryDirectory() as folder:
        write_kitti_raw(Path(folder), frames=1)
        calibration = Calibration.read(Path(folder) / DATE)
        scans = {"one turn in a street of formulas": read_scan(next(Path(folder, DRIVE).rglob("*.bin")))}
    scans["a crowd of random points in view"] = crowd(CROWD)
    rows = {name: _row(points, calibration, rounds) for name, points in scans.items()}
    if scan:
        rows[scan.name] = _row(read_scan(scan), Calibration.read(scan.absolute().parents[3]), rounds)
    return [Table("Depth map of a scan", ("points", "shared", "loop ms", "ours ms", "ratio"), rows)]


def _row(scan: np.ndarray, calibration: Calibration, rounds: int) -> tuple[float, ...]:
    assert np.array_equal(loop_depth_map(scan, calibration), depth_map(scan, calibration, 2, forward=True))
    ways = {
        "loop": lambda: loop_depth_map(scan, calibration),
        "ours": lambda: depth_map(scan, calibration, 2, forward=True),
    }
    loop, ours = in_turns(ways, rounds, torch.device("cpu")).values()
    return len(scan), shared_pixels(scan, calibration), 1e3 * loop, 1e3 * ours, loop / ours


def crowd(count: int) -> np.ndarray:
    """Random points in the camera's view, many of them on the same pixels."""
    rng = np.random.default_rng(0)
    direction = rng.uniform((1, -0.8, -0.26), (1, 0.8, 0.2), (count, 3))
    return np.column_stack([direction * rng.uniform(3, 80, (count, 1)), np.zeros(count)]).astype(np.float32)


def loop_depth_map(scan: np.ndarray, calibration: Calibration, camera: int = 2, forward: bool = True) -> np.ndarray:
    """`depth_map` with one search through all points for every index that several of them share."""
    width, height = calibration.image_size(2)
    row, column, depth, index = _on_picture(scan, calibration, camera, forward)
    depth_hw = np.zeros((height, width))
    depth_hw[row, column] = depth
    for one in [one for one, count in Counter(index.tolist()).items() if count > 1]:
        sharing = np.flatnonzero(index == one)
        depth_hw[row[sharing[0]], column[sharing[0]]] = depth[sharing].min()
    depth_hw[depth_hw < 0] = 0
    return depth_hw.astype(np.float32)


def shared_pixels(scan: np.ndarray, calibration: Calibration) -> int:
    """How many indices several points share."""
    return int((np.unique(_on_picture(scan, calibration, 2, True)[3], return_counts=True)[1] > 1).sum())


def _on_picture(scan: np.ndarray, calibration: Calibration, camera: int, forward: bool) -> tuple[np.ndarray, ...]:
    """Row, column, depth and index of the points that fall on the picture."""
    width, height = calibration.image_size(2)
    points = scan[scan[:, 0] >= 0].astype(np.float64)
    points[:, 3] = 1
    image = (calibration.image_from_velodyne(camera) @ points.T).T
    with np.errstate(divide="ignore", invalid="ignore"):
        image[:, :2] = np.round(image[:, :2] / image[:, 2:]) - 1
    inside = (image[:, 0] >= 0) & (image[:, 1] >= 0) & (image[:, 0] < width) & (image[:, 1] < height)
    column, row = image[inside, 0].astype(int), image[inside, 1].astype(int)
    return row, column, (points[:, 0] if forward else image[:, 2])[inside], row * (width - 1) + column - 1


if __name__ == "__main__":
    main()
