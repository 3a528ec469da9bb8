"""What each addition to the 2019 recipe brings at equal time: `python benchmarks/recipes.py --folder FOLDER`.

Every recipe trains from scratch on rendered streets at 256x96 for as much processor time as the others, and is scored
on a held-out street. Short runs before it tell how many steps that makes. With --samples the time is what 2019's recipe
takes for so many samples on this machine, so that runs on machines of different speed compare. With --epochs the length
itself is given, for further seeds of what another machine has measured. Sources are both neighbours and the right
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
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.splits import read_split
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
SMALL = {**LIGHT, **STEADY}
RECIPES: dict[str, dict[str, Any]] = {
    "2019": {},
    # each addition alone
    "2019, resnet10t": {"encoder": "resnet10t"},
    "2019, small encoders": TINY,
    "2019, test_resnet for motion": {"pose_encoder": "test_resnet"},
    "2019, hr decoder": {"decoder": "hr"},
    "2019, small decoder, two scales": {"decoder": "small", "scales": (0, 1)},
    "2019, rate 4e-4": {"learning_rate": 4e-4},
    "2019, adamw and cosine": {**STEADY, "ema": 0.998},
    "2019, crop": {"augment_crop": True},
    "2019, gap 1 to 2": {"frame_gap": (1, 2)},
    # several
    "small": SMALL,
    "small, rate 8e-4": {**SMALL, "learning_rate": 8e-4},
    "small, resnet10t, rate 3e-4": {**SMALL, "encoder": "resnet10t", "learning_rate": 3e-4},
    "small, mobilenetv4_conv_small, rate 3e-4": {
        **SMALL,
        "encoder": "mobilenetv4_conv_small",
        "learning_rate": 3e-4,
    },
    "small, crop": {**SMALL, "augment_crop": True},
    "modern": FLAG_SETS["modern"],
}


def main() -> None:
    """Render, train, score; print a table after each run, and show what the networks see."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="receives the streets, the runs and figures.json")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=60, help="processor time of each training")
    length.add_argument("--samples", type=int, help="the same, in samples of the 2019 recipe")
    length.add_argument("--epochs", type=int, help="the length itself, the same for all recipes")
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
            options, taken = trained(arguments, probe, name, seed)
            rows += measured(arguments.folder, options, name, taken)
            weights.append(options.last_weights)
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


def trained(arguments: argparse.Namespace, probe: Path, name: str, seed: int) -> tuple[Options, float]:
    """Train a recipe for its time; return its options, and the processor time that it took, in seconds."""
    options = street_options(arguments, name, seed)
    epochs = arguments.epochs or epochs_in_time(arguments, options, probe)
    options = replace(options, num_epochs=epochs)
    if options.schedule == "step":  # at three quarters, as 15 of 20 epochs
        options = replace(options, scheduler_step_size=max(1, 3 * epochs // 4))
    return options, timed(options)


def epochs_in_time(arguments: argparse.Namespace, options: Options, probe: Path) -> int:
    """How often a recipe goes through the list in its time. Measured for each run: the machine may be busier now."""
    wanted = 60 * arguments.minutes
    if arguments.samples:
        wanted = arguments.samples * per_line(street_options(arguments, "2019", options.seed), probe)
    return max(1, round(wanted / per_line(options, probe) / training_lines(options)))


def street_options(arguments: argparse.Namespace, name: str, seed: int) -> Options:
    """The options of a recipe on the rendered streets."""
    return Options(
        data_path=arguments.folder / "streets",
        split=str(arguments.folder / "streets/split"),
        log_dir=arguments.folder / "runs",
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


def per_line(options: Options, probe: Path) -> float:
    """The processor time for a line of a training list, in seconds, without what every run does once."""
    once, twice = (timed(replace(options, model_name="probe", split=str(probe), num_epochs=n)) for n in (1, 2))
    return (twice - once) / PROBE_LINES


def training_lines(options: Options) -> int:
    """How many lines the training list has."""
    return len((Path(options.split) / "train_files.txt").read_text().splitlines())


def measured(folder: Path, options: Options, name: str, taken: float) -> list[dict[str, Any]]:
    """The figures of a trained network, and those of the mean of its weights, where there is one."""
    network = load_depth_network(options.last_weights, torch.device("cpu"))
    lines = training_lines(options)
    facts = {
        "samples": options.num_epochs * lines,
        "minutes": taken / 60,
        "s per step": taken / (options.num_epochs * (lines // options.batch_size)),
        "M parameters": sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        "GMAC": multiplications(network) / 1e9,
        **milliseconds(options.last_weights),
    }
    kept = {name: options.last_weights}
    if options.ema:
        kept[f"{name}, ema"] = options.last_weights / "ema"
    on_street = {"dataset": "kitti_depth", "split": "eigen_zhou", "eval_split": str(folder / "streets/split")}
    figures = {one: score(options, load_weights_folder=weights, **on_street) for one, weights in kept.items()}
    return [
        {"recipe": one, "seed": options.seed, "abs_rel": found.abs_rel, "a1": found.a1, **facts}
        for one, found in figures.items()
    ]


def timed(options: Options) -> float:
    """Train, and return the processor time that it took, in seconds."""
    started = time.process_time()
    train(options)
    return time.process_time() - started


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
