"""Edge-aware smoothness of the disparity (equation 3 of the paper)."""

from torch import Tensor

from monodepth2.method.losses.masking import masked_mean


def edge_aware_smoothness(disp_b1hw: Tensor, image_b3hw: Tensor, mask_b1hw: Tensor | None = None) -> Tensor:
    """Return the mean gradient of mean-normalised disparity where the image is smooth, a scalar.

    Args:
        disp_b1hw: sigmoid disparity.
        image_b3hw: the target image of the same size, in [0, 1].
        mask_b1hw: True where a pixel counts; None for all.
    """
    if mask_b1hw is None:
        mean = disp_b1hw.mean((2, 3), keepdim=True)
    else:
        mean = (disp_b1hw * mask_b1hw).sum((2, 3), keepdim=True) / mask_b1hw.sum((2, 3), keepdim=True).clamp(min=1)
    disp = disp_b1hw / (mean + 1e-7)

    def weighted(dim: int) -> Tensor:
        edges = image_b3hw.diff(dim=dim).abs().mean(1, keepdim=True)
        pairs = None if mask_b1hw is None else _both(mask_b1hw, dim)
        return masked_mean(disp.diff(dim=dim).abs() * (-edges).exp(), pairs)

    return weighted(3) + weighted(2)


def _both(mask_b1hw: Tensor, dim: int) -> Tensor:
    """Where a pixel and the next one count."""
    size = mask_b1hw.shape[dim] - 1
    return mask_b1hw.narrow(dim, 0, size) & mask_b1hw.narrow(dim, 1, size)
