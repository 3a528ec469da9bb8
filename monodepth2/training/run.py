"""What `train.py` does: train, and at the end say what there is and what to do with it."""

import shlex
from pathlib import Path

from monodepth2.config import ODOMETRY_SPLITS, TRAINING_SPLITS, Options, started_as
from monodepth2.datasets.folders import TRUTH
from monodepth2.training.trainer import Trainer


def run(options: Options) -> int:
    """Train as the options say; return the exit code.

    Raises:
        UserError: as `Trainer`.
    """
    trainer = Trainer(options)
    code = trainer.train()
    if code == 0 and trainer.processes.is_main:
        data = trainer.data
        steps = next_steps(options, data.val_set.picture(0), data.facts.baseline)
        print(f"weights are in {options.last_weights}", "what to do with them, for example:", *steps, sep="\n")
    return code


def next_steps(options: Options, picture: Path, baseline: float | None) -> list[str]:
    """Return commands that use what a run has trained, one per line, ready to be copied.

    Scoring is among them where the data set may hold what it needs.

    Args:
        options: of the run.
        picture: that was not trained on.
        baseline: metres between the two cameras of its rig; None where that is unknown.
    """
    run = ["--run", options.model_name]
    if options.log_dir != Options.log_dir:
        run += ["--log_dir", str(options.log_dir)]
    steps = [("predict", [str(picture), *run, "--output_dir", str(options.run_folder / "predictions")])]
    for command, flags in _scoring(options, baseline):
        steps.append((command, [*run, "--data_path", str(options.data_path), *flags]))
    steps.append(("export", run))
    return [f"  {started_as(command)} {shlex.join(flags)}" for command, flags in steps]


def _scoring(options: Options, baseline: float | None) -> list[tuple[str, list[str]]]:
    """The scoring commands that fit the run's data set, and their flags."""
    flags = ["--png"] if options.png else []
    if options.dataset != Options.dataset:
        flags += ["--dataset", options.dataset]
    alone = ["--align", "none"] if options.knows_metres else ["--eval_mono"]
    scale = ["--eval_stereo"] if options.use_stereo and baseline else alone
    if options.dataset == "kitti_odom":
        moves = options.temporal_ids and not options.knows_motion
        return [("odometry", ["--eval_split", ODOMETRY_SPLITS[9], *flags])] if moves else []
    if options.split in TRAINING_SPLITS and not options.makes_split:
        return [("evaluate", [*scale, *flags])]
    if (Path(options.split).expanduser() / "test_files.txt").is_file():
        return [("evaluate", [*scale, "--eval_split", options.split, *flags])]
    if options.makes_split and any(options.data_path.expanduser().rglob(TRUTH)):
        return [("evaluate", [*scale, *flags])]
    return []
