"""Colour jitter as in 2019: one draw of factors and of their order for all frames of a sample, on 8-bit pictures."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from torchvision.transforms import functional as F

_ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
_LOW = (0.8, 0.8, 0.8, -0.1)
_HIGH = (1.2, 1.2, 1.2, 0.1)


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue changes in a fixed order; calling it changes a picture.

    Attributes:
        factors: of brightness, contrast and saturation in 0.8 to 1.2, of hue in -0.1 to 0.1.
        order: the order in which the four are applied.
    """

    factors: tuple[float, ...]
    order: tuple[int, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "ColorJitter":
        """Draw factors and order."""
        return cls(tuple(rng.uniform(_LOW, _HIGH).tolist()), tuple(rng.permutation(4).tolist()))

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return the changed picture."""
        for which in self.order:
            picture = _ADJUST[which](picture, self.factors[which])
        return picture
