"""Depth figures: the seven metrics of an image, under a protocol.

Legend of shapes: b batch, h w pixels of the ground truth. Depths are metres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monodepth2.errors import UserError
from monodepth2.evaluation.alignment import Alignment, fit_alignment
from monodepth2.evaluation.extra_metrics import EXTRA_METRICS, edge_errors, f_score, is_dense, log_figures
from monodepth2.evaluation.regions import PixelCounts, Region, count_pixels, evaluation_mask
from monodepth2.method.depth_maps import resize_bilinear
from monodepth2.method.ground_plane import rays_of


class DepthMetrics(NamedTuple):
    """Errors (lower is better): abs_rel, sq_rel, rmse, rmse_log; accuracies (higher is better): a1, a2, a3."""

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    a1: float
    a2: float
    a3: float


@dataclass(frozen=True)
class Protocol:
    """How predictions are compared with ground truth.

    Attributes:
        region: which pixels are scored.
        factor: from predicted depth to metres, applied before the alignment.
        align: none; median: each image is scaled by the ratio of the medians of ground truth and prediction; ground:
            the factor is the one that the ground tells, and nothing is fitted; scale_shift: its disparity is fitted to
            the ground truth's (see `fit_alignment`).
        metrics: further figures, names of `EXTRA_METRICS`.
    """

    region: Region = field(default_factory=Region)
    factor: float = 1.0
    align: str = "median"
    metrics: tuple[str, ...] = ()

    @property
    def figure_names(self) -> tuple[str, ...]:
        """The names of all figures of an image, the seven first."""
        return (*DepthMetrics._fields, *(name for metric in self.metrics for name in EXTRA_METRICS[metric]))


@dataclass(frozen=True)
class ImageScore:
    """The figures of one image.

    Attributes:
        metrics: the seven.
        pixels: how many were scored and how many were left out.
        alignment: how the prediction was brought to metres.
        extras: further figures by name, as the protocol asks for.
    """

    metrics: DepthMetrics
    pixels: PixelCounts
    alignment: Alignment
    extras: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The ratio of medians that scaled the image; None without median scaling."""
        return self.alignment.ratio

    @property
    def figures(self) -> tuple[float, ...]:
        """All figures, in the order of `Protocol.figure_names`."""
        return (*self.metrics, *self.extras.values())


def depth_metrics(gt: np.ndarray, pred: np.ndarray) -> DepthMetrics:
    """Compare positive depths of the same pixels, shape (n,) each, n at least 1.

    Source: Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", 2014.
    """
    return DepthMetrics(*(figure.item() for figure in seven_figures(torch.as_tensor(gt), torch.as_tensor(pred))))


def seven_figures(gt: Tensor, pred: Tensor) -> tuple[Tensor, ...]:
    """The seven figures in the order of `DepthMetrics`, scalar tensors."""
    error, log_error = gt - pred, gt.log() - pred.log()
    disagreement = torch.maximum(gt / pred, pred / gt)
    a1, a2, a3 = ((disagreement < 1.25**power).to(gt.dtype).mean() for power in (1, 2, 3))
    return (
        (error.abs() / gt).mean(),
        (error.square() / gt).mean(),
        error.square().mean().sqrt(),
        log_error.square().mean().sqrt(),
        a1,
        a2,
        a3,
    )


def mean_metrics(metrics: list[DepthMetrics]) -> DepthMetrics:
    """Average over images, at least one."""
    return DepthMetrics(*map(float, np.array(metrics).mean(axis=0)))


def evaluate_depth_map(
    disp: np.ndarray,
    gt: np.ndarray,
    protocol: Protocol,
    mask: np.ndarray | None = None,
    K: np.ndarray | None = None,
) -> ImageScore | None:
    """Score one image.

    Args:
        disp: scaled disparity (1 / depth, not the sigmoid) at any size, (h', w').
        gt: depth in metres, 0 where unknown, (h, w).
        protocol: region, alignment and figures.
        mask: where the picture is usable, bool, (h, w); None: everywhere.
        K: the camera's matrix for a picture of (h, w), (3, 3); the F-score needs it.

    Returns:
        The score; None if no pixel of the ground truth is to be scored, or none that the network has seen.

    Raises:
        UserError: edges are asked for of ground truth that is too sparse to have any, an F-score without K, or the
            median of the depths to align is infinite.
        ValueError: the mask has another size than the ground truth.
    """
    disp = resize_bilinear(disp, *gt.shape)
    mask = seen_mask(disp, mask)
    scored = evaluation_mask(gt, protocol.region, mask)
    if not scored.any():
        return None
    alignment = fit_alignment(disp[scored], gt[scored], protocol.factor, protocol.align)
    if alignment.ratio == 0:
        raise UserError("the disparity of half of its scored pixels is 0: there is no median depth to scale by")
    pred = np.clip(alignment.depth(disp[scored]), *protocol.region.limits)
    extras: dict[str, float] = {}
    for metric in protocol.metrics:
        figures = _extra_figures(metric, gt, pred, scored, K)
        extras |= dict(zip(EXTRA_METRICS[metric], figures, strict=True))
    pixels = count_pixels(gt, protocol.region, mask, int(scored.sum()))
    return ImageScore(depth_metrics(gt[scored], pred), pixels, alignment, extras)


def seen_mask(disp_hw: np.ndarray, mask_hw: np.ndarray | None) -> np.ndarray | None:
    """Return a mask without what the network has not seen, because `--fit crop` hides it: there it has no disparity."""
    seen = ~np.isnan(disp_hw)
    if seen.all():
        return mask_hw
    return seen if mask_hw is None else mask_hw & seen


def _extra_figures(
    metric: str, gt: np.ndarray, pred: np.ndarray, scored: np.ndarray, K: np.ndarray | None
) -> tuple[float, ...]:
    """The figures of one name of `EXTRA_METRICS`; `pred` is of the scored pixels alone."""
    if metric == "log":
        return log_figures(gt[scored], pred)
    if metric == "fscore":
        if K is None:
            raise UserError(
                "--metrics fscore needs the camera of the pictures, which is not known: give --intrinsics "
                "FX FY CX CY, or drop fscore"
            )
        rays = rays_of(np.argwhere(scored)[:, ::-1], K)
        return (f_score(*(rays * depth[:, None] for depth in (gt[scored], pred))),)
    if not is_dense(scored):
        raise UserError(
            "--metrics edges needs dense ground truth, in which objects have boundaries, and here it is sparse: leave "
            "such lines out of the list, or drop edges"
        )
    pred_hw = np.ones_like(gt)
    pred_hw[scored] = pred
    return edge_errors(gt, pred_hw, scored)
