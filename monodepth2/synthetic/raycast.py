"""Exact ray casting of a synthetic street, for cameras and for a rotating laser scanner.

A sensor's ray at row r and column c is (x_c, slope_r, z_c) in its frame (x right, y down, z forward): the columns
share an azimuth and the rows a slope, so planes that are upright are solved once per column and level ones once per
row. Distances along a ray are in units of that vector: depth z for a camera, the range over ground for the scanner.
"""

from dataclasses import dataclass

import numpy as np

from monodepth2.synthetic.solids import Solids

Intrinsics = tuple[float, ...]  # fx and cx in widths, fy and cy in heights of the picture
KITTI: Intrinsics = (0.58, 1.92, 0.5, 0.5)  # as the KITTI loader assumes for every drive
BASELINE = 0.54
LIDAR_OFFSET = np.array([0.06, -0.08, -0.27])  # in the left colour camera's frame, as in KITTI's car
GROUND, SKY = -1, -2


@dataclass(frozen=True)
class Sensor:
    """Rays from one point; `offset` (3,) is that point in the left camera's frame, `columns` (2, w) the rays' x and
    z, `slopes` (h,) their y, `pitch` the ray's change per column and per row, for cameras."""

    columns: np.ndarray
    slopes: np.ndarray
    offset: np.ndarray
    pitch: tuple[float, float] = (0.0, 0.0)

    @property
    def azimuths(self) -> np.ndarray:
        """Angle of each column to the right of z, ascending, shape (w,)."""
        return np.arctan2(self.columns[0], self.columns[1])


@dataclass(frozen=True)
class Hits:
    """What each ray meets first: distance (h, w), infinite for the sky, and face (h, w): an index, GROUND or SKY."""

    distance: np.ndarray
    face: np.ndarray


def camera(width: int, height: int, side: str = "l", intrinsics: Intrinsics = KITTI) -> Sensor:
    """The left or right colour camera; pixel (u, v) looks along ((u - cx) / fx, (v - cy) / fy, 1)."""
    fx, fy, cx, cy = (value * size for value, size in zip(intrinsics, (width, height) * 2, strict=True))
    across = (np.arange(width) - cx) / fx
    down = (np.arange(height) - cy) / fy
    offset = np.array([BASELINE if side == "r" else 0.0, 0, 0])
    return Sensor(np.stack([across, np.ones(width)]), down, offset, (1 / fx, 1 / fy))


def scanner() -> Sensor:
    """A 64-row scanner like the HDL-64E: 1/3 degree a row down to -8.3, then 1/2 degree to -24.3; 96 degrees ahead."""
    azimuths = np.radians(np.linspace(-48, 48, 400))
    elevations = np.concatenate([2 - np.arange(32) / 3, -8.83 - np.arange(32) / 2])
    return Sensor(np.stack([np.sin(azimuths), np.cos(azimuths)]), -np.tan(np.radians(elevations)), LIDAR_OFFSET)


def cast(solids: Solids, pose: np.ndarray, sensor: Sensor) -> Hits:
    """Find what each ray of a sensor at world_T_sensor `pose` meets first."""
    origin, rotation = pose[:3, 3], pose[:3, :3]
    normals = solids.normals @ rotation
    margins = solids.offsets - solids.normals @ origin
    shape = len(sensor.slopes), sensor.columns.shape[1]
    with np.errstate(divide="ignore"):
        ground = np.where(sensor.slopes > 1e-6, -origin[1] / sensor.slopes, np.inf).astype(np.float32)
    distance = np.broadcast_to(ground[:, None], shape).copy()
    face = np.where(np.isfinite(distance), GROUND, SKY).astype(np.int32)
    first = np.concatenate([[0], np.cumsum(solids.counts)])
    for solid, window in _windows(solids, pose, sensor):
        faces = slice(first[solid], first[solid + 1])
        _cast_solid(distance, face, window, normals[faces], margins[faces], int(first[solid]), sensor)
    return Hits(distance, face)


def _windows(solids: Solids, pose: np.ndarray, sensor: Sensor) -> list[tuple[int, tuple[slice, slice]]]:
    """The solids that may be seen, nearest first, each with a part of the sensor that surely holds its image."""
    local = (solids.centres - pose[[0, 2], 3]) @ pose[np.ix_([0, 2], [0, 2])]
    turn = solids.yaws - np.arctan2(pose[0, 2], pose[2, 2])
    across = np.stack([np.cos(turn), -np.sin(turn)], axis=1)
    along = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    width, length = across * solids.halves[:, :1], along * solids.halves[:, 1:]
    corners = np.stack([local + i * width + j * length for i in (-1, 1) for j in (-1, 1)], axis=1)
    outside = np.abs(np.stack([(local * across).sum(1), (local * along).sum(1)], 1)) - solids.halves
    reach = np.hypot(*np.maximum(outside, 0).T)

    middle = np.arctan2(local[:, 0], local[:, 1])
    spread = np.arctan2(corners[..., 0], corners[..., 1]) - middle[:, None]
    spread = (spread + np.pi) % (2 * np.pi) - np.pi
    low, high = middle + spread.min(axis=1), middle + spread.max(axis=1)
    azimuths = sensor.azimuths
    wrapped = (high - 2 * np.pi > azimuths[0]) | (low + 2 * np.pi < azimuths[-1]) | (reach <= 0)
    low, high = np.where(wrapped, -4, low), np.where(wrapped, 4, high)
    left, right = np.searchsorted(azimuths, low - 1e-6), np.searchsorted(azimuths, high + 1e-6)

    nearest = np.maximum(reach * sensor.columns[1].min() * 0.999, 0.01)
    top, bottom = solids.spans.T - pose[1, 3]
    upper = np.searchsorted(sensor.slopes, np.minimum(top, 0) / nearest - 1e-6)
    lower = np.searchsorted(sensor.slopes, np.maximum(bottom, 0) / nearest + 1e-6)
    seen = np.flatnonzero((left < right) & (upper < lower))
    order = seen[np.argsort(reach[seen])]
    return [(int(s), (slice(int(upper[s]), int(lower[s])), slice(int(left[s]), int(right[s])))) for s in order]


def _cast_solid(
    distance: np.ndarray,
    face: np.ndarray,
    window: tuple[slice, slice],
    normals: np.ndarray,
    margins: np.ndarray,
    first: int,
    sensor: Sensor,
) -> None:
    """Enter one solid into the z-buffer: a ray is inside between its last entry and its first exit."""
    rows, columns = window
    approach = normals[:, [0, 2]] @ sensor.columns[:, columns]
    climb = normals[:, 1:2] * sensor.slopes[rows]
    upright = np.abs(normals[:, 1]) < 1e-9
    level = np.abs(normals[:, 1]) > 1 - 1e-9
    leaning = ~(upright | level)
    enter, leave, hit = _interval(approach[upright], margins[upright], np.flatnonzero(upright))
    enter, leave, hit = enter[None, :], leave[None, :], hit[None, :]
    enter, leave, hit = _intersect(
        (enter, leave, hit), [part[:, None] for part in _interval(climb[level], margins[level], np.flatnonzero(level))]
    )
    if leaning.any():
        denominator = approach[leaning][:, None, :] + climb[leaning][:, :, None]
        enter, leave, hit = _intersect(
            (enter, leave, hit), _interval(denominator, margins[leaning], np.flatnonzero(leaning))
        )
    buffer = distance[window]
    visible = (enter < leave) & (enter > 0.05) & (enter < buffer)
    buffer[visible] = enter[visible]
    face[window][visible] = hit[visible] + first


def _interval(denominator: np.ndarray, margins: np.ndarray, index: np.ndarray) -> tuple:
    """Where rays are inside of all planes: distances of the last entry and of the first exit, and the entry's face."""
    if not len(index):
        one = np.ones(denominator.shape[1:], dtype=np.float32)
        return -np.inf * one, np.inf * one, np.zeros(one.shape, dtype=np.int32)
    margins = margins.reshape(-1, *[1] * (denominator.ndim - 1))
    denominator = np.where(denominator == 0, 1e-12, denominator)
    crossing = (margins / denominator).astype(np.float32)
    entering = denominator < 0
    enters = np.where(entering, crossing, np.float32(-np.inf))
    leave = np.where(entering, np.float32(np.inf), crossing).min(axis=0)
    last = enters.argmax(axis=0)
    return enters.max(axis=0), leave, index[last].astype(np.int32)


def _intersect(one: tuple, other: tuple | list) -> tuple:
    later = other[0] > one[0]
    return np.maximum(one[0], other[0]), np.minimum(one[1], other[1]), np.where(later, other[2], one[2])
