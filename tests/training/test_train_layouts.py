"""`train.py` on every layout that can be trained on, and what `evaluate_depth.py` makes of the result."""

import json
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.kitti_layouts import KittiDepth
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.split_lines import SplitLine
from runs import TINY
from scene import DRIVE
from scripts import in_process
from trees import write_improved_truth, write_odometry_sequence

PLAINLY = ("--device", "cpu", "--num_workers", 0)


def train(data: Path, lines: list[str], folder: Path, *flags: object) -> Path:
    """Train one epoch; return the run's folder."""
    (folder / "split").mkdir()
    for part in ("train", "val", "test"):
        (folder / f"split/{part}_files.txt").write_text("\n".join(lines))
    size = ("--height", 64, "--width", 96, "--batch_size", 2, "--num_epochs", 1, "--weights_init", "scratch")
    where = ("--data_path", data, "--split", folder / "split", "--log_dir", folder)
    done = in_process("train", *PLAINLY, "--pose_model_type", "posecnn", *TINY, *where, *size, *flags)
    assert done.returncode == 0, done.stderr
    return folder / "mdp"


@pytest.mark.slow(reason="trains on each layout")
def test_odometry_sequences_with_the_other_camera(tmp_path: Path) -> None:
    write_odometry_sequence(tmp_path / "data", 0, 5)
    lines = ["0 1 l", "0 2 r", "0 3 l"]
    folder = train(tmp_path / "data", lines, tmp_path, "--dataset", "kitti_odom", "--use_stereo")
    events = EventAccumulator(str(folder / "train")).Reload()
    assert "color_s_0/1" in events.Tags()["images"]
    assert "de/abs_rel" not in events.Tags()["scalars"]  # odometry has no depth


@pytest.mark.slow(reason="trains on each layout")
def test_improved_ground_truth_is_logged_and_scored(small_copy: Path, tmp_path: Path) -> None:
    write_improved_truth(small_copy / DRIVE, [2, 3, 4])
    lines = [f"{DRIVE} {frame} {side}" for frame in (2, 3) for side in "lr"]
    folder = train(small_copy, lines, tmp_path, "--dataset", "kitti_depth", "--png")
    figures = EventAccumulator(str(folder / "train")).Reload().Scalars("de/abs_rel")
    assert figures[0].value > 0
    flags = ("--dataset", "kitti_depth", "--png", "--data_path", small_copy, "--eval_split", tmp_path / "split")
    weights = folder / "models/weights_0"
    output = ("--output_json", tmp_path / "figures.json")
    done = in_process("evaluate_depth", *PLAINLY, "--load_weights_folder", weights, "--eval_mono", *flags, *output)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "figures.json").read_text())["images"]) == 4


@pytest.mark.parametrize("mirrored", [False, True])
def test_improved_ground_truth_is_that_of_the_files(mirrored: bool, tmp_path: Path) -> None:
    write_improved_truth(tmp_path / DRIVE, [7])
    line = SplitLine(DRIVE, 7, "r")
    data_set = MonoDataset(SampleFrames(KittiDepth(tmp_path, ".png"), (0,)), [line], {0: (0,)}, (96, 64))
    depth = data_set.depth(0, mirrored)
    assert depth is not None
    expected = KittiDepth(tmp_path).depth(line)
    np.testing.assert_array_equal(depth[0], expected[:, ::-1] if mirrored else expected)
    assert expected[100, 0] == 60
    assert expected[101].max() == 0
