"""The evaluation itself: what is checked before, the loop over a split, the figures after."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from monodepth2.checkpoints.networks import trained_options
from monodepth2.config import Options
from monodepth2.datasets.check import check_calibration, check_data_set
from monodepth2.datasets.gt_export import check_depth_files
from monodepth2.datasets.layouts import KittiRaw, Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.errors import UserError, check_all
from monodepth2.evaluation.metrics import ImageScore, Protocol, evaluate_depth_map
from monodepth2.evaluation.pictures import SplitPictures, batches
from monodepth2.evaluation.protocol import BENCHMARK, is_scored, protocol_of, scored_split, split_layout
from monodepth2.evaluation.result import EvaluationResult
from monodepth2.evaluation.sinks import Sink, WorstImages, benchmark_factor, open_sinks
from monodepth2.evaluation.sources import ArraySource, DisparitySource, open_sources
from monodepth2.evaluation.truth import require_depth, stored_truth
from monodepth2.files.fit import STRETCH
from monodepth2.method.depth_maps import at_picture_size, stereo_factor

WORST_KEPT = 6  # per checkpoint


@dataclass(frozen=True)
class EvaluationRun:
    """What came of an evaluation.

    Attributes:
        results: the figures per checkpoint; nothing where the options only ask for predictions.
        messages: what else was written, and what to know of it.
    """

    results: tuple[EvaluationResult, ...]
    messages: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """What every source of disparities is asked.

    Attributes:
        options: of the evaluation.
        lines: the split.
        layout: its pictures, and its depth where `truth` is None.
        protocol: how predictions are scored; None to predict only.
        truth: stored ground truth.
    """

    options: Options
    lines: list[SplitLine]
    layout: Layout
    protocol: Protocol | None
    truth: Sequence[np.ndarray] | None

    @property
    def depth_from_layout(self) -> bool:
        return self.protocol is not None and self.truth is None


def evaluate(options: Options) -> EvaluationResult:
    """Score one checkpoint as the options say, the first one where they name several.

    Raises:
        UserError: as `evaluate_all`, or the options ask for no figures.
    """
    if not is_scored(options):
        raise UserError("these options ask for no figures: drop --no_eval, use another --eval_split than benchmark")
    return evaluate_all(replace(options, compare=())).results[0]


def evaluate_all(options: Options) -> EvaluationRun:
    """Score one or several checkpoints, and write of their predictions what the options say.

    Ground truth comes from the split's `gt_depths.npz` where it exists, else from the data set: the forward distance
    of the scans' points, or with `--dataset kitti_depth` the improved maps.

    Raises:
        UserError: options, checkpoint, split, pictures or ground truth cannot be used; files are checked before a
            network runs.
    """
    if not is_scored(options) and (options.html_report or options.output_json):
        raise UserError("--html_report and --output_json hold figures, and these options ask for none: drop them")
    protocol = protocol_of(options) if is_scored(options) else None
    split = scored_split(options)
    lines = read_split(split, "test")
    sources = open_sources(options, len(lines))
    truth = stored_truth(split, lines) if protocol else None
    looks = any(source.input_size for source in sources)
    layout = split_layout(options, must_exist=looks or (protocol is not None and truth is None))
    task = _Task(options, lines, layout, protocol, truth)
    if task.depth_from_layout:
        require_depth(layout, split, options)
    _check_files(task, with_pictures=looks)
    with ExitStack() as stack:
        # all folders are made before the first network runs
        sinks = [open_sinks(stack, source, lines, options, alone=len(sources) == 1) for source in sources]
        results = [_run(source, task, own) for source, own in zip(sources, sinks, strict=True)]
    messages = [sink.said for own in sinks for sink in own]
    if protocol is None:
        messages += [f"note: {note}" for source in sources for note in _notes(source, task)]
    return EvaluationRun(tuple(result for result in results if result), tuple(messages))


def predict_split(options: Options) -> np.ndarray:
    """Return the scaled disparities of a split's pictures at the checkpoint's size, float32, shape (n, h, w).

    Raises:
        UserError: options, checkpoint, split or pictures cannot be used.
    """
    split = scored_split(options)
    lines = read_split(split, "test")
    layout = split_layout(options)
    task = _Task(options, lines, layout, None, None)
    source = open_sources(options, len(lines))[0]
    _check_files(task, with_pictures=source.input_size is not None)
    return np.stack([disp for disp, _ in _predictions(source, task)])


def _run(source: DisparitySource, task: _Task, sinks: list[Sink]) -> EvaluationResult | None:
    """Take one source through the split."""
    scores: list[ImageScore | None] = []
    worst = WorstImages(WORST_KEPT)
    task = _of_source(task, source)
    for position, (disp, depth) in enumerate(_predictions(source, task)):
        for sink in sinks:
            sink.write(position, disp)
        if task.protocol:
            gt = depth if task.truth is None else task.truth[position]
            assert gt is not None
            if source.facts.fit != STRETCH:
                disp = at_picture_size(disp, gt.shape[0], gt.shape[1], source.facts.fit)
            score = evaluate_depth_map(disp, gt, task.protocol)
            scores.append(score)
            if score:
                worst.offer(position, score, disp)
    return _result(source, task, scores, worst) if task.protocol else None


def _of_source(task: _Task, source: DisparitySource) -> _Task:
    """The task with the metres of the source's own rig, where the rig is to tell them and no flag does."""
    options, baseline = task.options, source.facts.baseline
    if task.protocol is None or not options.eval_stereo or options.baseline or baseline is None:
        return task
    return replace(task, protocol=replace(task.protocol, factor=stereo_factor(baseline)))


def _predictions(source: DisparitySource, task: _Task) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yield disparity (h, w) and the data set's depth of every line, in order, behind a progress bar."""
    pictures = SplitPictures(task.layout, task.lines, source.input_size, task.depth_from_layout, source.facts.fit)
    done = 0
    with tqdm(total=len(pictures), desc=source.name, unit="image", disable=None) as bar:
        for images, depths in batches(pictures, task.options.threads):
            disps = source.disparities(range(done, done + len(depths)), images)
            yield from zip(disps, depths, strict=True)
            done += len(depths)
            bar.update(len(depths))


def _check_files(task: _Task, with_pictures: bool) -> None:
    """Report everything the split needs and the data set lacks, counted."""
    layout, lines = task.layout, task.lines
    checks: list[Callable[[], None]] = []
    if with_pictures:
        checks.append(lambda: check_data_set(layout, lines, (0,)))
    if task.depth_from_layout:
        assert isinstance(layout, KittiRaw)
        checks.append(lambda: check_depth_files(layout, lines))
        checks.append(lambda: check_calibration(layout, lines))
    check_all(*checks)


def _notes(source: DisparitySource, task: _Task) -> tuple[str, ...]:
    """What the reader should know of a source's figures."""
    options, notes = task.options, []
    if options.eval_split == BENCHMARK and not source.use_stereo:
        known = "was" if source.use_stereo is False else "may have been"
        notes.append(f"{source.name} {known} trained without stereo: its depths then have no scale, times "
                     f"{benchmark_factor(options, source):g} is arbitrary; give --pred_depth_scale_factor")  # fmt: skip
    elif task.protocol and options.eval_stereo and source.use_stereo is False:
        notes.append(f"{source.path} was trained without stereo: its depths have no scale, 5.4 is arbitrary")
    if isinstance(source, ArraySource):
        return tuple(notes)
    trained = trained_options(source.path)
    asked = (options.min_depth, options.max_depth)
    if trained and (trained.min_depth, trained.max_depth) != asked:
        notes.append(f"trained with --min_depth {trained.min_depth:g} --max_depth {trained.max_depth:g}, scored with "
                     f"{asked[0]:g} and {asked[1]:g}: give the same flags")  # fmt: skip
    return tuple(notes)


def _result(
    source: DisparitySource, task: _Task, scores: Sequence[ImageScore | None], worst: WorstImages
) -> EvaluationResult:
    pairs = list(zip(task.lines, scores, strict=True))
    scored = [(line, score) for line, score in pairs if score is not None]
    if not scored:
        raise UserError(f"none of the {len(pairs)} images has a pixel of ground truth to score: check the ground truth")
    assert task.protocol is not None
    return EvaluationResult(
        name=source.name,
        protocol=task.protocol,
        lines=tuple(line for line, _ in scored),
        scores=tuple(score for _, score in scored),
        skipped=tuple(line for line, score in pairs if score is None),
        notes=_notes(source, task),
        worst=worst.sorted(),
    )
