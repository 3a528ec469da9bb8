"""Parts of the pictures to train on, drawn for each sample: `--augment_crop`."""

from dataclasses import dataclass

import numpy as np

from monodepth2.config import Options
from monodepth2.files.fit import Window


@dataclass(frozen=True)
class RandomCrop:
    """Draws a part of what the network sees; the part is then resized to the network's size.

    Attributes:
        scale: least and largest share of the area.
        ratio: least and largest width by height, as a multiple of the whole's; 1 lies between them.
    """

    scale: tuple[float, float]
    ratio: tuple[float, float]

    @classmethod
    def from_options(cls, options: Options) -> "RandomCrop | None":
        """What `--augment_crop` asks for; None without it."""
        if not options.augment_crop:
            return None
        (least, most), (narrow, wide) = options.crop_scale, options.crop_ratio
        return cls((least, most), (narrow, wide))

    def draw(self, rng: np.random.Generator) -> Window:
        """Draw area, shape and place, each evenly (the shape on a logarithmic scale), so that the part lies inside.

        Of the shapes only those are drawn that a part of this area can have inside the picture.
        """
        area = rng.uniform(*self.scale)
        least, most = max(self.ratio[0], area), min(self.ratio[1], 1 / area)
        ratio = np.exp(rng.uniform(np.log(least), np.log(most)))
        width, height = min(1.0, np.sqrt(area * ratio)), min(1.0, np.sqrt(area / ratio))
        left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
        return Window(float(left), float(top), float(left + width), float(top + height))
