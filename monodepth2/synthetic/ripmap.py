"""Anti-aliased lookup of textures, filtered along u and v separately (a "ripmap").

Road and walls are seen at grazing angles, where one filter size for both directions (a mipmap) would blur away the
detail that depth is learned from.
"""

from functools import lru_cache

import numpy as np

from monodepth2.synthetic.textures import SIZE, TEXTURES, paint

LEVELS = 9  # 512 to 2 texels
BLOCK = 8192  # lookups at a time, to stay within the processor's caches


def _halved(image: np.ndarray, axis: int) -> np.ndarray:
    even, odd = (np.take(image, range(start, image.shape[axis], 2), axis) for start in (0, 1))
    return (even + odd) / 2


def ripmap(image: np.ndarray) -> np.ndarray:
    """Prefilter a texture by every pair of powers of two.

    Args:
        image: shape (SIZE, SIZE, 3), values 0 to 1.

    Returns:
        uint8, shape (2 SIZE, 2 SIZE, 3); the copy averaged over 2**i texels in v and 2**j in u begins at row
        2 SIZE - (2 SIZE >> i) and column 2 SIZE - (2 SIZE >> j).
    """
    packed = np.zeros((2 * SIZE, 2 * SIZE, 3), dtype=np.uint8)
    for i in range(LEVELS):
        level = image
        for j in range(LEVELS):
            row, column = 2 * SIZE - (2 * SIZE >> i), 2 * SIZE - (2 * SIZE >> j)
            packed[row : row + level.shape[0], column : column + level.shape[1]] = np.clip(level * 255 + 0.5, 0, 255)
            level = _halved(level, 1)
        image = _halved(image, 0)
    return packed


@lru_cache(maxsize=1)
def atlas() -> np.ndarray:
    """All textures as ripmaps, the same in every run: a texel's r, g, b, 0 in the bytes of one uint32, shape (n,)."""
    packed = [ripmap(paint(name)) for name in TEXTURES]
    return np.pad(np.stack(packed), [(0, 0)] * 3 + [(0, 1)]).view(np.uint32).ravel()


def sample(
    texture: np.ndarray, u: np.ndarray, v: np.ndarray, footprint_u: np.ndarray, footprint_v: np.ndarray
) -> np.ndarray:
    """Look up filtered colours.

    Args:
        texture: index into `TEXTURES`, shape (n,).
        u: coordinate in periods of the texture, shape (n,).
        v: likewise.
        footprint_u: extent of the pixel along u, in periods, shape (n,).
        footprint_v: likewise along v.

    Returns:
        float32, shape (n, 3), values 0 to 255.
    """
    colour = np.zeros((len(u), 4), dtype=np.float32)
    for start in range(0, len(u), BLOCK):
        block = slice(start, start + BLOCK)
        base = texture[block].astype(np.int32) * (2 * SIZE) ** 2
        near_u, far_u, blend_u = _taps(u[block], footprint_u[block])
        near_v, far_v, blend_v = _taps(v[block], footprint_v[block])
        for taps_v, weight_v in ((near_v, 1 - blend_v), (far_v, blend_v)):
            for taps_u, weight_u in ((near_u, 1 - blend_u), (far_u, blend_u)):
                _add_bilinear(colour[block], base, taps_u, taps_v, weight_u * weight_v)
    return colour[:, :3]


def _taps(coordinate: np.ndarray, footprint: np.ndarray) -> tuple[tuple, tuple, np.ndarray]:
    """Positions of the four texels used along one axis: two in each of the two nearest levels, and the blend."""
    level = np.clip(np.log2(np.maximum(footprint, 1e-9) * SIZE), 0, LEVELS - 1.001).astype(np.float32)
    near = level.astype(np.int32)
    return _level_taps(coordinate, near), _level_taps(coordinate, near + 1), level - near


def _level_taps(coordinate: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = SIZE >> level
    position = coordinate * size - 0.5
    lower = np.floor(position)
    first = lower.astype(np.int32) & (size - 1)
    start = 2 * SIZE - 2 * size
    return start + first, start + ((first + 1) & (size - 1)), (position - lower).astype(np.float32)


def _add_bilinear(colour: np.ndarray, base: np.ndarray, taps_u: tuple, taps_v: tuple, weight: np.ndarray) -> None:
    u0, u1, fraction_u = taps_u
    v0, v1, fraction_v = taps_v
    for v, weight_v in ((v0, weight * (1 - fraction_v)), (v1, weight * fraction_v)):
        row = base + v * (2 * SIZE)
        for u, weight_u in ((u0, 1 - fraction_u), (u1, fraction_u)):
            texels = atlas()[row + u].view(np.uint8).reshape(-1, 4)
            colour += texels * (weight_v * weight_u)[:, None]
