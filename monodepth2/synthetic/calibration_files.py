"""The synthetic car's calibration, in the text files of KITTI raw."""

from pathlib import Path

import numpy as np

from monodepth2.synthetic.raycast import BASELINE, KITTI, LIDAR_OFFSET, Intrinsics

# Of each camera's centre to the right of camera 0, which is the frame that the scanner is calibrated to.
CAMERA_PLACES = {0: 0.0, 1: BASELINE, 2: -0.06, 3: BASELINE - 0.06}


def write_calibration(folder: Path, width: int, height: int, intrinsics: Intrinsics = KITTI) -> None:
    """Write `calib_cam_to_cam.txt` and `calib_velo_to_cam.txt` for rectified pictures of width x height."""
    rows = [("calib_time", "01-Jan-2019 00:00:00"), ("corner_dist", _numbers([0.1]))]
    for number, place in CAMERA_PLACES.items():
        rows += _camera_rows(f"{number:02d}", place, width, height, intrinsics)
    _write(folder / "calib_cam_to_cam.txt", rows)
    axes = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    rows = [
        ("calib_time", "01-Jan-2019 00:00:00"),
        ("R", _numbers(axes)),
        ("T", _numbers(LIDAR_OFFSET + np.array([CAMERA_PLACES[2], 0, 0]))),
        ("delta_f", _numbers([0, 0])),
        ("delta_c", _numbers([0, 0])),
    ]
    _write(folder / "calib_velo_to_cam.txt", rows)


def _camera_rows(name: str, place: float, width: int, height: int, intrinsics: Intrinsics) -> list[tuple[str, str]]:
    fx, fy, cx, cy = intrinsics
    K = np.array([[fx * width, 0, cx * width], [0, fy * height, cy * height], [0, 0, 1]])
    shift = np.array([-place, 0, 0])
    values = {
        "S": [width, height],
        "K": K,
        "D": np.zeros(5),
        "R": np.eye(3),
        "T": shift,
        "S_rect": [width, height],
        "R_rect": np.eye(3),
        "P_rect": K @ np.column_stack([np.eye(3), shift]),
    }
    return [(f"{key}_{name}", _numbers(value)) for key, value in values.items()]


def _numbers(values: np.ndarray | list) -> str:
    return " ".join(f"{value:.6e}" for value in np.ravel(values))


def _write(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("".join(f"{key}: {value}\n" for key, value in rows))
