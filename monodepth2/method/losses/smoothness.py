"""Edge-aware smoothness of the disparity (equation 3 of the paper)."""

from torch import Tensor


def edge_aware_smoothness(disp_b1hw: Tensor, image_b3hw: Tensor) -> Tensor:
    """Return the mean gradient of mean-normalised disparity where the image is smooth, a scalar.

    Args:
        disp_b1hw: sigmoid disparity.
        image_b3hw: the target image of the same size, in [0, 1].
    """
    disp = disp_b1hw / (disp_b1hw.mean((2, 3), keepdim=True) + 1e-7)

    def weighted(dim: int) -> Tensor:
        edges = image_b3hw.diff(dim=dim).abs().mean(1, keepdim=True)
        return (disp.diff(dim=dim).abs() * (-edges).exp()).mean()

    return weighted(3) + weighted(2)
