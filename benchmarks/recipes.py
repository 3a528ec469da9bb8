"""What each addition to the 2019 recipe brings at equal time: `python benchmarks/recipes.py --folder FOLDER`.

Every recipe trains from scratch on rendered streets at 256x96 for as much processor time as the others, and is scored
on a held-out street. Short runs before it tell how many steps that makes. Sources are both neighbours and the right
camera; with --mono the neighbours alone. Run it with OMP_NUM_THREADS=1, so that several may run side by side.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from small_runs import score, train
from tabulate import tabulate
from torch.utils.flop_counter import FlopCounterMode

from monodepth2.checkpoints.depth_network import DepthNetwork, load_depth_network
from monodepth2.config import RECIPES as FLAG_SETS
from monodepth2.config import ExportOptions, Options
from monodepth2.config.recipes import recipe_beside
from monodepth2.datasets.layouts import layout_of
from monodepth2.datasets.splits import read_split
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.onnx.export import export
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.synthetic import DriveSettings, write_synthetic_drive

STREETS = DriveSettings(drives=8, frames_per_drive=120, width=320, height=96)
PROBE_LINES = 80
SHOWN = 5  # pictures
TINY = {"encoder": "mobilenetv4_conv_small_050", "pose_encoder": "mobilenetv4_conv_small_050"}
LIGHT = {**TINY, "decoder": "small", "scales": (0, 1)}
STEADY = {"optimizer": "adamw", "schedule": "cosine", "learning_rate": 4e-4}
RECIPES: dict[str, dict[str, Any]] = {
    "2019": {},
    "2019, rate 4e-4": {"learning_rate": 4e-4},
    "2019, adamw and cosine": STEADY,
    "2019, hr decoder": {"decoder": "hr"},
    "2019, test_resnet for motion": {"pose_encoder": "test_resnet"},
    "small encoders": TINY,
    "small encoders, small decoder, two scales": LIGHT,
    "the same, adamw and cosine": {**LIGHT, **STEADY},
    "the same, rate 8e-4": {**LIGHT, **STEADY, "learning_rate": 8e-4},
    "the same, resnet10t, rate 3e-4": {**LIGHT, **STEADY, "encoder": "resnet10t", "learning_rate": 3e-4},
    "the same, mobilenetv4_conv_small, rate 3e-4": {
        **LIGHT,
        **STEADY,
        "encoder": "mobilenetv4_conv_small",
        "learning_rate": 3e-4,
    },
    "the same, crop": {**LIGHT, **STEADY, "augment_crop": True},
    "the same, gap 1 to 2": {**LIGHT, **STEADY, "frame_gap": (1, 2)},
    "the same, ema": {**LIGHT, **STEADY, "ema": 0.998},
    "modern": FLAG_SETS["modern"],
}


def main() -> None:
    """Render, train, score; print a table after each run, and show what the networks see."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="receives the streets, the runs and figures.json")
    parser.add_argument("--minutes", type=float, default=60, help="processor time of each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES), metavar="NAME")
    parser.add_argument("--mono", action="store_true", help="train without the right camera")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    streets = arguments.folder / "streets"
    write_synthetic_drive(streets, STREETS, progress=True)
    probe = short_list(streets, arguments.folder)
    rows, weights = [], []
    for seed in arguments.seeds:
        for name in arguments.recipes:
            row, last_weights = measured(arguments, probe, name, seed)
            rows.append(row)
            weights.append(last_weights)
            print(tabulate(rows, headers="keys", floatfmt=".3f"), flush=True)
            (arguments.folder / "figures.json").write_text(json.dumps(rows, indent=2) + "\n")
            seen(streets, weights).save(arguments.folder / "seen.jpg", quality=90)


def short_list(streets: Path, folder: Path) -> Path:
    """A split whose training list is short, of the lines that all streets' lists have."""
    split = folder / "probe"
    split.mkdir(exist_ok=True)
    for part, most in (("train", PROBE_LINES), ("val", None)):
        lines = (streets / f"split/{part}_files.txt").read_text().splitlines()[:most]
        (split / f"{part}_files.txt").write_text("\n".join(lines) + "\n")
    return split


def seen(streets: Path, weights: list[Path]) -> Image.Image:
    """Pictures of the held-out street, and below them what each network sees in them, the disparity in colours."""
    layout, lines = layout_of(Options(data_path=streets, png=False)), read_split(str(streets / "split"), "test")
    pictures = [Image.open(layout.picture_path(line)).convert("RGB") for line in lines[:: len(lines) // SHOWN][:SHOWN]]
    predictors = [DepthPredictor.from_checkpoint(folder, "cpu") for folder in weights]
    columns = [
        [np.asarray(picture), *(coloured_disparity(one.predict(picture).disp) for one in predictors)]
        for picture in pictures
    ]
    return Image.fromarray(np.concatenate([np.concatenate(column) for column in columns], 1))


def measured(arguments: argparse.Namespace, probe: Path, name: str, seed: int) -> tuple[dict[str, Any], Path]:
    """Train a recipe for its time, and return its figures and the folder of its weights."""
    folder, split = arguments.folder, arguments.folder / "streets/split"
    options = Options(
        data_path=folder / "streets",
        split=str(split),
        log_dir=folder / "runs",
        model_name=f"{name.replace(' ', '_').replace(',', '')}_{seed}",
        use_stereo=not arguments.mono,
        height=96,
        width=256,
        batch_size=4,
        num_workers=0,  # so that the processor time is this process's
        weights_init="scratch",
        seed=seed,
        overwrite=True,
        no_report=True,
        no_doctor=True,
        save_frequency=1000,
        log_frequency=1000,
        **recipe_beside(RECIPES[name], {"use_stereo": not arguments.mono}),
    )
    once, twice = (timed(replace(options, model_name="probe", split=str(probe), num_epochs=n)) for n in (1, 2))
    per_line = (twice - once) / PROBE_LINES  # so that what every run does once does not count
    lines = len((split / "train_files.txt").read_text().splitlines())
    epochs = max(1, round(60 * arguments.minutes / per_line / lines))
    options = replace(options, num_epochs=epochs)
    if options.schedule == "step":  # at three quarters, as 15 of 20 epochs
        options = replace(options, scheduler_step_size=max(1, 3 * epochs // 4))
    taken = timed(options)
    network = load_depth_network(options.last_weights, torch.device("cpu"))
    figures = scored(folder, options)
    row = {
        "recipe": name,
        "seed": seed,
        "abs_rel": figures.abs_rel,
        "a1": figures.a1,
        "samples": epochs * lines,
        "minutes": taken / 60,
        "s per step": taken / (epochs * (lines // options.batch_size)),
        "M parameters": sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        "GMAC": multiplications(network) / 1e9,
        **milliseconds(options.last_weights),
    }
    return row, options.last_weights


def timed(options: Options) -> float:
    """Train, and return the processor time that it took, in seconds."""
    started = time.process_time()
    train(options)
    return time.process_time() - started


def scored(folder: Path, options: Options) -> DepthMetrics:
    """The figures on the held-out street; of the mean of the weights, where there is one."""
    on_street = {"dataset": "kitti_depth", "split": "eigen_zhou", "eval_split": str(folder / "streets/split")}
    return score(options, **on_street, **({"load_weights_folder": options.last_weights / "ema"} if options.ema else {}))


def multiplications(network: DepthNetwork) -> int:
    """Of one picture."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.eval()(torch.zeros(1, 3, network.height, network.width))
    return counter.get_total_flops() // 2


def milliseconds(folder: Path) -> dict[str, float]:
    """Per picture, one after the other, by PyTorch and by onnxruntime; the least of several."""
    exported = export(ExportOptions(load_weights_folder=folder, output=folder / "model.onnx"))
    kinds = {"ms": DepthPredictor.from_checkpoint(folder), "ms, ONNX": DepthPredictor.from_checkpoint(exported.path)}
    return {name: 1e3 * min(_seconds(predictor) for _ in range(20)) for name, predictor in kinds.items()}


def _seconds(predictor: DepthPredictor) -> float:
    picture = torch.zeros(1, 3, predictor.height, predictor.width, dtype=torch.uint8)
    started = time.perf_counter()
    predictor.disparities(picture)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
