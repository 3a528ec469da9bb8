"""The synthetic data set's files are KITTI's, and they are complete or absent."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from monodepth2.config import SyntheticOptions, parse
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.synthetic import (
    DriveSettings,
    camera,
    lidar_scan,
    make_street,
    render,
    split_lines,
    write_synthetic_drive,
)
from monodepth2.synthetic.calibration_files import write_calibration
from monodepth2.synthetic.drive import DATE
from monodepth2.synthetic.run import run, training_command

TINY = DriveSettings(drives=2, frames_per_drive=4, width=160, height=48, seed=3, extension=".png")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "set"
    assert write_synthetic_drive(root, TINY, processes=1)
    return root


def test_tree_is_kittis(tiny: Path) -> None:
    drives = sorted(path.name for path in (tiny / DATE).iterdir() if path.is_dir())
    assert drives == [f"{DATE}_drive_0001_sync", f"{DATE}_drive_0002_sync"]
    for drive in drives:
        folder = tiny / DATE / drive
        for name, suffix in (("image_02", "png"), ("image_03", "png"), ("velodyne_points", "bin")):
            names = sorted(path.name for path in (folder / name / "data").iterdir())
            assert names == [f"{frame:010d}.{suffix}" for frame in range(4)]
        with Image.open(folder / "image_03/data/0000000002.png") as image:
            assert image.size == (160, 48)
            assert image.mode == "RGB"
    assert [path for path in tiny.parent.iterdir() if path != tiny] == [], "no temporary folder stays"


def test_split_lines(tiny: Path) -> None:
    lines = split_lines(DriveSettings(drives=3, frames_per_drive=32))
    first, second, held_out = (f"{DATE}/{DATE}_drive_{number:04d}_sync" for number in (1, 2, 3))
    assert len(lines["train"]) == 2 * 27 * 2
    assert len(lines["val"]) == 2 * 3 * 2
    assert not set(lines["train"]) & set(lines["val"])
    assert {line.split()[0] for line in lines["train"]} == {first, second}
    assert {int(line.split()[1]) for line in lines["train"] + lines["val"]} == set(range(1, 31))
    assert lines["test"] == [f"{held_out} {frame} l" for frame in range(32)]
    assert (tiny / "split/train_files.txt").read_text().splitlines() == split_lines(TINY)["train"]
    assert all(split_lines(TINY).values())


def test_pictures_depth_scans_and_poses_are_written(tiny: Path) -> None:
    street = make_street(TINY.seed * 100 + 1, 4)
    folder = tiny / DATE / f"{DATE}_drive_0002_sync"
    image, depth = render(street, 2, camera(160, 48, "r"))
    with Image.open(folder / "proj_depth/groundtruth/image_03/0000000002.png") as coded:
        stored = np.asarray(coded).astype(float) / 256
    known = depth < 255
    assert np.abs(stored - depth)[known].max() < 0.003
    assert not stored[np.isinf(depth)].any()
    with Image.open(folder / "image_03/data/0000000002.png") as stored_image:
        assert np.array_equal(np.asarray(stored_image), image)
    scan = np.fromfile(folder / "velodyne_points/data/0000000002.bin", np.float32).reshape(-1, 4)
    assert np.array_equal(scan, lidar_scan(street, 2))
    poses = np.loadtxt(folder / "poses.txt").reshape(-1, 3, 4)
    assert np.allclose(poses[0], np.eye(4)[:3])
    assert len(poses) == 4
    expected = (np.linalg.inv(street.pose(0)) @ street.pose(3))[:3]
    assert np.allclose(poses[3], expected, atol=1e-6)
    assert poses[3][2, 3] > 1


def test_command_writes_the_same_files_and_finds_them_again(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "set"
    asked = SyntheticOptions(output=output, drives=2, frames=4, width=160, height=48, seed=3, png=True)
    run(asked)
    files = sorted(path.relative_to(tiny) for path in tiny.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(output) for path in output.rglob("*") if path.is_file())
    assert all((tiny / name).read_bytes() == (output / name).read_bytes() for name in files)
    capsys.readouterr()
    run(asked)
    told = capsys.readouterr().out
    assert "already there" in told
    words = shlex.split(told.splitlines()[1])
    options = parse(words[words.index("--data_path") :], command="train")  # the command is one that training takes
    assert (options.data_path, options.split, options.width, options.height) == (output, f"{output}/split", 160, 64)


@pytest.mark.parametrize("numbers", [(0.58, 1.92, 0.5, 0.5), (1.0, 3.3125, 0.45, 0.5)])
def test_the_printed_command_trains_with_the_camera_of_the_street(
    numbers: tuple[float, float, float, float], tmp_path: Path
) -> None:
    settings = replace(TINY, intrinsics=numbers)
    for folder in (DATE, "split"):
        (tmp_path / folder).mkdir()
    write_calibration(tmp_path / DATE, settings.width, settings.height, settings.intrinsics)
    words = shlex.split(training_command(tmp_path, settings))
    options = parse(words[words.index("--data_path") :], command="train")
    camera = layout_of(options).camera(SplitLine(settings.folder(0), 0, "l"))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx(numbers)


def test_jpeg_is_kittis_also_where_a_link_leads_to(tmp_path: Path) -> None:
    settings = DriveSettings(drives=2, frames_per_drive=4, width=64, height=32)
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    write_synthetic_drive(tmp_path / "link", settings, processes=1)
    assert (tmp_path / "link").is_symlink()
    with Image.open(tmp_path / "disk" / settings.folder(0) / "image_02/data/0000000000.jpg") as image:
        assert isinstance(image, JpegImageFile)
        assert image.size == (64, 32)
        assert get_sampling(image) == 2, "4:2:0"


def test_what_cannot_be_replaced_is_told_before_the_street_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is the folder you are in; name one that is new"):
        write_synthetic_drive(Path(), TINY)


def test_refuses_what_is_not_its_own(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        write_synthetic_drive(tmp_path, TINY)
    with pytest.raises(UserError, match="is a file"):
        write_synthetic_drive(tmp_path / "precious.txt", TINY)
    with pytest.raises(UserError, match="cannot write"):
        write_synthetic_drive(tmp_path / "precious.txt" / "set", TINY)
    with pytest.raises(UserError, match=r"--seed 3 \(asked for: 4\)"):
        write_synthetic_drive(tiny, DriveSettings(drives=2, frames_per_drive=4, seed=4))
    assert json.loads((tiny / "synthetic.json").read_text())["seed"] == 3
    (tmp_path / "synthetic.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        write_synthetic_drive(tmp_path, TINY)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"drives": 1}, "--drives 1"),
        ({"frames_per_drive": 3}, "--frames 3"),
        ({"width": 10}, "--width 10"),
        ({"extension": ".gif"}, "extension"),
    ],
)
def test_refuses_impossible_settings(wrong: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        DriveSettings(**wrong)
