"""`--wandb`: figures and pictures of TensorBoard, mirrored; tested without a network, from the file that is kept."""

from pathlib import Path

import pytest

from runs import train


def test_a_run_is_mirrored_offline(small_scene: Path, split: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    done = train(small_scene, split, tmp_path, "--wandb", "--num_epochs", 1, "--log_frequency", 2)
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "mdp/wandb").glob("offline-run-*/run-*.wandb")
    content = kept.read_bytes()
    for name in ("train/loss", "val/loss", "val/color_pred_-1_0/0", "global_step", "mdp"):
        assert name.encode() in content, name
