"""Does it matter to state the camera? `python benchmarks/cameras.py --folder FOLDER`.

One street is rendered with KITTI's camera, and with three others: 16:9, portrait, and with a centre that is off. A
small network is trained on each, as long; on the three cameras once with their own numbers and once with KITTI's. All
are scored on the held-out street of the cameras that they were trained on.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tabulate import tabulate

from monodepth2.config import Options
from monodepth2.evaluation import evaluate
from monodepth2.synthetic import DriveSettings, split_lines, write_synthetic_drive
from monodepth2.training.trainer import Trainer

KITTI = {"kitti": DriveSettings()}
OTHERS = {
    "wide": DriveSettings(width=480, height=270, intrinsics=(0.7, 0.7 * 16 / 9, 0.5, 0.5)),
    "portrait": DriveSettings(width=240, height=426, intrinsics=(0.95, 0.95 * 240 / 426, 0.5, 0.5)),
    "off-centre": DriveSettings(width=480, height=270, intrinsics=(0.8, 0.8 * 16 / 9, 0.4, 0.6)),
}
RUNS = {  # the cameras of the data, and whether their own numbers are stated
    "KITTI's camera": (KITTI, False),
    "three cameras, their own numbers": (OTHERS, True),
    "three cameras, KITTI's numbers": (OTHERS, False),
}


def main() -> None:
    """Render, train, score, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="receives the streets and the runs")
    parser.add_argument("--samples", type=int, default=9000, help="that each run sees")
    parser.add_argument("--frames", type=int, default=90, help="of each drive")
    parser.add_argument("--seed", type=int, default=0, help="of the trainings")
    parser.add_argument("--stereo", action="store_true", help="train on both cameras of the rig as well")
    parser.add_argument("--output_json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    rows = []
    for name, (cameras, stated) in RUNS.items():
        data = arguments.folder / "-".join(cameras)
        render(data, cameras, arguments.frames)
        options = trained(arguments.folder, data, name, stated, arguments)
        scores = {camera: score(options, data, camera) for camera in cameras}
        rows.append({"run": name, "abs_rel": sum(scores.values()) / len(scores), **scores})
        print(tabulate(rows, headers="keys", floatfmt=".3f"), flush=True)
    if arguments.output_json:
        arguments.output_json.write_text(json.dumps(rows, indent=2) + "\n")


def render(data: Path, cameras: dict[str, DriveSettings], frames: int) -> None:
    """Render a street per camera, and write the lists of all of them and the test list of each."""
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for camera, settings in cameras.items():
        settings = replace(settings, frames_per_drive=frames)
        write_synthetic_drive(data / camera, settings, progress=True)
        lines = {part: [f"{camera}/{line}" for line in of_part] for part, of_part in split_lines(settings).items()}
        for part in lists:
            lists[part] += lines[part]
        folder = data / f"test-{camera}"
        folder.mkdir(exist_ok=True)
        (folder / "test_files.txt").write_text("\n".join(lines["test"][1:-1]) + "\n")
    folder = data / "split"
    folder.mkdir(exist_ok=True)
    for part, of_part in lists.items():
        (folder / f"{part}_files.txt").write_text("\n".join(of_part) + "\n")


def trained(folder: Path, data: Path, name: str, stated: bool, arguments: argparse.Namespace) -> Options:
    """Train, and return the options of the run."""
    lines = len((data / "split/train_files.txt").read_text().splitlines())
    epochs = max(1, round(arguments.samples / lines))
    options = Options(
        data_path=data,
        split=str(data / "split"),
        log_dir=folder / "runs",
        model_name=name.replace(" ", "_").replace("'", ""),
        height=96,
        width=192,
        batch_size=4,
        encoder="mobilenetv4_conv_small_050",
        decoder="small",
        pose_encoder="mobilenetv4_conv_small_050",
        scales=(0, 1),
        use_stereo=arguments.stereo,
        kitti_calibration=stated,
        weights_init="scratch",
        learning_rate=4e-4,
        num_epochs=epochs,
        scheduler_step_size=max(1, epochs * 3 // 4),
        save_frequency=epochs,
        seed=arguments.seed,
        overwrite=True,
    )
    Trainer(options).train()
    return replace(options, load_weights_folder=options.models_folder / f"weights_{epochs - 1}", model_name="mdp")


def score(options: Options, data: Path, camera: str) -> float:
    """abs_rel on the held-out street of a camera."""
    split = str(data / f"test-{camera}")
    scored = replace(options, dataset="kitti_depth", kitti_calibration=False, eval_split=split, eval_mono=True)
    return evaluate(scored).mean.abs_rel


if __name__ == "__main__":
    main()
