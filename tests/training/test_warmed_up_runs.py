"""Trainings that begin with a warm-up of their motion."""

from pathlib import Path

import pytest
import torch

from runs import train, weights


def trained(scene: Path, split, logs: Path, *flags: object) -> dict:
    run = train(scene, split, logs, *flags)
    assert run.returncode == 0, run.stderr
    (folder,) = (logs / "mdp" / "models").glob("weights_1")
    tensors = {name: value for name, value in weights(folder).items() if isinstance(value, torch.Tensor)}
    return {"words": run.stderr, **tensors}


def equal(one: dict, other: dict) -> bool:
    return all(value.equal(other[name]) for name, value in one.items() if name != "words")


@pytest.mark.slow(reason="starts five trainings")
def test_a_warm_up_is_told_changes_the_training_and_goes_on_where_it_stopped(
    small_scene: Path, split, tmp_path: Path
) -> None:
    two = ("--num_epochs", 2)
    warmed = trained(small_scene, split, tmp_path / "warmed", *two, "--motion_warmup", 3)
    assert "the first 3 steps for motion" in warmed["words"]
    assert "more than half of the run" not in warmed["words"]
    assert not equal(warmed, trained(small_scene, split, tmp_path / "cold", *two))
    longer = trained(small_scene, split, tmp_path / "longer", *two, "--motion_warmup", 100)
    assert "warning: --motion_warmup 100 is more than half of the run" in longer["words"]
    assert not equal(warmed, longer)
    train(small_scene, split, tmp_path / "parts", "--num_epochs", 1, "--motion_warmup", 3)
    assert equal(warmed, trained(small_scene, split, tmp_path / "parts", *two, "--motion_warmup", 3, "--resume"))
