"""Plain folders of pictures: what is a drive, its order, its split, its masks; and lists as people write them."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.drives import own_lines
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.layout_choice import layout_of, make_layout
from monodepth2.datasets.made_lists import made_split, main
from monodepth2.datasets.masks import read_mask
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.datasets.training_lines import training_lines
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.files.picture_names import OWN_WORDS, natural_key
from monodepth2.files.picture_opening import MARK, OWN_ENDINGS
from monodepth2.files.pictures import read_pyramid
from monodepth2.prediction.outputs import KINDS
from monodepth2.runtime.processes import Processes
from monodepth2.training.data import TrainingData
from monodepth2.training.trainer import Trainer
from runs import TINY_NETWORK
from scene import DRIVE

SIZE = (48, 32)


def write_pictures(folder: Path, names: list[str], size: tuple[int, int] = SIZE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n, name in enumerate(names):
        pixels = np.random.default_rng(n).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def numbered(count: int) -> list[str]:
    return [f"image_{n}.png" for n in range(count)]


def test_names_sort_as_people_do() -> None:
    names = ["b1.png", "a10.png", "a9.jpg", "a009.bmp", "1.png", "1623456789.123.png", "1623456789.045.png"]
    assert sorted(names, key=natural_key) == [
        *("1.png", "1623456789.045.png", "1623456789.123.png", "a009.bmp", "a9.jpg", "a10.png", "b1.png")
    ]


def test_seconds_of_a_clock_sort_by_their_decimals() -> None:
    """As f"{seconds}.jpg" writes them; what follows another number is a number by itself."""
    names = [f"{1700000000 + n / 100}.jpg" for n in (*range(8, 100, 8), 110)]
    mixed = names[::-1]
    assert sorted(mixed, key=natural_key) == names
    assert sorted(["cam_20230101.10.jpg", "cam_20230101.9.jpg"], key=natural_key)[0] == "cam_20230101.9.jpg"


def test_pictures_of_any_ending_are_frames_and_others_are_not(tmp_path: Path) -> None:
    names = ["7.JPG", "8.jpeg", "9.png", "10.WEBP", "12.bmp", "13.TIF", "14.tiff"]
    drive = write_pictures(tmp_path / "my drive", [*names, "mask.png", ".hidden.png"])
    for stray in ("notes.txt", "camera.json"):
        (drive / stray).write_text("{}")
    for inner in ("masks", "right", "depth", "proj_depth/groundtruth/image_02", ".thumbnails"):
        write_pictures(drive / inner, ["7.png"])
    layout = Folders(tmp_path)
    assert layout.drives() == ["my drive"]
    assert layout.names(drive) == tuple(names)
    line = SplitLine.parse("my drive 3 l")
    assert [layout.picture_path(line.other(offset)).name for offset in (-1, 0, 1)] == ["9.png", "10.WEBP", "12.bmp"]
    for name in names:
        assert read_pyramid(drive / name, 0, 96, 64)[0].shape == (64, 96, 3)
    SampleFrames(layout, (0, -1, 1)).check([line])


def test_drives_lie_at_any_depth_and_one_drive_is_a_data_set(tmp_path: Path) -> None:
    for drive in ("day 10/b", "day 2/a/deep", "day 2/c"):
        write_pictures(tmp_path / drive, numbered(2))
    assert Folders(tmp_path).drives() == ["day 2/a/deep", "day 2/c", "day 10/b"]
    single = Folders(tmp_path / "day 2/c")
    assert single.drives() == ["."]
    assert single.picture_path(SplitLine(".", 1, "l")) == tmp_path / "day 2/c/image_1.png"
    with pytest.raises(UserError, match="no folder in it holds pictures"):
        Folders(write_pictures(tmp_path / "empty", [])).drives()


def test_predictions_are_no_drives(tmp_path: Path) -> None:
    """In the folder that `predict` makes beside the pictures, and in any other by their mark."""
    write_pictures(tmp_path / "one", numbered(3))
    write_pictures(tmp_path / "one/predictions", ["image_0_disp.jpeg"])
    (tmp_path / "one/looked at").mkdir()
    for ending in ("jpg", "jpeg"):
        Image.new("RGB", SIZE).save(tmp_path / f"one/looked at/image_0.{ending}", comment=MARK)
    assert Folders(tmp_path).drives() == ["one"]
    write_pictures(tmp_path / "one/looked at", ["image_1.jpg"])
    assert Folders(tmp_path).drives() == ["one", "one/looked at"], "of another source"
    Image.new("RGB", SIZE).save(tmp_path / "one/image_0_disp.jpeg", comment=MARK)
    write_pictures(tmp_path / "one", ["image_0_disp.png"])
    assert Folders(tmp_path).names(tmp_path / "one") == (
        "image_0.png",
        "image_0_disp.png",
        "image_1.png",
        "image_2.png",
    )


@pytest.mark.parametrize("name", ["Mask.png", "MASK.PNG", "mask.jpg"])
def test_a_mask_of_another_name_is_no_frame_and_not_passed_by(name: str, tmp_path: Path) -> None:
    write_pictures(tmp_path, [*numbered(3), name])
    with pytest.raises(
        UserError, match=f"{name}: is no frame, and no mask either: save it as a PNG file called mask.png"
    ):
        Folders(tmp_path).drives()


def test_what_predict_adds_to_names_is_known_when_it_is_read() -> None:
    words = {kind.word for kind in KINDS.values() if kind.ending in OWN_ENDINGS}
    assert words == set(OWN_WORDS)


def test_the_right_camera_has_the_same_names(tmp_path: Path) -> None:
    drive = write_pictures(tmp_path / "one", ["a.png", "b.png"])
    write_pictures(drive / "right", ["a.jpg", "b.png"])
    layout = Folders(tmp_path)
    assert layout.has_second_camera
    assert layout.picture_path(SplitLine("one", 0, "l").other("s")) == drive / "right/a.jpg"
    assert layout.picture_path(SplitLine("one", 0, "r").other(1)) == drive / "right/b.png"
    assert not Folders(write_pictures(tmp_path / "two", ["a.png"])).has_second_camera


def test_the_baseline_is_stated_by_flag_or_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pictures(tmp_path / name, numbered(2))
    options = Options(data_path=tmp_path, dataset="folder")
    assert layout_of(options).baseline is None
    Folders(tmp_path).check_rig()
    (tmp_path / "one/camera.json").write_text('{"fl_x": 40, "baseline": 0.12}')
    assert layout_of(options).baseline is None, "not known of the other one"
    with pytest.raises(UserError, match=r"one/camera.json states a baseline of 0\.12 m, .* that of .*two: state it in"):
        Folders(tmp_path).check_rig()
    assert layout_of(replace(options, baseline=0.2)).baseline == 0.2
    (tmp_path / "two/camera.json").write_text('{"fl_x": 40, "baseline": 0.13}')
    assert layout_of(options).baseline is None, "one camera alone needs none"
    with pytest.raises(UserError, match=r"one/camera.json and .*two/camera.json state baselines that differ"):
        Folders(tmp_path).check_rig()
    layout_of(replace(options, baseline=0.2)).check_rig()


def test_drives_that_no_line_names_do_not_matter(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pictures(tmp_path / name, numbered(2))
    (tmp_path / "one/camera.json").write_text('{"fl_x": 40, "baseline": 0.12}')
    (tmp_path / "two/camera.json").write_text("{")
    (tmp_path / "two/mask.png").touch()
    write_pictures(tmp_path / "two/right", numbered(2))
    layout = Folders(tmp_path).of_lines([SplitLine("one", 0, "l")])
    layout.check_rig()
    assert layout.baseline == 0.12
    assert not layout.has_masks
    assert not layout.has_second_camera
    with pytest.raises(UserError, match="not a JSON file"):
        Folders(tmp_path).of_lines([SplitLine("two", 0, "l")]).check_rig()


@pytest.mark.parametrize(("dataset", "folder", "pictures"), [
    ("kitti", "2024_01_01/2024_01_01_drive_0001_sync", "image_02/data"),
    ("kitti_odom", "9", "../sequences/09/image_2"),
])  # fmt: skip
def test_a_stated_baseline_takes_the_place_of_kittis(dataset: str, folder: str, pictures: str, tmp_path: Path) -> None:
    line, options = SplitLine(folder, 0, "l"), Options(data_path=tmp_path, dataset=dataset)
    place = write_pictures((tmp_path / folder / pictures).resolve(), numbered(2))
    assert layout_of(options).of_lines([line]).baseline == 0.54
    (tmp_path / "camera.json").write_text('{"fl_x": 40, "baseline": 0.12}')
    assert layout_of(options).of_lines([line]).baseline == 0.12
    (place / "camera.json").write_text('{"fl_x": 40, "baseline": 0.3}')
    assert layout_of(options).of_lines([line]).baseline == 0.3
    assert layout_of(options).of_lines([line]).camera(line).source == "camera.json"


def test_a_baseline_is_that_of_the_nearest_file_as_the_camera_is(tmp_path: Path) -> None:
    write_pictures(tmp_path / "rig/day/one", numbered(2))
    (tmp_path / "camera.json").write_text('{"fl_x": 40, "baseline": 0.54}')
    assert Folders(tmp_path).baseline == 0.54
    (tmp_path / "rig/camera.json").write_text('{"fl_x": 40, "baseline": 0.12}')
    assert Folders(tmp_path).baseline == 0.12
    (tmp_path / "rig/day/one/camera.json").write_text('{"fl_x": 40}')
    assert Folders(tmp_path).baseline == 0.12


def test_baselines_that_differ_are_told_when_the_data_are_looked_at(tmp_path: Path) -> None:
    for name in ("one", "two"):
        drive = write_pictures(tmp_path / f"data/{name}", numbered(5))
        write_pictures(drive / "right", numbered(5))
        (drive / "camera.json").write_text(json.dumps({"fl_x": 40, "baseline": {"one": 0.1, "two": 0.2}[name]}))
    options = Options(dataset="folder", data_path=tmp_path / "data", height=64, width=64, batch_size=2)
    assert TrainingData(options, Processes(), torch.device("cpu")).facts.baseline is None
    with pytest.raises(UserError, match="baselines that differ"):
        TrainingData(replace(options, use_stereo=True), Processes(), torch.device("cpu"))


def test_drives_may_be_links(tmp_path: Path) -> None:
    drive = write_pictures(tmp_path / "elsewhere/two", numbered(2))
    write_pictures(tmp_path / "data/one", numbered(2))
    (tmp_path / "data/two").symlink_to(drive)
    (tmp_path / "data/again").symlink_to(tmp_path / "data/one")
    (tmp_path / "data/one/inside").symlink_to(drive)
    (tmp_path / "data/round").symlink_to(tmp_path / "data")
    (tmp_path / "data/around").symlink_to(tmp_path)
    assert Folders(tmp_path / "data").drives() == ["one", "one/inside"]
    (tmp_path / "data/one/inside").unlink()
    assert Folders(tmp_path / "data").drives() == ["one", "two"]


def test_a_camera_is_assumed_where_no_file_states_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "one", numbered(2), (64, 48))
    camera = layout_of(Options(data_path=tmp_path, dataset="folder")).camera(SplitLine("one", 1, "l"))
    assert camera.source == "assumed: 60° wide, square pixels"
    assert camera.fx * 64 == pytest.approx(camera.fy * 48) == pytest.approx(32 * np.sqrt(3))


@pytest.mark.parametrize("ids", [(-1, 1), (-5, 5), (2,)])
def test_the_made_split_shares_no_picture_between_targets_and_the_other_part(tmp_path: Path, ids) -> None:
    for name, count in (("long", 60), ("short", 4)):
        folder = tmp_path / name
        folder.mkdir()
        for n in range(count):
            (folder / f"{n}.png").touch()
    training, validation = made_split(Folders(tmp_path), ids)
    assert len(validation) == {1: 6, 5: 5, 2: 6}[max(map(abs, ids))]
    assert validation[-1] == SplitLine("long", 59 - max(0, *ids), "l")
    seen = [{(line.folder, line.frame + i) for line in lines for i in (0, *ids)} for lines in (training, validation)]
    targets = [{(line.folder, line.frame) for line in lines} for lines in (training, validation)]
    assert not targets[0] & seen[1]
    assert not targets[1] & seen[0]
    assert all(0 <= frame < {"long": 60, "short": 4}[folder] for folder, frame in set.union(*seen))


def test_a_split_of_too_little_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "one", numbered(3))
    with pytest.raises(UserError, match="too few pictures for a split"):
        made_split(Folders(tmp_path), (-1, 1))


def test_the_made_split_can_be_written_and_used(tmp_path: Path, capsys) -> None:
    write_pictures(tmp_path / "data/my drive", numbered(20))
    assert main([str(tmp_path / "data"), "--output", str(tmp_path / "lists")]) == 0
    assert "train_files.txt" in capsys.readouterr().out
    options = Options(data_path=tmp_path / "data", dataset="folder")
    made = training_lines(options)
    assert made == training_lines(replace(options, split=str(tmp_path / "lists")))
    assert len(made.training) == 15
    assert main([str(tmp_path / "data"), "--output", str(tmp_path / "pairs"), "--frame_ids", "0"]) == 0
    assert len((tmp_path / "pairs/train_files.txt").read_text().splitlines()) == 18, "pairs need no neighbours"


def test_lists_as_people_write_them(tmp_path: Path) -> None:
    wanted = [SplitLine("my day/drive", 5, "l"), SplitLine("my day/drive", 1623456789012345678, "r")]
    plain = "my day/drive 5 l\nmy day/drive 1623456789012345678 r\n"
    spellings = [
        plain.encode(),
        plain.replace("/", "\\").encode(),
        plain.replace(" l", " 2").replace(" r", " 3").encode(),
        plain.upper().replace("MY DAY/DRIVE", "my day/drive").encode(),
        plain.encode("utf-8-sig"),
        plain.replace("\n", "\r\n").encode("utf-16"),
        b"\xfe\xff" + plain.encode("utf-16-be"),
        plain.replace("\n", "\r").encode(),
    ]
    for content in spellings:
        (tmp_path / "train_files.txt").write_bytes(content)
        assert read_split(str(tmp_path), "train") == wanted, content
    (tmp_path / "train_files.txt").write_bytes(b"\xff\xfeodd")
    with pytest.raises(UserError, match="cannot be read as text"):
        read_split(str(tmp_path), "train")
    for text in ("..\\up 1 l", "a/.. 1 l", "\\root 1 l", "c:\\x 1 l"):
        with pytest.raises(UserError, match="relative to the data set"):
            SplitLine.parse(text)


def test_kitti_pictures_of_any_ending_and_number_of_digits(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "d/image_02/data", ["0000000001.JPEG", "2.png", "00003.bmp", "0000000004.jpg"])
    write_pictures(folder, ["0000000004.png"])
    lines = [SplitLine("d", n, "l") for n in (1, 2, 3, 4)]
    found = [make_layout("kitti", tmp_path, png=False).picture_path(line).name for line in lines]
    assert found == ["0000000001.JPEG", "2.png", "00003.bmp", "0000000004.jpg"]
    assert make_layout("kitti", tmp_path, png=True).picture_path(lines[3]).name == "0000000004.png"
    assert KittiRaw(tmp_path).picture_path(SplitLine("d", 7, "l")).name == "0000000007.jpg"


def test_a_drive_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: holds no pictures, and no test_files\.txt"):
        own_lines(str(tmp_path / "empty"), make_layout("folder", tmp_path, png=False))


NAMES = ["Fahrt\u00a01", "\u0645\u06cc\u200c\u0631\u0648\u06cc\u0645", "1:30", "straße 1", "a\u2014b"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_folders_that_people_give_come_back_from_lists(name: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "data" / name, numbered(20))
    assert main([str(tmp_path / "data"), "--output", str(tmp_path / "lists")]) == 0
    lines = read_split(str(tmp_path / "lists"), "train")
    assert {line.folder for line in lines} == {name}


@pytest.mark.parametrize("name", [b"drive ", b" drive", b"a\\b", b"a\tb", b"stra\xdfe", b"a:30", b"a\xe2\x80\xa8b"])
def test_names_that_no_list_can_hold_are_refused_and_no_list_is_left(name: bytes, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.rename(write_pictures(tmp_path / "one", numbered(20)), os.fsencode(tmp_path / "data/") + b"/" + name)
    with pytest.raises(UserError, match=r"a list cannot hold this name .*: rename the folder"):
        main([str(tmp_path / "data"), "--output", str(tmp_path / "lists")])
    assert not (tmp_path / "lists").exists()


def test_both_lists_are_written_or_none(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data/one", numbered(20))
    (tmp_path / "lists/val_files.txt").mkdir(parents=True)
    with pytest.raises(UserError, match=r"val_files.txt: cannot be written"):
        main([str(tmp_path / "data"), "--output", str(tmp_path / "lists"), "--force"])
    assert [path.name for path in (tmp_path / "lists").iterdir()] == ["val_files.txt"]


def test_incomplete_lines_can_be_left_out(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data/d/image_02/data", [f"{n:010d}.png" for n in (0, 1, 2, 4, 5, 6)])
    lists = tmp_path / "lists"
    lists.mkdir()
    for part in ("train", "val"):
        (lists / f"{part}_files.txt").write_text("".join(f"d {n} l\n" for n in range(1, 6)))
    options = Options(data_path=tmp_path / "data", split=str(lists))
    given = training_lines(options)
    layout = given.layout
    assert [line.frame for line in given.training] == [1, 2, 3, 4, 5]
    kept = training_lines(replace(options, skip_incomplete=True))
    assert [line.frame for line in kept.training] == [1, 5]
    assert len(kept.skipped) == 6
    assert kept.layout.folders == ("d",)
    assert len(SampleFrames(layout, (0, -2, 2)).complete(given.training)) == 2
    with pytest.raises(UserError, match="--skip_incomplete"):
        SampleFrames.from_options(options, layout).check(given.training)
    elsewhere = replace(options, skip_incomplete=True, data_path=tmp_path)  # one folder too high
    with pytest.raises(UserError, match=r"pictures in missing folders \(check path, --data_path, --dataset\)"):
        TrainingData(elsewhere, Processes(), torch.device("cpu"))
    alone = replace(options, skip_incomplete=True, dataset="kitti_test")
    with pytest.raises(UserError, match="holds single frames"):
        training_lines(alone)


# --- masks


def write_mask(path: Path, left_out: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(left_out, 0, 255).astype(np.uint8)).save(path)


@pytest.mark.parametrize("fit", [STRETCH, Fit("crop", 0.2)])
@pytest.mark.parametrize("size", [(250, 180), (96, 64), (70, 90)])
def test_what_stays_in_has_seen_nothing_that_is_left_out(tmp_path: Path, size, fit: Fit) -> None:
    """Garbage under a mask changes no pixel of any level that the mask leaves in."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    left_out = (y > 0.8 * height) | ((x - 0.3 * width) ** 2 + (y - 0.4 * height) ** 2 < (0.1 * width) ** 2)
    write_mask(tmp_path / "mask.png", left_out)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pyramids = []
    for _ in range(2):
        pixels[left_out] = rng.integers(0, 256, (int(left_out.sum()), 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "picture.png")
        pyramids.append(read_pyramid(tmp_path / "picture.png", 2, 96, 64, fit))
    masks = read_mask(tmp_path / "mask.png", 2, 96, 64, fit)
    for mask, first, second in zip(masks, *pyramids, strict=True):
        assert 0.2 < mask.mean() < 1
        np.testing.assert_array_equal(first[mask], second[mask])


def test_masks_of_a_drive_and_of_single_pictures(tmp_path: Path) -> None:
    drive = write_pictures(tmp_path / "one", numbered(3))
    write_pictures(tmp_path / "two", numbered(3))
    below, right = (np.arange(32)[:, None] >= 24) & np.ones(48, bool), (np.arange(48) >= 36) & np.ones((32, 1), bool)
    write_mask(drive / "mask.png", below)
    write_mask(drive / "masks/image_2.png", right)
    options = Options(data_path=tmp_path, dataset="folder", height=64, width=96, frame_ids=(0, -1))
    lines = [SplitLine("one", 1, "l"), SplitLine("one", 2, "l"), SplitLine("two", 1, "l")]
    data_set = MonoDataset.from_options(options, lines, augment=True)
    samples = [data_set.sample(n, mirrored=n == 1) for n in range(3)]
    masks = stack(samples).mask
    assert masks is not None
    assert {level: tuple(mask.shape) for level, mask in masks.items()} == {
        level: (3, 1, 64 >> level, 96 >> level) for level in range(4)
    }
    of_drive, own, none = masks[0][:, 0]
    assert of_drive[:40].all()
    assert not of_drive[48:].any()
    assert own[:, 32:].all()  # mirrored with the picture
    assert not own[:, :24].any()
    assert none.all()
    moved = stack(samples).prepared(torch.device("cpu"))
    assert moved.mask is not None
    assert moved.mask[0].dtype == torch.bool


def test_a_mask_of_another_shape_is_cut_where_its_picture_is(tmp_path: Path) -> None:
    """Drawn on the picture squeezed to the network's shape, of which rows 24 to 72 of 96 are seen."""
    drive = write_pictures(tmp_path / "one", numbered(3), (96, 96))
    write_mask(drive / "mask.png", np.arange(64)[:, None] + np.zeros(128) >= 54)
    options = Options(data_path=tmp_path, dataset="folder", height=64, width=128, frame_ids=(0, -1), fit="crop")
    mask = MonoDataset.from_options(options, [SplitLine("one", 1, "l")], augment=False).sample(0).mask
    assert mask is not None
    assert mask[0].all()
    write_mask(drive / "mask.png", np.arange(64)[:, None] + np.zeros(128) >= 32)
    mask = MonoDataset.from_options(options, [SplitLine("one", 1, "l")], augment=False).sample(0).mask
    assert mask is not None
    assert mask[0][0, :24].all()
    assert not mask[0][0, 32:].any()


def test_the_right_cameras_pictures_have_a_mask_of_their_own(tmp_path: Path) -> None:
    drive = write_pictures(tmp_path / "one", numbered(3))
    write_pictures(drive / "right", numbered(3))
    write_mask(drive / "right/mask.png", np.arange(32)[:, None] + np.zeros(48) >= 24)
    options = Options(data_path=tmp_path, dataset="folder", height=64, width=96, frame_ids=(0, -1))
    lines = [SplitLine("one", 1, side) for side in "lr"]
    masks = stack([MonoDataset.from_options(options, lines, augment=False).sample(n) for n in range(2)]).mask
    assert masks is not None
    left, right = masks[0][:, 0]
    assert left.all()
    assert not right[48:].any()


def test_without_masks_a_batch_has_none(tmp_path: Path) -> None:
    write_pictures(tmp_path / "one", numbered(3))
    options = Options(data_path=tmp_path, dataset="folder", height=64, width=96)
    data_set = MonoDataset.from_options(options, [SplitLine("one", 1, "l")], augment=False)
    assert stack([data_set.sample(0)]).mask is None


# --- the same weights


def test_a_folder_trains_to_the_weights_of_the_kitti_layout(
    small_scene: Path, split: Path, tmp_path: Path, capsys
) -> None:
    """Renamed copies of the golden scene, as a drive of plain folders with KITTI's camera: the same bits."""
    drive = tmp_path / "data/sunday drive"
    for camera, folder in (("image_02", drive), ("image_03", drive / "right")):
        folder.mkdir(parents=True)
        for n, path in enumerate(sorted((small_scene / DRIVE / camera / "data").iterdir())):
            os.link(path, folder / f"shot {7 * n}.PNG")
    lists = tmp_path / "lists"
    lists.mkdir()
    for path in split.iterdir():
        (lists / path.name).write_text(path.read_text().replace(DRIVE, "sunday drive"))
    common = {"height": 64, "width": 96, "batch_size": 4, "num_epochs": 1, "weights_init": "scratch", "device": "cpu"}
    common |= {"num_workers": 0, "log_dir": tmp_path, "pose_model_type": "posecnn", "no_report": True}
    common |= TINY_NETWORK
    kitti = Options(**common, model_name="kitti", data_path=small_scene, png=True, split=str(split))
    plain = Options(
        **common,
        model_name="plain",
        dataset="folder",
        data_path=tmp_path / "data",
        split=str(lists),
        intrinsics=(0.58, 1.92, 0.5, 0.5),
    )
    for options in (kitti, plain):
        assert Trainer(options).train() == 0
        assert "fx 0.58 fy 1.92 of the size" in capsys.readouterr().err.splitlines()[0]
    for network in ("depth", "pose", "adam"):
        first, second = (tmp_path / name / f"models/weights_0/{network}.pth" for name in ("kitti", "plain"))
        assert first.read_bytes() == second.read_bytes(), network


def test_lists_that_a_data_set_brings_along_are_its_split(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for n in range(2):
        write_pictures(data / f"drive_{n}", numbered(30))
    (data / "splits").mkdir()
    (data / "splits/train_files.txt").write_text("drive_0 3 l\n")
    (data / "splits/val_files.txt").write_text("drive_0 9 l\n")
    options = Options(data_path=data, dataset="folder")
    assert training_lines(options).training == [SplitLine("drive_0", 3, "l")]
    other = shutil.copytree(data / "splits", tmp_path / "other")
    (other / "train_files.txt").write_text("drive_1 4 l\n")
    named = replace(options, split=str(other))
    assert training_lines(named).training == [SplitLine("drive_1", 4, "l")]
    shutil.rmtree(data / "splits")
    assert len(training_lines(options).training) > 40
