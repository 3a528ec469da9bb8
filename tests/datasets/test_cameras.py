"""Cameras: their numbers, the files that state them, which of several sources counts, and what a run says of them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.camera_choice import size_of_pictures
from monodepth2.datasets.camera_files import (
    read_baseline,
    read_camera_json,
    read_colmap,
    read_kitti_camera,
    read_matrix,
)
from monodepth2.datasets.camera_report import View, camera_remarks, check_views, describe_cameras, views_of
from monodepth2.datasets.cameras import KITTI_INTRINSICS, Camera
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.files.pictures import read_pyramid
from monodepth2.method.geometry import backproject, inverse_intrinsics, project
from scene import CALIBRATION

SIZE = (128, 72)


def no_pictures() -> tuple[int, int]:
    raise AssertionError("the file states the size itself")


def write_drive(root: Path, drive: str, size: tuple[int, int] = SIZE, frames: int = 3) -> Path:
    """Pictures of noise in KITTI's layout; returns the drive's folder."""
    folder = root / drive / "image_02/data"
    folder.mkdir(parents=True)
    for n in range(frames):
        pixels = np.random.default_rng(n).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:010d}.png")
    return root / drive


def options(root: Path, **changes) -> Options:
    return Options(data_path=root, png=True, height=64, width=96, **changes)


def camera_of(root: Path, drive: str = "d/one", **changes) -> Camera:
    return layout_of(options(root, **changes)).camera(SplitLine(drive, 1, "l"))


def test_a_mask_and_hidden_files_do_not_tell_the_size_of_pictures(tmp_path: Path) -> None:
    Image.new("L", (80, 48)).save(tmp_path / "mask.png")
    (tmp_path / "._pic_0.png").write_bytes(b"of macOS")
    Image.new("RGB", (160, 96)).save(tmp_path / "pic_0.png")
    assert size_of_pictures(tmp_path) == (160, 96)


def test_the_matrix_is_that_of_2019() -> None:
    K = KITTI_INTRINSICS.matrix(640, 192)
    np.testing.assert_allclose(K[:2, :3], [[371.2, 0, 320], [0, 368.64, 96]], rtol=1e-6)
    assert K.dtype == np.float32


def test_a_crop_keeps_the_rays_of_its_pixels() -> None:
    camera = Camera.of_pixels((900.0, 910.0, 600.0, 380.0), (1280, 720), "a file")
    part = camera.cropped((160.0, 90.0, 800.0, 450.0), (1280, 720))
    # the place (400, 300) of the whole picture is (240, 210) of the part, which is 640 x 360
    whole, cut = camera.matrix(1280, 720, np.float64), part.matrix(640, 360, np.float64)
    rays = [np.linalg.inv(K) @ [u, v, 1, 1] for K, u, v in ((whole, 400, 300), (cut, 240, 210))]
    np.testing.assert_allclose(rays[0], rays[1], atol=1e-12)


def test_a_sample_has_the_camera_of_its_line_mirrored_with_it(tmp_path: Path) -> None:
    write_drive(tmp_path, "d/one")
    write_drive(tmp_path, "d/two", (96, 160))
    (tmp_path / "d/one/camera.json").write_text(
        json.dumps({"fl_x": 64, "fl_y": 66, "cx": 32, "cy": 18, "w": 128, "h": 72})
    )
    lines = [SplitLine("d/one", 1, "l"), SplitLine("d/two", 1, "l")]
    data_set = MonoDataset.from_options(options(tmp_path, fov=90.0), lines, augment=True)
    K, mirrored = data_set.sample(0).K[0], data_set.sample(0, mirrored=True).K[0]
    torch.testing.assert_close(K[:2, :3], torch.tensor([[48.0, 0, 24], [0, 66 * 64 / 72, 16]]))
    torch.testing.assert_close(mirrored[0, 2], torch.tensor(95.0 - 24))
    assert mirrored[1, 2] == K[1, 2]
    torch.testing.assert_close(data_set.sample(1).K[0][:2, :3], torch.tensor([[48.0, 0, 48], [0, 0.3 * 64, 32]]))


def test_a_mirrored_off_centre_sample_has_the_mirrored_parallax(tmp_path: Path) -> None:
    """Drive towards a tilted plane: where its points move to is the mirror image of where they moved."""
    write_drive(tmp_path, "d/one")
    given = options(tmp_path, intrinsics=(0.7, 1.1, 0.31, 0.6))
    data_set = MonoDataset.from_options(given, [SplitLine("d/one", 1, "l")], augment=True, dtype=np.float64)
    K, mirrored_K = (data_set.sample(0, mirrored=mirrored).K[0][None] for mirrored in (False, True))
    width = data_set.size[0]
    columns = torch.arange(width, dtype=torch.float64)
    depth = (5 + 0.02 * columns).expand(64, width)[None, None]
    motion = torch.eye(4, dtype=torch.float64)[None].clone()
    motion[0, :3, 3] = torch.tensor([0.3, 0.0, -1.0])
    mirrored_motion = motion.clone()
    mirrored_motion[0, 0, 3] *= -1

    # places are numbers of pixels: the mirror image of column u is width - 1 - u
    moved = places(depth, K, motion)
    mirrored = places(depth.flip(-1), mirrored_K, mirrored_motion)
    expected = width - 1 - moved[..., 0].flip(-1)
    torch.testing.assert_close(mirrored[..., 0], expected, atol=1e-5, rtol=0)  # depths are divided by z + 1e-7
    torch.testing.assert_close(mirrored[..., 1], moved[..., 1].flip(-1), atol=1e-5, rtol=0)


def places(depth_b1hw: torch.Tensor, K: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """Pixel coordinates (h, w, 2) in the source."""
    h, w = depth_b1hw.shape[-2:]
    pixels = project(backproject(depth_b1hw, inverse_intrinsics(K)), K, motion)
    return pixels[0].T.reshape(h, w, 2)


def test_the_middle_stays_the_middle_of_a_mirrored_crop(tmp_path: Path) -> None:
    """As in 2019, also where the cut makes it 0.5 but for the last bit."""
    write_drive(tmp_path, "d/one", (1280, 376))
    given = replace(options(tmp_path, intrinsics=(0.58, 1.92, 0.5, 0.5), fit="crop"), height=192, width=640)
    data_set = MonoDataset.from_options(given, [SplitLine("d/one", 1, "l")], augment=True)
    assert data_set.sample(0, mirrored=True).K[0][0, 2] == data_set.sample(0).K[0][0, 2] == 320


@pytest.mark.parametrize("top", [0.0, 0.5, 1.0])
def test_a_cropped_sample_sees_what_its_camera_says(tmp_path: Path, top: float) -> None:
    """A bright dot of a tall picture lies after the crop where the crop's camera projects the dot's ray to."""
    picture = np.zeros((192, 96, 3), np.uint8)
    row, column = int(20 + 128 * top), 30
    picture[row - 1 : row + 2, column - 1 : column + 2] = 255
    folder = tmp_path / "d/one/image_02/data"
    folder.mkdir(parents=True)
    for n in range(3):
        Image.fromarray(picture).save(folder / f"{n:010d}.png")
    given = options(tmp_path, intrinsics=(0.9, 0.45, 0.4, 0.55), fit="crop", crop_top=top)
    sample = MonoDataset.from_options(given, [SplitLine("d/one", 1, "l")], augment=False).sample(0)
    brightness = sample.color[0][0].sum(2).float()
    found = [(brightness.sum(1 - n) * torch.arange(brightness.shape[n])).sum() / brightness.sum() for n in (0, 1)]
    ray = [(column / 96 - 0.4) / 0.9, (row / 192 - 0.55) / 0.45]
    K = sample.K[0]
    expected = K[1, 2] + K[1, 1] * ray[1], K[0, 2] + K[0, 0] * ray[0]
    assert found == pytest.approx([float(place) for place in expected], abs=0.1)


def test_a_crop_of_the_pictures_own_shape_is_the_whole_picture(tmp_path: Path) -> None:
    write_drive(tmp_path, "d/one", (192, 128))
    path = tmp_path / "d/one/image_02/data/0000000000.png"
    np.testing.assert_array_equal(read_pyramid(path, 0, 96, 64, Fit("crop"))[0], read_pyramid(path, 0, 96, 64)[0])
    assert Fit("crop").box((100, 50), (96, 64)) == (12.5, 0.0, 87.5, 50.0)
    assert Fit("crop", 1.0).box((96, 128), (96, 64)) == (0.0, 64.0, 96.0, 128.0)
    assert STRETCH.box((96, 128), (96, 64)) is None


def test_files_state_cameras(tmp_path: Path) -> None:
    wanted = Camera(0.5, 0.75, 0.45, 0.55, (200, 100))

    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    stated = {"fl_x": 100, "fl_y": 75.0, "cx": 90, "cy": 55, "w": 200, "h": 100, "k1": 0.0, "k3": 0}
    found = [
        read_camera_json(write("camera.json", json.dumps(stated)), no_pictures),
        read_matrix(write("K.txt", "100 0 90\n0 75 55\n0 0 1\n"), lambda: (200, 100)),
        read_matrix(write("cam.txt", "100, 0, 90,\n0, 75, 55,\n0, 0, 1"), lambda: (200, 100)),
        read_colmap(write("cameras.txt", "# list\n1 PINHOLE 200 100 100 75 90.5 55.5\n"), no_pictures),
    ]
    for camera in found:
        assert replace(camera, source="given") == wanted
        assert (tmp_path / camera.source).exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_camera_files_are_read_as_editors_write_them(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "K.txt").write_bytes("100 0 90\r0 75 55\r0 0 1\r".encode(encoding))
    (tmp_path / "cameras.txt").write_bytes("# list\r1 PINHOLE 200 100 100 75 90.5 55.5\r".encode(encoding))
    wanted = Camera(0.5, 0.75, 0.45, 0.55, (200, 100))
    assert replace(read_matrix(tmp_path / "K.txt", lambda: (200, 100)), source="given") == wanted
    assert replace(read_colmap(tmp_path / "cameras.txt", no_pictures), source="given") == wanted


def test_a_camera_json_says_where_its_numbers_are_from(tmp_path: Path) -> None:
    said = {"fl_x": 100, "w": 200, "h": 100, "source": "assumed: 60\x1b wide", "accuracy": "30 %"}
    (tmp_path / "camera.json").write_text(json.dumps(said))
    camera = read_camera_json(tmp_path / "camera.json", lambda: (200, 100))
    assert camera.source == "camera.json: assumed: 60? wide, 30 %"
    told = describe_cameras([View("drive", camera, (200, 100))])
    assert "(camera.json: assumed: 60? wide, 30 %: if you know it, run prepare again with --fov" in told


def test_the_remedy_of_an_assumed_camera_is_one_for_folders_of_ones_own() -> None:
    told = describe_cameras([View("drive", Camera(0.9, 1.6, source="assumed: 60° wide, square pixels"), SIZE)])
    assert "(assumed: 60° wide, square pixels: if you know it, give --intrinsics or --fov, or lay a camera.json" in told


def test_what_a_camera_json_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "camera.json").write_text(json.dumps({"fl_x": 100, "baseline": 0.12}))
    camera = read_camera_json(tmp_path / "camera.json", lambda: (200, 100))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (0.5, 1.0, 0.5, 0.5)
    assert read_baseline(tmp_path / "camera.json") == 0.12


@pytest.mark.parametrize(
    ("line", "distortion"),
    [
        ("1 SIMPLE_PINHOLE 200 100 80 100.5 50.5", ()),
        ("1 SIMPLE_RADIAL 200 100 80 100.5 50.5 0.1", (0.1, 0, 0, 0, 0)),
        ("1 RADIAL 200 100 80 100.5 50.5 0.1 -0.2", (0.1, -0.2, 0, 0, 0)),
        ("1 OPENCV 200 100 80 80 100.5 50.5 0.1 -0.2 0.01 0.02", (0.1, -0.2, 0.01, 0.02, 0)),
    ],
)
def test_models_of_colmap(tmp_path: Path, line: str, distortion: tuple[float, ...]) -> None:
    (tmp_path / "cameras.txt").write_text(line)
    camera = read_colmap(tmp_path / "cameras.txt", no_pictures)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.distortion) == (0.4, 0.8, 0.5, 0.5, distortion)


def test_kitti_states_a_camera_per_side(tmp_path: Path) -> None:
    path = tmp_path / "calib_cam_to_cam.txt"
    path.write_text(CALIBRATION["calib_cam_to_cam.txt"])
    camera = read_kitti_camera(path, 2, no_pictures)
    assert (camera.fx, camera.cy) == pytest.approx((721.5377 / 1242, 172.854 / 375))
    (tmp_path / "calib.txt").write_text("P2: 700 0 600 40 0 700 180 0 0 0 1 0\n")
    assert read_kitti_camera(tmp_path / "calib.txt", 2, lambda: (1200, 360)).cx == 0.5
    with pytest.raises(UserError, match="about pictures of another size"):
        read_kitti_camera(tmp_path / "calib.txt", 2, lambda: (1024, 320))
    with pytest.raises(UserError, match=r"calib\.txt: has no 3x4 matrix P_rect_03 or P3"):
        read_kitti_camera(tmp_path / "calib.txt", 3, lambda: (1200, 360))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("camera.json", "[]", "no JSON object"),
        ("camera.json", "{", "not a JSON file"),
        ("camera.json", '{"w": 20, "h": 10}', "has no fl_x"),
        ("camera.json", '{"fl_x": 10, "w": 20}', "states one of w and h"),
        ("camera.json", '{"fl_x": -3, "w": 20, "h": 10}', "focal lengths"),
        ("camera.json", '{"fl_x": NaN, "w": 20, "h": 10}', "focal lengths"),
        ("camera.json", '{"fl_x": "9", "w": 20, "h": 10}', "focal lengths"),
        ("camera.json", '{"fl_x": 10, "w": 1e9, "h": 1e9}', "states pictures of"),
        ("camera.json", '{"fl_x": 10, "cx": 900, "w": 20, "h": 10}', "principal point"),
        ("camera.json", '{"fl_x": 10, "k1": [], "w": 20, "h": 10}', "distortion"),
        ("camera.json", '{"fl_x": 10, "k4": 0.1, "w": 20, "h": 10}', "fisheye"),
        ("camera.json", '{"fl_x": 10, "camera_model": "OPENCV_FISHEYE", "w": 20, "h": 10}', "undistort"),
        ("camera.json", '{"fl_x": 10, "camera_model": ["OPENCV"], "w": 20, "h": 10}', "undistort"),
        ("camera.json", '{"fl_x": 10, "camera_model": {}, "w": 20, "h": 10}', "undistort"),
        ("K.txt", "1 2 3", "no 3x3 matrix"),
        ("K.txt", "0.58 0 0.5 0 1.9 0.5 0 0 1", "pixels are expected"),
        ("K.txt", "100 0 90 0 75 55 0 0 2", "no camera matrix"),
        ("K.txt", "100 0 94 0 100 62 0 0 1", "about pictures of another size"),
        ("camera.json", '{"fl_x": 100, "cx": 94, "cy": 62}', "about pictures of another size"),
        ("cam.txt", "a b c d e f g h i", "no 3x3 matrix"),
        ("cameras.txt", "# none", "no camera"),
        ("cameras.txt", "1 PINHOLE 20 10 9 9 10 5\n2 PINHOLE 20 10 8 8 10 5", "several cameras"),
        ("cameras.txt", "1 FOV 20 10 9 9 10 5 0.1", "image_undistorter"),
        ("cameras.txt", "1 PINHOLE 20 10 9", "takes a width"),
    ],
)
def test_files_that_state_no_camera_are_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    drive = write_drive(tmp_path, "d/one")
    (drive / name).write_text(text)
    with pytest.raises(UserError, match=rf"d/one/{re.escape(name)}: .*{words}") as refused:
        camera_of(tmp_path)
    assert "\n" not in str(refused.value)


def test_the_order_of_sources(tmp_path: Path) -> None:
    """From the last that counts to the first: each one added wins over those before."""
    drive = write_drive(tmp_path, "d/one")
    assert camera_of(tmp_path) == KITTI_INTRINSICS
    assert camera_of(tmp_path, fov=90.0).fx == pytest.approx(0.5)
    assert camera_of(tmp_path, fov=90.0).fy == pytest.approx(0.5 * 128 / 72)
    (tmp_path / "d/calib_cam_to_cam.txt").write_text(CALIBRATION["calib_cam_to_cam.txt"])
    assert camera_of(tmp_path) == KITTI_INTRINSICS
    assert camera_of(tmp_path, kitti_calibration=True).source == "calib_cam_to_cam.txt"
    (tmp_path / "K.txt").write_text("32 0 64 0 32 36 0 0 1")
    assert camera_of(tmp_path, kitti_calibration=True).fx == 0.25
    (drive / "camera.json").write_text('{"fl_x": 96, "w": 128, "h": 72}')
    assert camera_of(tmp_path, kitti_calibration=True).fx == 0.75
    assert camera_of(tmp_path, intrinsics=(0.6, 1.1, 0.5, 0.5)).fx == 0.6
    in_pixels = camera_of(tmp_path, intrinsics=(64, 54, 32, 36), intrinsics_size=(128, 72))
    assert (in_pixels.fx, in_pixels.fy, in_pixels.cx, in_pixels.cy) == (0.5, 0.75, 0.25, 0.5)


def test_files_above_the_data_set_do_not_count(tmp_path: Path) -> None:
    write_drive(tmp_path / "data", "d/one")
    (tmp_path / "camera.json").write_text('{"fl_x": 96, "w": 128, "h": 72}')
    assert camera_of(tmp_path / "data") == KITTI_INTRINSICS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"intrinsics": (721, 721, 609, 172)}, "add --intrinsics_size W H"),
        ({"intrinsics": (0.5, 0.7, 0.5, 0.5), "intrinsics_size": (1280, 720)}, "drop --intrinsics_size"),
        ({"intrinsics": (0.5, -0.7, 0.5, 0.5)}, "FX and CX in widths"),
        ({"intrinsics": (0.5, 0.7, 0.5)}, "give FX FY CX CY"),
        ({"intrinsics_size": (1280, 720)}, "add them"),
        ({"intrinsics": (0.5, 0.7, 0.5, 0.5), "fov": 60.0}, "drop --fov"),
        ({"intrinsics": (0.5, 0.7, 0.5, 0.5), "kitti_calibration": True}, "drop --kitti_calibration"),
        ({"intrinsics": (0.5, float("nan"), 0.5, 0.5)}, "no camera of pictures"),
        ({"fov": 200.0}, "from 1 to 175"),
        ({"crop_top": 0.2}, "add --fit crop"),
        ({"fit": "crop", "crop_top": 1.2}, "from 0 to 1"),
        ({"baseline": -1.0}, "positive"),
        ({"kitti_calibration": True, "dataset": "kitti_test"}, "no such files"),
    ],
)
def test_flags_that_say_no_camera_are_refused(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        options(tmp_path, **changes)


def test_a_width_of_the_view_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    own = View("a", Camera(0.9, 1.4, source="camera.json"), SIZE)
    check_views([own, View("b", Camera(0.5, 0.8, source="given by --fov: 90° wide, square pixels"), SIZE)], fov=90.0)
    with pytest.raises(
        UserError,
        match=r"--fov 90 changes nothing, .*\(camera.json\): drop --fov, or give --intr.* if prepare is run again",
    ):
        check_views([own], fov=90.0)


def remarks_of(root: Path, drives: list[str], size: tuple[int, int] = SIZE, fit: Fit = STRETCH, **changes) -> list[str]:
    layout = layout_of(options(root, **changes))
    views = views_of(layout, [SplitLine(drive, n, "l") for drive in drives for n in (0, 1)])
    check_views(views)
    return [describe_cameras(views), *camera_remarks(views, size, fit)]


def test_a_run_names_its_cameras(tmp_path: Path) -> None:
    for drive in ("one", "two", "three"):
        write_drive(tmp_path, drive)
    (tmp_path / "one/camera.json").write_text('{"fl_x": 96, "w": 128, "h": 72}')
    (tmp_path / "two/camera.json").write_text('{"fl_x": 96, "w": 128, "h": 72}')
    named, *warnings = remarks_of(tmp_path, ["one", "two", "three"], fov=90.0)
    assert named == (
        "cameras: 2 drives 128x72, fx 0.75 fy 1.333 of the size (camera.json); "
        "1 drive 128x72, fx 0.5 fy 0.889 of the size (given by --fov: 90° wide, square pixels)"
    )
    assert not warnings


def test_the_constant_of_2019_is_right_for_kitti_and_warned_of_elsewhere(tmp_path: Path) -> None:
    write_drive(tmp_path, "kitti", (1242, 375), 2)
    write_drive(tmp_path, "phone", (72, 128), 2)
    named, *warnings = remarks_of(tmp_path, ["kitti"], (640, 192))
    assert named == "cameras: 1 drive 1242x375, fx 0.58 fy 1.92 of the size (KITTI's of 2019)"
    assert not warnings
    _, *warnings = remarks_of(tmp_path, ["kitti", "phone"], (640, 192))
    assert len(warnings) == 3
    assert "phone: in its pictures of 72x128 the focal lengths are 42 pixels across and 246 down" in warnings[0]
    assert "aspect ratio of its pictures is 0.56 (72x128)" in warnings[1]
    assert "swapped?" in warnings[1]
    assert "pictures of 1242x375 (kitti) and 72x128 (phone) share one camera" in warnings[2]


def test_pictures_of_another_shape_than_their_camera_are_remarked_on(tmp_path: Path) -> None:
    drive = write_drive(tmp_path, "one")
    (drive / "camera.json").write_text('{"fl_x": 72, "fl_y": 40.5, "w": 128, "h": 128}')
    _, warning, *more = remarks_of(tmp_path, ["one"])
    assert "its pictures are 128x72, but its camera (camera.json) is of pictures of 128x128" in warning + str(more)


def test_a_crop_that_leaves_little_is_remarked_on(tmp_path: Path) -> None:
    write_drive(tmp_path, "one")
    _, warning = remarks_of(tmp_path, ["one"], (64, 96), Fit("crop"), fov=60.0)
    assert "--fit crop leaves 38 % of its pictures" in warning


def test_a_distorted_camera_is_refused_with_the_remedy(tmp_path: Path) -> None:
    drive = write_drive(tmp_path, "one")
    (drive / "camera.json").write_text('{"fl_x": 96, "w": 128, "h": 72, "k1": -0.3}')
    with pytest.raises(UserError, match=r"one: its camera is distorted \(camera\.json: .* straightens the pictures"):
        remarks_of(tmp_path, ["one"])
    views = views_of(layout_of(Options(data_path=tmp_path, dataset="folder")), [SplitLine("one", 0, "l")])
    with pytest.raises(UserError, match=r"with OpenCV's stereoRectify .* or train without --use_stereo") as refused:
        check_views(views, use_stereo=True)
    assert "prepare" not in str(refused.value), "which makes no pairs"


def test_both_cameras_of_a_pair_are_looked_at(tmp_path: Path) -> None:
    """Lists may name the left one's pictures only."""
    drive = write_drive(tmp_path, "one")
    (drive / "image_03/data").mkdir(parents=True)
    layout, lines = layout_of(options(tmp_path, use_stereo=True)), [SplitLine("one", 0, "l")]
    (left,) = views_of(layout, lines)
    assert [view.camera for view in views_of(layout, lines, pairs=True)] == [left.camera] * 2
    (drive / "image_03/camera.json").write_text('{"fl_x": 96, "w": 128, "h": 72, "k1": -0.35}')
    layout = layout_of(options(tmp_path, use_stereo=True))
    check_views(views_of(layout, lines), use_stereo=True)
    with pytest.raises(UserError, match="one, right: its camera is distorted"):
        check_views(views_of(layout, lines, pairs=True), use_stereo=True)


def test_a_data_set_of_one_drive_is_called_by_its_path(tmp_path: Path) -> None:
    drive = write_drive(tmp_path, "one") / "image_02/data"
    layout = layout_of(Options(data_path=drive, dataset="folder", intrinsics=(0.5, 2.0, 0.5, 0.5)))
    (warning,) = camera_remarks(views_of(layout, [SplitLine(".", 0, "l")]), (128, 72), STRETCH)
    assert warning.startswith(f"warning: {drive}: in its pictures of")
