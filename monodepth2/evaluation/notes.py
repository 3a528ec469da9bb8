"""What the reader should know of the figures of a checkpoint."""

import shlex

from monodepth2.checkpoints.networks import MEAN
from monodepth2.datasets.make3d import PICTURES, Make3D
from monodepth2.evaluation.protocol import BENCHMARK
from monodepth2.evaluation.sources import DisparitySource, NetworkSource
from monodepth2.evaluation.task import Task


def notes_of(source: DisparitySource, task: Task) -> tuple[str, ...]:
    """Return what to know of a source's figures, or of its predictions where they are not scored."""
    notes = [_scale_note(source, task)]
    if task.ground:
        notes.append(f"--camera_height {task.options.camera_height:g}: {task.ground}")
    if isinstance(task.layout, Make3D) and len(task.lines) != PICTURES:
        notes.append(f"Make3D's test set has {PICTURES} pictures, {len(task.lines)} are there")
    if isinstance(source, NetworkSource):
        notes += _training_notes(source)
        mean = source.path / MEAN
        if mean.is_dir() and str(mean) not in task.options.compare:
            notes.append(
                f"the mean of its weights (--ema) is not scored; --compare {shlex.quote(str(mean))} scores it, too"
            )
    return tuple(note for note in notes if note)


def _scale_note(source: DisparitySource, task: Task) -> str:
    """What to know of the unit of a source's depths; empty where there is nothing to know."""
    options, facts, has_rig = task.options, source.facts, source.use_stereo
    metric = facts.known_scale() is not None
    if options.eval_split == BENCHMARK and not metric and not options.asked_factor:
        how = "was trained with a rig of unknown baseline" if has_rig else "was trained without stereo"
        how = how if has_rig is not None else "may have been trained without stereo"
        return (
            f"{source.name} {how}: its depths then have no scale, times {facts.metres_per_unit:g} is "
            "arbitrary; give --pred_depth_scale_factor"
        )
    if task.protocol is None:
        return ""
    if options.eval_stereo and options.asked_factor:
        by = "--eval_stereo's" if facts.metric_scale is None else f"{source.name}'s own"
        return f"--pred_depth_scale_factor {options.asked_factor:g} replaces {by} {facts.metres_per_unit:g}"
    if options.eval_stereo and has_rig is False and not metric:
        factor = task.protocol.factor
        return f"{source.path} was trained without stereo: its depths have no scale, {factor:g} is arbitrary"
    knows_metres = has_rig is None or metric  # of a file that does not say, the flag is believed
    if options.align == "none" and not options.asked_factor and not knows_metres:
        return f"{source.name} does not know metres: --align none takes its depths as if they were metres"
    return ""


def _training_notes(source: NetworkSource) -> list[str]:
    """What the network learnt from beside pictures, and whether the flags state another depth range than it had."""
    trained, network = source.facts, source.predictor.network
    taught = [f"trained with {trained.taught}"] if trained.taught else []
    if (trained.min_depth, trained.max_depth) == (network.min_depth, network.max_depth):
        return taught
    return [*taught, f"trained with --min_depth {trained.min_depth:g} --max_depth {trained.max_depth:g}, scored with "
            f"{network.min_depth:g} and {network.max_depth:g}: its depths are others then"]  # fmt: skip
