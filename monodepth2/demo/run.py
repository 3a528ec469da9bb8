"""Render a street, train on it, score before and after, export, write a page."""

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from monodepth2.config import DemoOptions, ExportOptions, Options
from monodepth2.datasets.kitti_layouts import KittiDepth
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.demo.baseline import mean_depth_per_pixel, score_constant
from monodepth2.demo.network import WEIGHTS, going_on, network_options
from monodepth2.demo.page import write_page
from monodepth2.demo.showcase import make_rows
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.evaluation.scoring import evaluate
from monodepth2.onnx.export import export
from monodepth2.onnx.network import OnnxDepthNetwork
from monodepth2.report.curves import read_curves
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.extras import require_packages
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from monodepth2.training.step import seconds_per_step
from monodepth2.training.trainer import Trainer

SHOWN = 6
DRIVES = 3  # two to train on, one to look at
MOST_EPOCHS = 12
QUICK_FRAMES = 12
TIMED = 20  # pictures


def run(options: DemoOptions) -> int:
    """Render, train, score, export and write `index.html`; return the exit code of the training.

    Raises:
        UserError: a package is missing, or the folder holds something else.
    """
    # before the minutes of training, not after
    require_packages("onnx", ".onnx files", "onnx", "onnxruntime", "onnxscript")
    require_packages("encoders", "the demo's network", "timm")
    frames, minutes = (QUICK_FRAMES, 0.0) if options.quick else (options.frames, options.minutes)
    folder = options.folder.expanduser()
    drive = folder / "drive"
    if folder.is_dir() and not drive.is_dir() and any(path.name[0] != "." for path in folder.iterdir()):
        raise UserError(f"{folder}: holds other files, and the demo would replace some; name a new folder")
    seconds: dict[str, float] = {}
    with _timed(seconds, "render"):
        settings = DriveSettings(drives=DRIVES, frames_per_drive=frames, seed=options.seed)
        write_synthetic_drive(drive, settings, progress=True)
    training, metrics = network_options(drive, folder, "run", 1, options.seed), {}
    if not options.scratch:
        training = going_on(training)
        metrics["the weights that it began with"] = _score(training, WEIGHTS)
    training = _planned(training, minutes)
    trainer = Trainer(training)
    with _timed(seconds, "train"):
        code = trainer.train()
    if code:
        return code
    mean_depth = mean_depth_per_pixel(KittiDepth(drive), read_split(training.split, "train"))
    metrics["mean training depth per pixel"] = score_constant(mean_depth, training)
    weights = training.last_weights
    with _timed(seconds, "evaluate"):
        metrics["trained network"] = _score(training, weights)
    with _timed(seconds, "export"):
        exported = export(ExportOptions(load_weights_folder=weights, output=folder / "depth.onnx", dynamic_batch=True))
        print(exported.report())
        metrics["trained network as an ONNX file"] = _score(training, exported.path)
    write_page(
        folder / "index.html",
        metrics=metrics,
        curves=read_curves(training.run_folder),
        rows=make_rows(trainer.model, training, SHOWN),
        seconds=seconds,
        options=training,
        samples=len(trainer.data.train_set),
        milliseconds=_milliseconds(exported.path),
        megabytes=exported.path.stat().st_size / 1e6,
    )
    for name, figures in metrics.items():
        print(f"{name:32} abs_rel {figures.abs_rel:.3f}  rmse {figures.rmse:.2f}  a1 {figures.a1:.3f}")
    print(f"the page of pictures is {folder / 'index.html'}")
    return 0


def _planned(options: Options, minutes: float) -> Options:
    """A training of about so many minutes on this machine, whose speed is measured first."""
    lines = read_split(options.split, "train")
    steps, step = len(lines) // options.batch_size, _seconds_per_step(options, lines[: options.batch_size])
    epochs = max(1, min(MOST_EPOCHS, math.floor(60 * minutes / (step * steps))))
    print(
        f"a step takes {step:.2f} s here: training {epochs} epochs of {steps} steps, "
        f"about {max(1, round(epochs * steps * step / 60))} minutes"
    )
    return replace(options, num_epochs=epochs, save_frequency=epochs)


def _seconds_per_step(options: Options, lines: Sequence[SplitLine]) -> float:
    """How long a step on the pictures of some lines takes; nothing is kept of it."""
    device = pick_device(options.device)
    data_set = MonoDataset.from_options(options, lines, augment=False)
    batch = stack([data_set.sample(n) for n in range(len(lines))]).prepared(device)
    return seconds_per_step(options, batch, device)


def _score(options: Options, weights: Path) -> DepthMetrics:
    # the name and folder of a run would be looked up
    scored = replace(options, model_name=Options.model_name, log_dir=Options.log_dir)
    scored = replace(scored, load_weights_folder=weights)
    return evaluate(scored).mean


def _milliseconds(path: Path) -> float:
    """How long onnxruntime needs for a picture, the median."""
    network = OnnxDepthNetwork(path, pick_device("cpu"))
    picture, times = torch.rand(1, 3, network.height, network.width), []
    for _ in range(TIMED):
        started = time.monotonic()
        network(picture)
        times.append(time.monotonic() - started)
    return 1000 * statistics.median(times)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
