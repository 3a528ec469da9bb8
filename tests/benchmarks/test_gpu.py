"""The benchmark that measures GPUs, tried on the processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT


@pytest.mark.slow(reason="takes training steps, exports a network and trains")
def test_it_measures_and_writes_its_tables(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks/gpu.py"), "--device", "cpu", "--quick", "--output"]
    parts = ["--parts", "onnx", "step", "training", "--step_seconds", "0"]
    run = subprocess.run([*command, str(tmp_path / "gpu.json"), *parts], capture_output=True, text=True, timeout=1800)
    assert run.returncode == 0, run.stdout + run.stderr
    tables = json.loads((tmp_path / "gpu.json").read_text())["tables"]
    assert [table["title"].split(",")[0] for table in tables] == [
        "Depth network as ONNX",
        "Training step",
        "train.py with --cache_dir and --device_augment",
    ]
    assert tables[1]["rows"]["bf16"][1] > 0
    assert "left out for want of time: fp32" in run.stdout


def test_without_a_gpu_it_says_how_to_try_it() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/gpu.py"), "--device", "cuda"]
    without = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, env=without)
    assert run.returncode == 2
    assert "--device cpu --quick" in run.stderr
