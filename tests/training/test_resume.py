"""Runs that are ended in every way, and go on as if they had not been."""

import json
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.checkpoints.folder import read_manifest
from runs import TORCHRUN, command, told_to_end, train
from soak import Soak

STEPS = 8  # of two epochs


def saved(folder: Path) -> dict[str, dict]:
    """All that a checkpoint holds."""
    return {path.name: torch.load(path, weights_only=True) for path in folder.glob("*.pth")}


def assert_same(one, other, where: str = "") -> None:
    """The same to the last bit, whatever the container."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for n, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}/{n}")
    else:
        assert one == other, where


@pytest.fixture(scope="module")
def uninterrupted(golden_scene, tmp_path_factory) -> Path:
    """The models of two epochs without a break, with the lists `split` that they learnt from beside them."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    lines = [f"2011_09_26/2011_09_26_drive_0001_sync {frame} {side}" for frame in range(1, 7) for side in "lr"]
    (folder / "split").mkdir()
    (folder / "split/train_files.txt").write_text("\n".join(lines[:8]))
    (folder / "split/val_files.txt").write_text("\n".join(lines[8:11]))
    run = train(golden_scene, folder / "split", folder, "--num_epochs", "2", "--log_frequency", "3", *OTHER)
    assert run.returncode == 0, run.stderr
    return folder / "mdp/models"


OTHER = ["--scheduler_step_size", "1", "--use_stereo"]
EPOCHS = ["--num_epochs", "2", "--log_frequency", "3", *OTHER]


@pytest.mark.parametrize(
    ("launcher", "processes", "rounds", "identical"),
    [((sys.executable,), 1, 5, 2), ((*TORCHRUN, "--nproc_per_node=2"), 2, 3, 1)],
    ids=["alone", "torchrun"],
)
def test_killed_at_any_moment_it_goes_on_to_the_same_weights(
    launcher, processes, rounds, identical, golden_scene, tmp_path
) -> None:
    soak = Soak(tmp_path / "soak", golden_scene, seed=processes, launcher=launcher, processes=processes)
    for _ in range(rounds):
        soak.round()
    tally = soak.compare()
    assert (tally.different, tally.lost) == (0, 0), tally
    assert tally.resumed >= 1, tally
    assert tally.identical >= identical, tally


def test_told_to_end_it_goes_on_bit_for_bit(golden_scene, uninterrupted, split, tmp_path) -> None:
    code, errors = told_to_end(command(golden_scene, split, tmp_path, *EPOCHS), "step 1/")
    assert code == 128 + signal.SIGTERM
    assert "go on with --resume" in errors
    models = tmp_path / "mdp/models"
    (stopped,) = (read_manifest(folder).step for folder in models.glob("weights_*"))
    assert 0 < stopped < STEPS

    run = train(golden_scene, split, tmp_path, *EPOCHS, "--resume")
    assert run.returncode == 0, run.stderr
    assert f"going on after step {stopped} from weights_step_{stopped}" in run.stderr
    assert {path.name for path in models.iterdir()} == {"opt.json", "weights_0", "weights_1"}
    for name in ("weights_0", "weights_1"):
        assert_same(saved(uninterrupted / name), saved(models / name), name)
    assert set(saved(models / "weights_1")) == {
        "encoder.pth", "depth.pth", "pose_encoder.pth", "pose.pth", "adam.pth", "state.pth"
    }  # fmt: skip

    logged, expected = (EventAccumulator(str(folder.parent / "train")).Reload() for folder in (models, uninterrupted))
    for tag in ("loss", "learning_rate", "de/abs_rel"):
        seen, wanted = ([(e.step, e.value) for e in events.Scalars(tag)] for events in (logged, expected))
        assert seen == wanted
    starts = json.loads((tmp_path / "mdp/run.json").read_text())
    assert [start["step"] for start in starts] == [0, stopped]
    assert "--resume" in starts[1]["command"]
    assert starts[0]["data"] == starts[1]["data"]
    assert starts[0]["options"]["scheduler_step_size"] == 1
    assert starts[0]["versions"]["torch"] == str(torch.__version__)


@pytest.fixture
def finished(uninterrupted, tmp_path) -> Path:
    """A copy of the uninterrupted run to damage; returns the models."""
    shutil.copytree(uninterrupted.parent, tmp_path / "mdp")
    return tmp_path / "mdp/models"


def test_a_damaged_checkpoint_is_set_aside_and_made_again(
    golden_scene, uninterrupted, finished, split, tmp_path
) -> None:
    path = finished / "weights_1/depth.pth"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (finished / ".partial_weights_7").mkdir()
    run = train(golden_scene, split, tmp_path, *EPOCHS, "--resume")
    assert run.returncode == 0, run.stderr
    assert f"damaged checkpoint: {path}: does not match its checksum" in run.stderr
    assert "going on after step 4 from weights_0" in run.stderr
    assert {path.name for path in finished.iterdir()} == {"opt.json", "weights_0", "weights_1", "damaged_weights_1"}
    assert_same(saved(uninterrupted / "weights_1"), saved(finished / "weights_1"))
    for mode in ("train", "val"):  # the steps that were taken twice are there once
        events = EventAccumulator(str(finished.parent / mode)).Reload()
        assert [event.step for event in events.Scalars("loss")] == [0, 3, 4, 7]


def test_a_finished_run_has_nothing_to_do_or_more(golden_scene, finished, split, tmp_path) -> None:
    run = train(golden_scene, split, tmp_path, *EPOCHS, "--resume")
    assert run.returncode == 0, run.stderr
    assert "step 5/" not in run.stderr
    more = ["--num_epochs", "3", "--log_frequency", "3", *OTHER, "--keep_checkpoints", "1"]
    run = train(golden_scene, split, tmp_path, *more, "--resume")
    assert run.returncode == 0, run.stderr
    assert "step 12/12" in run.stderr
    assert {path.name for path in finished.glob("weights_*")} == {"weights_2"}
    run = train(golden_scene, split, tmp_path, *EPOCHS, "--resume")  # fewer than it has had
    assert run.returncode == 2
    assert "--num_epochs 2: the run has taken 12 steps already" in run.stderr
    assert {path.name for path in finished.glob("weights_*")} == {"weights_2"}


def test_a_full_disk_is_told_and_loses_nothing(golden_scene, uninterrupted, finished, split, tmp_path) -> None:
    """Writing anything longer than 20 MB fails, as it would on a full disk or above a quota."""
    shutil.rmtree(finished / "weights_1")
    run = subprocess.run(
        command(golden_scene, split, tmp_path, *EPOCHS, "--resume", "--save_steps", "1"),
        capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20 << 20, 20 << 20)),
    )  # fmt: skip
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert run.stderr.count("the checkpoint cannot be written (File too large)") == 2  # it went on once
    assert "step 6/8" not in run.stderr
    assert {path.name for path in finished.iterdir()} == {"opt.json", "weights_0"}
    run = train(golden_scene, split, tmp_path, *EPOCHS, "--resume")
    assert run.returncode == 0, run.stderr
    assert_same(saved(uninterrupted / "weights_1"), saved(finished / "weights_1"))


def test_without_room_for_events_the_run_goes_on(golden_scene, split, tmp_path) -> None:
    run = subprocess.run(
        command(golden_scene, split, tmp_path, "--num_epochs", "2", "--log_frequency", "1"),
        capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400 << 10, 400 << 10)),
    )  # fmt: skip
    assert run.returncode == 2  # as no checkpoint can be written, either
    assert "Traceback" not in run.stderr
    assert run.stderr.count("events cannot be written (File too large): the run goes on without") == 1
    assert "step 8/8" in run.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--height", "96"], "was started with --height 64 (now 96): give the same flags"),
        (["--seed", "1", "--batch_size", "1"], "--batch_size 2 (now 1), --seed 0 (now 1)"),
        (["--model_name", "other"], "there is no checkpoint in"),
        (["--overwrite"], "drop one of them"),
        (["--split", "SHORTER"], "the training split was 8 lines"),
    ],
)
def test_what_cannot_go_on_is_told_in_one_line(flags, words, golden_scene, finished, split, tmp_path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    if "SHORTER" in flags:  # the lists at the same place have changed
        (split / "train_files.txt").write_text("\n".join((split / "train_files.txt").read_text().split("\n")[:6]))
        flags = []
    run = train(golden_scene, split, tmp_path, *EPOCHS, "--resume", *flags)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.count("\n") <= 2
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*")}


def test_auto_begins_where_there_is_nothing(golden_scene, split, tmp_path) -> None:
    run = train(golden_scene, split, tmp_path, "--num_epochs", "1", "--resume", "auto")
    assert run.returncode == 0, run.stderr
    assert "going on" not in run.stderr
