"""Figures of depth while training, of the samples whose depth is known; scans are read on logging steps alone."""

import torch
from torch import Tensor

from monodepth2.datasets.mono_dataset import DEPTH_SIZE, MonoDataset
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import seven_figures
from monodepth2.evaluation.regions import MAX_DEPTH, MIN_DEPTH
from monodepth2.files.fit import STRETCH
from monodepth2.method.depth_maps import resized
from monodepth2.method.stages import Batch, Views
from monodepth2.training.faults import Faults

# as in 2019: a crop near Garg's, of a picture of KITTI
CROP = (slice(153, 371), slice(44, 1197))
TAGS = ("de/abs_rel", "de/sq_rel", "de/rms", "de/log_rms", "da/a1", "da/a2", "da/a3")


def depth_figures(data_set: MonoDataset, batch: Batch, views: Views, faults: Faults) -> dict[str, Tensor]:
    """Return the figures of a batch, none where no depth is known, or where samples show parts of their pictures.

    Args:
        data_set: that made the batch.
        batch: on its device.
        views: that its predictions led to.
        faults: told of depth that cannot be read.
    """
    if data_set.crop or data_set.fit != STRETCH:  # the known depth is of whole pictures
        return {}
    pairs = zip(batch.index.tolist(), batch.mirrored.tolist(), strict=True)
    maps = [_depth(data_set, index, mirrored, faults) for index, mirrored in pairs]
    known = [n for n, depth in enumerate(maps) if depth is not None]
    if not known:
        return {}
    finest = views.depths[min(views.depths)]
    truth = torch.stack([depth for depth in maps if depth is not None]).to(finest.device)
    return training_depth_metrics(finest[known].detach(), truth)


def _depth(data_set: MonoDataset, index: int, mirrored: bool, faults: Faults) -> Tensor | None:
    try:
        return data_set.depth(index, mirrored)
    except UserError as error:
        faults.note_depth(str(error))
        return None


def training_depth_metrics(depth_b1hw: Tensor, gt_b1hw: Tensor) -> dict[str, Tensor]:
    """Return the figures that are logged while training, by TensorBoard tag; they merely indicate progress.

    One ratio of (lower) medians scales the whole batch.

    Args:
        depth_b1hw: predicted depth at any size.
        gt_b1hw: depth in metres at 375 x 1242, 0 where unknown; brought to the type of the predicted depth.

    Returns:
        Scalar tensors; nothing where no depth is known inside the crop.
    """
    rows, columns = CROP
    pred = resized(depth_b1hw, DEPTH_SIZE).clamp(MIN_DEPTH, MAX_DEPTH)[..., rows, columns]
    gt = gt_b1hw[..., rows, columns].to(pred.dtype)
    mask = gt > 0
    if not mask.any():
        return {}
    gt, pred = gt[mask], pred[mask]
    pred = (pred * (gt.median() / pred.median())).clamp(MIN_DEPTH, MAX_DEPTH)
    return dict(zip(TAGS, seven_figures(gt, pred), strict=True))
