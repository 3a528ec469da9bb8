"""Does a prepared video train as well as the data it shows? `python benchmarks/prepared.py --folder FOLDER`.

Streets are rendered as a KITTI tree, and the drives of its left camera encoded as videos, of which `monodepth2
prepare` makes a data set of plain folders. A small network is trained on each from scratch, as long, and both are
scored on the held-out street. The error of the second should be that of the first, within a tenth.

The tree has its true poses, of the videos `prepare` finds them by points. Two more runs learn the motion themselves,
with a warm-up.
"""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from small_runs import STEADY, epochs, parser, score, small_options, train
from tabulate import tabulate

from monodepth2.config import Options
from monodepth2.prediction.video import VideoWriter
from monodepth2.synthetic import DriveSettings, write_synthetic_drive

FRAMES_PER_SECOND = 10
RUNS = ("tree", "prepared", "tree, motion learnt", "prepared, motion learnt")


def main() -> None:
    """Render, encode, prepare, train, print a table after each training."""
    flags = parser(__doc__, samples=4000, frames=120)
    flags.add_argument("--runs", nargs="+", default=RUNS, choices=RUNS, metavar="NAME", help=f"of {', '.join(RUNS)}")
    arguments = flags.parse_args()
    street, prepared = arguments.folder / "street", arguments.folder / "prepared"
    settings = DriveSettings(frames_per_drive=arguments.frames, width=640, height=192)
    write_synthetic_drive(street, settings, progress=True)
    left = left_lists(street, arguments.folder / "left")
    if not prepared.exists():
        videos = [encode(street / settings.folder(drive), arguments.folder) for drive in range(settings.drives - 1)]
        camera = ["--intrinsics", *map(str, settings.intrinsics), "--output", str(prepared)]
        subprocess.run([sys.executable, "-m", "monodepth2", "prepare", *map(str, videos), *camera], check=True)
    common = {
        "seed": arguments.seed,
        "log_dir": arguments.folder / "runs",
        "encoder": "resnet10t",
        "learning_rate": 3e-4,
        "width": 256,
        **STEADY,
    }
    rows = []
    for run in arguments.runs:
        data, _, learnt = run.partition(", ")
        if data == "tree":
            lists, of_data = left, {"data_path": street, "split": str(left), "poses": "network" if learnt else "known"}
        else:
            lists = prepared / "splits"
            of_data = {"dataset": "folder", "data_path": prepared, "poses": "network" if learnt else "tracked"}
        number = epochs(lists, arguments.samples)
        options = small_options(name=run.replace(", ", "_").replace(" ", "_"), num_epochs=number, **of_data, **common)
        train(options)
        rows.append({"trained on": run, "abs_rel": scored_on(street, options)})
        print(tabulate(rows, headers="keys", floatfmt=".3f"), flush=True)


def left_lists(street: Path, folder: Path) -> Path:
    """The street's lists without the right camera, which the videos do not show."""
    folder.mkdir(exist_ok=True)
    for part in ("train", "val"):
        lines = (street / f"split/{part}_files.txt").read_text().splitlines()
        (folder / f"{part}_files.txt").write_text("".join(f"{line}\n" for line in lines if line.endswith("l")))
    return folder


def encode(drive: Path, folder: Path) -> Path:
    """A drive's left camera as a video."""
    path = folder / f"{drive.name}.mp4"
    with VideoWriter(path, Fraction(FRAMES_PER_SECOND)) as video:
        for picture in sorted((drive / "image_02/data").iterdir()):
            video.add(np.asarray(Image.open(picture)))
    return path


def scored_on(street: Path, options: Options) -> float:
    """abs_rel of a run on the held-out street."""
    on_street = {"dataset": "kitti_depth", "data_path": street, "split": "eigen_zhou"}
    return score(options, **on_street, eval_split=str(street / "split")).abs_rel


if __name__ == "__main__":
    main()
