"""The painted surfaces of the synthetic street.

Every texture is a square of `SIZE` texels, tileable in both directions; texture coordinates are in periods of the
square, row 0 (v = 0) is the foot of a wall. Detail comes from spectral noise, so that there is something to match at
every distance.
"""

from collections.abc import Callable

import numpy as np

SIZE = 512
WINDOWED_FACADES = ("facade_plaster", "facade_brick", "facade_shop", "facade_office")
TEXTURES = (
    "asphalt",
    "pavement",
    "grass",
    *WINDOWED_FACADES,
    "brick",
    "plaster",
    "roof",
    "leaves",
    "bark",
    "car_side",
    "car_front",
    "car_back",
    "car_top",
    "cabin",
    "clouds",
)
TEXTURE_ID = {name: index for index, name in enumerate(TEXTURES)}


def spectral_noise(rng: np.random.Generator, exponent: float, stretch: float = 1.0) -> np.ndarray:
    """Tileable noise of zero mean and unit spread whose amplitude falls as frequency ** -exponent.

    Args:
        rng: source of the phases.
        exponent: 0 is white, 1 has equal contrast in every octave, 2 is smooth.
        stretch: above 1, features are longer in v than in u.

    Returns:
        float64, shape (SIZE, SIZE).
    """
    fv, fu = np.meshgrid(np.fft.fftfreq(SIZE) * stretch, np.fft.rfftfreq(SIZE), indexing="ij")
    frequency = np.hypot(fu, fv)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * frequency**-exponent
    noise = np.fft.irfft2(spectrum, s=(SIZE, SIZE))
    return noise / noise.std()


def _coloured(grey: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    return grey[..., None] * np.array(colour)


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    grey = 0.40 + 0.045 * spectral_noise(rng, 1.0) + 0.025 * spectral_noise(rng, 0.3)
    cracks = np.abs(spectral_noise(rng, 1.6)) < 0.025
    patches = spectral_noise(rng, 2.2) > 1.1
    return _coloured(grey - 0.10 * cracks - 0.07 * patches, (0.98, 1.0, 1.03))


def _pavement(rng: np.random.Generator) -> np.ndarray:
    tone = np.kron(rng.normal(0, 0.045, (16, 16)), np.ones((32, 32)))
    row, column = np.indices((SIZE, SIZE)) % 32
    joint = (row < 2) | (column < 2)
    grey = 0.60 + tone + 0.04 * spectral_noise(rng, 0.9) - 0.16 * joint
    return _coloured(grey, (1.03, 1.0, 0.95))


def _grass(rng: np.random.Generator) -> np.ndarray:
    grey = 0.44 + 0.09 * spectral_noise(rng, 0.9) + 0.04 * spectral_noise(rng, 0.2)
    yellow = 0.10 * spectral_noise(rng, 1.4)[..., None] * np.array([1.0, 0.5, 0.1])
    return _coloured(grey, (0.85, 1.08, 0.55)) + 0.4 * yellow


def _brick(rng: np.random.Generator) -> np.ndarray:
    row, column = np.indices((SIZE, SIZE))
    course = row // 4
    shifted = (column + 8 * (course % 2)) % SIZE
    tone = rng.normal(0, 0.07, (SIZE // 4, SIZE // 16))[course, shifted // 16]
    joint = (row % 4 == 0) | (shifted % 16 == 0)
    grey = 0.72 + tone + 0.05 * spectral_noise(rng, 1.0) + 0.10 * joint
    return _coloured(grey, (1.0, 0.92, 0.88))


def _plaster(rng: np.random.Generator) -> np.ndarray:
    grey = 0.80 + 0.05 * spectral_noise(rng, 1.1) + 0.03 * spectral_noise(rng, 1.3, stretch=6)
    return _coloured(grey + 0.02 * spectral_noise(rng, 0.3), (1.0, 0.99, 0.96))


def _roof(rng: np.random.Generator) -> np.ndarray:
    row, column = np.indices((SIZE, SIZE))
    tone = rng.normal(0, 0.06, (SIZE // 16, SIZE // 16))[row // 16, column // 16]
    grey = 0.55 + tone + 0.12 * ((row % 16) / 16 - 0.5) + 0.05 * spectral_noise(rng, 1.0)
    return _coloured(grey, (1.12, 0.86, 0.78))


def _leaves(rng: np.random.Generator) -> np.ndarray:
    clumps, fine = spectral_noise(rng, 1.1), spectral_noise(rng, 0.5)
    grey = 0.42 + 0.12 * clumps + 0.09 * fine
    return _coloured(grey, (0.80, 1.0, 0.50))


def _bark(rng: np.random.Generator) -> np.ndarray:
    return _coloured(0.5 + 0.10 * spectral_noise(rng, 0.8, stretch=8), (1.0, 0.9, 0.78))


def _clouds(rng: np.random.Generator) -> np.ndarray:
    return _coloured(0.5 + 0.18 * spectral_noise(rng, 1.7), (1.0, 1.0, 1.0))


def _paint(sheet: np.ndarray, box: tuple[float, float, float, float], colour: np.ndarray | float) -> None:
    """Fill the part u0, v0, u1, v1 (fractions of the sheet) with a colour."""
    u0, v0, u1, v1 = (round(edge * SIZE) for edge in box)
    sheet[v0:v1, u0:u1] = colour


def _window(sheet: np.ndarray, rng: np.random.Generator, box: tuple[float, float, float, float]) -> None:
    u0, v0, u1, v1 = box
    frame = rng.choice([0.95, 0.30, 0.75])
    _paint(sheet, (u0 - 0.010, v0 - 0.014, u1 + 0.010, v0), 0.62)  # sill
    _paint(sheet, (u0 - 0.006, v0, u1 + 0.006, v1 + 0.008), frame)
    _paint(sheet, box, rng.uniform(0.10, 0.30) * np.array([0.85, 1.0, 1.2]))
    if rng.random() < 0.6:  # curtain or blind
        bottom = rng.uniform(v0, v1)
        _paint(sheet, (u0, bottom, u1, v1), rng.uniform(0.45, 0.85) * np.array([1.0, 0.96, 0.88]))
    middle = (u0 + u1) / 2
    _paint(sheet, (middle - 0.004, v0, middle + 0.004, v1), frame)
    _paint(sheet, (u0, v0 + 0.65 * (v1 - v0), u1, v0 + 0.68 * (v1 - v0)), frame)


def _facade(wall: np.ndarray, rng: np.random.Generator, width: float, height: float, shop: bool) -> np.ndarray:
    """Put four bays and four floors of windows into a wall of 12 m x 12 m; doors or shops on the ground floor."""
    sheet = wall.copy()
    _paint(sheet, (0, 0, 1, 0.04), sheet[: round(0.04 * SIZE)].mean() * 0.7)
    for floor in range(4):
        for bay in range(4):
            centre, foot = (bay + 0.5) / 4, (floor + 0.28) / 4
            if floor == 0 and shop:
                _window(sheet, rng, (centre - 0.11, 0.05, centre + 0.11, 0.20))
                _paint(sheet, (centre - 0.12, 0.205, centre + 0.12, 0.24), rng.uniform(0.2, 0.95, 3))
            elif floor == 0 and bay % 2 == rng.integers(2):
                _paint(sheet, (centre - 0.050, 0.0, centre + 0.050, 0.195), 0.9)
                _paint(sheet, (centre - 0.042, 0.0, centre + 0.042, 0.185), rng.uniform(0.1, 0.6, 3))
            else:
                _window(sheet, rng, (centre - width / 2, foot, centre + width / 2, foot + height))
    return sheet * (1 + 0.05 * spectral_noise(rng, 1.0)[..., None])


def _disc(sheet: np.ndarray, u: float, v: float, radii: tuple[float, float], colour: float) -> None:
    row, column = np.indices((SIZE, SIZE)) / SIZE
    sheet[((column - u) / radii[0]) ** 2 + ((row - v) / radii[1]) ** 2 < 1] = colour


def _car_body(rng: np.random.Generator) -> np.ndarray:
    row = np.indices((SIZE, SIZE))[0] / SIZE
    grey = 0.72 + 0.30 * row + 0.05 * np.sin(9 * row) + 0.05 * spectral_noise(rng, 1.2)
    return _coloured(grey, (1.0, 1.0, 1.0))


def _car_side(rng: np.random.Generator) -> np.ndarray:
    sheet = _car_body(rng)
    _paint(sheet, (0, 0, 1, 0.14), 0.18)
    for seam in (0.33, 0.55, 0.74):
        _paint(sheet, (seam, 0.14, seam + 0.006, 1), 0.25)
    for handle in (0.49, 0.69):
        _paint(sheet, (handle, 0.70, handle + 0.035, 0.75), 0.2)
    for wheel in (0.19, 0.81):
        _disc(sheet, wheel, 0.13, (0.092, 0.56), 0.08)
        _disc(sheet, wheel, 0.13, (0.055, 0.34), 0.62)
        _disc(sheet, wheel, 0.13, (0.020, 0.12), 0.25)
    return sheet


def _car_end(rng: np.random.Generator, lamps: tuple[float, float, float]) -> np.ndarray:
    sheet = _car_body(rng)
    _paint(sheet, (0, 0, 1, 0.22), 0.16)
    _paint(sheet, (0.02, 0.58, 0.20, 0.80), np.array(lamps))
    _paint(sheet, (0.80, 0.58, 0.98, 0.80), np.array(lamps))
    _paint(sheet, (0.36, 0.34, 0.64, 0.52), 0.95)
    _paint(sheet, (0.40, 0.38, 0.60, 0.48), 0.30)
    _paint(sheet, (0.25, 0.62, 0.75, 0.74), 0.30)
    return sheet


def _cabin(rng: np.random.Generator) -> np.ndarray:
    sheet = _car_body(rng)
    glass = 0.20 + 0.06 * spectral_noise(rng, 1.3)[..., None] * np.ones(3)
    glass += 0.25 * np.clip(np.indices((SIZE, SIZE))[0] / SIZE - 0.5, 0, 1)[..., None]
    for left, right in ((0.06, 0.47), (0.52, 0.94)):
        part = np.s_[round(0.08 * SIZE) : round(0.86 * SIZE), round(left * SIZE) : round(right * SIZE)]
        sheet[part] = glass[part] * np.array([0.85, 1.0, 1.15])
    return sheet


_PAINTERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "asphalt": _asphalt,
    "pavement": _pavement,
    "grass": _grass,
    "facade_plaster": lambda rng: _facade(_plaster(rng), rng, 0.10, 0.12, shop=False),
    "facade_brick": lambda rng: _facade(_brick(rng), rng, 0.09, 0.13, shop=False),
    "facade_shop": lambda rng: _facade(_plaster(rng), rng, 0.12, 0.11, shop=True),
    "facade_office": lambda rng: _facade(_brick(rng), rng, 0.19, 0.14, shop=True),
    "brick": _brick,
    "plaster": _plaster,
    "roof": _roof,
    "leaves": _leaves,
    "bark": _bark,
    "car_side": _car_side,
    "car_front": lambda rng: _car_end(rng, lamps=(1.0, 0.98, 0.92)),
    "car_back": lambda rng: _car_end(rng, lamps=(0.90, 0.22, 0.16)),
    "car_top": _car_body,
    "cabin": _cabin,
    "clouds": _clouds,
}


def paint(name: str) -> np.ndarray:
    """Paint one of `TEXTURES`, the same in every run: shape (SIZE, SIZE, 3), values mostly within 0 to 1."""
    return _PAINTERS[name](np.random.default_rng([7, TEXTURE_ID[name]]))
