"""What the networks of a run make of held-out frames, in figures that need no ground truth.

Legend of shapes: b batch, s sources, h w pixels, k pixels that a source sees.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monodepth2.config import FrameId, Options
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.evenly import evenly
from monodepth2.files.pictures import PictureError
from monodepth2.method.depth_maps import resized
from monodepth2.method.geometry import (
    backproject,
    disp_to_depth,
    inverse_intrinsics,
    mean_displacement,
    project,
    sampling_grid,
)
from monodepth2.method.losses.masking import inside
from monodepth2.method.losses.photometric import Target, unwarped_error
from monodepth2.method.losses.reprojection import combine_sources, min_reprojection
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Predictions, Views
from monodepth2.method.view_synthesis import ViewSynthesis

CLEARLY = 1e-3  # of photometric error: a smaller difference is one of rounding
JUDGED = 12  # frames: they take about a second each on one core at 640x192


class Figures(NamedTuple):
    """Means over held-out frames.

    Attributes:
        difference: photometric error between a frame and the source that differs most from it, unwarped.
        unwarped: photometric error between a frame and its unwarped sources, per pixel the best one, as the loss does.
        warped: the same of the warped sources.
        explained: share of pixels where a warped source is clearly the better one.
        variation: deviation of a picture's disparity, by its mean.
        across: deviation of its disparity within its rows, by its mean.
        near_below: mean disparity of the lowest third of the rows, by that of the highest third.
        motion: how far from its own place a pixel is found in the sources, in pixels.
        disagreement: median relative difference between a frame's depth, brought into a source, and the source's own.
    """

    difference: float
    unwarped: float
    warped: float
    explained: float
    variation: float
    across: float
    near_below: float
    motion: float
    disagreement: float

    @property
    def gain(self) -> float:
        """Share by which the warp lowers the photometric error; below 0 where it raises it."""
        return 1 - self.warped / self.unwarped if self.unwarped > 0 else 0.0


@dataclass(frozen=True)
class Frame:
    """A held-out frame, for people to look at.

    Attributes:
        line: of the split.
        target: the frame, uint8, (h, w, 3).
        disp: its disparity, (h, w).
        warped: its first source as the target's camera would see it, uint8, (h, w, 3).
        unwarped_error: photometric error of the best unwarped source, (h, w); what a mask leaves out is not a number.
        warped_error: that of the best warped source, likewise.
    """

    line: SplitLine
    target: np.ndarray
    disp: np.ndarray
    warped: np.ndarray
    unwarped_error: np.ndarray
    warped_error: np.ndarray


@dataclass(frozen=True)
class TrainedRun:
    """A run whose networks are looked at.

    Attributes:
        model: its networks on `device`, which are left in evaluation mode.
        options: of the run, in whose folder the event files are.
        lines: that it validates on.
        device: where the model is.
        weights: name of the checkpoint that the networks are.
        taught: what they have learnt from beside pictures, in words (`TrainingFacts.taught`).
        cameras: of the run, where their focal lengths are learnt.
    """

    model: MonodepthModel
    options: Options
    lines: Sequence[SplitLine]
    device: torch.device
    weights: str
    taught: str
    cameras: Sequence[Camera] = ()


@dataclass(frozen=True)
class Evidence:
    """What was found on held-out frames.

    Attributes:
        figures: their means.
        rows: disparity by row, by the mean of its picture, (h,), the mean over the frames.
        frames: all that were looked at.
    """

    figures: Figures
    rows: np.ndarray
    frames: list[Frame]


def look_at(run: TrainedRun, count: int = JUDGED) -> Evidence:
    """Look at up to `count` frames, evenly chosen among the lines of a run; its model must be in evaluation mode.

    Whatever scales and sizes the losses of a run have, the finest scale is judged at the size of the input.

    Raises:
        UserError: no frame can be read.
    """
    judged = replace(run.options.for_looking, v1_multiscale=False, scales=(min(run.options.scales),))
    data_set = MonoDataset.from_options(judged, evenly(run.lines, count), augment=False, cameras=run.cameras)
    found = []
    for index in range(len(data_set)):
        with suppress(PictureError):
            batch = stack([data_set.sample(index)]).prepared(run.device)
            found.append(_look_at_one(run.model, judged, batch, data_set.lines[index]))
    if not found:
        raise UserError("none of the validation frames can be read")
    figures, rows, frames = zip(*found, strict=True)
    return Evidence(Figures(*map(_mean_of_finite, zip(*figures, strict=True))), np.mean(rows, axis=0), list(frames))


def _mean_of_finite(values: Sequence[float]) -> float:
    """A frame whose mask leaves nothing has no errors, one that no source sees has nothing to disagree with."""
    finite = [value for value in values if math.isfinite(value)]
    return fmean(finite) if finite else math.nan


@torch.inference_mode()
def _look_at_one(
    model: MonodepthModel, options: Options, batch: Batch, line: SplitLine
) -> tuple[Figures, np.ndarray, Frame]:
    predictions = model(batch)
    finest = options.scales[0]
    views = ViewSynthesis.from_options(options)(
        batch, Predictions({finest: predictions.disps[finest]}, predictions.poses, focals=predictions.focals)
    )
    errors = errors_of(batch, views.warped[finest], options)
    unwarped_hw, warped_hw = (error.cpu().numpy() for error in errors)
    disp_hw = 1 / views.depths[finest][0, 0]
    frame = Frame(
        line,
        _picture(batch.color[0][0][0]),
        disp_hw.cpu().numpy(),
        _picture(views.warped[finest][0, 0]),
        unwarped_hw,
        warped_hw,
    )
    figures = figures_of(batch, views, errors, _source_depths(model, options, batch), options)
    return figures, _by_row(disp_hw).cpu().numpy(), frame


def figures_of(
    batch: Batch, views: Views, errors: tuple[Tensor, Tensor], source_depths: dict[FrameId, Tensor], options: Options
) -> Figures:
    """Return the figures of one frame.

    Args:
        batch: of this frame.
        views: of the one scale of `options`, at the size of the input.
        errors: of its unwarped and of its warped sources, as `errors_of` returns them.
        source_depths: of every source, b1hw.
        options: of the run; without `v1_multiscale`.
    """
    (finest,) = options.scales
    depth_b1hw, transforms = views.depths[finest], views.source_T_target[finest]
    unwarped_hw, warped_hw = errors
    disp_hw = 1 / depth_b1hw[0, 0]
    rows_h, third = _by_row(disp_hw), len(disp_hw) // 3
    differences = torch.cat(
        [depth_differences(depth_b1hw, depth, views.K[0], transforms[i]) for i, depth in source_depths.items()]
    )
    return Figures(
        difference=float(unwarped_error(batch, options.source_ids, ssim=not options.no_ssim)),
        unwarped=float(unwarped_hw.nanmean()),
        warped=float(warped_hw.nanmean()),
        explained=float((unwarped_hw - warped_hw > CLEARLY).sum() / unwarped_hw.isfinite().sum()),
        variation=float(disp_hw.std() / disp_hw.mean()),
        across=float((disp_hw - disp_hw.mean(1, keepdim=True)).square().mean().sqrt() / disp_hw.mean()),
        near_below=float(rows_h[-third:].mean() / rows_h[:third].mean()),
        motion=float(mean_displacement(depth_b1hw, views.K[0], [transforms[source] for source in options.source_ids])),
        disagreement=float(differences.median()) if len(differences) else float("nan"),
    )


def _by_row(disp_hw: Tensor) -> Tensor:
    """Mean disparity of each row, by that of the picture, (h,)."""
    return disp_hw.mean(1) / disp_hw.mean()


def errors_of(batch: Batch, warped_bs3hw: Tensor, options: Options) -> tuple[Tensor, Tensor]:
    """Return the photometric errors of the unwarped and of the warped sources of a batch's first sample, (h, w) each.

    Per pixel the best source counts, or the average with `--avg_reprojection`, as in the loss. What a mask leaves out
    is not a number.
    """
    target = Target.of(batch.color[0][0].unsqueeze(1), ssim=not options.no_ssim)
    sources = torch.stack([batch.color[source][0] for source in options.source_ids], 1)
    errors = [
        min_reprojection(combine_sources(target.photometric_error(images), options.avg_reprojection))[0]
        for images in (sources, warped_bs3hw)
    ]
    if batch.mask is not None:
        kept_hw = inside(batch.mask[0])[0]
        errors = [torch.where(kept_hw, error, torch.nan) for error in errors]
    return errors[0], errors[1]


def _source_depths(model: MonodepthModel, options: Options, batch: Batch) -> dict[FrameId, Tensor]:
    """What the depth network says of every source, b1hw at the size of the input."""
    pictures = torch.cat([batch.color_aug[source] for source in options.source_ids])
    disps = resized(model.depth(model.encoder(pictures))[options.scales[0]], pictures.shape[-2:])
    depths = disp_to_depth(disps, options.min_depth, options.max_depth)[1]
    return dict(zip(options.source_ids, depths.split(len(batch)), strict=True))


def depth_differences(
    depth_b1hw: Tensor, source_depth_b1hw: Tensor, K_b44: Tensor, source_T_target_b44: Tensor
) -> Tensor:
    """Compare the depth of a target with that of a source: both are of the same scene.

    Points of the target are brought into the source's camera. Their depth there is compared with what the source's own
    map says at the place where they are seen (as in the geometry consistency of Bian et al., NeurIPS 2019).

    Args:
        depth_b1hw: of the target.
        source_depth_b1hw: of the source.
        K_b44: intrinsics of both in pixels of that size.
        source_T_target_b44: motion from target to source.

    Returns:
        |difference| by the mean of both depths, of the pixels that the source sees, (k,).
    """
    b, _, h, w = depth_b1hw.shape
    points = backproject(depth_b1hw, inverse_intrinsics(K_b44))
    z_bhw = (source_T_target_b44[:, 2:3, :3] @ points + source_T_target_b44[:, 2:3, 3:]).view(b, h, w)
    grid = sampling_grid(project(points, K_b44, source_T_target_b44), h, w).view(b, h, w, 2)
    own_bhw = F.grid_sample(source_depth_b1hw, grid, padding_mode="border", align_corners=True)[:, 0]
    seen = (grid.abs() <= 1).all(-1) & (z_bhw > 0)
    return (2 * (z_bhw - own_bhw).abs() / (z_bhw + own_bhw))[seen]


def _picture(image_3hw: Tensor) -> np.ndarray:
    return (image_3hw.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
