"""Figures of depth while training, of the samples whose depth is known; scans are read on logging steps alone."""

import torch
from torch import Tensor

from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import training_depth_metrics
from monodepth2.files.fit import STRETCH
from monodepth2.method.stages import Batch, Views
from monodepth2.training.faults import Faults


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
