"""Weights that went through other programs, and folders around them."""

import os
from pathlib import Path

import pytest
import torch

from monodepth2.checkpoints.networks import load_depth_network, weights_folder
from monodepth2.errors import UserError
from monodepth2.odometry.network import load_motion_network
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
    assert "weights_10" in capsys.readouterr().err


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"encoder\.pth: no such file; name the folder that holds encoder\.pth"):
        load_depth_network(tmp_path, CPU)
