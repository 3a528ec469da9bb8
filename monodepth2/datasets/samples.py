"""What is made of a line of a split, and how several of them become a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from monodepth2.config import FrameId
from monodepth2.datasets.augmentation import ColorJitter
from monodepth2.datasets.device_augmentation import DrawnJitters
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import Size, Window
from monodepth2.method.stages import Batch

# what the samples of a run have or lack alike
ALIKE = ("K", "stereo_T", "mask", "source_T_target", "travelled", "depth", "pseudo")


@dataclass(frozen=True)
class Sample:
    """One target with its sources; fields as in `Batch`, without the batch dimension.

    Pictures are uint8, (h, w, 3), as they are decoded; where they are not jittered, `color_aug` is the very tensor of
    `color`.

    Attributes:
        jitter: what remains to be done to `color_aug` on the device.
        seconds: that the sample took.
        camera: which of the run's cameras took it.
    """

    color: dict[FrameId, dict[int, Tensor]]
    color_aug: dict[FrameId, Tensor]
    K: dict[int, Tensor]
    stereo_T: Tensor | None
    index: int
    mirrored: bool
    faults: tuple[str, ...] = ()
    jitter: ColorJitter | None = None
    seconds: float = 0.0
    mask: dict[int, Tensor] | None = None
    camera: int = 0
    source_T_target: dict[FrameId, Tensor] | None = None
    travelled: dict[FrameId, Tensor] | None = None
    depth: Tensor | None = None
    pseudo: Tensor | None = None


@dataclass(frozen=True)
class Shown:
    """What a sample shows of its line's pictures.

    Attributes:
        line: of the split.
        gap: between its frames, a factor on the temporal ids.
        mirrored: whether its pictures are mirrored, after they are cut.
        window: the part of the pictures that it shows; None for all of them.
        whole: (width, height) of the picture where it is cut to the network's shape; None where nothing is cut.
    """

    line: SplitLine
    gap: int = 1
    mirrored: bool = False
    window: Window | None = None
    whole: Size | None = None


@dataclass(frozen=True)
class SampleKey:
    """Which sample to make: its position in the split, and the epoch, which decides the augmentation."""

    epoch: int
    index: int


def collate(made: Sequence[Sample | UserError]) -> Batch | UserError:
    """Stack samples into a batch (pictures stay uint8), or hand on the first error."""
    for item in made:
        if isinstance(item, UserError):
            return item
    return stack([item for item in made if isinstance(item, Sample)])


def stack(samples: Sequence[Sample]) -> Batch:
    """Stack samples into a batch (pictures stay uint8)."""
    first = samples[0]
    color = {i: {level: _stack_pictures([sample.color[i][level] for sample in samples]) for level in levels}
             for i, levels in first.color.items()}  # fmt: skip
    return Batch(
        color=color,
        color_aug={i: _stack_augmented(samples, i, color[i]) for i in first.color_aug},
        index=torch.tensor([sample.index for sample in samples]),
        mirrored=torch.tensor([sample.mirrored for sample in samples]),
        faults=tuple(fault for sample in samples for fault in sample.faults),
        jitters=DrawnJitters.of([sample.jitter for sample in samples]),
        loader_seconds=sum(sample.seconds for sample in samples) / len(samples),
        camera=torch.tensor([sample.camera for sample in samples]),
        **{name: _stacked([getattr(sample, name) for sample in samples]) for name in ALIKE},
    )


def _stacked(parts: Sequence[Any]) -> Any:
    """Stack tensors, or dicts of tensors key by key; None where the samples have none."""
    if isinstance(parts[0], dict):
        return {key: torch.stack([part[key] for part in parts]) for key in parts[0]} or None
    return None if parts[0] is None else torch.stack([*parts])


def _stack_augmented(samples: Sequence[Sample], frame: FrameId, stacked: dict[int, Tensor]) -> Tensor:
    """One frame's augmented pictures: where none of them is changed, the stacked un-augmented ones themselves."""
    if all(sample.color_aug[frame] is sample.color[frame].get(0) for sample in samples):
        return stacked[0]
    return _stack_pictures([sample.color_aug[frame] for sample in samples])


def _stack_pictures(pictures: Sequence[Tensor]) -> Tensor:
    """Stack (h, w, 3) pictures; returns b3hw, which lies in memory as they do."""
    return torch.stack([*pictures]).permute(0, 3, 1, 2)
