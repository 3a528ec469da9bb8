"""The photometric error between images: SSIM and L1 (section 3.1 of the paper)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from monodepth2.config import FrameId
from monodepth2.method import cpu_kernels
from monodepth2.method.losses.masking import inside
from monodepth2.method.stages import Batch

C1, C2 = 0.01**2, 0.03**2
SSIM_WEIGHT = 0.85
# error between neighbours below which nothing moves: clips of a camera at rest have 0 to 0.0012 (encoded, with noise of
# up to 4 of 255), driving at 25 and 10 frames a second has 0.03 to 0.3, by its L1 alone 0.01 to 0.1
STILL_ERROR = 0.002


def window_mean(images: Tensor) -> Tensor:
    """Mean over 3x3 windows of reflection-padded images, same shape, (..., h, w)."""
    flat = images.reshape(-1, 1, *images.shape[-2:])
    if torch.compiler.is_compiling():
        return cpu_kernels.mean_of_nine(flat).view(images.shape)
    if cpu_kernels.uncompiled_on_cpu(images):
        return cpu_kernels.WindowMean.apply(flat).view(images.shape)
    return F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="reflect"), 3, stride=1).view(images.shape)


class Target(NamedTuple):
    """The target image with its window statistics, computed once for all the images compared with it.

    Attributes:
        image: (..., 3, h, w) in [0, 1], broadcast against the images.
        mean: over windows; None where the error has no SSIM term.
        variance: within windows, likewise.
    """

    image: Tensor
    mean: Tensor | None = None
    variance: Tensor | None = None

    @classmethod
    def of(cls, image: Tensor, ssim: bool = True) -> "Target":
        """Compute the statistics that the error needs."""
        if not ssim:
            return cls(image)
        mean = window_mean(image)
        return cls(image, mean, window_mean(image.square()) - mean.square())

    def photometric_error(self, images: Tensor) -> Tensor:
        """Return 0.85 * SSIM term + 0.15 * L1 per pixel, averaged over colour.

        Args:
            images: (..., 3, h, w) in [0, 1].

        Returns:
            Errors, (..., h, w).
        """
        l1 = (self.image - images).abs().mean(-3)
        if self.mean is None:
            return l1
        return SSIM_WEIGHT * self.ssim_term(images).mean(-3) + (1 - SSIM_WEIGHT) * l1

    def ssim_term(self, images: Tensor) -> Tensor:
        """Return clamp((1 - SSIM) / 2, 0, 1), same shape as the images."""
        assert self.mean is not None
        assert self.variance is not None
        mean = window_mean(images)
        variance = window_mean(images.square()) - mean.square()
        covariance = window_mean(images * self.image) - mean * self.mean
        numerator = (2 * mean * self.mean + C1) * (2 * covariance + C2)
        denominator = (mean.square() + self.mean.square() + C1) * (variance + self.variance + C2)
        return ((1 - numerator / denominator) / 2).clamp(0, 1)


def unwarped_error(batch: Batch, source_ids: Sequence[FrameId], level: int = 0, ssim: bool = True) -> Tensor:
    """Return how much the target differs from the source that differs most, unwarped: what a training learns from.

    Args:
        batch: a prepared one.
        source_ids: frames to compare the target with.
        level: of the pyramid, at which the sources' pictures are there.
        ssim: the error has an SSIM term.

    Returns:
        The photometric error, averaged over each picture and then over the batch, a scalar. Pictures of which masks
        leave no pixel do not count; it is not a number where that is all of them.
    """
    sources = torch.stack([batch.color[source][level] for source in source_ids], 1)
    errors_bshw = Target.of(batch.color[0][level].unsqueeze(1), ssim).photometric_error(sources)
    if batch.mask is None:
        return errors_bshw.mean((2, 3)).amax(1).mean()
    kept_b1hw = inside(batch.mask[level])[:, None]
    means_bs = (errors_bshw * kept_b1hw).sum((2, 3)) / kept_b1hw.sum((2, 3))
    return means_bs.amax(1).nanmean()
