"""`train.py` on every layout that can be trained on, and what `evaluate_depth.py` makes of the result."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.datasets.layouts import KittiDepth
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.split_lines import SplitLine
from scene import DRIVE
from trees import write_improved_truth, write_odometry_sequence

ROOT = Path(__file__).parents[2]


def run(script: str, *flags: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / script), "--device", "cpu", "--num_workers", "0", *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def train(data: Path, lines: list[str], folder: Path, *flags: object) -> Path:
    """Train one epoch; return the run's folder."""
    (folder / "split").mkdir()
    for part in ("train", "val", "test"):
        (folder / f"split/{part}_files.txt").write_text("\n".join(lines))
    size = ("--height", 64, "--width", 96, "--batch_size", 2, "--num_epochs", 1, "--weights_init", "scratch")
    where = ("--data_path", data, "--split", folder / "split", "--log_dir", folder)
    done = run("train.py", *where, *size, *flags)
    assert done.returncode == 0, done.stderr
    return folder / "mdp"


def test_odometry_sequences_with_the_other_camera(tmp_path: Path) -> None:
    write_odometry_sequence(tmp_path / "data", 0, 5)
    lines = ["0 1 l", "0 2 r", "0 3 l"]
    folder = train(tmp_path / "data", lines, tmp_path, "--dataset", "kitti_odom", "--use_stereo")
    events = EventAccumulator(str(folder / "train")).Reload()
    assert "color_s_0/1" in events.Tags()["images"]
    assert "de/abs_rel" not in events.Tags()["scalars"]  # odometry has no depth


def test_improved_ground_truth_is_logged_and_scored(scene_copy: Path, tmp_path: Path) -> None:
    write_improved_truth(scene_copy / DRIVE, [2, 3, 4])
    lines = [f"{DRIVE} {frame} {side}" for frame in (2, 3, 4) for side in "lr"]
    folder = train(scene_copy, lines, tmp_path, "--dataset", "kitti_depth", "--png")
    figures = EventAccumulator(str(folder / "train")).Reload().Scalars("de/abs_rel")
    assert figures[0].value > 0
    flags = ("--dataset", "kitti_depth", "--png", "--data_path", scene_copy, "--eval_split", tmp_path / "split")
    weights = folder / "models/weights_0"
    done = run("evaluate_depth.py", "--load_weights_folder", weights, "--eval_mono", *flags,
               "--output_json", tmp_path / "figures.json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "figures.json").read_text())["images"]) == 6


@pytest.mark.parametrize("mirrored", [False, True])
def test_improved_ground_truth_is_that_of_the_files(mirrored: bool, golden_scene: Path, tmp_path: Path) -> None:
    write_improved_truth(tmp_path / DRIVE, [7])
    line = SplitLine(DRIVE, 7, "r")
    data_set = MonoDataset(KittiDepth(tmp_path, ".png"), [line], (0,), {0: (0,)}, 64, 96)
    depth = data_set.depth(0, mirrored)
    assert depth is not None
    expected = KittiDepth(tmp_path).depth(line)
    np.testing.assert_array_equal(depth[0], expected[:, ::-1] if mirrored else expected)
    assert expected[100, 0] == 60
    assert expected[101].max() == 0
