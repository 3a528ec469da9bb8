"""Is a focal length learnt? `python benchmarks/focal_lengths.py --folder FOLDER`.

Streets are rendered with a camera whose focal length is 0.7 of the width, seen by hand and from a car that drives
straight ahead. A small network whose depth knows other streets is trained with `--learn_intrinsics` from a
focal length that is 30 % too long; its motion begins anew. By hand it should come within 5 % of the truth; straight
ahead the run should say that nothing shows it.
"""

import argparse
from pathlib import Path

from small_runs import STEADY, epochs, first_training, parser, small_options, train
from tabulate import tabulate

from monodepth2.synthetic import DriveSettings, write_synthetic_drive

TRUE, START = 0.7, 0.91
SIZE = (320, 180)


def main() -> None:
    """Render, train, print a table."""
    flags = parser(__doc__, samples=9000, frames=160)
    flags.add_argument("--paths", nargs="+", default=["handheld", "straight"], help="how the camera moves")
    arguments = flags.parse_args()
    before = first_training(arguments.folder, arguments.samples).last_weights
    rows = []
    for path in arguments.paths:
        focals = trained(arguments, path, before)
        rows.append(
            {
                "path": path,
                "true": TRUE,
                "start": START,
                "learnt": START * focals.log_factor.exp().item(),
                "uncertain by": f"{focals.errors.item():.0%}",
                "observable": bool(focals.learning.item()),
            }
        )
        print(tabulate(rows, headers="keys", floatfmt=".3f"), flush=True)


def trained(arguments: argparse.Namespace, path: str, before: Path):
    """Train from given weights, and return the learnt focal lengths."""
    data = arguments.folder / path
    shape = SIZE[0] / SIZE[1]
    camera = (TRUE, TRUE * shape, 0.5, 0.5)
    settings = DriveSettings(4, arguments.frames, *SIZE, path=path, intrinsics=camera)
    write_synthetic_drive(data, settings, progress=True)
    options = small_options(
        arguments.folder / "runs",
        path,
        data_path=data,
        split=str(data / "split"),
        intrinsics=(START, START * shape, 0.5, 0.5),
        learn_intrinsics=True,
        load_weights_folder=before,
        models_to_load=("encoder", "depth"),
        **STEADY,
        num_epochs=epochs(data / "split", arguments.samples),
        seed=arguments.seed,
        no_report=True,
        no_doctor=True,
    )
    return train(options).model.intrinsics


if __name__ == "__main__":
    main()
