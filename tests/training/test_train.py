"""Real runs of `train.py` on a KITTI tree made of formulas."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from runs import DRIVE, command, train, weights

TIMES = ("time/wait_ms_per_step", "time/loader_ms_per_sample")


def test_a_run_leaves_checkpoints_options_and_events(golden_scene, split, tmp_path) -> None:
    flags = ["--num_epochs", "2", "--log_frequency", "2", "--use_stereo", "--scheduler_step_size", "1"]
    run = train(golden_scene, split, tmp_path, *flags)
    assert run.returncode == 0, run.stderr
    assert "epoch 2/2  step 8/8  loss" in run.stderr
    assert "examples/s" in run.stderr
    models = tmp_path / "mdp/models"
    assert {path.name for path in models.iterdir()} == {"opt.json", "weights_0", "weights_1"}
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
    assert re.search(r"data \d+ %, loader \d+\.\d ms/sample", run.stderr)


def test_the_same_seed_gives_the_same_weights_whatever_the_workers(golden_scene, split, tmp_path) -> None:
    for name, flags in {"a": ["--num_workers", "0"], "b": ["--num_workers", "2"], "c": ["--seed", "1"]}.items():
        run = train(golden_scene, split, tmp_path, "--model_name", name, "--num_epochs", "1", *flags)
        assert run.returncode == 0, run.stderr
    a, b, c = (weights(tmp_path / name / "models/weights_0") for name in "abc")
    assert all(torch.equal(torch.as_tensor(a[key]), torch.as_tensor(b[key])) for key in a)
    assert not torch.equal(a["encoder.encoder.conv1.weight"], c["encoder.encoder.conv1.weight"])


def test_the_cache_changes_nothing_and_jitter_on_the_device_little(golden_scene, split, tmp_path) -> None:
    cache = ["--cache_dir", str(tmp_path / "cache")]
    messages = {}
    for name, flags in {"plain": [], "cached": cache, "device": [*cache, "--device_augment"]}.items():
        run = train(golden_scene, split, tmp_path, "--model_name", name, "--num_epochs", "1", *flags)
        assert run.returncode == 0, run.stderr
        messages[name] = run.stderr
    assert [name for name, text in messages.items() if "keeping 15 pictures" in text] == ["cached"]
    plain, cached, device = (weights(tmp_path / name / "models/weights_0") for name in messages)
    assert all(torch.equal(torch.as_tensor(plain[key]), torch.as_tensor(cached[key])) for key in plain)
    key = "encoder.encoder.conv1.weight"
    assert not torch.equal(plain[key], device[key])
    torch.testing.assert_close(plain[key], device[key], rtol=0, atol=1e-3)  # Adam moves a weight by 1e-4 a step


def test_fine_tuning_starts_from_the_weights_and_the_old_run_is_kept(golden_scene, split, tmp_path) -> None:
    first = train(golden_scene, split, tmp_path, "--num_epochs", "1")
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "mdp/models/weights_0"
    again = train(golden_scene, split, tmp_path, "--num_epochs", "1")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    # a vanishing learning rate leaves the loaded weights as they were, whatever adam.pth holds
    flags = ["--load_weights_folder", str(folder), "--learning_rate", "1e-12", "--model_name", "tuned"]
    tuned = train(golden_scene, split, tmp_path, "--num_epochs", "1", *flags)
    assert tuned.returncode == 0, tuned.stderr
    before, after = weights(folder), weights(tmp_path / "tuned/models/weights_0")
    for key in before:
        if "running" not in key and "num_batches" not in key:
            torch.testing.assert_close(torch.as_tensor(before[key]), torch.as_tensor(after[key]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_schedulers_leave_a_usable_checkpoint(number, golden_scene, split, tmp_path) -> None:
    arguments = command(golden_scene, split, tmp_path, "--num_epochs", "1000", "--save_frequency", "1000")
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "step 8/" in line:
            break
    time.sleep(0.3)
    os.killpg(process.pid, number)  # as terminals and schedulers do: main process and workers
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert "go on with --resume" in errors
    folder = max((tmp_path / "mdp/models").glob("weights_step_*"), key=lambda path: int(path.name.split("_")[-1]))
    flags = ["--load_weights_folder", str(folder), "--model_name", "next", "--num_epochs", "1"]
    run = train(golden_scene, split, tmp_path, *flags)
    assert run.returncode == 0, run.stderr


def test_one_corrupt_picture_is_named_and_replaced(scene_copy, split, tmp_path) -> None:
    bad = scene_copy / DRIVE / "image_02/data/0000000002.png"
    bad.write_bytes(bad.read_bytes()[:30_000])
    run = train(scene_copy, split, tmp_path, "--num_epochs", "2")
    assert run.returncode == 0, run.stderr
    assert run.stderr.count(str(bad)) == 1
    assert "unreadable picture no. 1" in run.stderr


def test_many_corrupt_pictures_stop_the_run_with_the_list(scene_copy, split, tmp_path) -> None:
    bad = [scene_copy / DRIVE / f"image_02/data/000000000{n}.png" for n in (1, 2, 3, 4)]
    for path in bad:
        path.write_bytes(path.read_bytes()[:30_000])
    run = train(scene_copy, split, tmp_path, "--num_epochs", "5")
    assert run.returncode == 2
    assert "unreadable pictures, mend" in run.stderr
    assert "Traceback" not in run.stderr
    assert sum(str(path) in run.stderr.split("error:")[1] for path in bad) >= 2


def test_nothing_but_corrupt_pictures_ends_the_run_at_once(scene_copy, split, tmp_path) -> None:
    for path in scene_copy.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:30_000])
    run = train(scene_copy, split, tmp_path, "--num_workers", "2")
    assert run.returncode == 2
    assert "in a row" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_corrupt_scan_leaves_out_its_figures_only(scene_copy, split, tmp_path) -> None:
    for path in scene_copy.rglob("*.bin"):
        path.write_bytes(path.read_bytes()[:1001])
    run = train(scene_copy, split, tmp_path, "--num_epochs", "1")
    assert run.returncode == 0, run.stderr
    assert "unreadable depth" in run.stderr
    tags = EventAccumulator(str(tmp_path / "mdp/train")).Reload().Tags()["scalars"]
    assert "loss" in tags
    assert "de/abs_rel" not in tags


def test_numbers_gone_wrong_end_the_run_with_their_batch(golden_scene, split, tmp_path) -> None:
    run = train(golden_scene, split, tmp_path, "--learning_rate", "1e30", "--num_epochs", "9", "--log_frequency", "2")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert re.search(r"step 1: .*nothing is learnt from it, skipped step no\. 1: .*0\d\.png, .*0\d\.png", run.stderr)
    assert "error: 5 steps in a row up to step 5 had a loss or gradient that is not finite" in run.stderr
    assert "try a lower --learning_rate than 1e+30, --clip_grad_norm 1" in run.stderr
    kept = torch.load(tmp_path / "mdp/wrong_batch.pt", weights_only=True)
    assert kept["step"] == 5
    assert kept["batch"]["color"][0][0].shape == (2, 3, 64, 96)


def test_overwriting_replaces_checkpoints_and_events(golden_scene, split, tmp_path) -> None:
    for epochs in ("2", "1"):
        run = train(golden_scene, split, tmp_path, "--num_epochs", epochs, "--overwrite", "--log_frequency", "4")
        assert run.returncode == 0, run.stderr
    assert {path.name for path in (tmp_path / "mdp/models").glob("weights_*")} == {"weights_0"}
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
def test_a_mistake_gets_one_message_before_training(flags, words, golden_scene, split, tmp_path) -> None:
    run = train(golden_scene, split, tmp_path, *flags)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "mdp").exists()


def test_missing_extension_flag_is_named(golden_scene, split, tmp_path) -> None:
    arguments = [word for word in command(golden_scene, split, tmp_path) if word != "--png"]
    run = subprocess.run(arguments, capture_output=True, text=True)
    assert run.returncode == 2
    assert "add --png" in run.stderr
