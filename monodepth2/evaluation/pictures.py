"""The pictures of a split and the depth known of them, made ready in threads while the network is busy."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.make3d import Make3D
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.evaluation.truth import Truth
from monodepth2.files.fit import STRETCH, Fit, Size
from monodepth2.files.pictures import picture_size, read_picture, resize
from monodepth2.runtime.threads import map_ahead

BATCH_SIZE = 16
Item = tuple[Tensor | None, np.ndarray | None]


def read_split_picture(layout: Layout, line: SplitLine) -> Image.Image:
    """Return what a network is shown of a line's picture, RGB.

    Raises:
        PictureError: the picture is missing, or is not a whole picture.
    """
    picture = read_picture(layout.picture_path(line))
    return layout.cropped(picture) if isinstance(layout, Make3D) else picture


def shown_size(layout: Layout, line: SplitLine) -> Size:
    """Return (width, height) of what `read_split_picture` returns; nothing is decoded.

    Raises:
        PictureError: the picture is missing, or is none.
    """
    size = picture_size(layout.picture_path(line))
    return layout.cropped_size(size) if isinstance(layout, Make3D) else size


class SplitPictures:
    """The pictures of a split at one size, with the ground truth that threads can read.

    Args:
        layout: where the pictures are.
        lines: the split.
        size: (width, height) to which pictures are resized; None to leave them out.
        truth: whose maps are read, too, if threads may; None for none.
        fit: how pictures come to that size.
    """

    def __init__(
        self,
        layout: Layout,
        lines: Sequence[SplitLine],
        size: tuple[int, int] | None,
        truth: Truth | None,
        fit: Fit = STRETCH,
    ) -> None:
        self.fit = fit
        self.layout = layout
        self.lines = lines
        self.size = size
        self.truth = truth if truth and truth.in_threads else None

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> Item:
        """Return a picture (uint8, 3hw) and its depth.

        Raises:
            UserError: one of them is unreadable.
        """
        return self._picture(self.lines[index]), self._depth(index)

    def _picture(self, line: SplitLine) -> Tensor | None:
        if self.size is None:
            return None
        picture = resize(read_split_picture(self.layout, line), *self.size, self.fit)
        return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())

    def _depth(self, index: int) -> np.ndarray | None:
        return self.truth.read(index) if self.truth and index not in self.truth.missing else None


def batches(pictures: SplitPictures, threads: int) -> Iterator[tuple[Tensor | None, list[np.ndarray | None]]]:
    """Yield stacked pictures and their depths, in order, two batches of them made ahead.

    Threads, for decoding and resizing leave Python's lock to others: processes would take longer to start than a
    split of some hundred pictures takes.

    Raises:
        UserError: a picture, a scan or a depth map is unreadable.
    """
    items = map_ahead(pictures.__getitem__, range(len(pictures)), 2 * BATCH_SIZE, threads)
    while batch := list(islice(items, BATCH_SIZE)):
        images = [image for image, _ in batch if image is not None]
        yield torch.stack(images) if images else None, [depth for _, depth in batch]
