"""The sources as the target camera would see them: `Batch` and `Predictions` to `Views`.

Legend of shapes: b batch, s sources, l scales, h w pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from monodepth2.config import STEREO, FrameId, Options
from monodepth2.method.depth_maps import resized
from monodepth2.method.geometry import (
    backproject,
    disp_to_depth,
    inverse_intrinsics,
    project,
    sampling_grid,
    transform_from_parameters,
)
from monodepth2.method.networks import refocused, with_picture_kept
from monodepth2.method.stages import Batch, Predictions, RelativePose, Views
from monodepth2.runtime.compilation import Compiler, uncompiled


@dataclass(frozen=True)
class ViewSynthesis:
    """Warps all sources of all scales into the target (section 3.1 of the paper).

    Places to sample at are computed scale by scale, by a function that `--compile` compiles once for all of them.

    Attributes:
        source_ids: the sources, in order.
        min_depth: nearest depth the disparity expresses.
        max_depth: farthest.
        own_resolution: warp at each scale's own size (v1 multiscale) instead of the input size (section 3.3).
        scaled_translation: PoseCNN states translations in units of the mean depth.
        compile: what that function goes through.
    """

    source_ids: tuple[FrameId, ...]
    min_depth: float
    max_depth: float
    own_resolution: bool
    scaled_translation: bool
    compile: Compiler = uncompiled

    @classmethod
    def from_options(cls, options: Options) -> "ViewSynthesis":
        """The synthesis that a run's options describe."""
        return cls(
            source_ids=options.source_ids,
            min_depth=options.min_depth,
            max_depth=options.max_depth,
            own_resolution=options.v1_multiscale,
            scaled_translation=options.pose_model_type == "posecnn",
        )

    def __call__(self, batch: Batch, predictions: Predictions) -> Views:
        """Return the warped sources, and the depths, transforms and intrinsics that warped them."""
        if predictions.focals is not None:
            batch = replace(batch, K={level: refocused(K, predictions.focals) for level, K in batch.K.items()})
        depths = self._depths(predictions.disps, batch.color[0][0].shape[-2:])
        transforms = {scale: self._transforms(batch, predictions.poses, depth) for scale, depth in depths.items()}
        warping = transforms
        if predictions.focals is not None:  # the same transforms, with other gradients
            poses = {source: with_picture_kept(pose, predictions.focals) for source, pose in predictions.poses.items()}
            warping = {scale: self._transforms(batch, poses, depth) for scale, depth in depths.items()}
        if self.own_resolution:
            warped = {scale: self._warp(batch, scale, [depths[scale]], [warping[scale]])[0] for scale in depths}
        else:
            warped = dict(zip(depths, self._warp(batch, 0, [*depths.values()], [*warping.values()]), strict=True))
        return Views(warped, depths, transforms, batch.K)

    def _depths(self, disps: dict[int, Tensor], size: torch.Size) -> dict[int, Tensor]:
        if not self.own_resolution:
            disps = {scale: resized(disp, size) for scale, disp in disps.items()}
        return {scale: disp_to_depth(disp, self.min_depth, self.max_depth)[1] for scale, disp in disps.items()}

    def _transforms(
        self, batch: Batch, poses: dict[FrameId, RelativePose], depth_b1hw: Tensor
    ) -> dict[FrameId, Tensor]:
        """`source_T_target` of every source; only PoseCNN's depend on the scale's depth."""
        inverse_depth = (1 / depth_b1hw).mean((2, 3)) if self.scaled_translation else 1.0
        transforms: dict[FrameId, Tensor] = {
            source: transform_from_parameters(pose.axisangle, pose.translation * inverse_depth, pose.invert)
            for source, pose in poses.items()
        }
        transforms |= batch.source_T_target or {}
        if STEREO in self.source_ids:
            assert batch.stereo_T is not None
            transforms[STEREO] = batch.stereo_T
        return transforms

    def _warp(
        self, batch: Batch, level: int, depths: Sequence[Tensor], transforms: Sequence[dict[FrameId, Tensor]]
    ) -> list[Tensor]:
        """Warp the sources' pictures of one level through several depths in one sampling; per depth bs3hw.

        The grids of different depths are stacked along their rows, so that no picture is copied per scale.
        """
        pictures = torch.stack([batch.color[source][level] for source in self.source_ids], 1)
        b, s, c, h, w = pictures.shape
        places = self.compile(places_in_sources)
        grids = [
            places(depth, batch.K[level], [transform[source] for source in self.source_ids])
            for depth, transform in zip(depths, transforms, strict=True)
        ]
        grid = torch.stack(grids, 1).view(b * s, len(grids) * h, w, 2)
        sampled = _sample(pictures.flatten(0, 1), grid)
        return list(sampled.view(b, s, c, len(grids), h, w).unbind(3))


def places_in_sources(depth_b1hw: Tensor, K_b44: Tensor, transforms: Sequence[Tensor]) -> Tensor:
    """Return where the target's pixels lie in its sources, for `grid_sample`, (b * s, h * w, 2).

    Args:
        depth_b1hw: of the target.
        K_b44: intrinsics in pixels of that size.
        transforms: `source_T_target` per source, b44.
    """
    h, w = depth_b1hw.shape[-2:]
    points = backproject(depth_b1hw, inverse_intrinsics(K_b44))
    pixels = torch.stack([project(points, K_b44, transform) for transform in transforms], 1)
    return sampling_grid(pixels.flatten(0, 1), h, w)


def _sample(pictures: Tensor, grid: Tensor) -> Tensor:
    """Sample pictures bilinearly at a grid; beyond their border they go on as there."""
    if grid.is_cpu and not torch.compiler.is_compiling() and grid.detach().sum().isnan():
        # PyTorch's backward pass on the CPU would write out of bounds; the gradients become NaN further back
        grid = grid.nan_to_num(0.0, torch.inf, -torch.inf)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=True)
