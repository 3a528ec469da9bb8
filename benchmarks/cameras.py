"""Does it matter to state the camera? `python benchmarks/cameras.py --folder FOLDER`.

One street is rendered with KITTI's camera, and with three others: 16:9, portrait, and with a centre that is off. A
small network is trained on each, as long; on the three cameras once with their own numbers and once with KITTI's. All
are scored on the held-out street of the cameras that they were trained on, with scales from medians, and after
training on stereo pairs in metres as well.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from small_runs import epochs, parser, score, small_options, train
from tabulate import tabulate

from monodepth2.config import Options
from monodepth2.synthetic import DriveSettings, split_lines, write_synthetic_drive

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
    flags = parser(__doc__, samples=9000, frames=90)
    flags.add_argument("--stereo", action="store_true", help="train on the pairs of the rig as well")
    flags.add_argument("--output_json", type=Path, help="file for the figures")
    arguments = flags.parse_args()
    rows = []
    for name, (cameras, stated) in RUNS.items():
        data = arguments.folder / "-".join(cameras)
        render(data, cameras, arguments.frames)
        options = trained(arguments.folder, data, name, stated, arguments)
        rows.append({"run": name, **scores(options, data, cameras, "", eval_mono=True)})
        if arguments.stereo:
            rows[-1] |= scores(options, data, cameras, "in metres: ", eval_mono=False, eval_stereo=True)
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


def scores(options: Options, data: Path, cameras: Iterable[str], prefix: str, **scale: bool) -> dict[str, float]:
    """abs_rel on the held-out street of each camera, and their mean."""
    on_each = {"dataset": "kitti_depth", "kitti_calibration": False}
    scored = {one: score(options, **on_each, **scale, eval_split=str(data / f"test-{one}")) for one in cameras}
    found = {camera: metrics.abs_rel for camera, metrics in scored.items()}
    return {f"{prefix}abs_rel": sum(found.values()) / len(found), **{f"{prefix}{one}": found[one] for one in found}}


def trained(folder: Path, data: Path, name: str, stated: bool, arguments: argparse.Namespace) -> Options:
    """Train, and return the options of the run."""
    number = epochs(data / "split", arguments.samples)
    options = small_options(
        folder / "runs",
        name.replace(" ", "_").replace("'", ""),
        data_path=data,
        split=str(data / "split"),
        use_stereo=arguments.stereo,
        kitti_calibration=stated,
        num_epochs=number,
        scheduler_step_size=max(1, number * 3 // 4),
        seed=arguments.seed,
    )
    train(options)
    return options


if __name__ == "__main__":
    main()
