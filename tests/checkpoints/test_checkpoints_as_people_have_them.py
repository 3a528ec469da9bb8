"""Weights that went through other programs, and folders around them."""

import os
import re
from pathlib import Path

import pytest
import torch

from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.folder import write_folder
from monodepth2.checkpoints.named import newest_weights, resolve_reference, resolve_weights, weights_of
from monodepth2.checkpoints.networks import weights_folder
from monodepth2.config import ExportOptions, Options, PredictOptions
from monodepth2.config.command_line import parse
from monodepth2.errors import UserError
from monodepth2.odometry.network import load_motion_network
from monodepth2.prediction.predictor import DepthPredictor
from trees import write_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("run") / "models/weights_3")


def rewritten(weights: Path, folder: Path, change) -> Path:
    folder.mkdir()
    for name in ("encoder", "depth", "pose_encoder", "pose"):
        torch.save(change(torch.load(weights / f"{name}.pth")), folder / f"{name}.pth")
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {f"module.{key}" if hasattr(value, "shape") else key: value for key, value in state.items()},
        lambda state: {**state, "encoder.total_ops": torch.ones(1)},
    ],
    ids=["container", "DataParallel", "counters"],
)  # fmt: skip
def test_they_predict_as_at_home(weights: Path, tmp_path: Path, change, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rewritten(weights, tmp_path / "other", change)
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(load_depth_network(folder, CPU)(image), load_depth_network(weights, CPU)(image))
    told = capsys.readouterr().err
    assert f"{folder / 'encoder.pth'}: read " in told
    assert len(told.splitlines()) == 2  # encoder and decoder, of the other folder alone
    assert (load_motion_network(folder, CPU).height, load_motion_network(folder, CPU).width) == (64, 96)


def test_of_a_runs_folder_the_newest_checkpoint_is_taken(weights: Path, tmp_path: Path, capsys) -> None:
    models = tmp_path / "run/models"
    for age, name in enumerate(("weights_10", "weights_9", "weights_step_5")):
        (models / name).mkdir(parents=True)
        (models / name / "encoder.pth").write_bytes(b"")
        os.utime(models / name / "encoder.pth", (1000 - age, 1000 - age))
    assert weights_folder(models.parent) == weights_folder(models) == models / "weights_10"
    assert f"{models}: the newest of 3 checkpoints is taken, weights_10\n" in capsys.readouterr().err


def written(checkpoint: Path, step: int | None, time: float) -> None:
    """A checkpoint without networks; one without a step has no manifest, as in 2019."""
    if step is None:
        checkpoint.mkdir(parents=True)
        (checkpoint / "encoder.pth").write_bytes(b"")
    else:
        write_folder(checkpoint, {"encoder.pth": {}}, step)
    os.utime(checkpoint / "encoder.pth", (time, time))


@pytest.mark.parametrize(
    ("checkpoints", "newest"),
    [
        ({"weights_9": (None, 5), "weights_10": (None, 5)}, "weights_10"),
        ({"weights_0": (None, 7), "weights_10": (None, 5)}, "weights_0"),
        ({"weights_9": (100, 7), "weights_10": (110, 5)}, "weights_10"),
        ({"weights_9": (100, 5), "weights_step_105": (105, 5), "weights_step_99": (99, 5)}, "weights_step_105"),
        ({"weights_0": (10, 7), "weights_first_try": (200, 5)}, "weights_0"),
    ],
    ids=["times made equal", "2019", "times mixed up", "between epochs", "a copy, before --overwrite"],
)
def test_the_newest_checkpoint_is_told_by_its_step(checkpoints: dict, newest: str, tmp_path: Path) -> None:
    for name, (step, time) in checkpoints.items():
        written(tmp_path / name, step, time)
    assert weights_folder(tmp_path) == tmp_path / newest
    for manifest in tmp_path.glob("*/manifest.json"):
        manifest.write_text("{")
    assert weights_folder(tmp_path).parent == tmp_path


def test_a_runs_folder_stands_for_its_newest_checkpoint(weights: Path, tmp_path: Path, capsys) -> None:
    """Also where files are written beside the weights, and where opt.json is looked for beside them."""
    run = weights.parents[1]
    told = f"{run}: its only checkpoint is taken, weights_3\n"
    for found in (lambda: resolve_weights(run, None), lambda: resolve_reference(str(run))):
        assert found() == weights
        assert capsys.readouterr().err == told
    load_depth_network(resolve_weights(run, None), CPU)
    assert capsys.readouterr().err == told, "told once"
    for file in (Path("depth.onnx"), weights):
        assert resolve_weights(file, None) == file


def test_a_run_is_found_by_its_name(weights: Path, tmp_path: Path, capsys) -> None:
    run = weights.parents[1]
    assert newest_weights(run.name, run.parent) == weights
    assert capsys.readouterr().err == f"{run}: its only checkpoint is taken, weights_3\n"
    (tmp_path / "street/models").mkdir(parents=True)
    for name, message in (
        ("stret", "holds no run of this name; did you mean street?"),
        ("x", "holds no run of this name; it holds street: name one of them, or another --log_dir"),
        ("street", f"there is no checkpoint in {tmp_path / 'street'} yet"),
        ("../x", "is a path; give the name of a run, or --load_weights_folder ../x"),
    ):
        with pytest.raises(UserError, match=re.escape(message)):
            newest_weights(name, tmp_path)
    with pytest.raises(UserError, match="holds no run of this name, nor any other; name another --log_dir"):
        newest_weights("x", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Options, {"load_weights_folder": Path("x")}, "--run contradicts --load_weights_folder x: drop one of them"),
        (Options, {"model_name": "mono_640x192"}, "--run contradicts --model_name mono_640x192: drop one of them"),
        (PredictOptions, {"load_weights_folder": Path("x"), "image_path": Path("x")}, "choose the network: one of"),
        (ExportOptions, {"model_name": "mono_640x192"}, "choose the network: one of"),
    ],
)
def test_a_run_beside_other_weights_is_refused(kind, values, message: str) -> None:
    with pytest.raises(UserError, match=message):
        weights_of(kind(**values, run="street"))


@pytest.mark.parametrize("name", ["mono_640x192", "user/drive", "mono_640x19"])
def test_the_name_of_a_model_beside_a_folder_is_refused(name: str) -> None:
    for command in ("evaluate", "odometry"):
        options = parse(["--load_weights_folder", "x", "--model_name", name], command=command)
        with pytest.raises(UserError, match=f"--load_weights_folder contradicts --model_name {name}"):
            weights_of(options)


def test_the_folder_of_runs_without_a_run_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    options = parse(["--log_dir", "elsewhere", "--eval_mono"], command="evaluate")
    with pytest.raises(UserError, match="--log_dir elsewhere: is where --run NAME is looked for"):
        weights_of(options)
    with pytest.raises(UserError, match="choose the network"):
        weights_of(PredictOptions(image_path="x", log_dir=Path("elsewhere")))


def test_the_options_of_a_training_can_be_scored_from_python(weights: Path) -> None:
    """They hold the folder of the run, which nobody looks in for weights that are named."""
    assert weights_of(Options(log_dir=Path("elsewhere"), load_weights_folder=weights)) == weights


def test_weights_that_state_no_size_are_told_theirs(weights: Path, tmp_path: Path) -> None:
    """By flags, as files that other programs wrote; the sizes of the others are their own."""

    def without_size(state):
        return {key: value for key, value in state.items() if key not in ("height", "width")}

    folder = rewritten(weights, tmp_path / "other", without_size)
    for load in (load_depth_network, load_motion_network, DepthPredictor.from_checkpoint):
        with pytest.raises(UserError, match=r"encoder\.pth: does not state the size .*--height and --width"):
            load(folder, CPU)
        with pytest.raises(UserError, match="does not state the size"):
            load(folder, CPU, height=64)
        for path, told in ((folder, {"height": 64, "width": 96}), (weights, {})):
            network = load(path, CPU, **told)
            assert (network.height, network.width) == (64, 96)
            del network
    with pytest.raises(UserError, match=r"--height 96: .* takes pictures of 96 x 64 \(width x height\); drop --height"):
        DepthPredictor.from_checkpoint(weights, CPU, height=96)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"encoder\.pth: no such file; name the folder that holds encoder\.pth"):
        load_depth_network(tmp_path, CPU)
