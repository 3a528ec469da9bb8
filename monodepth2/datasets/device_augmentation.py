"""The colour jitter of a batch on its device, in float32: the loader's draws, without its rounding to 8 bits.

Legend of shapes: f frames, b samples of the batch, j jittered ones among them, h w pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from monodepth2.datasets.augmentation import BRIGHTNESS, CONTRAST, HUE, ColorJitter

CHANNEL_OFFSETS = (5, 3, 1)  # sixths of the circle of hues from red to where red, green and blue begin to fade


@dataclass(frozen=True)
class DrawnJitters:
    """The jitters drawn for a batch.

    Attributes:
        samples: the positions of the jittered samples, j.
        factors: of brightness, contrast, saturation and hue, j4.
        order: the order in which the four are applied, j4.
    """

    samples: Tensor
    factors: Tensor
    order: Tensor

    @classmethod
    def of(cls, draws: Sequence[ColorJitter | None]) -> "DrawnJitters | None":
        """Return the draws of a batch's samples as tensors, None where none is to be jittered."""
        drawn = [(n, jitter) for n, jitter in enumerate(draws) if jitter is not None]
        if not drawn:
            return None
        return cls(
            samples=torch.tensor([n for n, _ in drawn]),
            factors=torch.tensor([jitter.factors for _, jitter in drawn]),
            order=torch.tensor([jitter.order for _, jitter in drawn]),
        )

    def __call__(self, images_fb3hw: Tensor) -> Tensor:
        """Return images in [0, 1] with the jittered samples' changed; the others keep their bits.

        Nothing here waits for the device: which samples are jittered is read nowhere but there.
        """
        changed = jitter_images(images_fb3hw.index_select(1, self.samples), self.factors, self.order)
        return images_fb3hw.index_copy(1, self.samples, changed)


def jitter_images(images_fj3hw: Tensor, factors_j4: Tensor, order_j4: Tensor) -> Tensor:
    """Apply each sample's four changes in the sample's own order to images in [0, 1].

    Brightness, contrast and saturation are mixtures with a grey image, in which a factor of 1 changes nothing. So one
    turn of hue for all, with three mixtures before and three after it, serves every order.
    """
    turn_at = (order_j4 == HUE).int().argmax(1)
    images = images_fj3hw
    for slot in (0, 1, 2):
        images = _mixed(images, factors_j4, order_j4[:, slot], slot < turn_at)
    images = turn_hue(images, _per_sample(factors_j4[:, HUE]))
    for slot in (1, 2, 3):
        images = _mixed(images, factors_j4, order_j4[:, slot], slot > turn_at)
    return images


def _mixed(images_fj3hw: Tensor, factors_j4: Tensor, which_j: Tensor, active_j: Tensor) -> Tensor:
    """Mix every sample's images with what the change `which` (not of hue) mixes them with, where it is active."""
    factor = torch.where(active_j, factors_j4.gather(1, which_j[:, None])[:, 0], 1.0)
    which, factor = _per_sample(which_j), _per_sample(factor)
    red, green, blue = images_fj3hw.split(1, 2)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    grey = torch.where(which == CONTRAST, grey.mean((3, 4), keepdim=True), grey)
    grey = torch.where(which == BRIGHTNESS, 0.0, grey)
    return (factor * images_fj3hw + (1 - factor) * grey).clamp(0, 1)


def turn_hue(images_fj3hw: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of images in [0, 1] by `turns` turns, leaving their HSV saturation and value as they are."""
    red, green, blue = images_fj3hw.split(1, 2)
    value = images_fj3hw.amax(2, keepdim=True)
    chroma = value - images_fj3hw.amin(2, keepdim=True)
    divisor = torch.where(chroma == 0, 1.0, chroma)
    sixths = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sixths = sixths + 6 * turns
    channels = []
    for offset in CHANNEL_OFFSETS:
        along = (sixths + offset).remainder(6)
        channels.append(value - chroma * torch.minimum(along, 4 - along).clamp(0, 1))
    return torch.cat(channels, 2)


def _per_sample(values_j: Tensor) -> Tensor:
    return values_j[:, None, None, None]
