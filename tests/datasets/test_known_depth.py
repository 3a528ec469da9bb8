"""Depth that is known while training: brought to the network's size, and found beside the pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.kitti_layouts import KittiOdometry, KittiRaw
from monodepth2.datasets.known import Known
from monodepth2.datasets.known_depth import KnownDepth, reduced_depth
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import SampleKey, Shown, stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit, Window
from scene import DRIVE

SIZE = (96, 64)  # of the network's input


def write_drive(folder: Path, size: tuple[int, int] = (192, 160), frames: int = 3) -> Path:
    """A plain drive whose depth says in which column and row of the picture it lies: 2 m + column + row / 1000."""
    width, height = size
    (folder / "depth").mkdir(parents=True)
    for n in range(frames):
        Image.fromarray(np.full((height, width, 3), 40 * n, np.uint8)).save(folder / f"{n}.png")
        column, row = np.meshgrid(np.arange(width), np.arange(height))
        depth = np.where((column % 7 == 0) & (row % 5 == 0), 2 + column + row / 1000, 0)
        np.save(folder / f"depth/{n}.npy", depth.astype(np.float32))
    return folder


def options(folder: Path, **more: object) -> Options:
    width, height = SIZE
    values = {"dataset": "folder", "data_path": folder, "depth_supervision": 0.1, "max_depth": 1000.0, **more}
    return Options(width=width, height=height, **values)


def test_no_two_depths_are_mixed_and_the_nearest_stays() -> None:
    depth = np.zeros((8, 12), np.float32)
    depth[0, 0], depth[1, 1], depth[7, 11] = 9, 4, 50  # the first two fall on one pixel
    expected = np.zeros((4, 6), np.float32)
    expected[0, 0], expected[3, 5] = 4, 50
    np.testing.assert_array_equal(reduced_depth(depth, (6, 4), STRETCH), expected)
    larger = reduced_depth(depth, (24, 16), STRETCH)
    assert np.count_nonzero(larger) == 3, "what is not known stays unknown"
    assert sorted(larger[larger > 0]) == [4, 9, 50]


PART = Window(0.137, 0.111, 0.871, 0.893)


@pytest.mark.parametrize(
    "fit", [STRETCH, Fit("crop"), Fit("crop", 1.0), Fit(window=PART), Fit("crop", window=PART)], ids=str
)
def test_depth_lies_where_the_picture_shows_it(fit: Fit) -> None:
    """A picture with a bright spot and a map with a depth there come to the same pixel."""
    from monodepth2.files.pictures import resize

    for row, column in ((90, 40), (40, 150), (95, 100)):
        picture, depth = np.zeros((160, 192), np.uint8), np.zeros((160, 192), np.float32)
        picture[row - 1 : row + 2, column - 1 : column + 2], depth[row, column] = 255, 7
        seen = np.array(resize(Image.fromarray(picture).convert("RGB"), *SIZE, fit))[..., 0].astype(float)
        spot = np.average(np.indices(seen.shape).reshape(2, -1), axis=1, weights=seen.ravel())
        (there,) = np.argwhere(reduced_depth(depth, SIZE, fit))
        assert np.abs(there - spot).max() <= 0.55  # half a pixel, and what Lanczos cuts off
    assert np.count_nonzero(reduced_depth(depth, (96, 64), Fit("crop"))) == 1


def test_a_map_of_another_shape_is_cut_where_its_picture_is(tmp_path: Path) -> None:
    write_drive(tmp_path)
    depth = np.zeros((320, 96), np.float32)  # of pictures of 192 x 160
    depth[2 * 90, 20] = 3
    np.save(tmp_path / "depth/1.npy", depth)
    chosen = options(tmp_path, fit="crop")
    found = MonoDataset.from_options(chosen, [SplitLine(".", 1, "l")], augment=False).sample(0).depth
    assert found is not None
    expected = np.zeros((160, 192), np.float32)
    expected[90, 40] = 3
    np.testing.assert_array_equal(found[0], reduced_depth(expected, SIZE, Fit("crop")))


def test_what_the_crop_cuts_off_is_left_out() -> None:
    depth = np.zeros((160, 192), np.float32)
    depth[2, 5] = depth[155, 5] = 3
    assert not reduced_depth(depth, SIZE, Fit("crop")).any()
    assert np.argwhere(reduced_depth(depth, SIZE, Fit("crop", 1.0))).tolist() == [[61, 2]]


def test_samples_hold_the_depth_mirrored_as_their_picture(tmp_path: Path) -> None:
    write_drive(tmp_path)
    lines = [SplitLine(".", 1, "l")]
    data_set = MonoDataset.from_options(options(tmp_path), lines, augment=False)
    plain, mirrored = (data_set.sample(0, mirrored=which) for which in (False, True))
    assert plain.depth is not None
    assert mirrored.depth is not None
    assert plain.depth.shape == (1, 64, 96)
    assert torch.equal(mirrored.depth, plain.depth.flip(2))
    known = plain.depth[0].nonzero()
    column = plain.depth[0][known[:, 0], known[:, 1]].floor() - 2
    assert torch.equal(column.int() // 2, known[:, 1].int())
    given = stack([plain, mirrored])
    assert given.depth is not None
    assert torch.equal(given.rows(slice(1, 2)).depth, mirrored.depth[None])
    assert any(tensor is given.depth for tensor in given.tensors)


def test_without_the_flag_a_batch_has_none(tmp_path: Path) -> None:
    write_drive(tmp_path)
    data_set = MonoDataset.from_options(options(tmp_path, depth_supervision=0.0), [SplitLine(".", 1, "l")], False)
    assert stack([data_set.sample(0)]).depth is None


def test_a_scan_is_the_depth_along_the_camera_in_the_networks_unit(golden_scene: Path) -> None:
    line = SplitLine(DRIVE, 3, "r")
    chosen = Options(data_path=golden_scene, png=True, depth_supervision=1.0, use_stereo=True, width=1248, height=384)
    known = KnownDepth.from_options(chosen, layout_of(chosen))
    assert known is not None
    found, metres = known.read(Shown(line)), KittiRaw(golden_scene, ".png").depth(line)
    expected = np.unique(metres[metres > 0].astype(np.float32) * np.float32(0.1 / 0.54))
    np.testing.assert_allclose(np.unique(found[found > 0]), expected, rtol=1e-6)


def as_sequence(drive: Path, folder: Path, shrink: int = 1) -> KittiOdometry:
    """The frames 0 to 2 of the golden scene, laid out as odometry sequence 3."""
    sequence, calibration = folder / "sequences/03", Calibration.read(drive.parent)
    for kind in ("image_2", "image_3", "velodyne"):
        (sequence / kind).mkdir(parents=True)
    for n in range(3):
        for camera in (2, 3):
            picture = Image.open(drive / f"image_0{camera}/data/{n:010d}.png")
            picture.reduce(shrink).save(sequence / f"image_{camera}/{n:06d}.png", compress_level=1)
        (sequence / f"velodyne/{n:06d}.bin").symlink_to(drive / f"velodyne_points/data/{n:010d}.bin")
    rows = {f"P{n}": matrix for n, matrix in calibration.projections.items()}
    rows["Tr"] = (calibration.rectification @ calibration.camera0_T_velodyne)[:3]
    lines = [f"{key}: {' '.join(map(repr, matrix.ravel().tolist()))}\n" for key, matrix in rows.items()]
    (sequence / "calib.txt").write_text("".join(lines))
    return KittiOdometry(folder, ".png")


@pytest.mark.parametrize("side", ["l", "r"])
def test_scans_of_an_odometry_sequence_are_those_of_its_drive(side: str, golden_scene: Path, tmp_path: Path) -> None:
    layout = as_sequence(golden_scene / DRIVE, tmp_path)
    expected = KittiRaw(golden_scene, ".png").depth(SplitLine(DRIVE, 1, side))
    found = layout.depth(SplitLine("3", 1, side))
    assert np.count_nonzero(found) > 1000
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    chosen = Options(dataset="kitti_odom", data_path=tmp_path, png=True, depth_supervision=1.0)
    known = KnownDepth.from_options(chosen, layout)
    assert known is not None
    assert "3 of 4 lines" in known.check([SplitLine("3", n, side) for n in range(4)])
    assert known.read(Shown(SplitLine("3", 1, side))).any()


def test_sequences_of_another_size_or_without_the_scanners_place_are_refused(
    golden_scene: Path, tmp_path: Path
) -> None:
    layout, line = as_sequence(golden_scene / DRIVE, tmp_path, shrink=4), SplitLine("3", 0, "l")
    chosen = Options(dataset="kitti_odom", data_path=tmp_path, png=True, depth_supervision=1.0)
    known = KnownDepth.from_options(chosen, layout)
    assert known is not None
    with pytest.raises(UserError, match=r"calib.txt: .* not in the middle of pictures of 311 x 94"):
        known.check([line])
    for n, side in ((0, 2), (1, 3)):
        Image.new("RGB", (1024, 320)).save(tmp_path / f"sequences/03/image_{side}/{n:06d}.png")  # a usual size
    with pytest.raises(UserError, match="pictures of 1024 x 320"):
        known.check([line])
    with pytest.raises(UserError, match="pictures of 1024 x 320"):
        known.check([line, SplitLine("3", 1, "r")])
    (tmp_path / "sequences/03/image_2/000000.png").write_bytes(b"")
    assert "1 of 1 lines" in known.check([line]), "a picture that cannot be read is the loader's to tell"
    path = tmp_path / "elsewhere/sequences/03/calib.txt"
    path.parent.mkdir(parents=True)
    path.write_text((tmp_path / "sequences/03/calib.txt").read_text().partition("Tr")[0])
    with pytest.raises(UserError, match=r"calib.txt: has no line Tr"):
        KittiOdometry(tmp_path / "elsewhere", ".png").scanner(line)


def test_what_the_network_cannot_express_counts_as_unknown(tmp_path: Path) -> None:
    write_drive(tmp_path)
    chosen = options(tmp_path, min_depth=10.0, max_depth=50.0)
    known = KnownDepth.from_options(chosen, layout_of(chosen))
    assert known is not None
    found = known.read(Shown(SplitLine(".", 0, "l")))
    assert 10 < found[found > 0].min() < found.max() < 50


def test_maps_of_millimetres(tmp_path: Path) -> None:
    write_drive(tmp_path)
    (tmp_path / "depth/1.npy").unlink()
    Image.fromarray(np.full((160, 192), 3500, np.uint16)).save(tmp_path / "depth/1.png")
    chosen = options(tmp_path, gt_png_scale=1000.0)
    known = KnownDepth.from_options(chosen, layout_of(chosen))
    assert known is not None
    assert np.unique(known.read(Shown(SplitLine(".", 1, "l")))).tolist() == [3.5]


def test_maps_that_lie_on_their_side_are_refused(tmp_path: Path) -> None:
    write_drive(tmp_path)
    for path in (tmp_path / "depth").iterdir():
        np.save(path, np.load(path).T)
    chosen = options(tmp_path)
    known = KnownDepth.from_options(chosen, layout_of(chosen))
    assert known is not None
    with pytest.raises(UserError, match=r"\.npy: .*: the map lies on its side"):
        known.check([SplitLine(".", 1, "l")])


def test_a_picture_without_depth_is_a_sample_and_a_damaged_map_names_itself(tmp_path: Path) -> None:
    write_drive(tmp_path)
    (tmp_path / "depth/1.npy").unlink()
    (tmp_path / "depth/2.npy").write_bytes(b"nonsense")
    lines = [SplitLine(".", n, "l") for n in range(3)]
    data_set = MonoDataset.from_options(options(tmp_path, frame_ids=(0, 1)), lines[:1], augment=False)
    assert "2 of 3" in data_set.known.check(lines, data_set.frames)[0]
    data_set.frames, data_set.lines = SampleFrames(data_set.layout, (0,)), lines
    without = data_set.sample(1).depth
    assert without is not None
    assert not without.any()
    replaced = data_set[SampleKey(0, 2)]
    assert not isinstance(replaced, UserError)
    assert replaced.index != 2
    assert replaced.faults[0].startswith(f"{tmp_path}/depth/2.npy: not a readable depth map")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"dataset": "kitti_test"}, "--dataset kitti_test has no depth"),
        ({"use_stereo": True}, "--baseline METRES"),
        ({}, "none of the 1 lines has known depth; lay a map of each picture"),
    ],
)
def test_what_cannot_be_is_refused(more: dict, words: str, tmp_path: Path) -> None:
    Image.new("RGB", (96, 64)).save(tmp_path / "0.png")
    chosen = options(tmp_path, **more)
    frames = SampleFrames.from_options(chosen, layout_of(chosen))
    with pytest.raises(UserError, match=words):
        Known.from_options(chosen, frames.layout).check([SplitLine(".", 0, "l")], frames)
