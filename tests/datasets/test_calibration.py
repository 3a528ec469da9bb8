from pathlib import Path

import numpy as np
import pytest

from monodepth2.datasets.calibration import Calibration, read_calibration
from monodepth2.errors import UserError
from scene import CALIBRATION

CAM_TO_CAM, VELO_TO_CAM = CALIBRATION.values()


def write(folder: Path, cameras: str = CAM_TO_CAM, scanner: str = VELO_TO_CAM) -> Path:
    (folder / "calib_cam_to_cam.txt").write_text(cameras)
    (folder / "calib_velo_to_cam.txt").write_text(scanner)
    return folder


def test_projection_is_the_product_of_the_three_matrices(tmp_path: Path) -> None:
    calibration = Calibration.read(write(tmp_path))
    assert calibration.image_size(2) == calibration.image_size(3) == (1242, 375)
    values = read_calibration(tmp_path / "calib_cam_to_cam.txt")
    scanner = read_calibration(tmp_path / "calib_velo_to_cam.txt")
    point = np.array([20.0, -3.0, 1.0])
    in_camera0 = scanner["R"].reshape(3, 3) @ point + scanner["T"]
    rectified = values["R_rect_00"].reshape(3, 3) @ in_camera0
    for camera in (2, 3):
        projection = values[f"P_rect_{camera:02d}"].reshape(3, 4)
        expected = projection[:, :3] @ rectified + projection[:, 3]
        np.testing.assert_allclose(calibration.image_from_velodyne(camera) @ [*point, 1], expected, rtol=1e-12)


def test_a_point_ahead_on_the_right_falls_right_of_the_centre_and_farther_left_in_the_right_camera(
    tmp_path: Path,
) -> None:
    calibration = Calibration.read(write(tmp_path))
    columns = []
    for camera in (2, 3):
        x, _, z = calibration.image_from_velodyne(camera) @ [20.0, -3.0, -1.0, 1.0]
        columns.append(x / z)
        assert z == pytest.approx(20, abs=0.5)
    assert columns[0] > 609.6
    # the disparity of 0.54 m at about 20 m with a focal length of 721 pixels
    assert columns[0] - columns[1] == pytest.approx(0.53 * 721.5377 / 19.73, rel=0.02)


def test_a_date_is_read_once(tmp_path: Path) -> None:
    assert Calibration.read(write(tmp_path)) is Calibration.read(tmp_path)


def test_text_keys_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "calib.txt"
    path.write_text("calib_time: 09-Jan-2012 13:57:47\n\nR: 1 2e1\r\nD: -.5\n")
    values = read_calibration(path)
    assert {key: value.tolist() for key, value in values.items()} == {"R": [1.0, 20.0], "D": [-0.5]}
    assert values["R"].dtype == np.float64


BROKEN = {
    "missing key": (CAM_TO_CAM.replace("R_rect_00", "R_rect_01"), "has no line R_rect_00"),
    "too few numbers": (CAM_TO_CAM.replace("1.242000e+03 3.750000e+02", "1.242000e+03"), "S_rect_02 has 1 numbers"),
    "infinite": (CAM_TO_CAM.replace("6.095593e+02", "inf", 1), "P_rect_02 .* not finite"),
    "overflowing": (CAM_TO_CAM.replace("6.095593e+02", "1e999", 1), "P_rect_02 .* not finite"),
    "not a number": (CAM_TO_CAM.replace("6.095593e+02", "six", 1), "P_rect_02 .* numbers"),
    "no picture": (CAM_TO_CAM.replace("S_rect_02: 1.242000e+03", "S_rect_02: 0"), "S_rect_02 states pictures of 0 x"),
    "vast picture": (CAM_TO_CAM.replace("S_rect_03: 1.242000e+03", "S_rect_03: 1e9"), "S_rect_03 states pictures"),
    "truncated": (CAM_TO_CAM[: CAM_TO_CAM.index("P_rect_03") + 50], "P_rect_03 has 3 numbers"),
    "key twice": (CAM_TO_CAM + "S_rect_02: 1 1\n", "line 7: S_rect_02 is given twice"),
    "no colon": (CAM_TO_CAM + "garbage\n", "line 7.*garbage"),
    "empty": ("", "R_rect_00"),
    "too large": ("x" * 100_000, "100,000 bytes are too many"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_the_key_and_the_remedy(name: str, tmp_path: Path) -> None:
    content, message = BROKEN[name]
    with pytest.raises(UserError, match=message) as error:
        Calibration.read(write(tmp_path, cameras=content))
    assert str(error.value).startswith(str(tmp_path / "calib_cam_to_cam.txt"))
    assert "restore the file" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "calib_velo_to_cam.txt").write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match=r"calib_velo_to_cam\.txt: not a text file"):
        Calibration.read(tmp_path)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        Calibration.read(tmp_path)
    (tmp_path / "calib_cam_to_cam.txt").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        Calibration.read(tmp_path)


def test_a_camera_that_nobody_uses_may_be_missing(tmp_path: Path) -> None:
    lines = [line for line in CAM_TO_CAM.splitlines() if "_rect_03" not in line]
    calibration = Calibration.read(write(tmp_path, cameras="\n".join(lines)))
    assert calibration.image_from_velodyne(2).shape == (3, 4)
    with pytest.raises(UserError, match=r"calib_cam_to_cam\.txt: has no line P_rect_03; restore the file"):
        calibration.image_from_velodyne(3)
