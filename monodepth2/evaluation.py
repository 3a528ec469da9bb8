"""Scoring a checkpoint on a split: predictions against ground truth, one image at a time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from monodepth2.config import Options
from monodepth2.datasets.check import check_data_set
from monodepth2.datasets.ground_truth import FILE_NAME, read_ground_truth
from monodepth2.datasets.layouts import KittiDepth, KittiRaw, Layout, make_layout
from monodepth2.datasets.pictures import read_picture, resize
from monodepth2.datasets.splits import SplitLine, read_split, split_folder
from monodepth2.devices import pick_device
from monodepth2.errors import UserError
from monodepth2.metrics import (
    STEREO_SCALE_FACTOR,
    DepthMetrics,
    ImageScore,
    Protocol,
    evaluate_depth_map,
    mean_metrics,
)
from monodepth2.predictor import DepthPredictor
from monodepth2.signals import start_worker

BATCH_SIZE = 16
IMPROVED_TRUTH = "eigen_benchmark"  # the split whose ground truth is the depth benchmark's
WITHOUT_TRUTH = ("benchmark", "odom_9", "odom_10")
NOT_YET = ("ext_disp_to_eval", "save_pred_disps", "no_eval", "eval_eigen_to_benchmark", "eval_out_dir")
WORST_SHOWN = 5


@dataclass(frozen=True)
class EvaluationResult:
    """The figures of a split.

    Attributes:
        protocol: how they were computed.
        lines: of the images scored.
        scores: one per line.
        skipped: lines without a pixel of ground truth to score.
        notes: what the reader should know of the figures.
    """

    protocol: Protocol
    lines: tuple[SplitLine, ...]
    scores: tuple[ImageScore, ...]
    skipped: tuple[SplitLine, ...]
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> DepthMetrics:
        """The average over images."""
        return mean_metrics([score.metrics for score in self.scores])

    @property
    def ratio_statistics(self) -> tuple[float, float] | None:
        """Median of the scaling ratios and their standard deviation as a share of it; None without median scaling."""
        ratios = np.array([score.ratio for score in self.scores if score.ratio is not None])
        if not ratios.size:
            return None
        median = float(np.median(ratios))
        return median, float(np.std(ratios / median))

    def to_json(self) -> str:
        """Mean and per-image figures as a JSON object."""
        statistics = self.ratio_statistics
        images = [
            {"line": str(line), **score.metrics._asdict(), "ratio": score.ratio}
            for line, score in zip(self.lines, self.scores, strict=True)
        ]
        values = {
            "protocol": vars(self.protocol),
            "mean": self.mean._asdict(),
            "ratios": statistics and dict(zip(("median", "spread"), statistics, strict=True)),
            "images": images,
            "skipped": [str(line) for line in self.skipped],
        }
        return json.dumps(values, indent=2)

    def report(self) -> str:
        """The figures as text for people."""
        figures = np.array([score.metrics for score in self.scores])
        rows = {
            "mean": self.mean,
            "min": figures.min(0),
            "median": np.median(figures, axis=0),
            "max": figures.max(0),
        }
        text = [f"{len(self.lines)} images, {self._describe_protocol()}"]
        text += [f"note: {note}" for note in self.notes]
        if self.skipped:
            text.append(f"{len(self.skipped)} images skipped, no ground truth to score, e.g. {self.skipped[0]}")
        if self.ratio_statistics:
            text.append("scaling ratios: median {:.3f}, spread {:.3f}".format(*self.ratio_statistics))
        text.append(" " * 8 + " ".join(f"{name:>9}" for name in DepthMetrics._fields))
        text += [f"{name:<8}" + " ".join(f"{value:9.3f}" for value in values) for name, values in rows.items()]
        text.append("worst images by abs_rel:")
        worst = np.argsort(-figures[:, 0], kind="stable")[:WORST_SHOWN]
        return "\n".join(text + [f"{figures[n, 0]:9.3f}  {self.lines[n]}" for n in worst])

    def _describe_protocol(self) -> str:
        region = "Garg's crop up to 80 m" if self.protocol.garg else "all ground truth"
        scaling = "median scaling" if self.protocol.median_scaling else "no median scaling"
        factor = "" if self.protocol.factor == 1 else f", depths times {self.protocol.factor:g}"
        return f"{region}, {scaling}{factor}"


def evaluate(options: Options) -> EvaluationResult:
    """Score a checkpoint as the options say.

    Ground truth comes from the split's `gt_depths.npz` where it exists, else from the data set: the forward distance
    of the scans' points, or with `--dataset kitti_depth` the improved maps.

    Raises:
        UserError: options, checkpoint, split, pictures or ground truth cannot be used; files are checked before the
            network runs.
    """
    for name in NOT_YET:
        if getattr(options, name):
            raise UserError(f"--{name} is not supported yet: drop it")
    protocol = protocol_of(options)
    predictor = _load_predictor(options)
    lines = read_split(options.eval_split, "test")
    layout = make_layout(options.dataset, options.data_path, options.png)
    stored = split_folder(options.eval_split) / FILE_NAME
    truth = read_ground_truth(stored, len(lines)) if stored.is_file() else None
    if truth is None:
        _require_depth(layout, options)
    _check_files(layout, lines, with_depth=truth is None)
    scores: list[ImageScore | None] = []
    pictures = _Pictures(layout, lines, predictor.width, predictor.height, with_depth=truth is None)
    for disp, depth in _predictions(predictor, pictures, options):
        gt = depth if truth is None else truth[len(scores)]
        assert gt is not None
        scores.append(evaluate_depth_map(disp, gt, protocol))
    return replace(_result(protocol, lines, scores), notes=_notes(options, predictor))


def predict_split(options: Options) -> np.ndarray:
    """Return the scaled disparities of a split's pictures at the checkpoint's size, float32, shape (n, h, w).

    Raises:
        UserError: options, checkpoint, split or pictures cannot be used.
    """
    predictor = _load_predictor(options)
    lines = read_split(options.eval_split, "test")
    layout = make_layout(options.dataset, options.data_path, options.png)
    _check_files(layout, lines, with_depth=False)
    pictures = _Pictures(layout, lines, predictor.width, predictor.height, with_depth=False)
    return np.stack([disp for disp, _ in _predictions(predictor, pictures, options)])


def protocol_of(options: Options) -> Protocol:
    """Return how the options ask predictions to be scored.

    The improved ground truth of `eigen_benchmark` (or of a folder of that name) is scored wherever it is known; every
    other split, a user's own folder too, by the rules of `eigen`.

    Raises:
        UserError: the options contradict each other, or the split has no ground truth of depth.
    """
    if options.eval_mono == options.eval_stereo:
        raise UserError(
            "choose how depths are scaled: either --eval_mono (median scaling) or --eval_stereo (times 5.4)"
        )
    if options.eval_split in WITHOUT_TRUTH:
        raise UserError(
            f"--eval_split {options.eval_split}: there is no ground truth of depth for it; "
            "use eigen, eigen_benchmark or a folder with test_files.txt"
        )
    garg = Path(options.eval_split).name != IMPROVED_TRUTH
    if not options.eval_stereo:
        return Protocol(garg, options.pred_depth_scale_factor, not options.disable_median_scaling)
    # as in 2019, the rig's factor wins over --pred_depth_scale_factor
    return Protocol(garg, STEREO_SCALE_FACTOR, median_scaling=False)


def _notes(options: Options, predictor: DepthPredictor) -> tuple[str, ...]:
    if options.eval_stereo and not predictor.use_stereo:
        return (
            f"{options.load_weights_folder} was trained without stereo: its depths have no scale, 5.4 is arbitrary",
        )
    return ()


def _load_predictor(options: Options) -> DepthPredictor:
    if options.load_weights_folder is None:
        raise UserError("--load_weights_folder is missing: name the folder that holds encoder.pth and depth.pth")
    device = pick_device(options.device, options.no_cuda)
    return DepthPredictor.from_checkpoint(options.load_weights_folder, device, options.min_depth, options.max_depth)


def _require_depth(layout: Layout, options: Options) -> None:
    where = split_folder(options.eval_split) / FILE_NAME
    if not isinstance(layout, KittiRaw):
        raise UserError(f"--dataset {options.dataset} has no ground truth of depth: use kitti, or provide {where}")
    if options.eval_split == IMPROVED_TRUTH and not isinstance(layout, KittiDepth):
        raise UserError(
            f"--eval_split {IMPROVED_TRUTH} needs the depth benchmark's improved ground truth: "
            f"provide {where}, or use --dataset kitti_depth"
        )


def _check_files(layout: Layout, lines: Sequence[SplitLine], with_depth: bool) -> None:
    """Report everything the split needs and the data set lacks, counted."""
    reports = []
    try:
        check_data_set(layout, lines, (0,))
    except UserError as error:
        reports.append(str(error))
    paths = [layout.depth_path(line) for line in lines] if with_depth and isinstance(layout, KittiRaw) else []
    missing = [path for path in paths if not path.is_file()]
    if missing:
        reports.append(f"{len(missing):,} of {len(paths):,} files with ground truth are missing, e.g. {missing[0]}")
    if reports:
        raise UserError("\n".join(reports))


class _Pictures(Dataset[Any]):
    """The pictures of a split at the network's size (uint8, 3hw), with their ground truth where it is asked for."""

    def __init__(self, layout: Layout, lines: Sequence[SplitLine], width: int, height: int, with_depth: bool) -> None:
        self.layout = layout
        self.lines = lines
        self.size = (width, height)
        self.with_depth = with_depth

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> tuple[Tensor, np.ndarray | None] | UserError:
        """Return a picture and its depth, or what is wrong with them: an error raised here would lose its type."""
        line = self.lines[index]
        try:
            picture = resize(read_picture(self.layout.picture_path(line)), *self.size)
            depth = None
            if self.with_depth:
                assert isinstance(self.layout, KittiRaw)
                depth = self.layout.depth(line, forward=True)
        except UserError as error:
            return UserError(str(error))
        return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy()), depth


def _collate(items: list[Any]) -> tuple[Tensor, list[np.ndarray | None]] | UserError:
    for item in items:
        if isinstance(item, UserError):
            return item
    return torch.stack([picture for picture, _ in items]), [depth for _, depth in items]


def _predictions(
    predictor: DepthPredictor, pictures: _Pictures, options: Options
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yield disparity (h, w) and ground truth of every picture, in order, behind a progress bar."""
    loader = DataLoader(
        pictures,
        BATCH_SIZE,
        num_workers=options.workers,
        collate_fn=_collate,
        pin_memory=predictor.device.type == "cuda",
        worker_init_fn=start_worker,
    )
    with tqdm(total=len(pictures), desc="predicting", unit="image", disable=None) as bar:
        for batch in loader:
            if isinstance(batch, UserError):
                raise UserError(str(batch))
            images, depths = batch
            disps = predictor.disparities(images, options.post_process)
            if not disps.isfinite().all():
                raise UserError(f"{options.load_weights_folder}: its predictions are not finite; use other weights")
            for disp, depth in zip(disps.numpy(), depths, strict=True):
                yield disp, depth
                bar.update()


def _result(protocol: Protocol, lines: Sequence[SplitLine], scores: Sequence[ImageScore | None]) -> EvaluationResult:
    pairs = list(zip(lines, scores, strict=True))
    scored = [(line, score) for line, score in pairs if score is not None]
    if not scored:
        raise UserError(f"none of the {len(lines)} images has a pixel of ground truth to score: check the ground truth")
    return EvaluationResult(
        protocol,
        tuple(line for line, _ in scored),
        tuple(score for _, score in scored),
        tuple(line for line, score in pairs if score is None),
    )
