"""The first steps, in which a new pose network finds the camera's motion (`--motion_warmup`).

The loss of the paper does not show a wrong motion the way to the right one. The minimum over the sources and the
auto-mask leave out the pixels that it explains worse, so that only those count that it explains better by chance. And a
photometric error of sharp pictures falls towards the right motion only from a pixel or two away. So in these steps
nothing is left out, and the pictures that are compared are as coarse as a few blocks across. docs/results.md has what
was measured.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from monodepth2.method.losses.objective import Objective
from monodepth2.method.stages import Batch

COLUMNS = (24, 48)  # of blocks across a picture, one number after the other
LEAST_KEPT = 1e-6  # share of a coarse pixel: less than one pixel's, where all is masked


def columns_at(step: int, steps: int) -> int | None:
    """How coarse pictures are at a step of a warm-up of so many, in blocks across; None after it."""
    return COLUMNS[len(COLUMNS) * step // steps] if step < steps else None


def coarse(pictures: Tensor, columns: int) -> Tensor:
    """Return (..., c, h, w) pictures as they look in so many blocks across, smoothly between the blocks' middles."""
    h, w = pictures.shape[-2:]
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    blocks = F.interpolate(flat, (max(1, round(h * columns / w)), columns), mode="area")
    return F.interpolate(blocks, (h, w), mode="bilinear", align_corners=False).view(pictures.shape)


def coarse_batch(batch: Batch, columns: int) -> Batch:
    """Return a batch whose pictures for the loss are coarse; the networks' own pictures stay as they are.

    What a mask leaves out is in no block: of the sources, too, as what it hides, a car's bonnet, is there as well.
    """
    masks: Mapping[int, Tensor] = batch.mask or {}
    color = {
        i: {level: _coarse_where(masks.get(level), image, columns) for level, image in levels.items()}
        for i, levels in batch.color.items()
    }
    return replace(batch, color=color)


def _coarse_where(kept: Tensor | None, pictures: Tensor, columns: int) -> Tensor:
    """Coarse pictures of the pixels that are kept, of all without a mask; each kept one has some in its blocks."""
    if kept is None:
        return coarse(pictures, columns)
    return coarse(pictures * kept, columns) / coarse(kept.float(), columns).clamp(min=LEAST_KEPT)


def without_choice(objective: Objective) -> Objective:
    """Return an objective that averages over the sources and masks nothing that is explained badly."""
    return replace(objective, average=True, automask=False)
