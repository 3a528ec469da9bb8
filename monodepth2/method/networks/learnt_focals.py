"""Focal lengths that are learnt beside depth and motion."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PIXEL_ERROR = 0.1  # of matching, in pixels of the network's input
LARGEST_ERROR = 0.1  # of a focal length that may be learnt, as a share of it
FIRST_STEPS = 200  # for depth and motion alone
MEMORY = 500  # steps that the mean of rotations looks back
RATE_FACTOR = 20.0  # of the networks' learning rate: one number has a long way to go


class LearntFocals(nn.Module):
    """A factor on the focal length of each camera: square pixels stay square, the centre stays where it is.

    The purpose is that of Gordon et al., "Depth from Videos in the Wild", 2019; here the factor is a parameter of the
    camera and not the output of a network.

    What tells a focal length f is rotation. A turn by r moves a pixel at x from the centre by f r + r x^2 / f. Another
    turn explains the first part as well, so all lies in the second: a matching error of e pixels at the edge of a
    picture of width w leaves the focal length uncertain by a share of 2 f e / (w^2 r). Forward motion tells nothing,
    as depth is free. A factor is therefore learnt only while the turns that the pose network sees make that share
    small enough; without them it stays at 1.

    Args:
        cameras: how many.

    Attributes:
        log_factor: what is learnt, (cameras,).
        signal: mean square of w^2 r / (2 f) in pixels per camera, (cameras,).
        steps: that a camera has been seen in, (cameras,).
    """

    signal: Tensor
    steps: Tensor

    def __init__(self, cameras: int) -> None:
        super().__init__()
        self.log_factor = nn.Parameter(torch.zeros(cameras))
        self.register_buffer("signal", torch.zeros(cameras))
        self.register_buffer("steps", torch.zeros(cameras))

    def forward(self, camera_b: Tensor, K_b44: Tensor, width: int, rotations: Sequence[Tensor]) -> Tensor:
        """Return the factor of each sample's focal length, (b,).

        Args:
            camera_b: which camera took a sample.
            K_b44: the intrinsics that the factor is for, in pixels.
            width: of the picture, in pixels.
            rotations: axis-angles of the motion to the sources, b3 each, in radians.
        """
        if self.training:
            self._note(camera_b, K_b44, width, rotations)
        factor = self.log_factor.exp()
        return torch.where(self.learning, factor, factor.detach())[camera_b]

    @property
    def errors(self) -> Tensor:
        """By what share each focal length is uncertain, (cameras,); infinite where nothing turns."""
        return PIXEL_ERROR / self.signal.sqrt()

    @property
    def learning(self) -> Tensor:
        """Whether each factor is being learnt, a bool, (cameras,)."""
        return (self.steps >= FIRST_STEPS) & (self.errors < LARGEST_ERROR)

    @torch.no_grad()
    def _note(self, camera_b: Tensor, K_b44: Tensor, width: int, rotations: Sequence[Tensor]) -> None:
        """Count the turns of a batch in, to the side and up or down; those about the view's axis tell nothing."""
        turns_b = torch.stack([rotation[:, :2].float().square().sum(1) for rotation in rotations]).mean(0)
        signal_b = turns_b * (width**2 / (2 * K_b44[:, 0, 0].float())) ** 2
        samples = torch.zeros_like(self.signal).index_add_(0, camera_b, torch.ones_like(signal_b))
        mean = torch.zeros_like(self.signal).index_add_(0, camera_b, signal_b) / samples.clamp(min=1)
        seen = (samples > 0) & mean.isfinite()
        self.steps += seen
        self.signal += torch.where(seen, (mean - self.signal) / self.steps.clamp(1, MEMORY), 0.0)


def refocused(K_b44: Tensor, factors_b: Tensor) -> Tensor:
    """Return intrinsics with both focal lengths times a factor, b44."""
    scale = torch.ones_like(K_b44)
    scale[:, 0, 0] = scale[:, 1, 1] = factors_b
    return K_b44 * scale
