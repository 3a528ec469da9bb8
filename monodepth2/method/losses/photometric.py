"""The photometric error between images: SSIM and L1 (section 3.1 of the paper)."""

import torch.nn.functional as F
from torch import Tensor

from monodepth2.method.cpu_kernels import WindowMean, uncompiled_on_cpu

C1, C2 = 0.01**2, 0.03**2
SSIM_WEIGHT = 0.85


def window_mean(images: Tensor) -> Tensor:
    """Mean over 3x3 windows of reflection-padded images, same shape, (..., h, w)."""
    flat = images.reshape(-1, 1, *images.shape[-2:])
    if uncompiled_on_cpu(images):
        return WindowMean.apply(flat).view(images.shape)
    return F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="reflect"), 3, stride=1).view(images.shape)


class Target:
    """The target image with its window statistics, computed once for all the images compared with it.

    Args:
        image: (..., 3, h, w) in [0, 1], broadcast against the images.
        ssim: whether the error has an SSIM term.
    """

    def __init__(self, image: Tensor, ssim: bool = True) -> None:
        self.image = image
        self.ssim = ssim
        if ssim:
            self.mean = window_mean(image)
            self.variance = window_mean(image.square()) - self.mean.square()

    def photometric_error(self, images: Tensor) -> Tensor:
        """Return 0.85 * SSIM term + 0.15 * L1 per pixel, averaged over colour.

        Args:
            images: (..., 3, h, w) in [0, 1].

        Returns:
            Errors, (..., h, w).
        """
        l1 = (self.image - images).abs().mean(-3)
        if not self.ssim:
            return l1
        return SSIM_WEIGHT * self.ssim_term(images).mean(-3) + (1 - SSIM_WEIGHT) * l1

    def ssim_term(self, images: Tensor) -> Tensor:
        """Return clamp((1 - SSIM) / 2, 0, 1), same shape as the images."""
        mean = window_mean(images)
        variance = window_mean(images.square()) - mean.square()
        covariance = window_mean(images * self.image) - mean * self.mean
        numerator = (2 * mean * self.mean + C1) * (2 * covariance + C2)
        denominator = (mean.square() + self.mean.square() + C1) * (variance + self.variance + C2)
        return ((1 - numerator / denominator) / 2).clamp(0, 1)
