"""Velodyne scans, and the sparse depth maps that the method's evaluation has always made of them."""

from pathlib import Path

import numpy as np

from monodepth2.datasets.calibration import Calibration
from monodepth2.errors import UserError
from monodepth2.files.input_files import required_input

BYTES_PER_POINT = 16
MOST_BYTES = 32 << 20  # a full turn of KITTI's scanner is 2 MiB
SIZE_CAMERA = 2  # whose picture size bounds the maps of both colour cameras


def read_scan(path: Path) -> np.ndarray:
    """Read one sweep: forward, left, up in metres and reflectance, float32, shape (n, 4).

    Raises:
        UserError: the file is missing, empty, truncated, too large, or holds numbers that are not finite.
    """
    absent = "no such scan; download the drive's velodyne_points, or the sequence's velodyne"
    content = required_input(path, MOST_BYTES, absent, "download the file again")
    if not content or len(content) % BYTES_PER_POINT:
        points = f"a scan is {BYTES_PER_POINT} bytes per point"
        raise UserError(f"{path}: {len(content):,} bytes, but {points}; download the file again")
    scan = np.frombuffer(content, dtype="<f4").reshape(-1, 4)
    if not np.isfinite(scan).all():
        raise UserError(f"{path}: holds coordinates that are not finite; download the file again")
    return scan


def depth_map(scan: np.ndarray, calibration: Calibration, camera: int, *, forward: bool) -> np.ndarray:
    """Project a sweep into a camera; the same maps, to the bit, as the 2019 implementation's.

    Args:
        scan: forward, left, up in metres and reflectance (not read), shape (n, 4).
        calibration: of the scan's date.
        camera: colour camera 2 or 3.
        forward: store the distance in the scanner's forward direction instead of the depth in the camera's.

    Returns:
        Metres, 0 where no point falls, float32, (h, w) of camera 2's pictures.
    """
    width, height = calibration.image_size(SIZE_CAMERA)
    points = scan.take(np.flatnonzero(scan[:, 0] >= 0), axis=0).astype(np.float64)
    points[:, 3] = 1
    column, row, z = _image_coordinates(points, calibration.image_from_velodyne(camera))
    inside = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    depth = np.maximum((points[:, 0] if forward else z)[inside], 0)
    return _nearest(row[inside].astype(np.intp), column[inside].astype(np.intp), depth, (height, width))


def _image_coordinates(points: np.ndarray, projection: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rounded pixel coordinates, counted from 1 as in KITTI's own tools and then moved to 0, and depth along z."""
    x, y, z = projection @ points.T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.round(x / z) - 1, np.round(y / z) - 1, z


def _nearest(row: np.ndarray, column: np.ndarray, depth: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Write points into a map, keeping the nearest of those that share an index.

    The index row * (width - 1) + column (less 1) takes the end of a row for the start of the next. It is 2019's, and
    published figures rest on it: the minimum is written at the first point's pixel, another pixel of the same index
    keeps the last point that fell on it.
    """
    depth_hw = np.zeros(shape, dtype=np.float32)
    depth_hw[row, column] = depth
    index = row * (shape[1] - 1) + column
    point = np.arange(len(index))
    first_of_index = np.empty(depth_hw.size + 1, dtype=np.intp)
    first_of_index[index[::-1]] = point[::-1]  # the last one written stays
    later = np.flatnonzero(first_of_index[index] != point)
    first = first_of_index[index[later]]
    nearest = depth.copy()
    np.minimum.at(nearest, first, depth[later])
    depth_hw[row[first], column[first]] = nearest[first]
    return depth_hw
