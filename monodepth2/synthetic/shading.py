"""Colours of what the rays of a camera meet: textured faces, the ground with its road, the sky."""

import numpy as np

from monodepth2.synthetic.raycast import GROUND, Hits, Sensor
from monodepth2.synthetic.ripmap import sample
from monodepth2.synthetic.solids import Solids
from monodepth2.synthetic.street import PAVEMENT_HALF, ROAD_HALF, Street
from monodepth2.synthetic.textures import TEXTURE_ID

TO_SUN = np.array([-0.55, -0.70, -0.45]) / np.linalg.norm([0.55, 0.70, 0.45])
HAZE, CLEAR = np.array([214, 222, 230]), np.array([120, 160, 215])
CLOUD = np.array([238, 240, 242])


def shade(hits: Hits, street: Street, solids: Solids, pose: np.ndarray, sensor: Sensor) -> np.ndarray:
    """The picture that belongs to `hits`, float32, shape (h, w, 3), values 0 to 255.

    Args:
        hits: from `cast`.
        street: for its road.
        solids: those that were cast.
        pose: world_T_sensor.
        sensor: a camera.
    """
    image = _sky(sensor, pose)
    for pixels, colours in (_ground(hits, street, pose, sensor), _faces(hits, solids, pose, sensor)):
        image.reshape(-1, 3)[pixels] = colours
    return image


def _light(normals: np.ndarray) -> np.ndarray:
    return 0.58 + 0.50 * np.clip(normals @ TO_SUN, 0, None)


def _rays(sensor: Sensor, pixels: np.ndarray) -> np.ndarray:
    """Rays of flat pixel indices in the sensor's frame, float32, shape (n, 3)."""
    rows, columns = np.divmod(pixels, sensor.columns.shape[1])
    across, forward = sensor.columns[:, columns]
    return np.stack([across, sensor.slopes[rows], forward], axis=1).astype(np.float32)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ni,ni->n", a, b)


def _footprint(
    axis: np.ndarray, along: np.ndarray, normal: np.ndarray, facing: np.ndarray, distance: np.ndarray, sensor: Sensor
) -> np.ndarray:
    """Extent of a pixel along a texture axis: the coordinate's exact derivative over a column and over a row.

    Args:
        axis: texture coordinate per metre, shape (n, 3), as all in the sensor's frame.
        along: axis @ ray, shape (n,).
        normal: of the face, shape (n, 3).
        facing: normal @ ray, shape (n,).
        distance: along the ray, shape (n,).
        sensor: for the ray's change per pixel.
    """
    slant = along / facing
    column, row = ((axis[:, i] - slant * normal[:, i]) * sensor.pitch[i] for i in (0, 1))
    return np.hypot(column, row) * distance


def _faces(hits: Hits, solids: Solids, pose: np.ndarray, sensor: Sensor) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices and colours of the pixels that show a solid."""
    origin, rotation = pose[:3, 3], pose[:3, :3]
    pixels = np.flatnonzero(hits.face >= 0)
    face, distance = hits.face.ravel()[pixels], hits.distance.ravel()[pixels]
    rays = _rays(sensor, pixels)
    normal = (solids.normals @ rotation).astype(np.float32)[face]
    shifts = (solids.shifts + solids.axes @ origin).astype(np.float32)[face]
    axes = (solids.axes @ rotation).astype(np.float32)
    facing = _dot(normal, rays)
    coordinates, footprints = [], []
    for i in (0, 1):
        axis = axes[:, i][face]
        along = _dot(axis, rays)
        coordinates.append(along * distance + shifts[:, i])
        footprints.append(_footprint(axis, along, normal, facing, distance, sensor))
    tints = (solids.tints * _light(solids.normals)[:, None]).astype(np.float32)
    return pixels, sample(solids.textures[face], *coordinates, *footprints) * tints[face]


def _ground(hits: Hits, street: Street, pose: np.ndarray, sensor: Sensor) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices and colours of the pixels that show the ground."""
    pixels = np.flatnonzero(hits.face == GROUND)
    rays, distance = _rays(sensor, pixels), hits.distance.ravel()[pixels]
    points = (rays * distance[:, None]) @ pose[:3, :3].T + pose[:3, 3]
    arc, lateral, heading = street.road.coordinates(points[:, 0], points[:, 2])
    turn = heading - np.arctan2(pose[0, 2], pose[2, 2])
    zero = np.zeros_like(turn)
    normal = np.broadcast_to(np.array([0, -1.0, 0]), rays.shape)
    sizes = []
    for axis in ([np.cos(turn), zero, -np.sin(turn)], [np.sin(turn), zero, np.cos(turn)]):
        stacked = np.stack(axis, axis=1)
        sizes.append(_footprint(stacked, _dot(stacked, rays), normal, -rays[:, 1], distance, sensor))
    return pixels, _road_colours(street, lateral, arc, *sizes) * _light(np.array([0, -1.0, 0]))


def _road_colours(
    street: Street, lateral: np.ndarray, arc: np.ndarray, size_lateral: np.ndarray, size_arc: np.ndarray
) -> np.ndarray:
    """Asphalt with lane marks, kerb, pavement and grass at road coordinates in metres, shape (n, 3)."""
    aside = np.abs(lateral)
    crossing = np.zeros(len(arc), dtype=bool)
    for start, stop in street.crossings:
        crossing |= (arc > start) & (arc < stop)
    paved = (aside < ROAD_HALF) | crossing
    names = [TEXTURE_ID[name] for name in ("asphalt", "pavement", "grass")]
    texture = np.select([paved, aside < PAVEMENT_HALF], names[:2], names[2])
    period = np.where(paved, 8.0, 6.0)
    colour = sample(texture, lateral / period, arc / period, size_lateral / period, size_arc / period)
    colour *= (1 + 0.07 * np.sin(arc / 3.1 + lateral) * np.sin(lateral / 1.7 - arc / 7.3))[:, None]

    dashes = _stripe(arc, 7.5, 3.0, size_arc)
    ticks = _stripe(arc, 1.0, 0.5, size_arc)
    marks = _band(lateral, 0.0, 0.07, size_lateral) * dashes
    marks += _band(aside, 2 * 1.45, 0.05, size_lateral) * ticks * ~crossing
    _cover(colour, marks, 205)
    _cover(colour, _band(aside, ROAD_HALF - 0.05, 0.03, size_lateral) * ~crossing, 60)
    _cover(colour, _band(aside, ROAD_HALF + 0.08, 0.10, size_lateral) * ~crossing, 175)
    return colour


def _cover(colour: np.ndarray, coverage: np.ndarray, grey: float) -> None:
    colour += (0.9 * coverage)[:, None] * (grey - colour)


def _band(coordinate: np.ndarray, centre: float, half: float, size: np.ndarray) -> np.ndarray:
    """Share of a pixel's extent `size` that lies within `half` of `centre`."""
    low, high = coordinate - centre - size / 2, coordinate - centre + size / 2
    return np.clip(np.minimum(high, half) - np.maximum(low, -half), 0, None) / size


def _stripe(coordinate: np.ndarray, period: float, length: float, size: np.ndarray) -> np.ndarray:
    """Share of a pixel's extent that lies on dashes of `length` that recur every `period`."""

    def painted(end: np.ndarray) -> np.ndarray:
        whole = np.floor(end / period)
        return whole * length + np.minimum(end - whole * period, length)

    return (painted(coordinate + size / 2) - painted(coordinate - size / 2)) / size


def _sky(sensor: Sensor, pose: np.ndarray) -> np.ndarray:
    """A hazy blue with clouds at infinity, float32, shape (h, w, 3)."""
    width = sensor.columns.shape[1]
    haze = np.exp(-4 * np.clip(-sensor.slopes, 0, None))[:, None]
    rows = haze * HAZE + (1 - haze) * CLEAR
    image = np.repeat(rows[:, None], width, axis=1).astype(np.float32)
    above = np.flatnonzero(sensor.slopes <= 0)
    u = (sensor.azimuths + np.arctan2(pose[0, 2], pose[2, 2])) / np.pi
    u, v = (part.ravel() for part in np.meshgrid(u, -sensor.slopes[above] / 1.2))
    size = np.full(len(u), 0.004)
    grey = sample(np.full(len(u), TEXTURE_ID["clouds"]), u, v, size, size)[:, 0].reshape(-1, width) / 255
    cover = np.clip((grey - 0.45) * 2.5, 0, 1) * (1 - haze[above])
    image[above] += cover[..., None] * (CLOUD - image[above])
    return image
