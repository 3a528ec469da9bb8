"""Trainings that learn focal lengths: what they say, keep, and go on with."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.learnt_cameras import check_begun_alike, learnt_cameras, other_cameras
from monodepth2.checkpoints.networks import read_network, save_checkpoint
from monodepth2.config import Options
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import learnt_focals
from monodepth2.runtime.processes import Processes
from monodepth2.training.beginning import Beginning
from monodepth2.training.run_checkpoints import ResumePoint
from runs import TINY_NETWORK, train, weights

START = ("--intrinsics", 0.75, 2.4, 0.5, 0.5, "--learn_intrinsics", "--num_epochs")


def weights_of(logs: Path) -> Path:
    return logs / "mdp" / "models"


def test_without_turns_the_start_is_kept_and_said_to_be_not_observable(small_scene: Path, split, tmp_path) -> None:
    run = train(small_scene, split, tmp_path, *START, 1)
    assert run.returncode == 0, run.stderr
    assert "its focal length is not observable" in run.stderr
    assert "fx 0.750 of the width is kept" in run.stderr
    camera = read_network(weights_of(tmp_path) / "weights_0/encoder.pth")["cameras"][0]
    assert camera == {"fx": 0.75, "fy": 2.4, "cx": 0.5, "cy": 0.5, "source": "given by --intrinsics"}
    (written,) = json.loads((weights_of(tmp_path) / "cameras.json").read_text())
    assert written.pop("uncertainty") > learnt_focals.LARGEST_ERROR
    assert written == {**camera, "observable": False, "begun_at": camera}


def test_what_was_learnt_before_and_is_not_kept_is_told() -> None:
    learnt, start = (
        Camera(0.9, 2.4, source="learnt, uncertain by 2%; begun at fx 0.75"),
        Camera(0.75, 2, source="assumed"),
    )
    (told,) = other_cameras([learnt], [start])
    assert "learnt a focal length of 0.900 of the width, and this run begins with 0.750 (assumed)" in told
    assert "--intrinsics 0.9 2.4 0.5 0.5 keeps what was learnt" in told
    assert not other_cameras([learnt], [start, replace(learnt, fx=0.901, source="given")])
    assert not other_cameras([replace(learnt, source="given")], [start])
    assert not other_cameras([learnt], [replace(start, source="camera.json")]), "another camera, which is stated"


def test_what_was_learnt_from_another_camera_on_is_not_loaded() -> None:
    focals = learnt_focals.LearntFocals(2)
    focals.log_factor.data = torch.tensor([1.2, 1.0]).log()
    begun = [Camera(0.58, 1.92), Camera(0.7, 0.9)]
    loaded = learnt_cameras(begun, focals)
    check_begun_alike(loaded, [begun[0], Camera(0.9, 0.9)], focals)  # of the second nothing was learnt
    check_begun_alike((), loaded, focals)  # not known
    with pytest.raises(UserError, match=r"learnt from fx 0\.580 .* this run begins with 0\.696.*leave intrinsics out"):
        check_begun_alike(loaded, loaded, focals)


def test_a_run_does_not_go_on_from_another_camera(tmp_path: Path) -> None:
    """As where its camera.json has been replaced by what it has learnt."""
    options = Options(**TINY_NETWORK, height=64, width=96, weights_init="scratch", learn_intrinsics=True)
    begun, device = Camera(0.58, 1.92), torch.device("cpu")
    model = MonodepthModel(options)
    model.intrinsics.log_factor.data.fill_(1.2).log_()
    learnt = learnt_cameras([begun], model.intrinsics)
    facts, optimizer = TrainingFacts(cameras=learnt), torch.optim.Adam(model.parameters())
    save_checkpoint(tmp_path / "weights_0", model, optimizer, options, facts=facts)
    point = ResumePoint(tmp_path / "weights_0", 5, ())
    going_on = partial(Beginning.of_checkpoint, options, Processes.from_environment(), device, point=point)
    assert going_on([begun]).facts.cameras == learnt
    with pytest.raises(UserError, match=r"--resume: .* from fx 0\.580 .* 0\.696 .*move a newer camera\.json"):
        going_on([replace(learnt[0], source="camera.json")])


@pytest.mark.slow(reason="starts three trainings")
def test_a_learnt_camera_is_told_kept_and_learnt_on(
    small_scene: Path, split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learnt_focals, "FIRST_STEPS", 1)
    monkeypatch.setattr(learnt_focals, "LARGEST_ERROR", torch.inf)
    whole = train(small_scene, split, tmp_path / "whole", *START, 2)
    assert whole.returncode == 0, whole.stderr
    assert "of the width was learnt, uncertain by" in whole.stderr
    folder = weights_of(tmp_path / "whole") / "weights_1"
    camera = read_network(folder / "encoder.pth")["cameras"][0]
    factor = read_network(folder / "intrinsics.pth")["log_factor"].exp().item()
    assert factor != 1
    assert camera["fx"] == pytest.approx(0.75 * factor)
    assert camera["fy"] == pytest.approx(2.4 * factor)
    assert "learnt" in camera["source"]
    (written,) = json.loads((weights_of(tmp_path / "whole") / "cameras.json").read_text())
    assert written["observable"]
    assert written["uncertainty"] > 0
    assert {name: written[name] for name in camera} == camera
    assert written["begun_at"]["fx"] == 0.75
    train(small_scene, split, tmp_path / "parts", *START, 1)
    resumed = train(small_scene, split, tmp_path / "parts", *START, 2, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    parts = weights(weights_of(tmp_path / "parts") / "weights_1")
    tensors = {name: value for name, value in weights(folder).items() if isinstance(value, torch.Tensor)}
    assert all(parts[name].equal(value) for name, value in tensors.items())
