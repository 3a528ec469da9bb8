"""The training objective: `Batch`, `Predictions` and `Views` to `Losses` (equation 6 of the paper)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from monodepth2.config import FrameId, Options
from monodepth2.method.depth_maps import resized
from monodepth2.method.losses.known import log_depth_error, normalised_label, scale_shift_free_error, way_error
from monodepth2.method.losses.masking import inside, masked_mean
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
from monodepth2.runtime.compilation import Compiler, uncompiled


@dataclass(frozen=True)
class Objective:
    """The mean over scales of the per-pixel photometric loss plus edge-aware smoothness.

    It is made of functions of one scale each, which `--compile` compiles once for all scales.

    Attributes:
        source_ids: the sources, in order.
        smoothness: weight of the smoothness at scale 0; halved per scale.
        own_resolution: losses at each scale's own size (v1 multiscale).
        average: average over the sources instead of the minimum.
        automask: mask pixels that an unwarped source explains better.
        ssim: the photometric error has an SSIM term.
        tie_break: add 1e-5 * normal noise to the identity errors.
        depth_weight: of the error of log depth where depth is known.
        velocity_weight: of the error of the motion's length where the way is known.
        pseudo_weight: of the difference from another model's disparity, scale and shift left aside.
        compile: what those functions go through.
    """

    source_ids: tuple[FrameId, ...]
    smoothness: float = 1e-3
    own_resolution: bool = False
    average: bool = False
    automask: bool = True
    ssim: bool = True
    tie_break: bool = True
    depth_weight: float = 0.0
    velocity_weight: float = 0.0
    pseudo_weight: float = 0.0
    compile: Compiler = uncompiled

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
            depth_weight=options.depth_supervision,
            velocity_weight=options.velocity_weight,
            pseudo_weight=options.pseudo_weight if options.learns_pseudo_labels else 0.0,
        )

    def __call__(self, batch: Batch, predictions: Predictions, views: Views) -> Losses:
        """Return the losses of all scales and the auto-masks."""
        photometric, smoothness = self.compile(self._photometric), self.compile(edge_aware_smoothness)
        per_scale: dict[int, Tensor] = {}
        automasks: dict[int, Tensor] = {}
        known: dict[str, list[Tensor]] = defaultdict(list)
        references: dict[int, tuple[Target, Tensor | None, Tensor | None]] = {}
        label = self._label(batch)
        for scale, warped_bs3hw in views.warped.items():
            level = scale if self.own_resolution else 0
            if level not in references:
                references[level] = self.compile(self._reference)(batch, level)
            masks_bshw = None
            if predictions.masks is not None:
                masks_bshw = resized(predictions.masks[scale], warped_bs3hw.shape[-2:])
            loss, automask_bhw = photometric(*references[level], warped_bs3hw, masks_bshw)
            if automask_bhw is not None:
                automasks[scale] = automask_bhw
            kept_b1hw = None if batch.mask is None else batch.mask[scale]
            smooth = smoothness(predictions.disps[scale], batch.color[0][scale], kept_b1hw)
            per_scale[scale] = loss + self.smoothness / 2**scale * smooth
            for name, weight, error in self._known(batch, predictions, views, scale, label):
                per_scale[scale] = per_scale[scale] + weight * error
                known[name].append(error)
        means = {name: torch.stack(errors).mean() for name, errors in known.items()}
        return Losses(torch.stack(list(per_scale.values())).mean(), per_scale, automasks, means)

    def _known(
        self, batch: Batch, predictions: Predictions, views: Views, scale: int, label: tuple[Tensor, Tensor] | None
    ) -> Iterator[tuple[str, float, Tensor]]:
        """The errors of one scale against what else is known: name, weight, a scalar."""
        if self.depth_weight and batch.depth is not None:
            mask_b1hw = None if batch.mask is None else batch.mask[0]
            error = self.compile(log_depth_error)(views.depths[scale], batch.depth, mask_b1hw)
            yield "depth", self.depth_weight, error
        if self.velocity_weight and batch.travelled is not None:
            yield "velocity", self.velocity_weight, way_error(views.source_T_target[scale], batch.travelled)
        if label is not None:
            # the sigmoid's scale and shift towards 1 / depth are left aside like all others
            error = self.compile(scale_shift_free_error)(predictions.disps[scale], *label)
            yield "pseudo_label", self.pseudo_weight, error

    def _label(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Another model's disparity, normalised, and where it counts; None where it is not learnt from."""
        if not self.pseudo_weight or batch.pseudo is None:
            return None
        return self.compile(normalised_label)(batch.pseudo, None if batch.mask is None else batch.mask[0])

    def _reference(self, batch: Batch, level: int) -> tuple[Target, Tensor | None, Tensor | None]:
        """What is the same for every scale that uses a level.

        Returns:
            The target's statistics, the identity errors, and which pixels count (None: all), bool, bhw.
        """
        target = Target.of(batch.color[0][level].unsqueeze(1), self.ssim)
        kept_bhw = None if batch.mask is None else inside(batch.mask[level])
        if not self.automask:
            return target, None, kept_bhw
        sources = torch.stack([batch.color[source][level] for source in self.source_ids], 1)
        return target, combine_sources(target.photometric_error(sources), self.average), kept_bhw

    def _photometric(
        self,
        target: Target,
        identity_bshw: Tensor | None,
        kept_bhw: Tensor | None,
        warped_bs3hw: Tensor,
        masks_bshw: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """The loss of one scale but for the smoothness, a scalar, and its auto-mask, bhw."""
        reprojection_bshw = target.photometric_error(warped_bs3hw)
        regularisation: Tensor | float = 0.0
        if masks_bshw is not None:
            reprojection_bshw = reprojection_bshw * masks_bshw
            regularisation = mask_regularisation(masks_bshw)
        reprojection_bshw = combine_sources(reprojection_bshw, self.average)
        if identity_bshw is None:
            return regularisation + masked_mean(min_reprojection(reprojection_bshw), kept_bhw), None
        noise = tie_break_noise(identity_bshw) if self.tie_break else 0.0
        pixels_bhw, automask_bhw = automasked_minimum(reprojection_bshw, identity_bshw + noise)
        return regularisation + masked_mean(pixels_bhw, kept_bhw), automask_bhw
