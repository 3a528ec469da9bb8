"""What a training says of itself: before its first step, at its end, and what to do with what it has trained."""

import shlex
from pathlib import Path

import torch

from monodepth2.checkpoints.learnt_cameras import sentences
from monodepth2.checkpoints.networks import MEAN
from monodepth2.config import ODOMETRY_SPLITS, TRAINING_SPLITS, Options, launched_as, started_as
from monodepth2.datasets.folders import TRUTH
from monodepth2.errors import counted, tell
from monodepth2.method.model import MonodepthModel
from monodepth2.runtime.processes import Processes
from monodepth2.training.data import TrainingData
from monodepth2.training.logbook import Logbook
from monodepth2.training.step import TrainingStep

NOTHING_TO_LEARN = 3  # exit code of a run whose data show nothing


def first_lines(
    options: Options,
    data: TrainingData,
    processes: Processes,
    device: torch.device,
    model: MonodepthModel,
    rate: str,
    origin: str,
    taught: str,
) -> str:
    """How much data, how many steps, what is trained, where, and where from.

    Args:
        options: of the run.
        data: of the run.
        processes: that train together.
        device: to train on.
        model: that is trained.
        rate: the learning rate, in words.
        origin: where it begins or goes on, in words.
        taught: what the weights learn from beside pictures, in words.
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    joint = options.batch_size * processes.world_size
    shares = "" if processes.alone else f" ({processes.world_size} processes of {options.batch_size})"
    warming = min(options.motion_warmup, options.num_epochs * data.steps_per_epoch)
    warm_up = f"the first {counted(warming, 'step')} for motion, " if warming else ""
    name = f"{options.model_name}, with {taught}" if taught else options.model_name
    return (
        f"{name}: {len(data.train_set):,} training and {len(data.val_set):,} validation samples, "
        f"{counted(options.num_epochs, 'epoch')} of {counted(data.steps_per_epoch, 'step')}, "
        f"{warm_up}{parameters / 1e6:.1f} M parameters, batches of {joint}{shares}, learning rate {rate}, "
        f"{_in_words(device, processes)}, loader processes: {data.workers}, {origin}\n"
        f"writing to {options.run_folder}"
    )


def _in_words(device: torch.device, processes: Processes) -> str:
    """The device in words, and whether others like it stand idle."""
    others = torch.cuda.device_count() if device.type == "cuda" and processes.alone else 1
    if others < 2:
        return str(device)
    start = f"torchrun --standalone --nproc_per_node={others} {launched_as('train')} ..."
    return f"one of {others} GPUs (to use all of them: {start})"


def last_lines(options: Options, logbook: Logbook, saved: bool, reason: str) -> list[str]:
    """What became of a run that has taken all of its steps.

    Args:
        options: of the run.
        logbook: of the run.
        saved: whether its last checkpoint could be written.
        reason: why there was nothing to learn; empty where there was something.
    """
    lines = []
    if reason:
        lines.append(
            f"{reason}, so that nothing was learnt from it (exit code {NOTHING_TO_LEARN}); the weights are in "
            f"{options.models_folder} all the same"
        )
    elif saved and (best := logbook.best.told(options)):
        lines.append(best)
    if options.ema and saved:
        loss = f" (loss of the last validation batch {logbook.of_mean})" if logbook.of_mean else ""
        lines.append(f"the mean of the weights (--ema {options.ema:g}) is in {options.last_weights / MEAN}{loss}")
    if cameras := logbook.data.learnt_cameras:
        lines += sentences(cameras, logbook.learn.model.intrinsics)
    return lines


def write_report(options: Options, learn: TrainingStep, data: TrainingData, taught: str) -> None:
    """Write the report on a run and tell its verdict; where that fails, the training has not.

    Args:
        options: of the run.
        learn: with the networks as they are at the end.
        data: of the run, whose validation frames are shown.
        taught: what the weights have learnt from beside pictures, in words.
    """
    # it makes plots, and a training can begin without
    from monodepth2.report.evidence import TrainedRun
    from monodepth2.report.run import report_of_training

    weights, lines = options.last_weights.name, data.val_set.lines
    tell(
        report_of_training(TrainedRun(learn.model, options, lines, learn.device, weights, taught, data.learnt_cameras))
    )


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
