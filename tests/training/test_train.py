"""Whole runs of `train.py` on a KITTI tree made of formulas."""

import gc
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from weakref import ref

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.config.command_line import parse
from monodepth2.errors import UserError
from monodepth2.training.trainer import Trainer
from runs import checksums, command, flags_of, run, train, weights
from scene import DRIVE
from scripts import HANGS
from trees import write_split

TIMES = ("time/wait_ms_per_step", "time/loader_ms_per_sample")


def test_a_run_leaves_checkpoints_options_and_events(small_scene, split, tmp_path) -> None:
    """Of as many networks as there are by default."""
    flags = ["--num_epochs", "2", "--log_frequency", "2", "--use_stereo", "--scheduler_step_size", "1"]
    done = train(small_scene, split, tmp_path, *flags, "--pose_model_type", "separate_resnet")
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2  step 8/8  loss" in done.stderr
    assert "examples/s" in done.stderr
    models = tmp_path / "mdp/models"
    assert {path.name for path in models.iterdir()} == {"opt.json", "config.yaml", "weights_0", "weights_1"}
    assert json.loads((models / "opt.json").read_text())["frame_ids"] == [0, -1, 1, "s"]

    expected = {f"color_{f}_{s}/{j}" for f in (0, -1, 1, "s") for s in range(4) for j in range(2)}
    expected |= {f"color_pred_{f}_0/{j}" for f in (-1, 1, "s") for j in range(2)}
    expected |= {f"{kind}_{s}/{j}" for kind in ("disp", "automask") for s in range(4) for j in range(2)}
    for mode in ("train", "val"):
        events = EventAccumulator(str(tmp_path / "mdp" / mode)).Reload()
        assert set(events.Tags()["images"]) == expected
        scalars = {tag for tag in events.Tags()["scalars"] if not tag.startswith("health/")} - {"learning_rate", *TIMES}
        assert scalars == {"loss", "loss/0", "loss/1", "loss/2", "loss/3", "de/abs_rel", "de/sq_rel", "de/rms",
                           "de/log_rms", "da/a1", "da/a2", "da/a3"}  # fmt: skip
        assert [event.step for event in events.Scalars("loss")] == [0, 2, 4, 6]
    train_events = EventAccumulator(str(tmp_path / "mdp/train")).Reload()
    rates = [event.value for event in train_events.Scalars("learning_rate")]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
    health = ("epoch_loss", "displacement_px", "disparity_variation", "depth_at_limit", "automasked", "skipped_steps")
    for tag in health:
        assert [event.step for event in train_events.Scalars(f"health/{tag}")] == [3, 7]
    for tag in TIMES:
        assert all(event.value > 0 for event in train_events.Scalars(tag))
    assert re.search(r"data \d+ %, loader \d+\.\d ms/sample", done.stderr)
    assert {path.stem for path in (models / "weights_1").glob("*.pth")} == {
        "encoder", "depth", "pose_encoder", "pose", "adam", "state"
    }  # fmt: skip


@pytest.fixture(scope="module")
def plain(small_scene, tmp_path_factory) -> Path:
    """The checkpoint of one epoch with as few flags as may be; never write into it."""
    folder = tmp_path_factory.mktemp("plain")
    done = train(small_scene, write_split(folder / "split"), folder, "--num_epochs", "1")
    assert done.returncode == 0, done.stderr
    return folder / "mdp/models/weights_0"


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_the_same_seed_gives_the_same_weights_whatever_the_workers(small_scene, plain, split, tmp_path) -> None:
    for name, flags in {"same": ["--num_workers", "2"], "other": ["--seed", "1"]}.items():
        done = train(small_scene, split, tmp_path, "--model_name", name, "--num_epochs", "1", *flags)
        assert done.returncode == 0, done.stderr
    same, other = (checksums(tmp_path / name / "models/weights_0") for name in ("same", "other"))
    assert same == checksums(plain)
    assert not set(same.values()) & set(other.values())


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_the_cache_changes_nothing_and_jitter_on_the_device_little(small_scene, plain, split, tmp_path) -> None:
    cache = ["--cache_dir", str(tmp_path / "cache")]
    for name, flags, told in (("cached", [], "keeping 15 pictures"), ("device", ["--device_augment"], "")):
        done = train(small_scene, split, tmp_path, "--model_name", name, "--num_epochs", "1", *cache, *flags)
        assert done.returncode == 0, done.stderr
        assert ("keeping" in done.stderr) == bool(told)
        assert told in done.stderr
    assert checksums(tmp_path / "cached/models/weights_0") == checksums(plain)
    expected, device = weights(plain), weights(tmp_path / "device/models/weights_0")
    key = next(name for name, value in expected.items() if name.startswith("encoder.") and value.dim() == 4)
    assert not torch.equal(expected[key], device[key])
    torch.testing.assert_close(expected[key], device[key], rtol=0, atol=1e-3)  # Adam moves a weight by 1e-4 a step


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_fine_tuning_starts_from_the_weights_and_the_old_run_is_kept(small_scene, plain, split, tmp_path) -> None:
    again = train(small_scene, split, plain.parents[2], "--num_epochs", "1")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    # a vanishing learning rate leaves the loaded weights as they were, whatever adam.pth holds
    flags = ["--load_weights_folder", str(plain), "--learning_rate", "1e-12", "--model_name", "tuned"]
    tuned = train(small_scene, split, tmp_path, "--num_epochs", "1", *flags)
    assert tuned.returncode == 0, tuned.stderr
    before, after = weights(plain), weights(tmp_path / "tuned/models/weights_0")
    for key in before:
        if isinstance(before[key], torch.Tensor) and "running" not in key and "num_batches" not in key:
            torch.testing.assert_close(before[key], after[key], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_ctrl_c_and_schedulers_leave_a_usable_checkpoint(number, small_scene, split, tmp_path) -> None:
    arguments = command(small_scene, split, tmp_path, "--num_epochs", "1000", "--save_frequency", "1000")
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "step 1/" in line:
            break
    os.killpg(process.pid, number)  # as terminals and schedulers do: main process and workers
    _, errors = process.communicate(timeout=HANGS)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert "go on with --resume" in errors
    folder = max((tmp_path / "mdp/models").glob("weights_step_*"), key=lambda path: int(path.name.split("_")[-1]))
    flags = ["--load_weights_folder", str(folder), "--model_name", "next", "--num_epochs", "1"]
    done = train(small_scene, split, tmp_path, *flags)
    assert done.returncode == 0, done.stderr


def cut(path: Path) -> Path:
    """Leave a third of a file, and a byte that belongs to no whole point of a scan."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 48 * 16 + 1])
    return path


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_one_corrupt_picture_is_named_and_replaced(small_copy, split, tmp_path) -> None:
    bad = cut(small_copy / DRIVE / "image_02/data/0000000002.png")
    done = train(small_copy, split, tmp_path, "--num_epochs", "1")  # which needs it for several samples
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(str(bad)) == 1
    assert "unreadable picture no. 1" in done.stderr


def test_many_corrupt_pictures_stop_the_run_with_the_list(small_copy, split, tmp_path) -> None:
    bad = [cut(small_copy / DRIVE / f"image_02/data/000000000{n}.png") for n in (1, 2, 3, 4)]
    done = train(small_copy, split, tmp_path, "--num_epochs", "5", "--num_workers", "1")
    assert done.returncode == 2
    assert "unreadable pictures: mend" in done.stderr
    assert sum(str(path) in done.stderr.split("error:")[1] for path in bad) >= 2


def test_a_run_that_corrupt_pictures_have_ended_goes_on_when_they_are_mended(small_copy, split, tmp_path) -> None:
    """Its third and its fourth step are the first that read these."""
    bad = [small_copy / DRIVE / f"{camera}/data/0000000000.png" for camera in ("image_02", "image_03")]
    whole = [path.read_bytes() for path in bad]
    for path in bad:
        cut(path)
    done = train(small_copy, split, tmp_path, "--num_epochs", "1")
    assert done.returncode == 2
    assert "error: 2 unreadable pictures: mend them and start again, with --resume" in done.stderr
    for resumed in ("", "going on after step 3 from weights_step_3"):
        assert resumed in done.stderr
        for path, content in zip(bad, whole, strict=True):
            path.write_bytes(content)
        done = train(small_copy, split, tmp_path, "--num_epochs", "1", "--resume")
    assert done.returncode == 0, done.stderr


class Vanishing(Trainer):
    """A training whose pictures cannot be read any more when it has taken two of its four steps an epoch."""

    pictures: list[Path]

    def _run_step(self) -> None:
        if self.step == 2:
            for path in self.pictures:
                cut(path)
        super()._run_step()


EXACT = ("--num_epochs", "2", "--log_frequency")


@pytest.fixture(scope="module")
def unbroken(small_scene, tmp_path_factory) -> dict[str, str]:
    """The checksums of a run without a break."""
    folder = tmp_path_factory.mktemp("unbroken")
    done = train(small_scene, write_split(folder / "split"), folder, *EXACT, "9")
    assert done.returncode == 0, done.stderr
    return checksums(folder / "mdp/models/weights_1")


@pytest.mark.slow(reason="trains in processes of its own, or several times")
@pytest.mark.parametrize(
    ("frames", "frequency", "saved"),
    [
        (range(8), 9, "weights_step_2"),  # the third step has nothing to learn from
        ((6, 7), 1, "weights_step_3"),  # its validation has no picture
        ((6, 7), 3, "weights_0"),  # the validation after the epoch's last step
    ],
)
def test_no_step_is_lost_where_pictures_vanish(frames, frequency, saved, small_copy, unbroken, split, tmp_path) -> None:
    flags = [*EXACT, frequency]
    trainer = Vanishing(parse(flags_of(small_copy, split, tmp_path, *flags)))
    trainer.pictures = [path for n in frames for path in small_copy.rglob(f"{n:010d}.png")]
    whole = {path: path.read_bytes() for path in trainer.pictures}
    with pytest.raises(UserError, match="too many unreadable pictures in a row: mend them"):
        trainer.train()
    models = tmp_path / "mdp/models"
    assert [path.name for path in models.glob("weights_*")] == [saved]
    for path, content in whole.items():
        path.write_bytes(content)
    done = train(small_copy, split, tmp_path, *flags, "--resume")
    assert done.returncode == 0, done.stderr
    assert checksums(models / "weights_1") == unbroken


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_nothing_but_corrupt_pictures_ends_the_run_at_once(small_copy, split, tmp_path) -> None:
    """In a process of its own, which must not wait for its loaders."""
    for path in small_copy.rglob("*.png"):
        cut(path)
    done = run(command(small_copy, split, tmp_path, "--num_workers", "2"))
    assert done.returncode == 2
    assert "in a row" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_a_corrupt_scan_leaves_out_its_figures_only(small_copy, split, tmp_path) -> None:
    for path in small_copy.rglob("*.bin"):
        cut(path)
    done = train(small_copy, split, tmp_path, "--num_epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "unreadable depth" in done.stderr
    tags = EventAccumulator(str(tmp_path / "mdp/train")).Reload().Tags()["scalars"]
    assert "loss" in tags
    assert "de/abs_rel" not in tags


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_numbers_gone_wrong_end_the_run_with_their_batch(small_scene, split, tmp_path) -> None:
    done = train(small_scene, split, tmp_path, "--learning_rate", "1e30", "--num_epochs", "9", "--log_frequency", "2")
    assert done.returncode == 2
    assert re.search(r"step 2: .*nothing is learnt from it, skipped step no\. 1: .*0\d\.png, .*0\d\.png", done.stderr)
    assert "error: 5 steps in a row up to step 6 had a loss or gradient that is not finite" in done.stderr
    assert "try a lower --learning_rate than 1e+30, --clip_grad_norm 1" in done.stderr
    kept = torch.load(tmp_path / "mdp/wrong_batch.pt", weights_only=True)
    assert kept["step"] == 5
    assert kept["batch"]["color"][0][0].shape == (2, 3, 64, 96)


@pytest.mark.slow(reason="trains in processes of its own, or several times")
@pytest.mark.usefixtures("plain")  # a training before: what Python imports for the first time keeps its callers
def test_a_training_leaves_memory_without_a_search_for_garbage(small_scene, split, tmp_path) -> None:
    """A search may come late: the objects are few, however much memory of a GPU they hold."""
    flags = ["--num_epochs", "1", "--ema", "0.9", "--learn_intrinsics"]
    trainer = Trainer(parse(flags_of(small_scene, split, tmp_path, *flags)))
    parts = [ref(part) for part in (trainer, trainer.model, trainer.optimizer, trainer.data, trainer.mean)]
    gc.disable()
    try:
        assert trainer.train() == 0
        del trainer
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()


@pytest.mark.slow(reason="trains in processes of its own, or several times")
def test_overwriting_replaces_checkpoints_and_events(small_scene, plain, split, tmp_path) -> None:
    models = tmp_path / "mdp/models"
    shutil.copytree(plain.parents[1], tmp_path / "mdp")
    (models / "weights_0").rename(models / "weights_1")
    done = train(small_scene, split, tmp_path, "--num_epochs", "1", "--overwrite", "--log_frequency", "4")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in models.glob("weights_*")} == {"weights_0"}
    events = EventAccumulator(str(tmp_path / "mdp/train")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [0]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset", "kitti_test"], "single frames"),
        (["--dataset", "kitti_odom"], "<sequence> <frame>"),
        (["--split", "odom"], "add --dataset kitti_odom"),
        (["--split", "eigen_zhou", "--dataset", "kitti_odom"], "add --split odom"),
        (["--log_dir", __file__], "--log_dir"),
        (["--data_path", "/nowhere"], "--data_path /nowhere"),
        (["--use_stereo", "--dataset", "kitti_test"], "second camera"),
        (["--batch_size", "9"], "--batch_size 9"),
        (["--load_weights_folder", "/nowhere"], "--load_weights_folder /nowhere"),
        (["--weights_init", "pretrained", "--pretrained_weights", "/nowhere.pth"], "/nowhere.pth"),
        (["--split", "eigen_zhou"], "missing folders"),
        (["--frame_ids", "0", "-9", "9"], "neighbour frames -9 missing"),
    ],
)
def test_a_mistake_gets_one_message_before_training(flags, words, small_scene, split, tmp_path) -> None:
    done = train(small_scene, split, tmp_path, *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "mdp/models").exists()
