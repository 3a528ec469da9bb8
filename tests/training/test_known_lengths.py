"""Trainings that are told more than pictures: they learn from it, go on with it, and their checkpoints say metres."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.datasets.trajectories import write_poses
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.synthetic import camera, make_street, render
from runs import TINY, scalars, train, weights
from scene import DRIVE
from scripts import in_process
from trees import write_oxts


def test_known_depth_is_learnt_from_and_logged_and_the_checkpoint_says_metres(
    small_scene: Path, split: Path, tmp_path: Path
) -> None:
    done = train(small_scene, split, tmp_path, "--num_epochs", 1, "--depth_supervision", 1)
    assert done.returncode == 0, done.stderr
    assert "depth is known of 11 of 11 lines" in done.stderr
    parts = [scalars(tmp_path / "mdp", tag)[0] for tag in ("loss", "loss/depth")]
    assert parts[0] > parts[1] > 0
    predictor = DepthPredictor.from_checkpoint(tmp_path / "mdp/models/weights_0", "cpu")
    prediction = predictor.predict(np.zeros((64, 96, 3), np.uint8))
    np.testing.assert_array_equal(prediction.metric_depth, prediction.depth)


def test_speeds_are_learnt_from_and_the_checkpoint_says_metres(small_copy: Path, split: Path, tmp_path: Path) -> None:
    write_oxts(small_copy / DRIVE, speed=10.0, frames=8)
    done = train(small_copy, split, tmp_path, "--num_epochs", 1, "--velocity_weight", 0.05)
    assert done.returncode == 0, done.stderr
    assert "neighbouring pictures are 1 m apart by their speeds" in done.stderr
    assert 0 < scalars(tmp_path / "mdp", "loss/velocity")[0] < 2
    facts = load_depth_network(tmp_path / "mdp/models/weights_0", torch.device("cpu")).facts
    assert facts.metric_scale == 1


@pytest.mark.slow(reason="trains three times")
def test_a_run_goes_on_bit_for_bit_with_what_is_known(small_copy: Path, split: Path, tmp_path: Path) -> None:
    write_oxts(small_copy / DRIVE, speed=10.0, frames=8)
    flags = ("--depth_supervision", 0.5, "--velocity_weight", 0.05)
    for name, epochs in (("whole", 2), ("parts", 1)):
        done = train(small_copy, split, tmp_path / name, "--num_epochs", epochs, *flags)
        assert done.returncode == 0, done.stderr
    other = train(small_copy, split, tmp_path / "parts", "--num_epochs", 2, "--depth_supervision", 0.4, "--resume")
    assert other.returncode == 2
    assert "--depth_supervision 0.5 (now 0.4)" in other.stderr
    done = train(small_copy, split, tmp_path / "parts", "--num_epochs", 2, *flags, "--resume")
    assert done.returncode == 0, done.stderr
    one, two = (weights(tmp_path / name / "mdp/models/weights_1") for name in ("whole", "parts"))
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert torch.equal(value, two[key]) if isinstance(value, torch.Tensor) else value == two[key], key


def test_a_drive_with_poses_trains_without_a_pose_network(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    street = make_street(5, 40)
    for n in range(12):
        image, _ = render(street, 20 + n, camera(96, 64, intrinsics=(0.6, 0.9, 0.5, 0.5)))
        Image.fromarray(image).save(drive / f"{n}.png")
    write_poses(drive / "poses.txt", np.array([street.pose(20 + n) for n in range(12)]))
    where = ("--dataset", "folder", "--data_path", drive, "--log_dir", tmp_path, "--height", 64, "--width", 96)
    how = ("--weights_init", "scratch", "--num_workers", 0, "--device", "cpu", "--batch_size", 2, "--num_epochs", 1)
    done = in_process("train", *where, *how, "--poses", "known", *TINY)
    assert done.returncode == 0, done.stderr
    assert "neighbouring pictures are" in done.stderr
    folder = tmp_path / "mdp/models/weights_0"
    assert {path.stem for path in folder.glob("*.pth")} == {"encoder", "depth", "adam", "state"}
    assert load_depth_network(folder, torch.device("cpu")).facts.metric_scale == 1
    assert "takes the motion from the drives" in (tmp_path / "mdp/report.html").read_text()
    assert "--align none" not in done.stderr, "the drive has no ground truth to score with"
    asked = in_process("evaluate_pose", "--load_weights_folder", folder, "--data_path", drive, "--dataset", "folder",
                       "--eval_split", drive, "--device", "cpu")  # fmt: skip
    assert asked.returncode == 2
    assert "with --poses known or" in asked.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--poses", "known"), "which --pose_model_type needs"),
        (("--depth_supervision", -1), "--depth_supervision -1.0: must be not negative"),
        (("--gt_png_scale", 1000), "--gt_png_scale 1000: "),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags, words: str, small_scene: Path, split: Path, tmp_path) -> None:
    done = train(small_scene, split, tmp_path, *flags)
    assert done.returncode == 2
    assert words in done.stderr
