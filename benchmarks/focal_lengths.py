"""Is a focal length learnt? `python benchmarks/focal_lengths.py --folder FOLDER`.

Streets are rendered with a camera whose focal length is 0.7 of the width, seen by hand and from a car that drives
straight ahead. A small network is trained with `--learn_intrinsics` from a focal length that is 30 % too long. By hand
it should come within 5 % of the truth; straight ahead the run should say that nothing shows it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tabulate import tabulate

from monodepth2.config import Options
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from monodepth2.training.trainer import Trainer

TRUE, START = 0.7, 0.91
SIZE = (320, 180)


def main() -> None:
    """Render, train, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="receives the streets and the runs")
    parser.add_argument("--paths", nargs="+", default=["handheld", "straight"], help="how the camera moves")
    parser.add_argument("--samples", type=int, default=12000, help="that each run sees")
    parser.add_argument("--frames", type=int, default=160, help="of each drive")
    parser.add_argument("--seed", type=int, default=0, help="of the trainings")
    arguments = parser.parse_args()
    rows = []
    for path in arguments.paths:
        focals = trained(arguments, path)
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


def trained(arguments: argparse.Namespace, path: str):
    """Train, and return the learnt focal lengths."""
    data = arguments.folder / path
    shape = SIZE[0] / SIZE[1]
    camera = (TRUE, TRUE * shape, 0.5, 0.5)
    settings = DriveSettings(4, arguments.frames, *SIZE, path=path, intrinsics=camera)
    write_synthetic_drive(data, settings, progress=True)
    lines = len((data / "split/train_files.txt").read_text().splitlines())
    options = Options(
        data_path=data,
        split=str(data / "split"),
        log_dir=arguments.folder / "runs",
        model_name=path,
        intrinsics=(START, START * shape, 0.5, 0.5),
        learn_intrinsics=True,
        height=96,
        width=192,
        batch_size=4,
        encoder="mobilenetv4_conv_small_050",
        decoder="small",
        pose_encoder="mobilenetv4_conv_small_050",
        scales=(0, 1),
        weights_init="scratch",
        optimizer="adamw",
        schedule="cosine",
        learning_rate=4e-4,
        num_epochs=max(1, round(arguments.samples / lines)),
        save_frequency=100,
        seed=arguments.seed,
        overwrite=True,
        no_report=True,
        no_doctor=True,
    )
    trainer = Trainer(options)
    trainer.train()
    return trainer.model.intrinsics


if __name__ == "__main__":
    main()
