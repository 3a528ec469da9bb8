"""One command for all: what it finds, what it refuses, and how fast it answers."""

import re
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from monodepth2.command.drive import implied_by_drive
from monodepth2.command.table import COMMANDS
from monodepth2.config import (
    SCRIPTS,
    USED_BY,
    Options,
    PrepareOptions,
    SyntheticOptions,
    launched_as,
    parse,
    parse_as,
    started_as,
)
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.errors import UserError
from monodepth2.synthetic import DriveSettings
from places import ROOT
from scripts import in_process, monodepth2


@pytest.mark.parametrize("words", [[], ["train"], ["predict"]])
def test_help_loads_no_torch(words: list[str]) -> None:
    code = "import runpy, sys\ntry:\n runpy.run_module('monodepth2', run_name='__main__', alter_sys=True)\n"
    code += "finally:\n print([name for name in ('torch', 'numpy', 'yaml') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *words, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n")
    assert "usage: " in done.stdout


def test_the_help_names_all_commands() -> None:
    help = monodepth2("--help").stdout
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.about)}$", help, re.MULTILINE)
    assert monodepth2().returncode == 2
    assert monodepth2("--version").stdout.startswith("monodepth2 ")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_function_and_its_examples_use_its_flags(name: str) -> None:
    command = COMMANDS[name]
    module, _, function = command.function.partition(":")
    assert callable(getattr(import_module(module), function))
    known = {item.name for item in fields(command.options)}
    if command.options is Options:
        known = USED_BY[name]
    for example in command.examples:
        assert set(re.findall(r"--(\w+)", example)) <= {*known, "config"}
        assert command.positional or example.startswith("--")
    if name in SCRIPTS:
        assert (ROOT / SCRIPTS[name]).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian", "unknown command trian; did you mean train? monodepth2 --help lists all commands"),
        ("dance", "unknown command dance; monodepth2 --help lists all commands"),
        ("--versoin", "unknown flag --versoin; did you mean --version? monodepth2 --help lists all commands"),
        ("train --heigth 96", "unknown flag --heigth; did you mean --height? monodepth2 train --help lists all flags"),
        ("train --heigth=96", "unknown flag --heigth; did you mean --height? monodepth2 train --help lists all flags"),
        (
            "train --known_poses",
            "unknown flag --known_poses; --poses known has taken its place; monodepth2 train --help lists all flags",
        ),
        ("predict -o x", "unknown flag -o; monodepth2 predict --help lists all flags"),
        ("train a b", "'b' belongs to no flag; monodepth2 train --help lists all flags"),
        ("train --num_layers", "--num_layers: expected one argument; monodepth2 train --help lists all flags"),
        ("train --crop garg", "--crop belongs to monodepth2 evaluate: monodepth2 train has no use for it; drop it"),
        (
            "train --true_poses x",
            "--true_poses belongs to monodepth2 odometry: monodepth2 train has no use for it; drop it",
        ),
        (
            "odometry --poses x.txt",
            "--poses belongs to monodepth2 train: --true_poses names a file of true poses; drop it",
        ),
        (
            "evaluate --poses known",
            "--poses belongs to monodepth2 train: monodepth2 evaluate has no use for it; drop it",
        ),
        (
            "predict --num_epochs 3",
            "--num_epochs belongs to monodepth2 train: monodepth2 predict has no use for it; drop it",
        ),
        ("predict --tracked_poses", "unknown flag --tracked_poses; monodepth2 predict --help lists all flags"),
        (
            "evaluate --scales 0",
            "--scales belongs to monodepth2 train: the checkpoint says how it was trained; drop it",
        ),
        (
            "doctor drive --recipe modern --learning_rate=1e-3 --width 320",
            "--recipe, --learning_rate belong to monodepth2 train: monodepth2 doctor has no use for them; drop them",
        ),
        ("predict x --image_path y", "FILE is short for --image_path: drop one of the two"),
        ("synthetic", "OUTPUT is missing: name the folder to make"),
    ],
)
def test_a_mistake_is_one_line(words: str, message: str) -> None:
    done = monodepth2(*words.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")


def test_a_script_speaks_of_scripts() -> None:
    done = in_process("train", "--eval_mono")
    assert done.stderr == "error: --eval_mono belongs to evaluate_depth.py: train.py has no use for it; drop it\n"
    done = in_process("predict", "--otput_dir", "x")
    assert done.stderr.endswith("did you mean --output_dir? python predict.py --help lists all flags\n")


def test_a_flag_may_be_shortened_as_in_2019() -> None:
    options = parse(["--model_n", "x", "--data_p", "y", "--disable_a"], command="train")
    assert (options.model_name, options.data_path, options.disable_automasking) == ("x", Path("y"), True)


def test_small_negative_numbers_are_numbers() -> None:
    words = ["a.mp4", "--output", "out", "--intrinsics", "0.9", "1.6", "0.5", "0.5", "--distortion", "-0.3", "0.1",
             "-5.3e-05", "-1E-3"]  # fmt: skip
    options = parse_as(PrepareOptions, words, positional=COMMANDS["prepare"].positional)
    assert options.distortion == (-0.3, 0.1, -5.3e-05, -1e-3)


def drive_of(folder: Path, *flags: str) -> Options:
    return parse([str(folder), *flags], command="train", positional=COMMANDS["train"].positional)


def test_a_drive_is_short_for_three_flags(tmp_path: Path, monkeypatch) -> None:
    drive = tmp_path / "street"
    drive.mkdir()
    options = drive_of(drive)
    assert (options.dataset, options.data_path, options.model_name) == ("folder", drive, "street")
    assert {"dataset", "data_path", "model_name"} == options.given
    assert drive_of(drive, "--model_name", "mine").model_name == "mine"
    assert drive_of(drive, "--dataset", "kitti").dataset == "kitti"
    (tmp_path / "run.yaml").write_text("model_name: stated\ndata_path: elsewhere\n")
    options = drive_of(drive, "--config", str(tmp_path / "run.yaml"))
    assert (options.dataset, options.data_path, options.model_name) == ("folder", drive, "stated")
    monkeypatch.chdir(drive)
    assert drive_of(Path(".")).model_name == "street"


@pytest.mark.parametrize(
    ("inside", "given"),
    [
        ("raw/2011_09_26/drive/image_02/data", "raw"),
        ("raw/2011_09_26/drive/image_02/data", "raw/2011_09_26"),
        ("raw/2011_09_26/drive/image_02/data", "raw/2011_09_26/drive"),
        ("odom/sequences/03/image_2", "odom"),
        ("odom/sequences/03/image_2", "odom/sequences"),
    ],
)
def test_a_drive_in_kittis_layout_is_not_guessed_at(inside: str, given: str, tmp_path: Path, capsys) -> None:
    (tmp_path / inside).mkdir(parents=True)
    with pytest.raises(SystemExit):
        drive_of(tmp_path / given)
    layout = "kitti" if given.startswith("raw") else "kitti_odom --split odom"
    advice = f"give the root of the data set by --data_path, with --dataset {layout}, or add --dataset folder"
    assert f"is laid out like KITTI, not as plain folders; {advice}" in capsys.readouterr().err
    assert drive_of(tmp_path / given, "--dataset", "folder").dataset == "folder"


def test_pseudo_labels_are_made_of_a_drive(tmp_path: Path) -> None:
    """The same word as for training; what it implies beside the data set is the training's alone."""
    command, words = COMMANDS["pseudo_label"], ["--onnx", "a.onnx", "--output", "b", "--output_is", "depth"]
    made = parse_as(command.options, [str(tmp_path), *words, "--normalise", "none"], positional=command.positional)
    assert (made.data_path, made.dataset) == (tmp_path, "folder")


@pytest.mark.skipif(Options.data_path.is_dir(), reason="there is one")
def test_a_training_without_a_data_set_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no data set is named.*DRIVE.*--data_path"):
        layout_of(Options())
    with pytest.raises(UserError, match="nowhere: no such folder"):
        layout_of(Options(data_path=tmp_path / "nowhere"))


def test_a_street_as_a_drive_is_told_its_own_lists(tmp_path: Path, capsys) -> None:
    (tmp_path / "date/drive/image_02/data").mkdir(parents=True)
    (tmp_path / "split").mkdir()
    (tmp_path / "split/train_files.txt").touch()
    with pytest.raises(SystemExit):
        drive_of(tmp_path)
    assert f"give --data_path {tmp_path} --split {tmp_path}/split in place of DRIVE" in capsys.readouterr().err


def test_a_drive_must_be_a_folder(tmp_path: Path, capsys) -> None:
    (tmp_path / "video.mp4").touch()
    for name, words in (
        (
            "video.mp4",
            f"is a file; of a video make a data set first: {started_as('prepare')} {tmp_path}/video.mp4 --output ",
        ),
        ("nothing", "there is no such folder; name a folder of pictures"),
    ):
        with pytest.raises(SystemExit):
            drive_of(tmp_path / name)
        assert f"{name}: {words}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "predict", "demo", "torchrun"),
    [
        ("/usr/bin/monodepth2", "monodepth2 predict", "monodepth2 demo", "-m monodepth2 train"),
        ("x/__main__.py", "python -m monodepth2 predict", "python -m monodepth2 demo", "-m monodepth2 train"),
        ("train.py", "python predict.py", "monodepth2 demo", "train.py"),
        ("/repo/train.py", "python /repo/predict.py", "monodepth2 demo", "/repo/train.py"),
        ("/my repo/train.py", "python '/my repo/predict.py'", "monodepth2 demo", "'/my repo/train.py'"),
    ],
)
def test_commands_are_advised_in_the_form_that_is_used(program, predict, demo, torchrun, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    assert (started_as("predict"), started_as("demo"), launched_as("train")) == (predict, demo, torchrun)


def test_the_streets_defaults_are_stated_alike() -> None:
    own, options = DriveSettings(), SyntheticOptions(output=Path("x"))
    assert (own.drives, own.frames_per_drive, own.width, own.height, own.seed, own.extension) == (
        options.drives, options.frames, options.width, options.height, options.seed, ".jpg"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "expected"), [((1280, 720), (640, 352)), ((360, 640), (352, 640)), ((320, 96), (320, 96))]
)
def test_a_drive_is_trained_in_the_shape_of_its_pictures(size: tuple, expected: tuple, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    Image.new("RGB", size).save(drive / "1.jpg")
    implied = implied_by_drive(drive, {})
    assert (implied["width"], implied["height"]) == expected
    assert "width" not in implied_by_drive(drive, {"height": 96}), "a size that is given stays"
