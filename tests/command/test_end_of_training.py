"""What a training says at its end can be done as it is said."""

import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monodepth2.checkpoints.folder import read_manifest
from monodepth2.config import Options
from monodepth2.training.told import next_steps
from runs import QUICK, SMALL, TINY, train
from scripts import monodepth2


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A plain folder of seven pictures with blanks in its name, and with depth."""
    folder = tmp_path / "my street"
    (folder / "depth").mkdir(parents=True)
    x, y = np.meshgrid(np.arange(96), np.arange(64))
    for n in range(7):
        pixels = np.stack([(5 * x + 3 * n) % 256, (9 * y + 2 * n) % 256, (x * y + n) % 256], -1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{n}.png")
        np.save(folder / f"depth/{n}.npy", np.full((64, 96), 5.0 + n, np.float32))
    return folder


def test_a_drive_is_trained_on_and_what_is_advised_works(drive: Path, tmp_path: Path, monkeypatch) -> None:
    done = monodepth2("train", drive, *SMALL, *TINY, *QUICK, "--log_dir", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    models = tmp_path / "runs/my street/models"
    assert "lowest validation loss" in done.stderr
    where, _, *steps = done.stdout.splitlines()
    assert where == f"weights are in {models / 'weights_0'}"
    assert [shlex.split(step)[:2] for step in steps] == [
        ["monodepth2", "predict"], ["monodepth2", "evaluate"], ["monodepth2", "export"]
    ]  # fmt: skip
    for step in steps[:2]:
        done = monodepth2(*shlex.split(step)[1:])
        assert done.returncode == 0, done.stderr
    assert list((tmp_path / "runs/my street/predictions").iterdir())
    # the file that is left repeats the run, from any folder
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    words = ["train", "--config", models / "config.yaml"]
    assert "an older run" in monodepth2(*words).stderr
    done = monodepth2(*words, "--model_name", "again")
    assert done.returncode == 0, done.stderr
    first, second = (read_manifest(tmp_path / f"runs/{name}/models/weights_0") for name in ("my street", "again"))
    assert first == second


def test_what_is_advised_follows_the_data_set(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tools/train.py"])
    (tmp_path / "lists").mkdir()
    picture = Path("a.jpg")

    def scored(baseline: float | None = 0.54, **values) -> str:
        lines = [line.strip() for line in next_steps(Options(**values, data_path=Path("k")), picture, baseline)]
        assert lines[0].startswith("python tools/predict.py a.jpg --run mdp --output_dir ")
        assert lines[-1] == "python tools/export_depth.py --run mdp"
        return "".join(lines[1:-1])

    evaluate, odometry = (f"python tools/evaluate_{name}.py --run mdp --data_path k" for name in ("depth", "pose"))
    assert scored() == f"{evaluate} --eval_mono"
    assert scored(png=True, use_stereo=True) == f"{evaluate} --eval_stereo --png"
    assert scored(None, use_stereo=True) == f"{evaluate} --eval_mono", "metres are unknown with the rig"
    assert scored(dataset="kitti_odom", split="odom") == f"{odometry} --eval_split odom_9 --dataset kitti_odom"
    assert scored(split=str(tmp_path / "lists")) == ""
    (tmp_path / "lists/test_files.txt").touch()
    assert scored(split=str(tmp_path / "lists")) == f"{evaluate} --eval_mono --eval_split {tmp_path / 'lists'}"
    assert scored(dataset="folder") == ""


@pytest.mark.slow(reason="trains twice")
def test_moments_are_taken_with_all_their_networks_or_not_at_all(small_scene, split, tmp_path) -> None:
    assert train(small_scene, split, tmp_path, "--num_epochs", 1).returncode == 0
    # of a run's folder the newest checkpoint is taken, its moments with it
    flags = ["--num_epochs", 1, "--load_weights_folder", tmp_path / "mdp"]
    done = train(small_scene, split, tmp_path, *flags, "--model_name", "all")
    assert f"Adam's moments taken from {tmp_path / 'mdp/models/weights_0'}{os.linesep}" in done.stderr
    done = train(small_scene, split, tmp_path, *flags, "--model_name", "two", "--models_to_load", "encoder", "depth")
    assert "Adam's moments fresh (--models_to_load leaves out pose)" in done.stderr
