"""Samples for training: a target frame with its sources, as pyramids of 8-bit tensors."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import skimage.transform
import torch
from numpy.typing import DTypeLike
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from monodepth2.config import STEREO, FrameId, Options
from monodepth2.datasets.augmentation import ColorJitter, prepare_jitter
from monodepth2.datasets.cameras import Camera, matrix_of_window, mirrored_matrix
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.known import NOTHING, Known
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.masks import mask_levels, read_mask
from monodepth2.datasets.random_crop import RandomCrop
from monodepth2.datasets.samples import Sample, SampleKey, Shown
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit, Size, Window
from monodepth2.files.pictures import PictureError, PyramidReader, pyramid, read_pyramid, size_to_cut
from monodepth2.method.depth_maps import NETWORK_BASELINE

DEPTH_SIZE = (375, 1242)  # to which every depth map is resized while training
MOST_REPLACEMENTS = 10


@dataclass(eq=False)
class MonoDataset(Dataset[Sample | UserError]):
    """The samples of a split.

    A sample depends on the seed, the epoch and its position alone, not on the worker that makes it.

    Attributes:
        frames: where the pictures are, and which of them a sample has.
        lines: the split.
        levels: pyramid levels read per frame (see `levels_read`).
        size: (width, height) of level 0.
        augment: mirror and jitter with probability 0.5 each (training).
        seed: of the augmentation.
        device_augment: leave the jitter to the device.
        reader: reads the pictures (default: decodes and resizes them). Where it is given, parts of the pictures are cut
            out of what it returns, which is at training size already, and resized once more.
        dtype: of intrinsics and stereo transforms, and so of all that is computed from the samples.
        fit: how the pictures come to that size, if `reader` is not given.
        cameras: of the run, which samples then name by their place; may be empty.
        known: what else becomes part of the samples.
        crop: draws the part of the pictures that a sample shows; None: they are shown whole.
    """

    frames: SampleFrames
    lines: Sequence[SplitLine]
    levels: dict[FrameId, tuple[int, ...]]
    size: Size
    augment: bool = False
    seed: int = 0
    device_augment: bool = False
    reader: PyramidReader | None = None
    dtype: DTypeLike = np.float32
    fit: Fit = STRETCH
    cameras: Sequence[Camera] = ()
    known: Known = NOTHING
    crop: RandomCrop | None = None

    def __post_init__(self) -> None:
        self.layout = self.frames.layout
        self.with_masks = self.layout.has_masks
        self.places = {camera: place for place, camera in enumerate(self.cameras)}
        self._sizes: dict[SplitLine, Size] = {}

    @classmethod
    def from_options(
        cls,
        options: Options,
        lines: Sequence[SplitLine],
        augment: bool,
        reader: PyramidReader | None = None,
        dtype: DTypeLike = np.float32,
        cameras: Sequence[Camera] = (),
        frames: SampleFrames | None = None,
    ) -> "MonoDataset":
        """The data set that a run's options describe, on the given lines."""
        frames = frames or SampleFrames.from_options(options, layout_of(options).of_lines(lines))
        return cls(
            frames,
            lines,
            levels_read(options),
            (options.width, options.height),
            augment,
            options.seed,
            options.device_augment,
            reader,
            dtype,
            options.input_fit,
            cameras,
            Known.from_options(options, frames.layout),
            RandomCrop.from_options(options) if augment else None,
        )

    def __len__(self) -> int:
        return len(self.lines)

    def picture(self, index: int) -> Path:
        """The target's picture of a sample."""
        return self.layout.picture_path(self.lines[index])

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
            # drawn last, and only where asked for, so that these draws change none of the others
            window = self.crop.draw(rng) if self.crop else None
            gap = int(rng.choice(self.frames.drawn(self.lines[index]))) if len(self.frames.gaps) > 1 else None
            try:
                sample = self.sample(index, mirrored, jitter, tuple(faults), window, gap)
                return replace(sample, seconds=time.perf_counter() - started)
            except PictureError as error:
                faults.append(str(error))
                index = int(rng.integers(len(self.lines)))
        listing = "\n  ".join(faults)
        return UserError(
            "too many unreadable pictures in a row: mend them, or bring their disk back, and start again, with "
            f"--resume if a checkpoint was saved:\n  {listing}"
        )

    def sample(
        self,
        index: int,
        mirrored: bool = False,
        jitter: ColorJitter | None = None,
        faults: tuple[str, ...] = (),
        window: Window | None = None,
        gap: int | None = None,
    ) -> Sample:
        """Make a sample with the given augmentation.

        Args:
            index: its position in the split.
            mirrored: whether it is mirrored, after it is cut.
            jitter: of its colours.
            faults: what stood in its place and could not be read.
            window: the part of its pictures that it shows, target and sources alike; None for all of them.
            gap: factor on its temporal ids (default: the smallest for which it has the pictures).

        Raises:
            PictureError: one of its pictures cannot be read.
        """
        line = self.lines[index]
        shown = Shown(line, gap or self.frames.drawn(line)[0], mirrored, window, self._size_to_cut(line))
        pyramids = {i: self._pyramid(shown, i) for i in self.frames.ids}
        here = None if self.device_augment else jitter
        return Sample(
            color={i: {level: levels[level] for level in self.levels[i]} for i, levels in pyramids.items()},
            color_aug={i: _jittered(levels[0], here) if here else levels[0] for i, levels in pyramids.items()},
            K=self._intrinsics(shown),
            stereo_T=stereo_transform(line.side, mirrored, self.dtype) if STEREO in self.frames.ids else None,
            index=index,
            mirrored=mirrored,
            faults=faults,
            jitter=jitter if self.device_augment else None,
            mask=self._mask(shown) if self.with_masks else None,
            camera=self.places[self.layout.camera(line)] if self.places else 0,
            **self.known.parts(shown, self.dtype),
        )

    def depth(self, index: int, mirrored: bool) -> Tensor | None:
        """The sparse depth of a sample's target in metres, 0 where unknown, (1, 375, 1242); None where there is none.

        It is that of the whole picture, and so no truth for a sample that shows a part of it.

        Raises:
            UserError: the depth is there but unreadable.
        """
        line = self.lines[index]
        if not isinstance(self.layout, KittiRaw) or not self.layout.depth_path(line).is_file():
            return None
        depth = self.layout.depth(line)
        depth = skimage.transform.resize(depth, DEPTH_SIZE, order=0, preserve_range=True, mode="constant")
        return torch.from_numpy((depth[:, ::-1] if mirrored else depth).astype(np.float32))[None]

    def _size_to_cut(self, line: SplitLine) -> Size | None:
        """As the function of this name; a process asks each file once, as those of kept pictures are read no more."""
        if line not in self._sizes:
            size = size_to_cut(self.layout.picture_path(line), self.fit)
            if size is None:
                return None
            self._sizes[line] = size
        return self._sizes[line]

    def _intrinsics(self, shown: Shown) -> dict[int, Tensor]:
        """K of the sample's pictures per level: its camera, cut and mirrored as they are."""
        camera, (width, height) = self.layout.camera(shown.line), self.size
        if shown.whole:
            camera = camera.cropped(self.fit.box(shown.whole, self.size), shown.whole)
        window = shown.window.mirrored() if shown.window and shown.mirrored else shown.window
        matrices = {}
        for level in self.levels[0]:
            w, h = width >> level, height >> level
            K = camera.matrix(w, h, np.float64 if window else self.dtype)
            if shown.mirrored and abs(camera.cx - 0.5) > 1e-6:  # 0.5 is the middle, and stays as it is, as in 2019
                K = mirrored_matrix(K, w)
            if window:
                K = matrix_of_window(K, window, w, h)
            matrices[level] = torch.from_numpy(K.astype(self.dtype))
        return matrices

    def _mask(self, shown: Shown) -> dict[int, Tensor]:
        """Where the target counts, per level, (1, h, w): everywhere, where it has no mask."""
        (width, height), path, deepest = self.size, self.layout.mask_path(shown.line), max(self.levels[0])
        if path is None:
            return {level: torch.ones(1, height >> level, width >> level, dtype=torch.bool) for level in self.levels[0]}
        if shown.window and self.reader:
            kept = read_mask(path, 0, width, height, self.fit, shown.whole)[0]
            levels = mask_levels(kept, deepest, width, height, Fit(window=shown.window))
        else:
            levels = read_mask(path, deepest, width, height, replace(self.fit, window=shown.window), shown.whole)
        masks = {level: torch.from_numpy(levels[level])[None] for level in self.levels[0]}
        return {level: mask.flip(2) if shown.mirrored else mask for level, mask in masks.items()}

    def _pyramid(self, shown: Shown, frame: FrameId) -> list[Tensor]:
        """The frame's levels down to the smallest that is read, (h, w, 3) each.

        2019 mirrored before resizing. The filter's weights are symmetric, so mirroring what is resized gives the same
        bits and moves fewer of them.
        """
        path = self.layout.picture_path(shown.line.other(frame, shown.gap))
        deepest = max(self.levels[frame], default=0)
        if self.reader is None:
            levels = read_pyramid(path, deepest, *self.size, replace(self.fit, window=shown.window))
        elif shown.window is None:
            levels = self.reader(path, deepest)
        else:
            kept = Image.fromarray(self.reader(path, 0)[0])
            levels = pyramid(kept, deepest, *self.size, Fit(window=shown.window))
        pictures = [torch.from_numpy(level) for level in levels]
        return [picture.flip(1) if shown.mirrored else picture for picture in pictures]


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


def _jittered(picture_hw3: Tensor, jitter: ColorJitter) -> Tensor:
    return torch.from_numpy(np.array(jitter(Image.fromarray(picture_hw3.numpy()))))
