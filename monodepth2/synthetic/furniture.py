"""What stands in the synthetic street: houses, cars, trees, lamps; each faces +z, its own length direction."""

import numpy as np

from monodepth2.synthetic.solids import Colour, Skin, Solids, box, crown, gable, join, prism
from monodepth2.synthetic.textures import WINDOWED_FACADES

FLOOR = 3.0  # metres; the facade textures hold four floors
WALL_TINTS: tuple[Colour, ...] = (
    (1.00, 0.94, 0.80),
    (0.98, 0.80, 0.62),
    (0.82, 0.50, 0.40),
    (0.78, 0.84, 0.88),
    (0.95, 0.95, 0.92),
    (0.72, 0.64, 0.52),
    (0.66, 0.74, 0.62),
)
PAINTS: tuple[Colour, ...] = (
    (0.85, 0.85, 0.86),
    (0.50, 0.52, 0.55),
    (0.16, 0.17, 0.19),
    (0.62, 0.12, 0.10),
    (0.15, 0.25, 0.52),
    (0.92, 0.90, 0.84),
    (0.20, 0.36, 0.26),
    (0.80, 0.58, 0.18),
)


def house(rng: np.random.Generator, frontage: float, depth: float, floors: int) -> Solids:
    """A block whose front faces -x and runs along z, its front wall in the plane x = 0."""
    tint = tuple(rng.choice(WALL_TINTS) * rng.uniform(0.85, 1.1))
    shift = (rng.integers(4) / 4, 0.0)
    front = Skin(str(rng.choice(WINDOWED_FACADES)), (12.0, 4 * FLOOR), shift, tint)
    side = Skin(str(rng.choice(["brick", "plaster"])), (12.0, 12.0), shift, tint)
    tiles = Skin("roof", (6.0, 6.0), shift, tuple(rng.uniform(0.7, 1.15, 3)))
    height = floors * FLOOR
    body = box((depth, height, frontage), [side, front, side, side, tiles])
    parts = [body]
    if floors < 4:
        parts.append(gable(depth + 0.8, frontage + 0.4, rng.uniform(1.8, 3.2), height, tiles, side))
    else:
        cornice = Skin("plaster", (12.0, 12.0), (0, 0), tint)
        parts.append(box((depth + 0.5, 0.4, frontage + 0.1), [cornice] * 5, bottom=height))
    return join([part.placed(depth / 2, 0) for part in parts])


def car(rng: np.random.Generator) -> Solids:
    """A car or, one time in five, a van, its front towards +z, standing on a shadow of 2 cm."""
    van = rng.random() < 0.2
    width, length = rng.uniform(1.70, 1.85), rng.uniform(3.9, 4.6) + 0.9 * van
    waist = rng.uniform(0.85, 0.98) + 0.25 * van
    paint = tuple(rng.choice(PAINTS) * rng.uniform(0.85, 1.1))
    cabin_height = 1.1 if van else rng.uniform(0.52, 0.66)
    cabin_length = (0.92 if van else rng.uniform(0.58, 0.66)) * length
    body, belly = waist - 0.18, 0.18
    lean_side, lean_end = 0.14, 0.15 if van else 0.75
    side = Skin("car_side", (length, body), (0.5, 0), paint)
    front, back = (Skin(name, (width, body), (0.5, 0), paint) for name in ("car_front", "car_back"))
    glass_side = Skin("cabin", (cabin_length, cabin_height * np.hypot(1, lean_side)), (0.5, 0), paint)
    glass_end = Skin("cabin", (width, cabin_height * np.hypot(1, lean_end)), (0.5, 0), paint)
    top = Skin("car_top", (length, length), (0.5, 0.5), paint)
    tyre = Skin("asphalt", tint=(0.25, 0.25, 0.25))
    shade = Skin("asphalt", (8.0, 8.0), tint=(0.38, 0.38, 0.40))
    cabin = box(
        (width * 0.97, cabin_height, cabin_length),
        [glass_side, glass_side, glass_end, glass_end, top],
        bottom=waist,
        taper=(lean_side, lean_end),
    )
    axle = box((width - 0.06, 0.6, 0.62), [tyre] * 5)
    return join(
        [
            box((width + 0.25, 0.02, length + 0.2), [shade] * 5),
            box((width, body, length), [side, side, front, back, top], bottom=belly),
            cabin.placed(0, -0.02 * length - 0.3 * (not van)),
            axle.placed(0, 0.31 * length),
            axle.placed(0, -0.31 * length),
        ]
    )


def tree(rng: np.random.Generator) -> Solids:
    """A trunk and a crown."""
    trunk, height = rng.uniform(1.9, 3.0), rng.uniform(3.5, 5.5)
    radius = rng.uniform(1.3, 2.2)
    shift = tuple(rng.random(2))
    leaves = Skin("leaves", (5.0, 5.0), shift, tuple(rng.uniform(0.7, 1.2) * np.array([1.0, 1.0, 0.9])))
    bark = Skin("bark", (2.0, 4.0), shift, (0.8, 0.75, 0.7))
    return join([prism(rng.uniform(0.12, 0.22), trunk + 0.5, bark), crown(radius, height, leaves, trunk)])


def lamp_post() -> Solids:
    """A street lamp whose arm reaches towards -x."""
    steel = Skin("plaster", (2.0, 6.0), tint=(0.45, 0.48, 0.50))
    arm = box((1.6, 0.10, 0.12), [steel] * 5, bottom=6.4)
    return join([prism(0.08, 6.4, steel, sides=6), arm.placed(-0.7, 0)])


def sign_post(rng: np.random.Generator) -> Solids:
    """A traffic sign on a pole; its face looks towards -z."""
    steel = Skin("plaster", (2.0, 6.0), tint=(0.55, 0.57, 0.60))
    colours = ((0.85, 0.15, 0.12), (0.15, 0.30, 0.75), (0.95, 0.85, 0.20))
    panel = Skin("car_back", (0.7, 0.7), (0.5, 0.0), colours[rng.integers(len(colours))])
    return join([prism(0.04, 2.9, steel, sides=6), box((0.65, 0.65, 0.04), [panel] * 5, bottom=2.1).placed(0, -0.06)])


def hedge(rng: np.random.Generator, length: float) -> Solids:
    """A hedge or a garden wall along z."""
    shift = tuple(rng.random(2))
    if rng.random() < 0.6:
        leaves = Skin("leaves", (4.0, 4.0), shift, (0.75, 0.85, 0.75))
        return box((0.9, rng.uniform(0.9, 1.9), length), [leaves] * 5, taper=(0.08, 0.05))
    bricks = Skin("brick", (8.0, 8.0), shift, WALL_TINTS[rng.integers(len(WALL_TINTS))])
    return box((0.3, rng.uniform(0.8, 1.6), length), [bricks] * 5)
