"""Convex polyhedra with textured faces, the one shape that the synthetic street is built of.

Frame: x right, y down, z forward, metres; the ground is y = 0, so heights are negative y.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from monodepth2.synthetic.textures import TEXTURE_ID

Colour = tuple[float, float, float]
WHITE: Colour = (1.0, 1.0, 1.0)
LEVEL = [[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]]  # normals of a top and a bottom


@dataclass(frozen=True)
class Skin:
    """What covers a face: a texture, the metres that one period of it covers (u, v), its shift, and a tint.

    Unshifted, u = 0 is in the middle of a face and v = 0 at its foot.
    """

    texture: str
    size: tuple[float, float] = (4.0, 4.0)
    shift: tuple[float, float] = (0.0, 0.0)
    tint: Colour = WHITE


@dataclass(frozen=True)
class Solids:
    """A set of convex polyhedra; solid s is the points p with `normals @ p <= offsets` for all faces of s.

    Per face (f of them): `normals` (f, 3) unit and outward, `offsets` (f,); `axes` (f, 2, 3) and `shifts` (f, 2):
    texture coordinates of p are `axes @ p + shifts`; `textures` (f,), `tints` (f, 3).
    Per solid (s of them): `counts` (s,) faces, `centres` (s, 2) x and z of the middle of its footprint,
    `yaws` (s,) and `halves` (s, 2): half width and half length of the rectangle that bounds the footprint,
    `spans` (s, 2): y of its top and of its bottom.
    """

    normals: np.ndarray
    offsets: np.ndarray
    axes: np.ndarray
    shifts: np.ndarray
    textures: np.ndarray
    tints: np.ndarray
    counts: np.ndarray
    centres: np.ndarray
    yaws: np.ndarray
    halves: np.ndarray
    spans: np.ndarray

    def placed(self, x: float, z: float, yaw: float = 0.0) -> "Solids":
        """Turn about the vertical axis by `yaw` radians (0 faces +z, positive to the right), then shift."""
        rotation = yaw_rotation(yaw)
        shift = np.array([x, 0.0, z])
        normals, axes = self.normals @ rotation.T, self.axes @ rotation.T
        return Solids(
            normals=normals,
            offsets=self.offsets + normals @ shift,
            axes=axes,
            shifts=self.shifts - axes @ shift,
            textures=self.textures,
            tints=self.tints,
            counts=self.counts,
            centres=self.centres @ rotation[np.ix_([0, 2], [0, 2])].T + shift[[0, 2]],
            yaws=self.yaws + yaw,
            halves=self.halves,
            spans=self.spans,
        )


def yaw_rotation(yaw: float) -> np.ndarray:
    """The rotation about y that turns +z towards +x by `yaw` radians, shape (3, 3)."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def join(parts: Sequence[Solids]) -> Solids:
    """All solids of all parts as one set, in order."""
    return Solids(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Solids)))


def polyhedron(
    normals: Sequence[Sequence[float]] | np.ndarray,
    offsets: Sequence[float] | np.ndarray,
    skins: Sequence[Skin],
    half: tuple[float, float],
    span: tuple[float, float],
) -> Solids:
    """One solid around the origin from its faces.

    Args:
        normals: outward, any length, shape (f, 3).
        offsets: along the normals as given, shape (f,).
        skins: one per face.
        half: half width (x) and half length (z) of its footprint.
        span: heights of its bottom and top above the ground.
    """
    length = np.linalg.norm(normals, axis=1)
    unit = np.asarray(normals, dtype=float) / length[:, None]
    margins = np.asarray(offsets, dtype=float) / length
    axes = np.stack([_tangents(normal) for normal in unit]) / np.array([skin.size for skin in skins])[:, :, None]
    feet = np.stack([_foot(normal, margin, span[0]) for normal, margin in zip(unit, margins, strict=True)])
    return Solids(
        normals=unit,
        offsets=margins,
        axes=axes,
        shifts=np.array([skin.shift for skin in skins]) - np.einsum("fik,fk->fi", axes, feet),
        textures=np.array([TEXTURE_ID[skin.texture] for skin in skins]),
        tints=np.array([skin.tint for skin in skins]),
        counts=np.array([len(unit)]),
        centres=np.zeros((1, 2)),
        yaws=np.zeros(1),
        halves=np.array([half]),
        spans=np.array([[-span[1], -span[0]]]),
    )


def _tangents(normal: np.ndarray) -> np.ndarray:
    """The horizontal and the upward direction within a face, shape (2, 3)."""
    if abs(normal[1]) > 0.999:
        return np.array([[1.0, 0, 0], [0, 0, 1.0]])
    across = np.array([normal[2], 0, -normal[0]]) / np.hypot(normal[0], normal[2])
    upward = np.array([0, -1.0, 0]) + normal[1] * normal
    return np.stack([across, upward / np.linalg.norm(upward)])


def _foot(normal: np.ndarray, margin: float, bottom: float) -> np.ndarray:
    """The point of a face's plane at height `bottom` that is nearest to the vertical axis, shape (3,)."""
    level = np.hypot(normal[0], normal[2])
    if level < 0.05:
        return np.zeros(3)
    aside = (margin + normal[1] * bottom) / level**2
    return np.array([normal[0] * aside, -bottom, normal[2] * aside])


def box(
    size: tuple[float, float, float], skins: Sequence[Skin], bottom: float = 0.0, taper: tuple[float, float] = (0, 0)
) -> Solids:
    """An upright box, or a frustum of one.

    Args:
        size: width (x), height, length (z), metres.
        skins: of the sides facing +x and -x, the ends facing +z and -z, and the top; the bottom has the top's.
        bottom: height of its lower face.
        taper: how far (x, z) the sides lean in per metre of height.
    """
    width, height, length = size
    lean_x, lean_z = taper
    normals: list[list[float]] = [
        [1, -lean_x, 0],
        [-1, -lean_x, 0],
        [0, -lean_z, 1],
        [0, -lean_z, -1],
        [0, -1, 0],
        [0, 1, 0],
    ]
    offsets = [width / 2 + lean_x * bottom] * 2 + [length / 2 + lean_z * bottom] * 2 + [bottom + height, -bottom]
    return polyhedron(normals, offsets, [*skins, skins[-1]], (width / 2, length / 2), (bottom, bottom + height))


def prism(radius: float, height: float, skin: Skin, sides: int = 8) -> Solids:
    """An upright regular prism, the stand-in for a cylinder; `radius` is the inscribed circle's."""
    angles = 2 * np.pi * np.arange(sides) / sides
    around: list[list[float]] = [[np.cos(a), 0.0, np.sin(a)] for a in angles]
    reach = radius / np.cos(np.pi / sides)
    skins = [skin] * (sides + 2)
    return polyhedron([*around, *LEVEL], [radius] * sides + [height, 0.0], skins, (reach, reach), (0.0, height))


def crown(radius: float, height: float, skin: Skin, bottom: float) -> Solids:
    """A tree's crown: sixteen leaning faces around a waist at 0.4 of its height."""
    angles = 2 * np.pi * np.arange(8) / 8
    waist = bottom + 0.4 * height
    above: list[list[float]] = [[np.cos(a), -0.6 * radius / height, np.sin(a)] for a in angles]
    below = [[np.cos(a + 0.39), 1.2 * radius / height, np.sin(a + 0.39)] for a in angles]
    normals = [*above, *below, *LEVEL]
    offsets = [radius + 0.6 * radius / height * waist] * 8 + [radius - 1.2 * radius / height * waist] * 8
    skins = [skin] * 18
    reach = radius * 1.1
    return polyhedron(normals, [*offsets, bottom + height, -bottom], skins, (reach, reach), (bottom, bottom + height))


def gable(width: float, length: float, rise: float, bottom: float, slope_skin: Skin, end_skin: Skin) -> Solids:
    """A roof whose ridge runs along z: two slopes of width / 2 across and `rise` high, upright ends."""
    pitch = width / (2 * rise)
    normals: list[list[float]] = [[1, -pitch, 0], [-1, -pitch, 0], [0, 0, 1], [0, 0, -1], [0, 1, 0]]
    offsets = [width / 2 + pitch * bottom] * 2 + [length / 2] * 2 + [-bottom]
    skins = [slope_skin, slope_skin, end_skin, end_skin, end_skin]
    return polyhedron(normals, offsets, skins, (width / 2, length / 2), (bottom, bottom + rise))
