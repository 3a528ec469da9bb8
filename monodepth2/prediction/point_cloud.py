"""Depth as a coloured cloud of points.

Legend of shapes: h w pixels, n points. Camera frame: x right, y down, z forward.
"""

from typing import BinaryIO, NamedTuple

import numpy as np

VERTEX = np.dtype([(name, "<f4") for name in "xyz"] + [(name, "u1") for name in ("red", "green", "blue")])


class Pinhole(NamedTuple):
    """Focal lengths and principal point in pixels, counted from 0."""

    fx: float
    fy: float
    cx: float
    cy: float


def point_cloud(depth_hw: np.ndarray, colour_hw3: np.ndarray, camera: Pinhole, farthest: float) -> np.ndarray:
    """Turn the pixels of a picture into points of the camera frame.

    Back-projection as in training: from integer pixel coordinates (u, v), x = (u - cx) z / fx and
    y = (v - cy) z / fy.

    Args:
        depth_hw: z of each pixel.
        colour_hw3: RGB, uint8.
        camera: of pictures of this size.
        farthest: pixels of this depth or more (sky) become no points.

    Returns:
        Points row by row, of type `VERTEX`, in the unit of the depth, (n,).
    """
    v, u = np.nonzero(depth_hw < farthest)
    z = depth_hw[v, u]
    points = np.empty(len(z), VERTEX)
    points["x"] = (u - camera.cx) * z / camera.fx
    points["y"] = (v - camera.cy) * z / camera.fy
    points["z"] = z
    points["red"], points["green"], points["blue"] = colour_hw3[v, u].T
    return points


def write_ply(file: BinaryIO, points: np.ndarray, comments: list[str]) -> None:
    """Write points, of type `VERTEX`, as a binary little-endian PLY file."""
    from plyfile import PlyData, PlyElement  # an optional dependency

    PlyData([PlyElement.describe(points, "vertex")], byte_order="<", comments=comments).write(file)
