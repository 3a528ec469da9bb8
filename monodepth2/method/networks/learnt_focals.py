"""Focal lengths that are learnt beside depth and motion."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from monodepth2.method.stages import RelativePose

PIXEL_ERROR = 0.1  # of matching, in pixels of the network's input
LARGEST_ERROR = 0.1  # of a focal length that may be learnt, as a share of it
FIRST_STEPS = 200  # for depth and motion alone, after those that are for motion alone
MEMORY = 500  # steps that the mean of rotations looks back
RATE_FACTOR = 20.0  # of the networks' learning rate: one number has a long way to go


class LearntFocals(nn.Module):
    """A factor on the focal length of each camera: square pixels stay square, the centre stays where it is.

    The purpose is that of Gordon et al., "Depth from Videos in the Wild", 2019; here the factor is a parameter of the
    camera and not the output of a network.

    What tells a focal length f is rotation. A turn by r moves a pixel at x from the centre by f r + r x^2 / f. Another
    turn explains the first part as well (`with_picture_kept`), so all lies in the second: a matching error of e pixels
    at the edge of a picture of width w leaves the focal length uncertain by a share of 2 f e / (w^2 r). Forward motion
    tells nothing, as depth is free. A factor is therefore learnt only while the turns that the pose network sees make
    that share small enough; without them it stays at 1.

    A pose network that has not learnt anything states turns, too, nearly the same ones for all pictures. So those turns
    count that differ between the samples of a batch that a camera has taken, and of them what all neighbours of a
    sample agree on.

    Args:
        cameras: how many.
        motion_warmup: first steps that show motion alone.

    Attributes:
        log_factor: what is learnt, (cameras,).
        signal: variance of w^2 r / (2 f) in pixels per camera, (cameras,).
        steps: that have seen several samples of a camera, (cameras,).
    """

    signal: Tensor
    steps: Tensor

    def __init__(self, cameras: int, motion_warmup: int = 0) -> None:
        super().__init__()
        self.first_steps = motion_warmup + FIRST_STEPS
        self.log_factor = nn.Parameter(torch.zeros(cameras))
        self.register_buffer("signal", torch.zeros(cameras))
        self.register_buffer("steps", torch.zeros(cameras))

    def forward(self, camera_b: Tensor, K_b44: Tensor, width: int, rotations: Sequence[Tensor]) -> Tensor:
        """Return the factor of each sample's focal length, (b,).

        Args:
            camera_b: which camera took a sample.
            K_b44: the intrinsics that the factor is for, in pixels.
            width: of the picture, in pixels.
            rotations: axis-angles of the motion between the target and each source, forward in time, b3 each, in
                radians.
        """
        if self.training:
            self._note(camera_b, K_b44, width, rotations)
        factor = self.log_factor.exp()
        return torch.where(self.learning, factor, factor.detach())[camera_b]

    @property
    def errors(self) -> Tensor:
        """By what share each focal length is uncertain, (cameras,); infinite where nothing turns."""
        return PIXEL_ERROR / self.signal.clamp(min=0).sqrt()

    @property
    def learning(self) -> Tensor:
        """Whether each factor is being learnt, a bool, (cameras,)."""
        return (self.steps >= self.first_steps) & (self.errors < LARGEST_ERROR)

    @torch.no_grad()
    def _note(self, camera_b: Tensor, K_b44: Tensor, width: int, rotations: Sequence[Tensor]) -> None:
        """Count the turns of a batch in, to the side and up or down; those about the view's axis tell nothing."""
        pixels_b1 = width**2 / (2 * K_b44[:, :1, 0].float())
        turns_sb2 = torch.stack([pixels_b1 * rotation[:, :2].float() for rotation in rotations])
        zeros = torch.zeros_like(self.signal)
        samples = zeros.index_add(0, camera_b, torch.ones_like(pixels_b1[:, 0]))
        sums = turns_sb2.new_zeros(len(rotations), len(zeros), 2).index_add(1, camera_b, turns_sb2)
        turns_sb2 = turns_sb2 - (sums / samples.clamp(min=1)[:, None])[:, camera_b]
        agreed_b = _agreed(turns_sb2).sum(1)
        variance = zeros.index_add(0, camera_b, agreed_b) / (samples - 1).clamp(min=1)
        seen = (samples > 1) & variance.isfinite()
        self.steps += seen
        self.signal += torch.where(seen, (variance - self.signal) / self.steps.clamp(1, MEMORY), 0.0)


def _agreed(values_sbn: Tensor) -> Tensor:
    """The mean product of the values of two different sources, or the square of those of a single one, bn."""
    sources = len(values_sbn)
    squares = values_sbn.square().sum(0)
    return squares if sources == 1 else (values_sbn.sum(0).square() - squares) / (sources * (sources - 1))


def with_picture_kept(pose: RelativePose, factors_b: Tensor) -> RelativePose:
    """Return the same motion, whose turns and sideways ways grow less as factors of the focal length grow.

    So a gradient with respect to a factor is that of another focal length with the same shift of the picture as a
    whole. Else the factor follows every error of the pose network: a shorter focal length makes wrong turns harm less.
    """
    less_b1 = (factors_b.detach() / factors_b)[:, None]  # 1, with a gradient
    less_b3 = torch.cat([less_b1, less_b1, torch.ones_like(less_b1)], 1)
    return replace(pose, axisangle=pose.axisangle * less_b3, translation=pose.translation * less_b3)


def refocused(K_b44: Tensor, factors_b: Tensor) -> Tensor:
    """Return intrinsics with both focal lengths times a factor, b44."""
    scale = torch.ones_like(K_b44)
    scale[:, 0, 0] = scale[:, 1, 1] = factors_b
    return K_b44 * scale
