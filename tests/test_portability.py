"""The main path needs nothing that only some systems have: it runs in processes from which that is taken away."""

import os
import subprocess
import sys

import pytest

from places import ROOT

pytestmark = pytest.mark.slow(reason="starts loader processes by spawn, and trains, predicts and scores")

# run by Python on its start, in the processes that it starts, too
START_UP = """
import os, signal, sys
sys.modules["fcntl"] = None  # importing it fails
for module, names in {
    os: "O_NONBLOCK O_DIRECTORY O_NOFOLLOW pread preadv pwrite pwritev sched_getaffinity".split(),
    signal: "SIGALRM alarm setitimer".split(),
}.items():
    for name in names:
        vars(module).pop(name, None)
"""
MAIN_PATH = """
import importlib, os, pkgutil, signal, sys
from pathlib import Path
from types import SimpleNamespace

import torch.multiprocessing

import monodepth2
from monodepth2.config import Options
from monodepth2.datasets import loading
from monodepth2.evaluation.scoring import evaluate_all
from monodepth2.files.pictures import read_picture
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.training.trainer import Trainer

if __name__ == "__main__":
    assert sys.modules["fcntl"] is None and not hasattr(os, "O_NONBLOCK") and not hasattr(signal, "alarm")
    data, split, logs = map(Path, sys.argv[1:])
    for module in pkgutil.walk_packages(monodepth2.__path__, "monodepth2."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    loading.sys = SimpleNamespace(platform="win32")  # loader processes are started anew, not forked
    torch.multiprocessing.set_start_method("spawn")
    options = Options(
        data_path=data, png=True, split=str(split), height=64, width=96, batch_size=4, num_epochs=1, num_workers=1,
        weights_init="scratch", device="cpu", log_dir=logs, model_name="run", cache_dir=logs / "cache",
        pose_model_type="posecnn", encoder="lcnet_050", decoder="small", no_report=True,
    )
    trainer = Trainer(options)
    assert trainer.train() == 0
    assert (trainer.step, trainer.data.workers) == (2, 1)

    weights = options.models_folder / "weights_0"
    picture = next(data.rglob("image_02/data/*.png"))
    assert DepthPredictor.from_checkpoint(weights, device="cpu").predict(read_picture(picture)).depth.min() > 0
    scored = Options(
        data_path=data, png=True, load_weights_folder=weights, eval_split=str(split), eval_mono=True, no_cuda=True
    )
    print(evaluate_all(scored).results[0].mean)
"""


def test_training_predicting_and_scoring_need_nothing_that_some_systems_lack(small_scene, split, tmp_path) -> None:
    (split / "test_files.txt").write_text((split / "val_files.txt").read_text())
    (tmp_path / "start").mkdir()
    (tmp_path / "start/sitecustomize.py").write_text(START_UP)
    program = tmp_path / "main_path.py"
    program.write_text(MAIN_PATH)
    run = subprocess.run(
        [sys.executable, str(program), str(small_scene), str(split), str(tmp_path / "logs")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "start"), str(ROOT)])},
    )
    assert run.returncode == 0, run.stderr
    assert "abs_rel=" in run.stdout
