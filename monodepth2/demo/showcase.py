"""What the demo's page shows: pictures of test frames."""

from dataclasses import dataclass

import numpy as np
import torch

from monodepth2.config import Options
from monodepth2.datasets.kitti_layouts import KittiDepth
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.splits import read_split
from monodepth2.evaluation.regions import MAX_DEPTH, MIN_DEPTH
from monodepth2.files.evenly import evenly
from monodepth2.files.pictures import read_picture
from monodepth2.method.depth_maps import resize_bilinear
from monodepth2.method.geometry import disp_to_depth
from monodepth2.method.losses import Objective
from monodepth2.method.model import MonodepthModel
from monodepth2.method.view_synthesis import ViewSynthesis


@dataclass(frozen=True)
class Row:
    """One test frame.

    Attributes:
        name: its split line.
        frame: the picture, uint8, (h, w, 3).
        depth: predicted depth after median scaling, metres, (h, w).
        truth: true depth, metres, 0 in the sky, (h, w).
        error: |predicted - true| / true, not a number in the sky, (h, w).
        automask: where a warped source explains the frame better than an unwarped one, (h', w').
    """

    name: str
    frame: np.ndarray
    depth: np.ndarray
    truth: np.ndarray
    error: np.ndarray
    automask: np.ndarray


@torch.inference_mode()
def make_rows(model: MonodepthModel, options: Options, count: int) -> list[Row]:
    """Predict `count` frames spread over the test drive."""
    # the first and last frame have no neighbour to warp
    lines = evenly(read_split(options.eval_split, "test")[1:-1], count)
    data_set = MonoDataset.from_options(options, lines, augment=False)
    device = next(model.parameters()).device
    batch = stack([data_set.sample(index) for index in range(len(lines))]).prepared(device)
    predictions = model.eval()(batch)
    views = ViewSynthesis.from_options(options)(batch, predictions)
    masks = Objective.from_options(options)(batch, predictions, views).automask[0].cpu().numpy()
    disps = disp_to_depth(predictions.disps[0], options.min_depth, options.max_depth)[0][:, 0].cpu().numpy()
    layout = KittiDepth(options.data_path)
    rows = []
    for line, disp, mask in zip(lines, disps, masks, strict=True):
        truth = layout.depth(line)
        known = (truth > MIN_DEPTH) & (truth < MAX_DEPTH)
        depth = 1 / resize_bilinear(disp, *truth.shape)
        depth *= np.median(truth[known]) / np.median(depth[known])
        error = np.where(known, np.abs(depth - truth) / np.where(known, truth, 1), np.nan)
        frame = np.asarray(read_picture(layout.picture_path(line)))
        rows.append(Row(str(line), frame, depth, truth, error, mask))
    return rows
