"""The evaluation itself: what is checked before, the loop over a split, the figures after."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames, check_calibration
from monodepth2.datasets.layout_choice import require_root
from monodepth2.datasets.make3d import Make3D
from monodepth2.errors import UserError, check_all
from monodepth2.evaluation.metrics import ImageScore, evaluate_depth_map, seen_mask
from monodepth2.evaluation.notes import notes_of
from monodepth2.evaluation.pictures import batches, network_picture, shown_size
from monodepth2.evaluation.protocol import check_used_in_scoring, is_scored, protocol_of, scored_split
from monodepth2.evaluation.regions import PixelCounts, count_pixels
from monodepth2.evaluation.result import EvaluationResult, Example, of_common_lines
from monodepth2.evaluation.sinks import Sink, open_sinks
from monodepth2.evaluation.sources import DisparitySource, NetworkSource, open_sources
from monodepth2.evaluation.task import Task
from monodepth2.evaluation.truth import camera_matrix, open_truth, require_masks, usable_mask
from monodepth2.files.evenly import evenly
from monodepth2.files.fit import STRETCH
from monodepth2.files.output_paths import check_apart
from monodepth2.method.depth_maps import at_picture_size, stereo_factor
from monodepth2.method.ground_plane import MOST_MAPS, GroundScale
from monodepth2.prediction.ground_scale import require_scale, seen_distance

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


def evaluate(options: Options) -> EvaluationResult:
    """Score one checkpoint as the options say, the first one where they name several.

    Raises:
        UserError: as `evaluate_all`, or the options ask for no figures.
    """
    if not is_scored(options):
        raise UserError("these options ask for no figures: drop --no_eval, use another --eval_split than benchmark")
    return evaluate_all(options.with_values({"compare": ()})).results[0]


def evaluate_all(options: Options) -> EvaluationRun:
    """Score one or several checkpoints, and write of their predictions what the options say.

    Ground truth comes from the split's `gt_depths.npz` where it exists, else from the data set: the forward distance
    of the scans' points, or with `--dataset kitti_depth` the improved maps.

    Raises:
        UserError: options, checkpoint, split, pictures or ground truth cannot be used; files are checked before a
            network runs, but for what the maps of the ground truth hold.
    """
    check_used_in_scoring(options)
    protocol = protocol_of(options) if is_scored(options) else None
    task = Task.of(options)
    lines = task.lines
    sources = open_sources(options, len(lines))
    weights = sources[0].path if isinstance(sources[0], NetworkSource) else None
    looks = any(source.input_size for source in sources)
    if looks:
        require_root(task.layout.root)
    truth = open_truth(options, scored_split(options), lines, task.layout, weights) if protocol else None
    task = replace(task, protocol=protocol, truth=truth)
    _check_files(task, with_pictures=looks)
    with ExitStack() as stack:
        # all folders are made before the first network runs
        sinks = [open_sinks(stack, source, lines, options, alone=len(sources) == 1) for source in sources]
        tasks = [_of_source(task, source) for source in sources]
        runs = [_run(*one) for one in zip(sources, tasks, sinks, strict=True)]
    results = of_common_lines([result for result in runs if result])
    messages = [sink.said for own in sinks for sink in own]
    if protocol is None:
        messages += [f"note: {note}" for source in sources for note in notes_of(source, task)]
    return EvaluationRun(tuple(results), tuple(messages))


def _run(source: DisparitySource, task: Task, sinks: list[Sink]) -> EvaluationResult | None:
    """Take one source through the split."""
    outcomes: list[ImageScore | PixelCounts | None] = []
    worst: list[Example] = []
    for position, (disp, depth) in enumerate(_predictions(source, task)):
        for sink in sinks:
            sink.write(position, disp)
        if task.truth and position in task.truth.missing:
            outcomes.append(None)
        elif task.truth:
            gt = task.truth.read(position) if depth is None else depth
            if source.facts.fit != STRETCH:
                shown = shown_size(task.layout, task.lines[position])
                disp = at_picture_size(disp, gt.shape[0], gt.shape[1], source.facts.fit, shown)
            found = _score(task, position, disp, gt)
            if isinstance(found, Example):
                worst = sorted([*worst, found], key=lambda one: (-one.score.metrics.abs_rel, one.position))[:WORST_KEPT]
            outcomes.append(found.score if isinstance(found, Example) else found)
    return _result(source, task, outcomes, worst) if task.protocol else None


def _of_source(task: Task, source: DisparitySource) -> Task:
    """The task with the metres that the source knows itself, or those of its own rig, where no flag tells them."""
    if task.protocol and task.options.camera_height is not None:
        ground = _ground(source, task, task.options.camera_height)
        return replace(task, ground=ground, protocol=replace(task.protocol, factor=ground.factor))
    options = task.options
    as_they_are = options.disable_median_scaling and not options.eval_stereo and options.align is None  # as in 2019
    factor = None if as_they_are else source.facts.metric_scale
    of_rig = options.eval_stereo or (options.align == "none" and source.use_stereo)
    if factor is None and of_rig and source.facts.baseline is not None:
        factor = stereo_factor(source.facts.baseline)
    if task.protocol is None or factor is None or options.asked_factor:
        return task
    return replace(task, protocol=replace(task.protocol, factor=factor))


def _ground(source: DisparitySource, task: Task, height: float) -> GroundScale:
    """What the ground in some pictures of the split, evenly chosen, says of a source's scale."""
    distances = []
    for position in evenly(range(len(task.lines)), MOST_MAPS):
        line = task.lines[position]
        image = network_picture(task.layout, line, source.input_size, source.facts.fit)
        (disp,) = source.disparities(range(position, position + 1), None if image is None else image[None])
        size = shown_size(task.layout, line) if source.facts.fit != STRETCH else disp.shape[::-1]
        camera = task.layout.camera(line)
        if camera.is_assumed:
            raise UserError(
                f"--camera_height: the camera of '{line}' is only assumed ({camera.source}), and metres would be as "
                "wrong as it is: give --intrinsics FX FY CX CY, or correct its camera.json"
            )
        distances.append(seen_distance(disp, camera, source.facts.fit, size))
    return require_scale(
        distances, height, f"{source.name}: ", "--align none --pred_depth_scale_factor METRES_PER_UNIT"
    )


def _score(task: Task, position: int, disp: np.ndarray, gt: np.ndarray) -> Example | PixelCounts:
    """Score a prediction; where no pixel is to be scored, say what becomes of them."""
    assert task.protocol is not None
    line = task.lines[position]
    mask = seen_mask(disp, usable_mask(task.layout, line, gt.shape))  # what hides something has the truth's size by now
    K = camera_matrix(task.layout, line, gt.shape) if "fscore" in task.protocol.metrics else None
    try:
        score = evaluate_depth_map(disp, gt, task.protocol, mask, K)
    except UserError as error:
        raise UserError(f"'{line}': {error}") from error
    if score is None:
        return count_pixels(gt, task.protocol.region, mask, scored=0)
    return Example(position, line, score, disp, gt, mask)


def _predictions(source: DisparitySource, task: Task) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yield disparity (h, w) of every line, in order, and the ground truth that threads read, behind a bar."""
    pictures = (task.layout, task.lines, source.input_size, source.facts.fit, task.truth)
    done = 0
    with tqdm(total=len(task.lines), desc=source.name, unit="image", disable=None) as bar:
        for images, depths in batches(*pictures, task.options.threads):
            disps = source.disparities(range(done, done + len(depths)), images)
            yield from zip(disps, depths, strict=True)
            done += len(depths)
            bar.update(len(depths))


def _check_files(task: Task, with_pictures: bool) -> None:
    """Report everything the split needs and the data set lacks, counted, and pictures that would become its frames."""
    layout, lines, checks = task.layout, task.lines, list[Callable[[], object]]()
    if with_pictures and not isinstance(layout, Make3D):  # whose lines are its pictures
        checks.append(lambda: SampleFrames(layout, (0,)).check(lines))
    if task.truth and task.truth.from_data_set:
        checks.append(lambda: check_calibration(layout, lines))
    if task.protocol and task.protocol.region.crop == "mask":
        checks.append(lambda: require_masks(layout))
    if out := task.options.eval_out_dir:
        checks.append(lambda: check_apart("eval_out_dir", out.expanduser(), map(layout.picture_path, lines)))
    check_all(*checks)


def _result(
    source: DisparitySource, task: Task, outcomes: Sequence[ImageScore | PixelCounts | None], worst: Sequence[Example]
) -> EvaluationResult:
    assert task.protocol is not None
    assert task.truth is not None
    pairs = list(zip(task.lines, outcomes, strict=True))
    scored = [(line, score) for line, score in pairs if isinstance(score, ImageScore)]
    empty = [(line, counts) for line, counts in pairs if isinstance(counts, PixelCounts)]
    pixels = PixelCounts(*np.sum([PixelCounts(), *(counts for _, counts in empty)], axis=0).tolist())
    if not scored:
        raise UserError(f"none of the {len(pairs)} images has a pixel of ground truth to score: {_why(pixels)}")
    return EvaluationResult(
        name=source.name,
        protocol=task.protocol,
        truth=task.truth.described,
        lines=tuple(line for line, _ in scored),
        scores=tuple(score for _, score in scored),
        skipped=tuple(line for line, _ in empty),
        missing=tuple(line for line, outcome in pairs if outcome is None),
        skipped_pixels=pixels,
        notes=notes_of(source, task),
        worst=tuple(worst),
        ground=task.ground,
    )


def _why(pixels: PixelCounts) -> str:
    """Why nothing is scored, and what to do."""
    if not sum(pixels):
        return "it holds no known depth; check the ground truth"
    return (
        f"of its known pixels {pixels.masked:,} are masked, {pixels.outside_crop:,} outside the crop, "
        f"{pixels.beyond_cap:,} beyond the cap; check --crop, --eval_min_depth, --eval_max_depth and its unit"
    )
