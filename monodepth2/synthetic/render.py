"""Pictures with depth, and laser scans, of a synthetic street at one instant of its drive."""

import numpy as np

from monodepth2.synthetic.raycast import Sensor, cast, scanner
from monodepth2.synthetic.shading import shade
from monodepth2.synthetic.street import Street

LIDAR_RANGE = 100.0


def render(street: Street, frame: float, sensor: Sensor) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its exact depth.

    Args:
        street: the scene and the drive.
        frame: the time, in frames.
        sensor: from `camera`.

    Returns:
        uint8, shape (h, w, 3); float32, shape (h, w), metres along z, infinite for the sky.
    """
    solids, pose = street.solids(frame), _sensor_pose(street, frame, sensor)
    hits = cast(solids, pose, sensor)
    image = shade(hits, street, solids, pose, sensor)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8), hits.distance


def lidar_scan(street: Street, frame: float) -> np.ndarray:
    """A sweep of the laser scanner, all of it at the time of `frame`.

    Returns:
        float32, shape (n, 4): x forward, y left, z up from the scanner in metres, and reflectance, 0 to 1.
    """
    sensor, solids = scanner(), street.solids(frame)
    hits = cast(solids, _sensor_pose(street, frame, sensor), sensor)
    rows, columns = np.nonzero(hits.distance < LIDAR_RANGE)
    distance, face = hits.distance[rows, columns], hits.face[rows, columns]
    right, forward = sensor.columns[:, columns] * distance
    reflectance = np.where(face < 0, 0.25, solids.tints.mean(axis=1)[face] * 0.5)
    points = [forward, -right, -sensor.slopes[rows] * distance, np.clip(reflectance, 0, 1)]
    return np.stack(points, axis=1).astype(np.float32)


def _sensor_pose(street: Street, frame: float, sensor: Sensor) -> np.ndarray:
    """world_T_sensor, shape (4, 4)."""
    pose = street.pose(frame)
    pose[:3, 3] += pose[:3, :3] @ sensor.offset
    return pose
