"""Every flag that a scoring script takes acts or is refused; so does training with those of scoring."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evaluate_depth
import evaluate_pose
import export_gt_depth
from monodepth2.command import main as command
from monodepth2.config import USED_BY, GroundTruthOptions, Options, available_cores, option_type
from monodepth2.datasets.trajectories import write_poses
from monodepth2.errors import UserError
from monodepth2.runtime.devices import pick_device
from options import parse, parse_as
from runs import TINY_NETWORK
from trees import write_checkpoint

DRIVE = "day/one"
NETWORKS = {**TINY_NETWORK, "pose_model_type": "posecnn"}
# what these do cannot be seen in what a script writes
UNSEEN = ("no_cuda", "num_workers")


def legal_value(item: Any) -> list[str]:
    """A flag with a value that its option allows, the default where it has one."""
    default = getattr(Options(), item.name)
    if isinstance(item.metadata.get("nargs"), int):
        return [f"--{item.name}", *item.metadata["nargs"] * ["1"]]
    if option_type(item) is bool:
        return [f"--{item.name}"]
    values = default if isinstance(default, tuple) else (default,)
    choices = item.metadata.get("choices") or ("1",)
    return [f"--{item.name}", *(str(choices[0] if value is None else value) for value in values or (choices[0],))]


@pytest.mark.parametrize("command", USED_BY)
def test_flags_of_other_commands_are_refused_at_their_defaults_too(command: str, capsys) -> None:
    for item in fields(Options):
        if item.name in USED_BY[command]:
            continue
        code: object = "taken"
        try:
            parse(legal_value(item), command=command)
        except SystemExit as stop:
            code = stop.code
        error = capsys.readouterr().err
        assert (code, error.count("\n"), f"--{item.name}" in error) == (2, 1, True), f"--{item.name}: {error}"


@pytest.mark.parametrize("command", USED_BY)
def test_the_help_shows_the_flags_that_act_and_no_other(command: str, capsys) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"], command=command)
    shown = {word.strip("[],") for word in capsys.readouterr().out.split() if word.strip("[],").startswith("--")}
    assert {f"--{name}" for name in USED_BY[command]} <= shown
    assert not {f"--{item.name}" for item in fields(Options) if item.name not in USED_BY[command]} & shown


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drive of five small pictures in both of KITTI's layouts, lists, truth, poses, and checkpoints."""
    root = tmp_path_factory.mktemp("flags")
    rng = np.random.default_rng(0)
    for folder, digits in ((f"raw/{DRIVE}/image_02/data", 10), ("odom/sequences/03/image_2", 6)):
        (root / folder).mkdir(parents=True)
        for n in range(5):
            picture = Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
            picture.save(root / folder / f"{n:0{digits}d}.jpg")
    picture.transpose(Image.Transpose.ROTATE_180).save(root / f"raw/{DRIVE}/image_02/data/0000000002.png")
    depths = rng.uniform(1, 100, (2, 64, 96)).astype(np.float32)
    for name, lines in (("split", f"{DRIVE} 1 l\n{DRIVE} 2 l\n"), ("other", f"{DRIVE} 2 l\n{DRIVE} 3 l\n")):
        (root / name).mkdir()
        (root / name / "test_files.txt").write_text(lines)
        np.savez(root / name / "gt_depths.npz", data=depths)
    np.savez(root / "truth.npz", data=depths[::-1])
    (root / "maps").mkdir()
    for n, depth in enumerate(depths, start=1):
        Image.fromarray((256 * depth).astype(np.uint16)).save(root / f"maps/{n:010d}.png")
    np.save(root / "disps.npy", rng.uniform(0.02, 1, (2, 8, 12)))
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 2, 3] = np.arange(5.0)
    (root / "odom/poses").mkdir()
    for path in (root / f"raw/{DRIVE}/poses.txt", root / "odom/poses/03.txt"):
        write_poses(path, poses)
    poses[:, 0, 3] = np.arange(5.0) ** 2
    write_poses(root / "poses.txt", poses)
    write_checkpoint(root / "a", use_stereo=True, **NETWORKS)
    write_checkpoint(root / "b", seed=1, **NETWORKS)
    write_checkpoint(root / "resnet", pose_model_type="posecnn")
    write_checkpoint(root / "runs/one/models/weights_0", **NETWORKS)
    return root


def outcome(main: Callable[[], None], arguments: list[str], out: Path, capsys, monkeypatch) -> str:
    """What a script says and writes, the names of its output folder left out."""
    monkeypatch.setattr(sys, "argv", ["script", *arguments])
    monkeypatch.setattr(command, "tune_process", lambda _: None)  # which is for the start of a process
    try:
        main()
        said = ""
    except (UserError, SystemExit) as error:
        said = str(error)
    captured = capsys.readouterr()
    files = {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix != ".png" else ""
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
    errors = "" if "%|" in captured.err else captured.err
    return f"{said}\n{captured.out}\n{errors}\n{files}".replace(str(out), "OUT")


# beside the base: what is added with and without the flag, and the flag
DEPTH_BASE = ("--data_path", "ROOT/raw", "--eval_split", "ROOT/split", "--device", "cpu")
WEIGHTS = ("--load_weights_folder", "ROOT/a")
ARRAY = ("--ext_disp_to_eval", "ROOT/disps.npy")
MAPS = ("--gt_path", "ROOT/maps")
DEPTH_FLAGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "data_path": ((*WEIGHTS, "--eval_mono"), ("ROOT/nowhere",)),
    "model_name": ((*WEIGHTS, "--eval_mono"), ("mono_640x192",)),
    "num_layers": (("--load_weights_folder", "ROOT/resnet", "--eval_mono"), ("50",)),
    "dataset": ((*ARRAY, "--eval_mono"), ("kitti_depth",)),
    "png": ((*WEIGHTS, "--eval_mono"), ()),
    "height": ((*WEIGHTS, "--eval_mono"), ("192",)),
    "width": ((*WEIGHTS, "--eval_mono"), ("640",)),
    "min_depth": ((*WEIGHTS, "--eval_mono"), ("3",)),
    "max_depth": ((*WEIGHTS, "--eval_mono"), ("10",)),
    "device": ((*WEIGHTS, "--eval_mono"), ("mps",)),
    "precision": ((*WEIGHTS, "--eval_mono"), ("bf16",)),
    "load_weights_folder": (("--eval_mono",), ("ROOT/b",)),
    "run": (("--eval_mono", "--log_dir", "ROOT/runs"), ("one",)),
    "log_dir": (("--eval_mono", "--run", "one"), ("ROOT/runs",)),
    "baseline": ((*ARRAY, "--eval_stereo"), ("0.54001",)),
    "intrinsics": ((*ARRAY, "--eval_mono", "--metrics", "fscore"), ("5", "5", "0.5", "0.5")),
    "intrinsics_size": ((*ARRAY, "--eval_mono", "--metrics", "fscore", "--intrinsics", "9", "9", "1", "1"), ("2", "2")),
    "kitti_calibration": ((*ARRAY, "--eval_mono", "--metrics", "fscore"), ()),
    "fov": ((*ARRAY, "--eval_mono", "--metrics", "fscore"), ("20",)),
    "eval_stereo": (ARRAY, ()),
    "eval_mono": (ARRAY, ()),
    "disable_median_scaling": ((*ARRAY, "--eval_mono"), ()),
    "pred_depth_scale_factor": ((*ARRAY, "--eval_stereo"), ("1",)),
    "ext_disp_to_eval": (("--eval_mono",), ("ROOT/disps.npy",)),
    "eval_split": ((*ARRAY, "--eval_mono"), ("ROOT/other",)),
    "gt_path": ((*ARRAY, "--eval_mono"), ("ROOT/truth.npz",)),
    "gt_png_scale": ((*ARRAY, *MAPS, "--eval_mono"), ("1000",)),
    "eval_min_depth": ((*ARRAY, "--eval_mono"), ("20",)),
    "eval_max_depth": ((*ARRAY, "--eval_mono"), ("50",)),
    "crop": ((*ARRAY, "--eval_mono"), ("eigen",)),
    "align": ((*ARRAY, "--eval_mono"), ("scale_shift",)),
    "metrics": ((*ARRAY, "--eval_mono"), ("fscore", "log")),
    "camera_height": (ARRAY, ("1.65",)),
    "save_pred_disps": ((*WEIGHTS, "--eval_mono", "--eval_out_dir", "OUT"), ()),
    "no_eval": ((*WEIGHTS, "--eval_mono", "--eval_out_dir", "OUT"), ()),
    "eval_eigen_to_benchmark": ((*ARRAY, "--eval_mono"), ()),
    "eval_out_dir": ((*WEIGHTS, "--eval_mono"), ("OUT",)),
    "post_process": ((*WEIGHTS, "--eval_mono"), ()),
    "output_json": ((*ARRAY, "--eval_mono"), ("OUT/figures.json",)),
    "html_report": ((*ARRAY, "--eval_mono"), ("OUT/page.html",)),
    "compare": ((*ARRAY, "--eval_mono"), ("ROOT/a",)),
}


@pytest.mark.parametrize("name", sorted(USED_BY["evaluate"] - {*UNSEEN}))
def test_a_flag_of_evaluate_depth_acts(name: str, data: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    beside, values = DEPTH_FLAGS[name]
    check_acts(evaluate_depth.main, [*DEPTH_BASE, *beside], name, values, data, tmp_path, capsys, monkeypatch)


SAID: dict[tuple[object, ...], str] = {}  # without the flag, which many flags have in common


def check_acts(main, base, name: str, values, data: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    """With the flag a script says or writes something else than without it."""

    def found(*arguments: str) -> str:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        out.mkdir()
        words = [word.replace("ROOT", str(data)).replace("OUT", str(out)) for word in arguments]
        return outcome(main, words, out, capsys, monkeypatch)

    key = main, data, *base
    if key not in SAID:
        SAID[key] = found(*base)
    assert found(*base, f"--{name}", *values) != SAID[key]


POSE_BASE = ("--data_path", "ROOT/raw", "--eval_split", "ROOT/split", "--device", "cpu")
POSE_OUT = (*WEIGHTS, "--eval_out_dir", "OUT")
POSE_FLAGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "data_path": (WEIGHTS, ("ROOT/nowhere",)),
    "model_name": (WEIGHTS, ("mono_640x192",)),
    "num_layers": (WEIGHTS, ("50",)),
    "dataset": (WEIGHTS, ("kitti_odom",)),
    "png": (WEIGHTS, ()),
    "height": (WEIGHTS, ("192",)),
    "width": (WEIGHTS, ("640",)),
    "device": (WEIGHTS, ("mps",)),
    "load_weights_folder": ((), ("ROOT/b",)),
    "run": (("--log_dir", "ROOT/runs"), ("one",)),
    "log_dir": (("--run", "one"), ("ROOT/runs",)),
    "baseline": (WEIGHTS, ("0.2",)),
    "eval_stereo": (("--load_weights_folder", "ROOT/b"), ()),
    "eval_mono": (WEIGHTS, ()),
    "pred_depth_scale_factor": ((*WEIGHTS, "--eval_stereo"), ("1",)),
    "eval_split": (WEIGHTS, ("ROOT/other",)),
    "true_poses": (WEIGHTS, ("ROOT/poses.txt",)),
    "no_eval": (POSE_OUT, ()),
    "eval_out_dir": (WEIGHTS, ("OUT",)),
    "output_json": (WEIGHTS, ("OUT/figures.json",)),
}


@pytest.mark.slow(reason="runs the script for each flag, with a pose network")
@pytest.mark.parametrize("name", sorted(USED_BY["odometry"] - {*UNSEEN}))
def test_a_flag_of_evaluate_pose_acts(name: str, data: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    beside, values = POSE_FLAGS[name]
    check_acts(evaluate_pose.main, [*POSE_BASE, *beside], name, values, data, tmp_path, capsys, monkeypatch)


def test_what_cannot_be_seen_acts_all_the_same() -> None:
    assert pick_device("auto", no_cuda=True).type == "cpu"
    assert Options(num_workers=1).threads == 1
    assert Options(num_workers=500).threads == available_cores()


TRUTH_FLAGS = {
    "data_path": ("ROOT/nowhere",),
    "split": ("ROOT/other",),
    "dataset": ("kitti",),
    "output": ("OUT/elsewhere.npz",),
    "overwrite": (),
    "num_workers": ("0",),
}


@pytest.mark.parametrize("name", [item.name for item in fields(GroundTruthOptions)])
def test_a_flag_of_export_gt_depth_acts(name: str, data: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    folder = data / f"raw/{DRIVE}/proj_depth/groundtruth/image_02"
    folder.mkdir(parents=True, exist_ok=True)
    for n in (1, 2, 3):
        Image.fromarray(np.full((64, 96), 256 * n, np.uint16)).save(folder / f"{n:010d}.png")
    base = ["--data_path", "ROOT/raw", "--split", "ROOT/split", "--dataset", "kitti_depth", "--output", "OUT/gt.npz"]
    if name == "overwrite":
        base[-1] = "ROOT/split/gt_depths.npz"
    check_acts(export_gt_depth.main, base, name, TRUTH_FLAGS[name], data, tmp_path, capsys, monkeypatch)


def test_a_command_line_knows_what_it_was_given() -> None:
    options = parse(["--min_depth", "0.1", "--png"])
    assert options.given == {"min_depth", "png"}
    assert options.is_given("min_depth")
    assert not options.is_given("max_depth")
    assert Options(max_depth=80.0).is_given("max_depth")
    assert options == Options(png=True)
    assert parse_as(GroundTruthOptions, ["--split", "eigen"]).is_given("split")
