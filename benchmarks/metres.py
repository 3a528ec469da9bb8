"""Does one camera learn metres from what is known of a drive? `python benchmarks/metres.py --folder FOLDER`.

The networks of `--recipe modern` are trained on the neighbours of rendered pictures, each time with something else that
is known: nothing, the vehicle's speed, the path, the scans. They are scored on a street that they have not seen, with
scales from medians and in metres as they are. Run it with OMP_NUM_THREADS=1; several may run side by side, each in a
folder of its own.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from recipes import STREETS
from small_runs import epochs, parser, small_options, train
from tabulate import tabulate

from monodepth2.config import RECIPES, Options
from monodepth2.config.recipes import recipe_beside
from monodepth2.datasets.poses import read_poses
from monodepth2.datasets.trajectories import distances
from monodepth2.evaluation.scoring import evaluate
from monodepth2.synthetic import write_synthetic_drive

KNOWN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "--velocity_weight 0.05": {"velocity_weight": 0.05},
    "--poses known": {"poses": "known"},
    "--depth_supervision 0.1": {"depth_supervision": 0.1},
}
RATE = 10  # pictures per second


def main() -> None:
    """Render, train, score; print a table after each run."""
    flags = parser(__doc__, samples=6000, frames=STREETS.frames_per_drive)
    flags.add_argument("--known", nargs="+", default=list(KNOWN), choices=list(KNOWN), metavar="NAME")
    arguments = flags.parse_args()
    streets = arguments.folder / "streets"
    settings = replace(STREETS, frames_per_drive=arguments.frames)
    write_synthetic_drive(streets, settings, progress=True)
    for drive in range(settings.drives):
        write_oxts(streets / settings.folder(drive))
    rows = []
    for name in arguments.known:
        options = small_options(
            name=f"{len(rows)}_{arguments.seed}",
            log_dir=arguments.folder / "runs",
            data_path=streets,
            split=str(streets / "split"),
            num_epochs=epochs(streets / "split", arguments.samples),
            seed=arguments.seed,
            no_report=True,
            width=256,
            **recipe_beside(RECIPES["modern"], KNOWN[name]),
            **KNOWN[name],
        )
        train(options)
        rows.append({"known": name, **figures(options, streets)})
        print(tabulate(rows, headers="keys", floatfmt=".3f"), flush=True)
        (arguments.folder / "figures.json").write_text(json.dumps(rows, indent=2) + "\n")


def write_oxts(drive: Path) -> None:
    """KITTI raw's `oxts` of a rendered drive: times, and files whose ninth number is the forward speed."""
    ways = distances(read_poses(drive / "poses.txt"))
    (drive / "oxts/data").mkdir(parents=True, exist_ok=True)
    stamps = [f"2019-10-27 12:{n // RATE // 60:02d}:{n / RATE % 60:012.9f}\n" for n in range(len(ways))]
    (drive / "oxts/timestamps.txt").write_text("".join(stamps))
    for n, speed in enumerate(np.gradient(ways) * RATE):
        numbers = " ".join(str(value) for value in (*[0] * 8, speed, *[0] * 21))
        (drive / f"oxts/data/{n:010d}.txt").write_text(numbers + "\n")


def figures(options: Options, streets: Path) -> dict[str, float]:
    """The figures of a run's last checkpoint on the held-out street."""
    scored = replace(
        options,
        dataset="kitti_depth",
        split="eigen_zhou",
        eval_split=str(streets / "split"),
        load_weights_folder=options.last_weights,
        model_name="mdp",
        overwrite=False,
        poses="network",
        velocity_weight=0.0,
        depth_supervision=0.0,
    )
    by_medians = evaluate(replace(scored, eval_mono=True))
    ratio = by_medians.ratio_statistics
    assert ratio is not None
    found = {"abs_rel": by_medians.mean.abs_rel, "true by predicted": ratio[0]}
    if options.velocity_weight or options.depth_supervision or options.poses == "known":
        found["abs_rel in metres"] = evaluate(replace(scored, eval_mono=True, align="none")).mean.abs_rel
    return found


if __name__ == "__main__":
    main()
