import shutil

import pytest

from monodepth2.datasets.check import SampleFrames, calibration_remarks, check_calibration
from monodepth2.datasets.kitti_layouts import KittiRaw, KittiTest
from monodepth2.datasets.layout_choice import make_layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from scene import DRIVE

FRAMES = (0, -1, 1)


def lines(*frames: int) -> list[SplitLine]:
    return [SplitLine(DRIVE, frame, "l") for frame in frames or range(1, 7)]


def report(layout, lines, ids) -> str:
    with pytest.raises(UserError) as caught:
        SampleFrames(layout, ids).check(lines)
    return str(caught.value)


def test_a_whole_data_set_passes(small_scene) -> None:
    SampleFrames(KittiRaw(small_scene, ".png"), (*FRAMES, "s")).check(lines())


def test_missing_drive_counts_every_picture(small_scene) -> None:
    text = report(KittiRaw(small_scene, ".png"), [SplitLine("2011_09_26/gone", 3, "l")] * 5, FRAMES)
    assert "15 pictures in missing folders" in text
    assert "2011_09_26/gone" in text


def test_neighbours_beyond_the_end(small_scene) -> None:
    text = report(KittiRaw(small_scene, ".png"), lines(0, 3, 7), FRAMES)
    assert "1 neighbour frames -1 missing" in text
    assert "1 neighbour frames +1 missing" in text
    assert "0000000008.png" in text


def test_missing_target(small_copy) -> None:
    (small_copy / DRIVE / "image_02/data/0000000004.png").unlink()
    text = report(KittiRaw(small_copy, ".png"), lines(), FRAMES)
    assert "1 target frames missing" in text


@pytest.mark.parametrize("extension", [".jpg", ".png", ".JPEG"])
def test_pictures_of_any_ending_are_there(extension, small_copy) -> None:
    for path in list(small_copy.rglob("*.png")):
        path.rename(path.with_suffix(extension))
    SampleFrames(KittiRaw(small_copy, ".png"), FRAMES).check(lines())
    SampleFrames(KittiRaw(small_copy, ".jpg"), FRAMES).check(lines())


def test_missing_second_camera(small_copy) -> None:
    shutil.rmtree(small_copy / DRIVE / "image_03")
    text = report(KittiRaw(small_copy, ".png"), lines(), (*FRAMES, "s"))
    assert "6 pictures in missing folders" in text
    assert "image_03" in text
    with pytest.raises(UserError, match="second camera"):
        SampleFrames(KittiTest(small_copy), (0, "s")).check(lines())


def test_unreadable_calibration_matters_where_there_are_scans(small_copy) -> None:
    (small_copy / "2011_09_26/calib_cam_to_cam.txt").write_text("P_rect_02: 1 2 three")
    layout = KittiRaw(small_copy, ".png")
    with pytest.raises(UserError, match="1 calibration files unreadable"):
        check_calibration(layout, lines())
    assert "no figures of depth while training" in calibration_remarks(layout, lines())[0]
    SampleFrames(layout, FRAMES).check(lines())
    shutil.rmtree(small_copy / DRIVE / "velodyne_points")
    assert not calibration_remarks(layout, lines())


def test_missing_root(tmp_path) -> None:
    with pytest.raises(UserError, match="--data_path"):
        make_layout("kitti", tmp_path / "absent", png=False)
