"""The training objective: `Batch`, `Predictions` and `Views` to `Losses` (equation 6 of the paper)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from monodepth2.config import FrameId, Options
from monodepth2.method.losses.photometric import Target
from monodepth2.method.losses.reprojection import (
    automasked_minimum,
    combine_sources,
    mask_regularisation,
    min_reprojection,
    tie_break_noise,
)
from monodepth2.method.losses.smoothness import edge_aware_smoothness
from monodepth2.method.stages import Batch, Losses, Predictions, Views
from monodepth2.method.view_synthesis import upsample


@dataclass(frozen=True)
class Objective:
    """The mean over scales of the per-pixel photometric loss plus edge-aware smoothness.

    Attributes:
        source_ids: the sources, in order.
        smoothness: weight of the smoothness at scale 0; halved per scale.
        own_resolution: losses at each scale's own size (v1 multiscale).
        average: average over the sources instead of the minimum.
        automask: mask pixels that an unwarped source explains better.
        ssim: the photometric error has an SSIM term.
        tie_break: add 1e-5 * normal noise to the identity errors.
    """

    source_ids: tuple[FrameId, ...]
    smoothness: float = 1e-3
    own_resolution: bool = False
    average: bool = False
    automask: bool = True
    ssim: bool = True
    tie_break: bool = True

    @classmethod
    def from_options(cls, options: Options) -> "Objective":
        """The objective that a run's options describe."""
        return cls(
            source_ids=options.source_ids,
            smoothness=options.disparity_smoothness,
            own_resolution=options.v1_multiscale,
            average=options.avg_reprojection,
            automask=not options.disable_automasking,
            ssim=not options.no_ssim,
        )

    def __call__(self, batch: Batch, predictions: Predictions, views: Views) -> Losses:
        """Return the losses of all scales and the auto-masks."""
        per_scale: dict[int, Tensor] = {}
        automasks: dict[int, Tensor] = {}
        references: dict[int, tuple[Target, Tensor | None]] = {}
        for scale, warped_bs3hw in views.warped.items():
            level = scale if self.own_resolution else 0
            if level not in references:
                references[level] = self._reference(batch, level)
            target, identity_bshw = references[level]
            reprojection_bshw = target.photometric_error(warped_bs3hw)
            loss = reprojection_bshw.new_zeros(())
            if predictions.masks is not None:
                masks_bshw = upsample(predictions.masks[scale], reprojection_bshw.shape[-2:])
                reprojection_bshw = reprojection_bshw * masks_bshw
                loss = mask_regularisation(masks_bshw)
            reprojection_bshw = combine_sources(reprojection_bshw, self.average)
            if identity_bshw is None:
                pixels_bhw = min_reprojection(reprojection_bshw)
            else:
                noise = tie_break_noise(identity_bshw) if self.tie_break else 0.0
                pixels_bhw, automasks[scale] = automasked_minimum(reprojection_bshw, identity_bshw + noise)
            smoothness = edge_aware_smoothness(predictions.disps[scale], batch.color[0][scale])
            per_scale[scale] = loss + pixels_bhw.mean() + self.smoothness / 2**scale * smoothness
        return Losses(torch.stack(list(per_scale.values())).mean(), per_scale, automasks)

    def _reference(self, batch: Batch, level: int) -> tuple[Target, Tensor | None]:
        """The target's statistics and the identity errors at one level: the same for every scale that uses it."""
        target = Target(batch.color[0][level].unsqueeze(1), self.ssim)
        if not self.automask:
            return target, None
        sources = torch.stack([batch.color[source][level] for source in self.source_ids], 1)
        return target, combine_sources(target.photometric_error(sources), self.average)
