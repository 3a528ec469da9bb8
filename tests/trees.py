"""What tests read and write: lists, checkpoints, small data sets in KITTI's other layouts, and a disk that is full."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import Options
from monodepth2.method.model import MonodepthModel
from recipe import fill
from scene import DRIVE


def write_split(folder: Path) -> Path:
    """Lists of eight lines to train on and three to validate on, of the golden scene."""
    folder.mkdir()
    lines = [f"{DRIVE} {frame} {side}" for frame in range(1, 7) for side in "lr"]
    (folder / "train_files.txt").write_text("\n".join(lines[:8]))
    (folder / "val_files.txt").write_text("\n".join(lines[8:11]))
    return folder


def write_checkpoint(folder: Path, seed: int = 0, facts: TrainingFacts | None = None, **options) -> Path:
    """A checkpoint of recipe weights, 96 x 64 unless the options say otherwise; with their facts, or the given ones."""
    chosen = Options(**{"height": 64, "width": 96, "weights_init": "scratch", **options})
    model = MonodepthModel(chosen)
    for name, network in model.networks.items():
        fill(name, network, seed)
    save_checkpoint(folder, model, torch.optim.Adam(model.parameters()), chosen, facts=facts)
    return folder


def linked(checkpoint: Path, folder: Path) -> Path:
    """The same checkpoint in a folder of its own: to be added to, and its files to be replaced, not written into."""
    return Path(shutil.copytree(checkpoint, folder, copy_function=os.link, dirs_exist_ok=True))


def changed_weights(folder: Path, change: Callable[[dict[str, Any]], Any], file: str = "encoder.pth") -> Path:
    """Change what a file of a checkpoint holds; the checkpoint that it was linked from keeps its own."""
    state = change(torch.load(folder / file, weights_only=True))
    (folder / file).unlink()
    torch.save(state, folder / file)
    return folder


def write_improved_truth(drive: Path, frames: list[int], height: int = 375, width: int = 1242) -> None:
    """Depth maps of the depth benchmark under a drive: known in every third row, metres * 256."""
    for camera in ("image_02", "image_03"):
        folder = drive / "proj_depth/groundtruth" / camera
        folder.mkdir(parents=True)
        for frame in frames:
            steps = np.zeros((height, width), dtype=np.uint16)
            steps[100::3] = (256 * np.linspace(60, 5 + frame, len(range(100, height, 3))))[:, None]
            Image.fromarray(steps).save(folder / f"{frame:010d}.png")


def write_benchmark_pictures(root: Path, count: int) -> None:
    """The depth benchmark's test pictures, but small."""
    folder = root / "depth_selection/test_depth_prediction_anonymous/image"
    folder.mkdir(parents=True)
    x, y = np.meshgrid(np.arange(48), np.arange(16))
    for n in range(count):
        pixels = np.stack([(5 * x + n) % 256, (9 * y + 2 * n) % 256, np.full_like(x, n % 256)], -1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{n:010d}.png", compress_level=1)


def write_odometry_sequence(root: Path, sequence: int, frames: int) -> None:
    """Both cameras' pictures of a sequence and its true poses: straight ahead, 1 m a frame."""
    x, y = np.meshgrid(np.arange(160), np.arange(48))
    for camera, shift in (("image_2", 0), ("image_3", 3)):
        folder = root / f"sequences/{sequence:02d}" / camera
        folder.mkdir(parents=True)
        for n in range(frames):
            grey = 127 + 60 * np.sin((x + 4 * n + shift) / 7) + 60 * np.cos((y + n) / 5)
            Image.fromarray(np.stack([grey] * 3, -1).astype(np.uint8)).save(folder / f"{n:06d}.jpg", quality=92)
    (root / "poses").mkdir(exist_ok=True)
    rows = [f"1 0 0 0 0 1 0 0 0 0 1 {n}" for n in range(frames)]
    (root / "poses" / f"{sequence:02d}.txt").write_text("\n".join(rows) + "\n")


def write_oxts(drive: Path, speed: float, frames: int) -> None:
    """KITTI raw's `oxts` of a drive: ten frames a second, thirty numbers each, of which the ninth is forward speed."""
    (drive / "oxts/data").mkdir(parents=True)
    stamps = [f"2011-09-26 13:02:{25 + n / 10:012.9f}" for n in range(frames)]
    (drive / "oxts/timestamps.txt").write_text("\n".join(stamps) + "\n")
    for n in range(frames):
        numbers = [
            49.015,
            8.434,
            116.4,
            0.035,
            0.002,
            1.2,
            -0.3,
            12.9,
            speed,
            *(0.01 * k for k in range(16)),
            4,
            10,
            4,
            4,
            0,
        ]
        (drive / f"oxts/data/{n:010d}.txt").write_text(" ".join(map(str, numbers)) + "\n")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing any file longer than this fails, as it would on a full disk or above a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
