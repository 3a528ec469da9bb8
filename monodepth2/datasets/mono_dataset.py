"""Samples for training: a target frame with its sources, as pyramids of 8-bit tensors."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import skimage.transform
import torch
from numpy.typing import DTypeLike
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from monodepth2.config import STEREO, FrameId, Options
from monodepth2.datasets.augmentation import ColorJitter, prepare_jitter
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.device_augmentation import DrawnJitters
from monodepth2.datasets.known import NOTHING, Known
from monodepth2.datasets.layouts import KittiRaw, Layout, frame_path, layout_of
from monodepth2.datasets.masks import read_mask
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.files.pictures import PictureError, PyramidReader, picture_size, read_pyramid
from monodepth2.method.depth_maps import NETWORK_BASELINE
from monodepth2.method.stages import Batch

DEPTH_SIZE = (375, 1242)  # to which every depth map is resized while training
MOST_REPLACEMENTS = 10
Key = TypeVar("Key")


@dataclass(frozen=True)
class Sample:
    """One target with its sources; fields as in `Batch`, without the batch dimension, pictures as uint8.

    Pictures lie in memory as (h, w, 3), in which order they are decoded; where they are not jittered, `color_aug` is
    the very tensor of `color`.

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
        device_augment: leave the jitter to the device.
        reader: reads the pictures (default: decodes and resizes them).
        dtype: of intrinsics and stereo transforms, and so of all that is computed from the samples.
        fit: how the pictures come to that size, if `reader` is not given.
        cameras: of the run, which samples then name by their place; may be empty.
        known: what else becomes part of the samples.
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
        device_augment: bool = False,
        reader: PyramidReader | None = None,
        dtype: DTypeLike = np.float32,
        fit: Fit = STRETCH,
        cameras: Sequence[Camera] = (),
        known: Known = NOTHING,
    ) -> None:
        self.layout = layout
        self.lines = lines
        self.loaded_ids = tuple(loaded_ids)
        self.levels = levels
        self.size = (width, height)
        self.augment = augment
        self.seed = seed
        self.device_augment = device_augment
        self.read = reader or partial(read_pyramid, width=width, height=height, fit=fit)
        self.dtype = dtype
        self.fit = fit
        self.with_masks = layout.has_masks
        self.known = known
        self.places = {camera: place for place, camera in enumerate(cameras)}

    @classmethod
    def from_options(
        cls,
        options: Options,
        lines: Sequence[SplitLine],
        augment: bool,
        reader: PyramidReader | None = None,
        dtype: DTypeLike = np.float32,
        cameras: Sequence[Camera] = (),
    ) -> "MonoDataset":
        """The data set that a run's options describe, on the given lines."""
        layout = layout_of(options)
        return cls(
            layout=layout,
            lines=lines,
            loaded_ids=options.loaded_ids,
            levels=levels_read(options),
            height=options.height,
            width=options.width,
            augment=augment,
            seed=options.seed,
            device_augment=options.device_augment,
            reader=reader,
            dtype=dtype,
            fit=Fit(options.fit, options.crop_top),
            cameras=cameras,
            known=Known.from_options(options, layout),
        )

    def __len__(self) -> int:
        return len(self.lines)

    def picture(self, index: int) -> Path:
        """The target's picture of a sample."""
        return frame_path(self.layout, self.lines[index], 0)

    def prepare(self) -> None:
        """Make what all samples look up; processes forked from this one share it."""
        if self.augment and not self.device_augment:
            prepare_jitter(self.size)

    def __getitem__(self, key: SampleKey) -> Sample | UserError:
        """Make a sample; one with an unreadable picture is replaced by another, drawn at random, and named in `faults`.

        Where ten in a row cannot be read the error is returned: raised in a loader's process it would lose its type.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([self.seed, key.epoch, key.index])
        faults: list[str] = []
        index = key.index
        while len(faults) < MOST_REPLACEMENTS:
            mirrored = self.augment and rng.random() < 0.5
            jitter = ColorJitter.draw(rng) if self.augment and rng.random() < 0.5 else None
            try:
                sample = self.sample(index, mirrored, jitter, tuple(faults))
                return replace(sample, seconds=time.perf_counter() - started)
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
        here = None if self.device_augment else jitter
        return Sample(
            color={i: {level: levels[level] for level in self.levels[i]} for i, levels in pyramids.items()},
            color_aug={i: _jittered(levels[0], here) if here else levels[0] for i, levels in pyramids.items()},
            K=self._intrinsics(line, mirrored),
            stereo_T=stereo_transform(line.side, mirrored, self.dtype) if STEREO in self.loaded_ids else None,
            index=index,
            mirrored=mirrored,
            faults=faults,
            jitter=jitter if self.device_augment else None,
            mask=self._mask(line, mirrored) if self.with_masks else None,
            camera=self.places[self.layout.camera(line)] if self.places else 0,
            **self.known.parts(line, mirrored, self.dtype),
        )

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

    def _intrinsics(self, line: SplitLine, mirrored: bool) -> dict[int, Tensor]:
        """K of the sample's pictures per level: its camera, cut and mirrored as they are."""
        camera, (width, height) = self.layout.camera(line), self.size
        if self.fit != STRETCH:
            size = picture_size(frame_path(self.layout, line, 0))
            camera = camera.cropped(self.fit.box(size, self.size), size)
        camera = camera.mirrored() if mirrored else camera
        return {level: torch.from_numpy(camera.matrix(width >> level, height >> level, self.dtype))
                for level in self.levels[0]}  # fmt: skip

    def _mask(self, line: SplitLine, mirrored: bool) -> dict[int, Tensor]:
        """Where the target counts, per level, (1, h, w): everywhere, where it has no mask."""
        (width, height), path = self.size, self.layout.mask_path(line)
        if path is None:
            return {level: torch.ones(1, height >> level, width >> level, dtype=torch.bool) for level in self.levels[0]}
        levels = read_mask(path, max(self.levels[0]), width, height, self.fit)
        masks = {level: torch.from_numpy(levels[level])[None] for level in self.levels[0]}
        return {level: mask.flip(2) if mirrored else mask for level, mask in masks.items()}

    def _pyramid(self, line: SplitLine, frame: FrameId, mirrored: bool) -> list[Tensor]:
        """The frame's levels down to the smallest that is read, (3, h, w) each.

        2019 mirrored before resizing. The filter's weights are symmetric, so mirroring what is resized gives the same
        bits and moves fewer of them.
        """
        levels = self.read(frame_path(self.layout, line, frame), max(self.levels[frame], default=0))
        pictures = [torch.from_numpy(level) for level in levels]
        return [(picture.flip(1) if mirrored else picture).permute(2, 0, 1) for picture in pictures]


def levels_read(options: Options) -> dict[FrameId, tuple[int, ...]]:
    """The un-augmented levels that the losses read, per frame.

    The target's serve every scale's smoothness; the sources' are compared at level 0, or at each scale's own level
    under v1 multiscale.
    """
    target = tuple(sorted({0, *options.scales}))
    source = tuple(sorted(options.scales)) if options.v1_multiscale else (0,)
    return {0: target, **dict.fromkeys(options.source_ids, source)}


def stereo_transform(side: str, mirrored: bool, dtype: DTypeLike = np.float32) -> Tensor:
    """`source_T_target` of the other camera of the rig, (4, 4): a translation along x in the network's unit."""
    transform = np.eye(4, dtype=dtype)
    sign = -1.0 if side == "l" else 1.0
    transform[0, 3] = NETWORK_BASELINE * (-sign if mirrored else sign)
    return torch.from_numpy(transform)


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
    color = {i: {level: _stack_pictures([sample.color[i][level] for sample in samples]) for level in levels}
             for i, levels in first.color.items()}  # fmt: skip
    return Batch(
        color=color,
        color_aug={i: _stack_augmented(samples, i, color[i]) for i in first.color_aug},
        K={level: torch.stack([sample.K[level] for sample in samples]) for level in first.K},
        stereo_T=torch.stack(stereo) if stereo else None,
        index=torch.tensor([sample.index for sample in samples]),
        mirrored=torch.tensor([sample.mirrored for sample in samples]),
        faults=tuple(fault for sample in samples for fault in sample.faults),
        jitters=DrawnJitters.of([sample.jitter for sample in samples]),
        loader_seconds=sum(sample.seconds for sample in samples) / len(samples),
        mask=_stack_by_key([sample.mask for sample in samples if sample.mask is not None]),
        camera=torch.tensor([sample.camera for sample in samples]),
        source_T_target=_stack_by_key([sample.source_T_target for sample in samples if sample.source_T_target]),
        travelled=_stack_by_key([sample.travelled for sample in samples if sample.travelled]),
        depth=_stack_known([sample.depth for sample in samples if sample.depth is not None]),
    )


def _stack_by_key(tensors: Sequence[dict[Key, Tensor]]) -> dict[Key, Tensor] | None:
    return {key: torch.stack([one[key] for one in tensors]) for key in tensors[0]} if tensors else None


def _stack_known(tensors: Sequence[Tensor]) -> Tensor | None:
    return torch.stack([*tensors]) if tensors else None


def _stack_augmented(samples: Sequence[Sample], frame: FrameId, stacked: dict[int, Tensor]) -> Tensor:
    """One frame's augmented pictures: where none of them is changed, the stacked un-augmented ones themselves."""
    if all(sample.color_aug[frame] is sample.color[frame].get(0) for sample in samples):
        return stacked[0]
    return _stack_pictures([sample.color_aug[frame] for sample in samples])


def _stack_pictures(pictures: Sequence[Tensor]) -> Tensor:
    """Stack (3, h, w) pictures as they lie in memory, (h, w, 3); returns b3hw."""
    return torch.stack([picture.permute(1, 2, 0) for picture in pictures]).permute(0, 3, 1, 2)


def _jittered(picture_3hw: Tensor, jitter: ColorJitter) -> Tensor:
    picture = Image.fromarray(picture_3hw.permute(1, 2, 0).numpy())
    return torch.from_numpy(np.array(jitter(picture))).permute(2, 0, 1)
