"""The centre line of the synthetic street, a winding curve x(z) on flat ground, and driving along it."""

from dataclasses import dataclass

import numpy as np

FRAME_SECONDS = 0.1


@dataclass(frozen=True)
class Road:
    """Samples of the centre line, ordered by z; `arcs` is the length driven along it in metres, 0 at z = 0."""

    z: np.ndarray
    x: np.ndarray
    headings: np.ndarray
    arcs: np.ndarray

    def place(self, arc: float, lateral: float = 0.0) -> tuple[float, float, float]:
        """World x, z and heading (radians, 0 along +z) of a point `lateral` metres to the right of the line."""
        x, z, heading = (float(np.interp(arc, self.arcs, values)) for values in (self.x, self.z, self.headings))
        return x + lateral * np.cos(heading), z - lateral * np.sin(heading), heading

    def coordinates(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Arc, lateral offset and heading of world points, to first order in the distance from the line."""
        cell = np.clip((z - self.z[0]) / (self.z[1] - self.z[0]), 0, len(self.z) - 1.001)
        index = cell.astype(np.int32)
        fraction = cell - index
        line_x, heading, line_arc = (
            values[index] * (1 - fraction) + values[index + 1] * fraction
            for values in (self.x, self.headings, self.arcs)
        )
        aside = x - line_x
        return line_arc + aside * np.sin(heading), aside * np.cos(heading), heading


def winding_road(rng: np.random.Generator, start: float, end: float, bends: float = 1.0) -> Road:
    """A street from z = start (below 0) to z = end; with `bends` 1 of 35 m radius and more, with 0 straight."""
    z = np.arange(start, end, 0.5)
    slope = np.zeros_like(z)
    for steepness, wavelength in ((rng.uniform(0.26, 0.34), rng.uniform(120, 150)), (0.10, rng.uniform(60, 75))):
        slope += steepness * np.sin(2 * np.pi * z / wavelength + rng.uniform(0, 2 * np.pi))
    slope *= bends
    x = np.concatenate([[0], np.cumsum((slope[1:] + slope[:-1]) / 2)]) * 0.5
    steps = np.concatenate([[0], np.hypot(np.diff(x), np.diff(z))])
    arcs = np.cumsum(steps)
    return Road(z, x - np.interp(0, z, x), np.arctan(slope), arcs - np.interp(0, z, arcs))


def drive_arcs(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Arc at each frame, shape (frames,): 8 to 12 m/s, with one short stop where there are 60 frames or more."""
    time = np.arange(frames)
    speed = rng.uniform(9, 10.5) + 1.5 * np.sin(2 * np.pi * time / rng.uniform(40, 70) + rng.uniform(0, 6))
    if frames >= 60:
        middle = rng.uniform(0.45, 0.65) * frames
        speed *= np.clip((np.abs(time - middle) - 3) / 12, 0, 1)
    return np.concatenate([[0], np.cumsum(speed[:-1])]) * FRAME_SECONDS


def leading_arcs(own: np.ndarray) -> np.ndarray:
    """Arcs of a car ahead that is caught up with, followed at 11 m at our own speed, and lost again."""
    knots = np.array([0, 0.35, 0.70, 1.0]) * (len(own) - 1)
    return own + np.interp(np.arange(len(own)), knots, [32, 11, 11, 40])
