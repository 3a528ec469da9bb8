"""Render a street drive, train on it, score before and after, export, write a page."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import DemoOptions, ExportOptions, Options
from monodepth2.datasets.layouts import KittiDepth
from monodepth2.datasets.splits import read_split
from monodepth2.demo.baseline import mean_depth_per_pixel, score_constant
from monodepth2.demo.page import Page, write_page
from monodepth2.demo.showcase import make_rows
from monodepth2.evaluation import evaluate
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.onnx import export
from monodepth2.report.curves import read_curves
from monodepth2.runtime.extras import require_packages
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from monodepth2.training.trainer import Trainer

SHOWN = 6


def run(options: DemoOptions) -> int:
    """Do what `monodepth2 demo` asks for; return the exit code."""
    assert options.folder is not None
    return run_demo(options.folder.expanduser(), options.epochs, options.frames, options.seed)


def run_demo(folder: Path, epochs: int, frames: int, seed: int) -> int:
    """Render, train, score, export and write `index.html`; return the exit code of the training.

    Args:
        folder: receives the drive, the run and the page.
        epochs: passes over the rendered drives.
        frames: of each drive.
        seed: of the streets and of the training.
    """
    # before the minutes of training, not after
    require_packages("onnx", ".onnx files", "onnx", "onnxruntime", "onnxscript")
    drive = folder / "drive"
    seconds: dict[str, float] = {}
    with _timed(seconds, "render"):
        write_synthetic_drive(drive, DriveSettings(frames_per_drive=frames, seed=seed), progress=True)
    options = demo_options(folder, drive, epochs, seed)
    trainer = Trainer(options)
    untrained = options.run_folder / "untrained"
    shutil.rmtree(untrained, ignore_errors=True)
    save_checkpoint(untrained, trainer.model, trainer.optimizer, options)
    metrics = {"untrained network": _score(options, untrained)}
    with _timed(seconds, "train"):
        code = trainer.train()
    if code:
        return code
    mean_depth = mean_depth_per_pixel(KittiDepth(drive), read_split(options.split, "train"))
    metrics["mean training depth per pixel"] = score_constant(mean_depth, options)
    weights = options.models_folder / f"weights_{epochs - 1}"
    with _timed(seconds, "evaluate"):
        metrics["trained network"] = _score(options, weights)
    with _timed(seconds, "export"):
        exported = export(ExportOptions(load_weights_folder=weights, output=folder / "depth.onnx", dynamic_batch=True))
        print(exported.report())
        metrics["trained network as an ONNX file"] = _score(options, exported.path)
    page = Page(
        metrics=metrics,
        curves=read_curves(options.run_folder),
        rows=make_rows(trainer.model, options, SHOWN),
        seconds=seconds,
        options=options,
        samples=len(trainer.data.train_set),
    )
    write_page(folder / "index.html", page)
    for name, figures in metrics.items():
        print(f"{name:32} abs_rel {figures.abs_rel:.3f}  rmse {figures.rmse:.2f}  a1 {figures.a1:.3f}")
    print(f"the page of pictures is {folder / 'index.html'}")
    return 0


def demo_options(folder: Path, drive: Path, epochs: int, seed: int) -> Options:
    """Options of a training that fits into a few minutes on two cores: small pictures, mono and stereo together."""
    return Options(
        data_path=drive,
        split=str(drive / "split"),
        eval_split=str(drive / "split"),
        log_dir=folder,
        model_name="run",
        height=96,
        width=256,
        use_stereo=True,
        weights_init="scratch",
        batch_size=4,
        learning_rate=2e-4,
        num_epochs=epochs,
        scheduler_step_size=max(1, epochs - 1),
        log_frequency=20,
        save_frequency=epochs,
        eval_mono=True,
        seed=seed,
        overwrite=True,
        no_doctor=True,  # which would say that it is tiny; a rendered street is learnt in fewer steps
    )


def _score(options: Options, weights: Path) -> DepthMetrics:
    scored = replace(options, load_weights_folder=weights, model_name=Options.model_name)  # which names another network
    return evaluate(scored).mean


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
