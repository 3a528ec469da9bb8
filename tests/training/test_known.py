"""Trainings that are told more than pictures: they learn from it, go on with it, and their checkpoints say metres."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.checkpoints.networks import load_depth_network
from monodepth2.prediction.predictor import DepthPredictor
from runs import train, weights


def scalars(run: Path, tag: str) -> list[float]:
    return [event.value for event in EventAccumulator(str(run / "train")).Reload().Scalars(tag)]


def test_known_depth_is_learnt_logged_and_makes_metres(small_scene: Path, split: Path, tmp_path: Path) -> None:
    found = {}
    for weight in (0, 1):
        done = train(small_scene, split, tmp_path / str(weight), "--num_epochs", 1, "--depth_supervision", weight)
        assert done.returncode == 0, done.stderr
        found[weight] = tmp_path / str(weight) / "mdp"
    assert "depth is known of 8 of 8 training lines" in done.stderr
    assert scalars(found[1], "loss/depth")[0] > 0
    assert "loss/depth" not in EventAccumulator(str(found[0] / "train")).Reload().Tags()["scalars"]
    first, last = (weights(found[weight] / "models/weights_0") for weight in (0, 1))
    assert any(not torch.equal(first[key], last[key]) for key in first if key.startswith("depth."))
    cpu = torch.device("cpu")
    assert load_depth_network(found[0] / "models/weights_0", cpu).facts.metric_scale is None
    predictor = DepthPredictor.from_checkpoint(found[1] / "models/weights_0", "cpu")
    prediction = predictor.predict(np.zeros((64, 96, 3), np.uint8))
    np.testing.assert_array_equal(prediction.metric_depth, prediction.depth)


def test_told_to_end_it_goes_on_bit_for_bit_with_known_depth(small_scene: Path, split: Path, tmp_path: Path) -> None:
    flags = ("--depth_supervision", 0.5, "--save_steps", 3)
    for name, epochs in (("whole", 2), ("parts", 1)):
        done = train(small_scene, split, tmp_path / name, "--num_epochs", epochs, *flags)
        assert done.returncode == 0, done.stderr
    done = train(small_scene, split, tmp_path / "parts", "--num_epochs", 2, *flags, "--resume")
    assert done.returncode == 0, done.stderr
    one, other = (weights(tmp_path / name / "mdp/models/weights_1") for name in ("whole", "parts"))
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key], key


def test_another_weight_is_another_run(small_scene: Path, split: Path, tmp_path: Path) -> None:
    assert train(small_scene, split, tmp_path, "--num_epochs", 1, "--depth_supervision", 0.5).returncode == 0
    done = train(small_scene, split, tmp_path, "--num_epochs", 2, "--depth_supervision", 0.4, "--resume")
    assert done.returncode == 2
    assert "--depth_supervision 0.5 (now 0.4)" in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--depth_supervision", -1), "--depth_supervision -1.0: must be not negative"),
        (("--gt_png_scale", 1000), "--gt_png_scale 1000: "),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags, words: str, small_scene: Path, split: Path, tmp_path) -> None:
    done = train(small_scene, split, tmp_path, *flags)
    assert done.returncode == 2
    assert words in done.stderr
