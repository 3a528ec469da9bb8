"""Runs of `train.py`: in the test's own process, or in one as a user starts it."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.checkpoints.folder import read_manifest
from places import ROOT
from scripts import HANGS, in_process

# flags of a training that is over at once
SMALL = ("--height", 64, "--width", 96, "--batch_size", 2, "--num_epochs", 1, "--pose_model_type", "posecnn")
TINY_NETWORK = {"encoder": "lcnet_050", "decoder": "small"}  # a twentieth of a ResNet's memory
TINY = [word for name, value in TINY_NETWORK.items() for word in (f"--{name}", value)]
QUICK = ("--weights_init", "scratch", "--num_workers", 0, "--device", "cpu", "--log_frequency", 100)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]


def flags_of(data: Path, split: Path, logs: Path, *more: object) -> list[str]:
    size = ["--height", "64", "--width", "96", "--batch_size", "2"]
    where = ["--data_path", str(data), "--png", "--split", str(split), "--log_dir", str(logs)]
    how = ["--weights_init", "scratch", "--num_workers", "0", "--device", "cpu"]
    # the smallest networks: half the work, and a hundredth of what a checkpoint of the default ones holds; no page at
    # the end, at which most tests do not look
    networks = [*TINY, "--pose_model_type", "posecnn", "--no_report"]
    return [*where, *size, *how, *networks, *map(str, more)]


def train(data: Path, split: Path, logs: Path, *flags: object) -> "subprocess.CompletedProcess[str]":
    """Train in this process."""
    return in_process("train", *flags_of(data, split, logs, *flags))


def command(data: Path, split: Path, logs: Path, *flags: object) -> list[str]:
    """The command of a process of its own, which has a loader process of its own, too."""
    return [sys.executable, str(ROOT / "train.py"), *flags_of(data, split, logs, "--num_workers", "1", *flags)]


def run(arguments: list[str], before: Callable[[], object] | None = None) -> "subprocess.CompletedProcess[str]":
    """Start a process and wait for its end; `before` is called in it, before the program."""
    return subprocess.run(arguments, capture_output=True, text=True, timeout=HANGS, preexec_fn=before)


def told_to_end(arguments: list[str], seen: str) -> tuple[int, str]:
    """Start a training and send it SIGTERM when it has told something; return its exit code and what it told after."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if seen in line:
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=HANGS)
    return process.returncode, errors


def checksums(folder: Path) -> dict[str, str]:
    """Of the networks' files of a checkpoint."""
    files = read_manifest(folder).files
    return {name: files[name].sha256 for name in sorted(files.keys() - {"adam.pth", "state.pth"})}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.stem}.{key}": value
        for path in sorted(folder.glob("*.pth"))
        if path.stem not in ("adam", "state")
        for key, value in torch.load(path, weights_only=True).items()
    }


def scalars(run: Path, tag: str) -> list[float]:
    """What a training has logged under a tag."""
    return [event.value for event in EventAccumulator(str(run / "train")).Reload().Scalars(tag)]
