"""Depth figures: the seven metrics, crops, scaling.

Legend of shapes: b batch, h w pixels of the ground truth. Depths are metres.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monodepth2.method.depth_maps import resize_bilinear, resized

MIN_DEPTH, MAX_DEPTH = 1e-3, 80.0
GARG_ROWS, GARG_COLUMNS = (0.40810811, 0.99189189), (0.03594771, 0.96405229)
TRAINING_SIZE = (375, 1242)
TRAINING_CROP = (slice(153, 371), slice(44, 1197))
TRAINING_TAGS = ("de/abs_rel", "de/sq_rel", "de/rms", "de/log_rms", "da/a1", "da/a2", "da/a3")


class DepthMetrics(NamedTuple):
    """Errors (lower is better): abs_rel, sq_rel, rmse, rmse_log; accuracies (higher is better): a1, a2, a3."""

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    a1: float
    a2: float
    a3: float


class ImageScore(NamedTuple):
    """The figures of one image, and the ratio of medians that scaled it (None without median scaling)."""

    metrics: DepthMetrics
    ratio: float | None


@dataclass(frozen=True)
class Protocol:
    """How predictions are compared with ground truth.

    Attributes:
        garg: only ground truth between 1 mm and 80 m inside Garg's crop (the `eigen` split); else all there is.
        factor: from predicted depth to metres, applied before median scaling.
        median_scaling: scale each image by the ratio of the medians of ground truth and prediction.
    """

    garg: bool = True
    factor: float = 1.0
    median_scaling: bool = True


def depth_metrics(gt: np.ndarray, pred: np.ndarray) -> DepthMetrics:
    """Compare positive depths of the same pixels, shape (n,) each, n at least 1.

    Source: Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", 2014.
    """
    return DepthMetrics(*(figure.item() for figure in _figures(torch.as_tensor(gt), torch.as_tensor(pred))))


def _figures(gt: Tensor, pred: Tensor) -> tuple[Tensor, ...]:
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


def garg_crop(height: int, width: int) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) of the crop of Garg et al. (2016), bottom and right exclusive."""
    top, bottom = (int(share * height) for share in GARG_ROWS)
    left, right = (int(share * width) for share in GARG_COLUMNS)
    return top, bottom, left, right


def evaluation_mask(gt: np.ndarray, garg: bool) -> np.ndarray:
    """Return which pixels of a ground-truth map (h, w) are scored (see `Protocol.garg`), bool, (h, w)."""
    if not garg:
        return gt > 0
    mask = np.zeros(gt.shape, dtype=bool)
    top, bottom, left, right = garg_crop(*gt.shape)
    cropped = gt[top:bottom, left:right]
    mask[top:bottom, left:right] = (cropped > MIN_DEPTH) & (cropped < MAX_DEPTH)
    return mask


def evaluate_depth_map(disp: np.ndarray, gt: np.ndarray, protocol: Protocol) -> ImageScore | None:
    """Score one image.

    Args:
        disp: scaled disparity (1 / depth, not the sigmoid) at any size, (h', w').
        gt: depth in metres, 0 where unknown, (h, w).
        protocol: mask and scaling.

    Returns:
        The score; None if no pixel of the ground truth is to be scored, or none that the network has seen.
    """
    mask = evaluation_mask(gt, protocol.garg)
    if not mask.any():
        return None
    gt = gt[mask]
    with np.errstate(divide="ignore"):  # a disparity of zero lies infinitely far, clamped below
        pred = protocol.factor * (1 / resize_bilinear(disp, *mask.shape)[mask])
    seen = ~np.isnan(pred)  # --fit crop hides the rest from the network
    if not seen.all():
        gt, pred = gt[seen], pred[seen]
    if not len(gt):
        return None
    ratio = None
    if protocol.median_scaling:
        ratio = float(np.median(gt) / np.median(pred))
        pred = pred * ratio
    return ImageScore(depth_metrics(gt, np.clip(pred, MIN_DEPTH, MAX_DEPTH)), ratio)


def training_depth_metrics(depth_b1hw: Tensor, gt_b1hw: Tensor) -> dict[str, Tensor]:
    """Return the figures that are logged while training, by TensorBoard tag; they merely indicate progress.

    One ratio of (lower) medians scales the whole batch.

    Args:
        depth_b1hw: predicted depth at any size.
        gt_b1hw: depth in metres at 375 x 1242, 0 where unknown; brought to the type of the predicted depth.

    Returns:
        Scalar tensors; nothing where no depth is known inside the crop.
    """
    rows, columns = TRAINING_CROP
    pred = resized(depth_b1hw, TRAINING_SIZE).clamp(MIN_DEPTH, MAX_DEPTH)[..., rows, columns]
    gt = gt_b1hw[..., rows, columns].to(pred.dtype)
    mask = gt > 0
    if not mask.any():
        return {}
    gt, pred = gt[mask], pred[mask]
    pred = (pred * (gt.median() / pred.median())).clamp(MIN_DEPTH, MAX_DEPTH)
    return dict(zip(TRAINING_TAGS, _figures(gt, pred), strict=True))
