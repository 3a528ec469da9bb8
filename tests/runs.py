"""Real runs of `train.py`."""

import signal
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]


def command(data: Path, split: Path, logs: Path, *flags: str) -> list[str]:
    size = ["--height", "64", "--width", "96", "--batch_size", "2"]
    where = ["--data_path", str(data), "--png", "--split", str(split), "--log_dir", str(logs)]
    how = ["--weights_init", "scratch", "--num_workers", "1", "--device", "cpu"]
    return [sys.executable, str(ROOT / "train.py"), *where, *size, *how, *flags]


def train(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def told_to_end(arguments: list[str], seen: str) -> tuple[int, str]:
    """Start a training and send it SIGTERM when it has told something; return its exit code and what it told after."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if seen in line:
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.stem}.{key}": value
        for path in sorted(folder.glob("*.pth"))
        if path.stem not in ("adam", "state")
        for key, value in torch.load(path, weights_only=True).items()
    }
