"""What a sample costs the loader on one core: 640x192, frames 0 -1 1, from JPEGs of KITTI's size.

Batches are made here, without loader processes, from files that the system has in memory. Milliseconds are of processor
time, which other programs disturb less than a clock's. A figure is the median over rounds of a round's mean, the rows
taken in turns so that a machine's moods meet all of them.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.timing import Table, show
from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.picture_cache import PictureCache
from monodepth2.datasets.samples import SampleKey, collate
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split

DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"
WIDTH, HEIGHT = 1242, 375  # of KITTI's pictures
FRAMES = 50
BATCH, SAMPLES = 12, 48  # per batch, per round
SEED = 13  # with which a round's samples are, as on average, half of them mirrored and half of them jittered


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_path", type=Path, help="measure real frames (default: made ones, of KITTI's size)")
    parser.add_argument("--split", help="their split; its training lines are used")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    if (args.data_path is None) != (args.split is None):
        parser.error("--data_path and --split belong together")
    milliseconds = measure(args.data_path, args.split, args.rounds)
    show([Table("Loader, one core, per sample", ("ms",), {name: (ms,) for name, ms in milliseconds.items()})])


def measure(data_path: Path | None = None, split: str | None = None, rounds: int = 9) -> dict[str, float]:
    """Return milliseconds per sample by what the sample is made with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            lines = read_split(split, "train") if split else write_frames(Path(folder) / "raw")
            options = Options(data_path=data_path or Path(folder) / "raw", seed=SEED)
            rows = _rows(options, lines, Path(folder) / "cache")
            made: dict[str, list[float]] = {name: [] for name in rows}
            for _ in range(rounds + 1):  # the first is for warming up
                for name, run in rows.items():
                    started = time.process_time()
                    run()
                    made[name].append(1e3 * (time.process_time() - started) / SAMPLES)
    finally:
        torch.set_num_threads(threads)
    return {name: statistics.median(values[1:]) for name, values in made.items()}


def _rows(options: Options, lines: list[SplitLine], folder: Path) -> dict[str, Callable[[], object]]:
    """For each way of making samples a round of them, once as they are and once augmented as in training."""
    ways = {
        "plain": options,
        "--cache_dir": replace(options, cache_dir=folder),
        "--cache_dir --device_augment": replace(options, cache_dir=folder, device_augment=True),
    }
    rows: dict[str, Callable[[], object]] = {}
    for name, chosen in ways.items():
        for augment, drawn in ((False, ""), (True, ", augmented as in training")):
            rows[name + drawn] = _round(_data_set(chosen, lines, augment))
    return rows


def _data_set(options: Options, lines: list[SplitLine], augment: bool) -> MonoDataset:
    frames = SampleFrames.from_options(options, layout_of(options))
    cache = PictureCache.from_options(options, frames, lines)
    if cache:
        cache.fill()
    return MonoDataset.from_options(options, lines, augment, cache)


def _round(data_set: MonoDataset) -> Callable[[], object]:
    """Make some batches; every round the same ones, so that each draws the same augmentation."""
    keys = [SampleKey(epoch=n // len(data_set), index=n % len(data_set)) for n in range(SAMPLES)]
    batches = [keys[start : start + BATCH] for start in range(0, SAMPLES, BATCH)]
    return lambda: [collate([data_set[key] for key in batch]) for batch in batches]


def write_frames(root: Path, count: int = FRAMES) -> list[SplitLine]:
    """Write frames of one drive as KITTI's JPEGs are (quality 92, 4:2:0); return the lines with both neighbours."""
    folder = root / DRIVE / "image_02/data"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for frame in range(count):
        picture = Image.fromarray(_texture(rng))
        picture.save(folder / f"{frame:010d}.jpg", quality=92, subsampling="4:2:0")
    return [SplitLine(DRIVE, frame, "l") for frame in range(1, count - 1)]


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Noise of all sizes, weighted so that its JPEG is about as large as a street's (168 kB); uint8, (h, w, 3)."""
    total = np.zeros((HEIGHT, WIDTH, 3))
    for size in (2, 4, 8, 16, 32, 64, 128, 256, 512, WIDTH):
        noise = rng.standard_normal((3, max(2, size * HEIGHT // WIDTH), size)).astype(np.float32)
        enlarged = [Image.fromarray(one).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for one in noise]
        total += 34 * size**-0.26 * np.stack(enlarged, -1)
    grey = total.mean(-1, keepdims=True)  # colours vary less than brightness does
    return np.clip(110 + 1.5 * grey + 0.35 * (total - grey), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
