"""Samples for training: a target frame with its sources, as pyramids of 8-bit tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skimage.transform
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from monodepth2.config import STEREO, FrameId, Options
from monodepth2.datasets.augmentation import ColorJitter
from monodepth2.datasets.layouts import KittiRaw, Layout, frame_path, make_layout
from monodepth2.datasets.pictures import PictureError, mirror, read_picture, resize
from monodepth2.datasets.splits import SplitLine
from monodepth2.errors import UserError
from monodepth2.stages import Batch

STEREO_BASELINE = 0.1  # in the network's unit of depth; 0.54 m in KITTI's rig
DEPTH_SIZE = (375, 1242)  # to which every depth map is resized while training
MOST_REPLACEMENTS = 10


@dataclass(frozen=True)
class Sample:
    """One target with its sources; fields as in `Batch`, without the batch dimension, pictures as uint8."""

    color: dict[FrameId, dict[int, Tensor]]
    color_aug: dict[FrameId, Tensor]
    K: dict[int, Tensor]
    stereo_T: Tensor | None
    index: int
    mirrored: bool
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleKey:
    """Which sample to make: its position in the split, and the epoch, which decides the augmentation."""

    epoch: int
    index: int


class MonoDataset(Dataset[Sample | UserError]):
    """The samples of a split.

    A sample depends on the seed, the epoch and its position alone, not on the worker that makes it.

    Args:
        layout: where the pictures are.
        lines: the split.
        loaded_ids: frames of a sample, the target (0) first.
        levels: pyramid levels read per frame (see `levels_read`).
        height: of level 0.
        width: of level 0.
        augment: mirror and jitter with probability 0.5 each (training).
        seed: of the augmentation.
    """

    def __init__(
        self,
        layout: Layout,
        lines: Sequence[SplitLine],
        loaded_ids: Sequence[FrameId],
        levels: dict[FrameId, tuple[int, ...]],
        height: int,
        width: int,
        augment: bool = False,
        seed: int = 0,
    ) -> None:
        self.layout = layout
        self.lines = lines
        self.loaded_ids = tuple(loaded_ids)
        self.levels = levels
        self.size = (width, height)
        self.augment = augment
        self.seed = seed

    @classmethod
    def from_options(cls, options: Options, lines: Sequence[SplitLine], augment: bool) -> "MonoDataset":
        """The data set that a run's options describe, on the given lines."""
        return cls(
            layout=make_layout(options.dataset, options.data_path, options.png),
            lines=lines,
            loaded_ids=options.loaded_ids,
            levels=levels_read(options),
            height=options.height,
            width=options.width,
            augment=augment,
            seed=options.seed,
        )

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, key: SampleKey) -> Sample | UserError:
        """Make a sample; one with an unreadable picture is replaced by another, drawn at random, and named in `faults`.

        Where ten in a row cannot be read the error is returned: raised in a loader's process it would lose its type.
        """
        rng = np.random.default_rng([self.seed, key.epoch, key.index])
        faults: list[str] = []
        index = key.index
        while len(faults) < MOST_REPLACEMENTS:
            mirrored = self.augment and rng.random() < 0.5
            jitter = ColorJitter.draw(rng) if self.augment and rng.random() < 0.5 else None
            try:
                return self.sample(index, mirrored, jitter, tuple(faults))
            except PictureError as error:
                faults.append(str(error))
                index = int(rng.integers(len(self.lines)))
        return UserError("too many unreadable pictures in a row:\n  " + "\n  ".join(faults))

    def sample(
        self, index: int, mirrored: bool = False, jitter: ColorJitter | None = None, faults: tuple[str, ...] = ()
    ) -> Sample:
        """Make a sample with the given augmentation.

        Raises:
            PictureError: one of its pictures cannot be read.
        """
        line = self.lines[index]
        pyramids = {i: self._pyramid(line, i, mirrored) for i in self.loaded_ids}
        return Sample(
            color={i: {level: _to_tensor(image) for level, image in levels.items() if level in self.levels[i]}
                   for i, levels in pyramids.items()},
            color_aug={i: _to_tensor(jitter(levels[0]) if jitter else levels[0]) for i, levels in pyramids.items()},
            K={level: self._intrinsics(level) for level in self.levels[0]},
            stereo_T=stereo_transform(line.side, mirrored) if STEREO in self.loaded_ids else None,
            index=index,
            mirrored=mirrored,
            faults=faults,
        )  # fmt: skip

    def depth(self, index: int, mirrored: bool) -> Tensor | None:
        """The sparse depth of a sample's target in metres, 0 where unknown, (1, 375, 1242); None where there is none.

        Raises:
            UserError: the depth is there but unreadable.
        """
        line = self.lines[index]
        if not isinstance(self.layout, KittiRaw) or not self.layout.depth_path(line).is_file():
            return None
        depth = self.layout.depth(line)
        depth = skimage.transform.resize(depth, DEPTH_SIZE, order=0, preserve_range=True, mode="constant")
        return torch.from_numpy((depth[:, ::-1] if mirrored else depth).astype(np.float32))[None]

    def _pyramid(self, line: SplitLine, frame: FrameId, mirrored: bool) -> dict[int, Image.Image]:
        """The frame's levels, each resized from the one above, down to the smallest that is read."""
        picture = read_picture(frame_path(self.layout, line, frame))
        if mirrored:
            picture = mirror(picture)
        width, height = self.size
        levels: dict[int, Image.Image] = {}
        for level in range(max(self.levels[frame], default=0) + 1):
            picture = resize(picture, width >> level, height >> level)
            levels[level] = picture
        return levels

    def _intrinsics(self, level: int) -> Tensor:
        width, height = self.size
        return torch.from_numpy(self.layout.intrinsics.matrix(width >> level, height >> level))


def levels_read(options: Options) -> dict[FrameId, tuple[int, ...]]:
    """The un-augmented levels that the losses read, per frame.

    The target's serve every scale's smoothness; the sources' are compared at level 0, or at each scale's own level
    under v1 multiscale.
    """
    target = tuple(sorted({0, *options.scales}))
    source = tuple(sorted(options.scales)) if options.v1_multiscale else (0,)
    return {0: target, **dict.fromkeys(options.source_ids, source)}


def stereo_transform(side: str, mirrored: bool) -> Tensor:
    """`source_T_target` of the other camera of the rig, (4, 4): a translation along x in the network's unit."""
    transform = torch.eye(4)
    sign = -1.0 if side == "l" else 1.0
    transform[0, 3] = STEREO_BASELINE * (-sign if mirrored else sign)
    return transform


def collate(made: Sequence[Sample | UserError]) -> Batch | UserError:
    """Stack samples into a batch (pictures stay uint8), or hand on the first error."""
    for item in made:
        if isinstance(item, UserError):
            return item
    return stack([item for item in made if isinstance(item, Sample)])


def stack(samples: Sequence[Sample]) -> Batch:
    """Stack samples into a batch (pictures stay uint8)."""
    first = samples[0]
    stereo = [sample.stereo_T for sample in samples if sample.stereo_T is not None]
    return Batch(
        color={i: {level: torch.stack([sample.color[i][level] for sample in samples]) for level in levels}
               for i, levels in first.color.items()},
        color_aug={i: torch.stack([sample.color_aug[i] for sample in samples]) for i in first.color_aug},
        K={level: torch.stack([sample.K[level] for sample in samples]) for level in first.K},
        stereo_T=torch.stack(stereo) if stereo else None,
        index=torch.tensor([sample.index for sample in samples]),
        mirrored=torch.tensor([sample.mirrored for sample in samples]),
        faults=tuple(fault for sample in samples for fault in sample.faults),
    )  # fmt: skip


def _to_tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())
