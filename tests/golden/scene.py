"""A tiny KITTI raw tree made of formulas: pictures are sums of sines that slide with time, side and image row.

The figures beside this file were computed by the 2019 implementation on this tree. PNG, so that every decoder reads
the same values.
"""

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 1242, 375
DATE = "2011_09_26"
DRIVE = f"{DATE}/{DATE}_drive_0001_sync"

CALIBRATION = {
    "calib_cam_to_cam.txt": """calib_time: 09-Jan-2012 13:57:47
S_rect_02: 1.242000e+03 3.750000e+02
R_rect_00: 9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 \
9.999631e-01
P_rect_02: 7.215377e+02 0.000000e+00 6.095593e+02 4.485728e+01 0.000000e+00 7.215377e+02 1.728540e+02 2.163791e-01 \
0.000000e+00 0.000000e+00 1.000000e+00 2.745884e-03
S_rect_03: 1.242000e+03 3.750000e+02
P_rect_03: 7.215377e+02 0.000000e+00 6.095593e+02 -3.395242e+02 0.000000e+00 7.215377e+02 1.728540e+02 2.199936e+00 \
0.000000e+00 0.000000e+00 1.000000e+00 2.729905e-03
""",
    "calib_velo_to_cam.txt": """calib_time: 15-Mar-2012 11:37:16
R: 7.533745e-03 -9.999714e-01 -6.166020e-04 1.480249e-02 7.280733e-04 -9.998902e-01 9.998621e-01 7.523790e-03 \
1.480755e-02
T: -4.069766e-03 -7.631618e-02 -2.717806e-01
""",
}


def write_kitti_raw(root: Path, frames: int = 8, seed: int = 0, shrink: int = 1) -> None:
    """Write both cameras' pictures, the scans and the calibration of one drive of `frames` frames under `root`.

    Pictures hold every `shrink`-th pixel of either side; the figures of 2019 are of whole ones.
    """
    folders = {"l": root / DRIVE / "image_02/data", "r": root / DRIVE / "image_03/data"}
    scans = root / DRIVE / "velodyne_points/data"
    for folder in (*folders.values(), scans):
        folder.mkdir(parents=True)
    for frame in range(frames):
        for side, folder in folders.items():
            Image.fromarray(_picture(frame, side, seed, shrink)).save(folder / f"{frame:010d}.png", compress_level=1)
        _scan(frame).tofile(scans / f"{frame:010d}.bin")
    for name, text in CALIBRATION.items():
        (root / DATE / name).write_text(text)


def _picture(frame: int, side: str, seed: int, shrink: int) -> np.ndarray:
    """One view, uint8, (375, 1242, 3) unless it is shrunk.

    A wave's angle is a sum of what its column and what its row says, so by the sine of a sum all waves together are a
    product of two small matrices.
    """
    rng = np.random.default_rng(1000 + seed)
    row, column = (np.arange(0, end, shrink, dtype=np.float64)[:, None] for end in (HEIGHT, WIDTH))
    nearness = row / HEIGHT + 0.2
    shift = 31.0 * frame + (64.0 if side == "r" else 0.0)
    x, y = nearness * shift, row + 6.0 * frame * nearness  # from the column and from the top
    waves = [(rng.uniform(-40, 40), rng.uniform(-15, 15), rng.uniform(0, 2 * np.pi, 3), rng.uniform(4, 14))
             for _ in range(24)]  # fmt: skip
    across, down, phase, gain = (np.array(values) for values in zip(*waves, strict=True))
    of_columns = 2 * np.pi * across * column / WIDTH
    of_rows = (2 * np.pi * (across * x / WIDTH + down * y / HEIGHT))[..., None] + phase
    sines = np.einsum("rkc,xk->rxc", gain[:, None] * np.cos(of_rows), np.sin(of_columns), optimize=True)
    cosines = np.einsum("rkc,xk->rxc", gain[:, None] * np.sin(of_rows), np.cos(of_columns), optimize=True)
    return np.clip(sines + cosines + 127.5, 0, 255).astype(np.uint8)


def _scan(frame: int) -> np.ndarray:
    """One full Velodyne turn, float32, (n, 4): forward, left, up in metres, reflectance.

    Extra points lie along the picture's left and right edges, where the classic index of shared pixels takes the end
    of one row for the start of the next.
    """
    rng = np.random.default_rng(5000 + frame)
    azimuth, elevation = (a.ravel() for a in np.meshgrid(np.linspace(-np.pi, np.pi, 1963), np.linspace(-0.4, 0.03, 48)))
    edges = [rng.normal(centre, 0.0015, 1500) for centre in (0.6901, -0.6995)]
    azimuth = np.concatenate([azimuth, *edges])
    elevation = np.concatenate([elevation, rng.uniform(-0.25, 0.03, 3000)])
    ground = 1.7 / np.maximum(-np.sin(elevation), 1e-3)
    walls = 12.0 + 6.0 * np.sin(9.0 * azimuth + 0.3 * frame) + 25.0 * (np.abs(azimuth) < 0.15)
    distance = np.minimum(ground, walls) * rng.uniform(0.97, 1.03, azimuth.shape)
    level = distance * np.cos(elevation)
    points = [level * np.cos(azimuth), level * np.sin(azimuth), distance * np.sin(elevation)]
    return np.stack([*points, np.full_like(distance, 0.5)], -1).astype(np.float32)
