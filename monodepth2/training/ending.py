"""What a training says at its end, and the report on it."""

from monodepth2.checkpoints.learnt_cameras import sentences
from monodepth2.checkpoints.networks import MEAN
from monodepth2.config import Options
from monodepth2.errors import tell
from monodepth2.training.data import TrainingData
from monodepth2.training.logbook import Logbook
from monodepth2.training.step import TrainingStep

NOTHING_TO_LEARN = 3  # exit code of a run whose data show nothing


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
