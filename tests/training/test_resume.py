"""Runs that are ended in every way, and go on as if they had not been."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.checkpoints.folder import read_manifest
from runs import TORCHRUN, command, told_to_end, train
from soak import Soak
from trees import largest_file, write_split

STEPS = 8  # of two epochs


def assert_same_checkpoints(one: Path, other: Path) -> None:
    """All that they hold is the same to the last bit."""
    names = {path.name for path in one.glob("*.pth")}
    assert names == {path.name for path in other.glob("*.pth")}
    for name in names:
        assert_same(*(torch.load(folder / name, weights_only=True) for folder in (one, other)), name)


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
def uninterrupted(small_scene, tmp_path_factory) -> Path:
    """The models of two epochs without a break; never write into them."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = train(small_scene, write_split(folder / "split"), folder, *EPOCHS)
    assert done.returncode == 0, done.stderr
    return folder / "mdp/models"


MOTION = ["--pose_model_type", "separate_resnet", "--pose_encoder", "test_resnet"]  # both backbones are timm's
OTHER = ["--scheduler_step_size", "1", "--use_stereo", *MOTION]
EPOCHS = ["--num_epochs", "2", "--log_frequency", "3", *OTHER]


@pytest.mark.slow(reason="starts four trainings, and kills three of them")
@pytest.mark.parametrize(
    ("launcher", "processes", "rounds", "identical"),
    [((sys.executable,), 1, 3, 1), ((*TORCHRUN, "--nproc_per_node=2"), 2, 2, 1)],
    ids=["alone", "torchrun"],
)
def test_killed_at_any_moment_it_goes_on_to_the_same_weights(
    launcher, processes, rounds, identical, small_scene, tmp_path
) -> None:
    soak = Soak(tmp_path / "soak", small_scene, seed=processes, launcher=launcher, processes=processes)
    for _ in range(rounds):
        soak.round()
    tally = soak.compare()
    assert (tally.different, tally.lost) == (0, 0), tally
    assert tally.resumed >= 1, tally
    assert tally.identical >= identical, tally


@pytest.mark.slow(reason="starts, ends and resumes trainings")
def test_told_to_end_it_goes_on_bit_for_bit(small_scene, uninterrupted, split, tmp_path) -> None:
    """The first start is told to go on as well, where there is something: as a scheduler tells it."""
    code, errors = told_to_end(command(small_scene, split, tmp_path, *EPOCHS, "--resume", "auto"), "step 1/")
    assert code == 128 + signal.SIGTERM
    assert "the same command goes on" in errors  # as it says --resume auto
    models = tmp_path / "mdp/models"
    (stopped,) = (read_manifest(folder).step for folder in models.glob("weights_*"))
    assert 0 < stopped < STEPS

    done = train(small_scene, split, tmp_path, *EPOCHS, "--resume")
    assert done.returncode == 0, done.stderr
    assert f"going on after step {stopped} from weights_step_{stopped}" in done.stderr
    assert {path.name for path in models.iterdir()} == {"config.yaml", "opt.json", "weights_0", "weights_1"}
    for name in ("weights_0", "weights_1"):
        assert_same_checkpoints(uninterrupted / name, models / name)
    assert {path.stem for path in (models / "weights_1").glob("*.pth")} == {
        *("encoder", "depth", "pose_encoder", "pose", "adam", "state")
    }

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


# of every checkpoint there is: whoever adds an entry must go on from states without it, too
ENTRIES = {
    "best": {"loss", "epoch", "batches", "losses"},
    "data": {"validated"},
    "diagnosis": {"steps", "start", "means", "epoch_losses", "told"},
    "faults": {"pictures"},
    "scaler": set(),
    "wrong numbers": {"count", "in_a_row", "last_loss"},
}


@pytest.mark.slow(reason="starts, ends and resumes trainings")
def test_states_hold_what_those_of_earlier_versions_do(uninterrupted: Path) -> None:
    state = torch.load(uninterrupted / "weights_1/state.pth", weights_only=True)
    assert state.keys() == {"step", "fixed", "ranks"}
    (own,) = state["ranks"]
    assert own.keys() == {"random", "parts"}
    assert {name: set(part) for name, part in own["parts"].items()} == ENTRIES


@pytest.fixture
def finished(uninterrupted, tmp_path) -> Path:
    """A copy of the uninterrupted run to go on with; returns the models. Its networks are links: replace them only."""

    def copy(source: str, target: str) -> None:
        (os.link if source.endswith(".pth") else shutil.copy2)(source, target)

    shutil.copytree(uninterrupted.parent, tmp_path / "mdp", copy_function=copy)
    return tmp_path / "mdp/models"


@pytest.mark.slow(reason="starts, ends and resumes trainings")
def test_a_damaged_checkpoint_is_set_aside_and_made_again(
    small_scene, uninterrupted, finished, split, tmp_path
) -> None:
    path = finished / "weights_1/depth.pth"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)
    (finished / ".partial_weights_7").mkdir()
    done = train(small_scene, split, tmp_path, *EPOCHS, "--resume")
    assert done.returncode == 0, done.stderr
    assert f"damaged checkpoint: {path}: does not match its checksum" in done.stderr
    assert "going on after step 4 from weights_0" in done.stderr
    assert {path.name for path in finished.iterdir()} == {
        "config.yaml",
        "opt.json",
        "weights_0",
        "weights_1",
        "damaged_weights_1",
    }
    assert_same_checkpoints(uninterrupted / "weights_1", finished / "weights_1")
    for mode in ("train", "val"):  # the steps that were taken twice are there once
        events = EventAccumulator(str(finished.parent / mode)).Reload()
        assert [event.step for event in events.Scalars("loss")] == [0, 3, 4, 7]


@pytest.mark.slow(reason="starts, ends and resumes trainings")
def test_a_finished_run_has_nothing_to_do_or_more(small_scene, finished, split, tmp_path) -> None:
    done = train(small_scene, split, tmp_path, *EPOCHS, "--resume")
    assert done.returncode == 0, done.stderr
    assert "step 5/" not in done.stderr
    more = ["--num_epochs", "3", "--log_frequency", "3", *OTHER, "--keep_checkpoints", "1"]
    done = train(small_scene, split, tmp_path, *more, "--resume")
    assert done.returncode == 0, done.stderr
    assert "step 12/12" in done.stderr
    assert {path.name for path in finished.glob("weights_*")} == {"weights_2"}
    done = train(small_scene, split, tmp_path, *EPOCHS, "--resume")  # fewer than it has had
    assert done.returncode == 2
    assert "--num_epochs 2: the run has taken 12 steps already" in done.stderr
    assert {path.name for path in finished.glob("weights_*")} == {"weights_2"}


@pytest.mark.slow(reason="starts, ends and resumes trainings")
def test_a_full_disk_is_told_and_loses_nothing(small_scene, uninterrupted, finished, split, tmp_path) -> None:
    shutil.rmtree(finished / "weights_1")
    with largest_file(20 << 20):
        done = train(small_scene, split, tmp_path, *EPOCHS, "--resume", "--save_steps", "1")
    assert done.returncode == 2
    assert done.stderr.count("the checkpoint cannot be written (File too large)") == 2  # it went on once
    assert "step 6/8" not in done.stderr
    assert {path.name for path in finished.iterdir()} == {"config.yaml", "opt.json", "weights_0"}
    done = train(small_scene, split, tmp_path, *EPOCHS, "--resume")
    assert done.returncode == 0, done.stderr
    assert_same_checkpoints(uninterrupted / "weights_1", finished / "weights_1")


@pytest.mark.slow(reason="starts, ends and resumes trainings")
def test_without_room_for_events_the_run_goes_on(small_scene, split, tmp_path) -> None:
    with largest_file(200 << 10):
        done = train(small_scene, split, tmp_path, "--num_epochs", "1", "--log_frequency", "1")
    assert done.returncode == 2  # as no checkpoint can be written, either
    assert done.stderr.count("events cannot be written (File too large): the run goes on without") == 1
    assert "step 4/4" in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--height", "96"], "was started with --height 64 (now 96): give the same flags, e.g. by --config"),
        (["--seed", "1", "--batch_size", "1"], "--batch_size 2 (now 1), --seed 0 (now 1)"),
        (["--model_name", "other"], "there is no checkpoint in"),
        (["--overwrite"], "drop one of them"),
        (["--split", "SHORTER"], "the training split was 8 lines"),
    ],
)
def test_what_cannot_go_on_is_told_in_one_line(flags, words, small_scene, finished, split, tmp_path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    if "SHORTER" in flags:  # the lists at the same place have changed
        (split / "train_files.txt").write_text("\n".join((split / "train_files.txt").read_text().split("\n")[:6]))
        flags = []
    done = train(small_scene, split, tmp_path, *EPOCHS, "--resume", *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") <= 2
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
