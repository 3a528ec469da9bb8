"""The pictures of a split and the depth known of them, made ready in loader processes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from monodepth2.datasets.layouts import KittiRaw, Layout
from monodepth2.datasets.pictures import read_picture, resize
from monodepth2.datasets.splits import SplitLine
from monodepth2.errors import UserError
from monodepth2.signals import start_worker

BATCH_SIZE = 16
Item = tuple[Tensor | None, np.ndarray | None]


class SplitPictures(Dataset[Item | UserError]):
    """The pictures of a split at one size, with the depth that the data set has of them.

    Args:
        layout: where the pictures are.
        lines: the split.
        size: (width, height) to which pictures are resized; None to leave them out.
        with_depth: read evaluation's ground truth too.
    """

    def __init__(
        self, layout: Layout, lines: Sequence[SplitLine], size: tuple[int, int] | None, with_depth: bool
    ) -> None:
        self.layout = layout
        self.lines = lines
        self.size = size
        self.with_depth = with_depth

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> Item | UserError:
        """Return a picture (uint8, 3hw) and its depth, or what is wrong: an error raised here would lose its type."""
        line = self.lines[index]
        try:
            return self._picture(line), self._depth(line)
        except UserError as error:
            return UserError(str(error))

    def _picture(self, line: SplitLine) -> Tensor | None:
        if self.size is None:
            return None
        picture = resize(read_picture(self.layout.picture_path(line)), *self.size)
        return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())

    def _depth(self, line: SplitLine) -> np.ndarray | None:
        if not self.with_depth:
            return None
        assert isinstance(self.layout, KittiRaw)
        return self.layout.depth(line, forward=True)


def batches(
    pictures: SplitPictures, workers: int, pin_memory: bool
) -> Iterator[tuple[Tensor | None, list[np.ndarray | None]]]:
    """Yield stacked pictures and their depths, in order.

    Raises:
        UserError: a picture, a scan or a depth map is unreadable.
    """
    loader: DataLoader[Any] = DataLoader(
        pictures,
        BATCH_SIZE,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin_memory,
        worker_init_fn=start_worker,
    )
    for batch in loader:
        if isinstance(batch, UserError):
            raise UserError(str(batch))
        yield batch


def _collate(items: list[Any]) -> tuple[Tensor | None, list[np.ndarray | None]] | UserError:
    for item in items:
        if isinstance(item, UserError):
            return item
    images = [image for image, _ in items if image is not None]
    return torch.stack(images) if images else None, [depth for _, depth in items]
