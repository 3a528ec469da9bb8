"""Laying out a synthetic street from a seed: what stands where, who drives, and where we are at each frame."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from monodepth2.synthetic.furniture import car, hedge, house, lamp_post, sign_post, tree
from monodepth2.synthetic.road import FRAME_SECONDS, Road, drive_arcs, leading_arcs, winding_road
from monodepth2.synthetic.solids import Solids, join, yaw_rotation

PATHS = ("street", "straight", "handheld")
CAMERA_HEIGHT = 1.65
ROAD_HALF = 4.8  # metres from the centre line to the kerb: a lane and a row of parked cars
PAVEMENT_HALF = 6.4
LANE = 1.45  # middle of a lane; we drive on the right
PARKED = 3.85
WALKING = 0.2  # metres per frame
BEHIND, AHEAD = 40.0, 170.0  # metres of street built before the first and beyond the last frame


@dataclass(frozen=True)
class Vehicle:
    """A moving car: its solids, its arc at each frame, shape (frames,), and its lane; `turned` if it meets us."""

    solids: Solids
    arcs: np.ndarray
    lateral: float
    turned: bool


@dataclass(frozen=True)
class Street:
    """A street, its traffic, and our drive through it.

    `own_arcs`, `own_laterals` and `own_heights` (frames,) are the left camera's place at each frame, `own_turns` its
    angle to the road in radians, `crossings` (n, 2) the arcs between which a side street leaves the ground paved.
    """

    road: Road
    static: Solids
    vehicles: tuple[Vehicle, ...]
    own_arcs: np.ndarray
    own_laterals: np.ndarray
    own_heights: np.ndarray
    own_turns: np.ndarray
    crossings: np.ndarray

    def pose(self, frame: float) -> np.ndarray:
        """world_T_camera of the left camera, shape (4, 4); frames between two integers are interpolated.

        World: x right, y down, z forward at the start of the street, the ground at y = 0, metres.
        """
        time = np.arange(len(self.own_arcs))
        arc, lateral, height, turn = (
            float(np.interp(frame, time, values))
            for values in (self.own_arcs, self.own_laterals, self.own_heights, self.own_turns)
        )
        x, z, heading = self.road.place(arc, lateral)
        pose = np.eye(4)
        pose[:3, :3] = yaw_rotation(heading + turn)
        pose[:3, 3] = x, -height, z
        return pose

    def solids(self, frame: float) -> Solids:
        """Everything that stands or drives at the time of `frame`."""
        moving = []
        for vehicle in self.vehicles:
            arc = float(np.interp(frame, np.arange(len(vehicle.arcs)), vehicle.arcs))
            x, z, heading = self.road.place(arc, vehicle.lateral)
            moving.append(vehicle.solids.placed(x, z, heading + np.pi * vehicle.turned))
        return join([self.static, *moving])


@lru_cache(maxsize=4)
def make_street(seed: int, frames: int, path: str = "street") -> Street:
    """A street and a way of `frames` frames at 10 Hz through it; equal arguments give the same.

    Args:
        seed: of the street.
        frames: of the way.
        path: a car on a winding "street" with traffic at 8 to 12 m/s, or on a "straight" one; or "handheld", a camera
            carried along a winding street without traffic, swung to both sides, at 2 m/s.
    """
    rng = np.random.default_rng([2019, seed])
    own = WALKING * np.arange(frames) if path == "handheld" else drive_arcs(rng, frames)
    end = float(own[-1]) + AHEAD
    road = winding_road(rng, -BEHIND - 30, end + 30, bends=0.0 if path == "straight" else 1.0)
    crossings = _crossings(rng, end)
    parts = [_end_wall(rng, road, end)]
    for side in (-1, 1):
        for start, stop in _blocks(crossings, end):
            parts += _block(rng, road, side, start, stop)
        parts += _background(rng, road, side, end)
    static, still = join(parts), np.zeros(frames)
    if path == "handheld":
        return Street(road, static, (), own, *_carried(rng, frames), crossings)
    laterals = LANE + (path == "street") * 0.25 * np.sin(own / rng.uniform(12, 20))
    return Street(road, static, _traffic(rng, own), own, laterals, still + CAMERA_HEIGHT, still, crossings)


def _carried(rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lateral place and height in metres, and turn to the road in radians, of a camera that somebody carries."""
    swings = np.arange(frames)[:, None] / rng.uniform((30, 12, 25, 40), (40, 15, 30, 60)) + rng.uniform(0, 1, 4)
    waves = np.sin(2 * np.pi * swings) * (0.3, 0.03, 0.2, 0.15)
    return waves[:, 0], CAMERA_HEIGHT - 0.1 + waves[:, 1], waves[:, 2] + waves[:, 3]


def _crossings(rng: np.random.Generator, end: float) -> np.ndarray:
    starts = np.arange(rng.uniform(10, 40), end - 30, 65) + rng.uniform(-12, 12, 1)
    return np.stack([starts, starts + rng.uniform(8, 12, len(starts))], axis=1)


def _blocks(crossings: np.ndarray, end: float) -> list[tuple[float, float]]:
    """The stretches between side streets, as pairs of arcs."""
    edges = np.concatenate([[-BEHIND], crossings.ravel(), [end]])
    return [(start, stop) for start, stop in edges.reshape(-1, 2) if stop - start > 8]


def _block(rng: np.random.Generator, road: Road, side: int, start: float, stop: float) -> list[Solids]:
    """One side of the street between two side streets, in stretches of different character."""
    parts: list[Solids] = []
    while stop - start > 8:
        length = min(rng.uniform(16, 36), stop - start)
        kind = rng.choice(["close", "terrace", "gardens", "open"], p=[0.22, 0.28, 0.26, 0.24])
        if kind != "open":
            setback = {"close": rng.uniform(5.1, 5.6), "terrace": 6.6, "gardens": rng.uniform(11, 17)}[kind]
            parts += _houses(rng, road, side, start, start + length, setback)
        if kind in ("gardens", "open"):
            parts += _greenery(rng, road, side, start, start + length)
        if rng.random() < 0.65:
            parts += _parked(rng, road, side, start + 1, start + length - 1, rng.uniform(0.35, 0.95))
        if kind != "close":
            parts += _posts(rng, road, side, start, start + length)
        start += length
    return parts


def _at(road: Road, solids: Solids, side: int, arc: float, lateral: float) -> Solids:
    """Put something beside the road; what faces -x faces the road from the right and is turned for the left."""
    x, z, heading = road.place(arc, side * lateral)
    return solids.placed(x, z, heading + (np.pi if side < 0 else 0))


def _houses(rng: np.random.Generator, road: Road, side: int, start: float, stop: float, setback: float) -> list[Solids]:
    parts = []
    while stop - start > 5:
        frontage = min(rng.uniform(7, 14), stop - start)
        front = setback + rng.choice([0, 0, rng.uniform(0.3, 1.5)])
        block = house(rng, frontage, rng.uniform(7, 11), int(rng.integers(2, 5)))
        parts.append(_at(road, block, side, start + frontage / 2, front))
        start += frontage + (rng.uniform(1.5, 5) if rng.random() < 0.3 else 0)
    return parts


def _greenery(rng: np.random.Generator, road: Road, side: int, start: float, stop: float) -> list[Solids]:
    parts = []
    if rng.random() < 0.7:
        lateral = rng.uniform(6.9, 7.6)
        for arc in np.arange(start + 3, stop - 2, 6.0):
            parts.append(_at(road, hedge(rng, 5.6), side, arc, lateral))
    for arc in np.arange(start + rng.uniform(2, 5), stop, rng.uniform(6, 11)):
        parts.append(_at(road, tree(rng), side, arc + rng.uniform(-1, 1), rng.uniform(8.2, 10.5)))
    return parts


def _parked(rng: np.random.Generator, road: Road, side: int, start: float, stop: float, density: float) -> list[Solids]:
    parts = []
    for arc in np.arange(start + 2.5, stop - 2.5, 5.9):
        if rng.random() < density:
            # Parked along the lane; a reversed one has its boot forward.
            turned = side if rng.random() < 0.85 else -side
            x, z, heading = road.place(arc + rng.uniform(-0.3, 0.3), side * (PARKED + rng.uniform(-0.1, 0.1)))
            parts.append(car(rng).placed(x, z, heading + (np.pi if turned < 0 else 0) + rng.normal(0, 0.02)))
    return parts


def _posts(rng: np.random.Generator, road: Road, side: int, start: float, stop: float) -> list[Solids]:
    parts = [_at(road, lamp_post(), side, rng.uniform(start, stop), ROAD_HALF + 0.45)]
    if rng.random() < 0.4:
        x, z, heading = road.place(rng.uniform(start, stop), side * (ROAD_HALF + 0.35))
        parts.append(sign_post(rng).placed(x, z, heading))
    if rng.random() < 0.3:
        for arc in np.arange(start + 3, stop, 9.0):
            parts.append(_at(road, tree(rng), side, arc, PAVEMENT_HALF - 0.6))
    return parts


def _background(rng: np.random.Generator, road: Road, side: int, end: float) -> list[Solids]:
    """A second row of houses and trees, which closes the view where the first one is open."""
    parts = []
    for arc in np.arange(-BEHIND, end, 17.0):
        block = house(rng, rng.uniform(9, 16), 9.0, int(rng.integers(2, 5)))
        parts.append(_at(road, block, side, arc + rng.uniform(-4, 4), rng.uniform(30, 48)))
        parts.append(_at(road, tree(rng), side, arc + rng.uniform(-8, 8), rng.uniform(19, 28)))
    return parts


def _end_wall(rng: np.random.Generator, road: Road, end: float) -> Solids:
    """Houses across the end of the street."""
    x, z, heading = road.place(end)
    row = [house(rng, 15.0, 10.0, int(rng.integers(2, 5))).placed(0, offset) for offset in (-30, -15, 0, 15, 30)]
    return join(row).placed(x, z, heading - np.pi / 2)


def _traffic(rng: np.random.Generator, own: np.ndarray) -> tuple[Vehicle, ...]:
    """The car ahead of us and those that meet us."""
    vehicles = [Vehicle(car(rng), leading_arcs(own), LANE, turned=False)]
    time = np.arange(len(own)) * FRAME_SECONDS
    for meeting in np.array([0.15, 0.45, 0.75, 1.1]) + rng.uniform(-0.08, 0.08, 4):
        frame = meeting * (len(own) - 1)
        speed = rng.uniform(6, 10)
        place = float(np.interp(frame, np.arange(len(own)), own)) + max(0.0, frame - len(own) + 1) * 1.0
        arcs = place - speed * (time - frame * FRAME_SECONDS)
        vehicles.append(Vehicle(car(rng), arcs, -LANE, turned=True))
    return tuple(vehicles)
