"""What the trainings of these scripts have in common: a small network, on small pictures, from scratch."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from monodepth2.config import Options
from monodepth2.config.recipes import recipe_beside
from monodepth2.demo.network import WEIGHTS
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.evaluation.scoring import evaluate
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from monodepth2.training.trainer import Trainer

NETWORK: dict[str, Any] = {
    "encoder": "mobilenetv4_conv_small_050",
    "decoder": "small",
    "pose_encoder": "test_resnet",  # small, and finds the motion (pose_networks.py)
    "motion_warmup": 500,
    "scales": (0, 1),
    "height": 96,
    "width": 192,
    "batch_size": 4,
    "weights_init": "scratch",
    "learning_rate": 4e-4,
}
STEADY: dict[str, Any] = {"optimizer": "adamw", "schedule": "cosine"}
OTHER_STREETS = DriveSettings(seed=700, width=320, height=96)


def parser(description: str | None, samples: int, frames: int) -> argparse.ArgumentParser:
    """The flags that these scripts have in common, with their usual numbers of samples and frames."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--folder", type=Path, required=True, help="receives what is rendered, and the runs")
    found.add_argument("--samples", type=int, default=samples, help="that each run sees")
    found.add_argument("--frames", type=int, default=frames, help="of each drive")
    found.add_argument("--seed", type=int, default=0, help="of the trainings")
    return found


def epochs(lists: Path, samples: int) -> int:
    """How often a run goes through a training list to see so many samples."""
    return max(1, round(samples / len((lists / "train_files.txt").read_text().splitlines())))


def small_options(log_dir: Path, name: str, **changed: Any) -> Options:
    """The options of a training that replaces an older one of its name, with the network above unless they differ."""
    return Options(
        log_dir=log_dir,
        model_name=name,
        overwrite=True,
        save_frequency=1000,
        **{**recipe_beside(NETWORK, changed), **changed},
    )


def train(options: Options) -> Trainer:
    """Train to the end; where a signal ends it, the script ends, too."""
    trainer = Trainer(options)
    if (code := trainer.train()) > 128:
        sys.exit(code)
    return trainer


def score(options: Options, **changed: Any) -> DepthMetrics:
    """The figures of a run's last checkpoint, with scales from medians; `changed` says on what."""
    scored = {"load_weights_folder": options.last_weights, "model_name": "mdp", "eval_mono": True, "overwrite": False}
    return evaluate(replace(options, **{**scored, **changed})).mean


def first_training(folder: Path, samples: int) -> Options:
    """Train depth, from the demo's weights, and motion on other streets, with true depth beside; return the options."""
    streets = folder / "other_streets"
    write_synthetic_drive(streets, OTHER_STREETS, progress=True)
    split = streets / "split"
    options = small_options(
        name="before",
        log_dir=folder / "runs",
        data_path=streets,
        split=str(split),
        depth_supervision=1.0,
        num_epochs=epochs(split, samples),
        load_weights_folder=WEIGHTS,
        models_to_load=("encoder", "depth"),
        width=256,
        **STEADY,
    )
    train(options)
    return options
