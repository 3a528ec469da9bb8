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
from monodepth2.files.fit import Fit, Size
from monodepth2.files.pictures import picture_size, read_picture, resize
from monodepth2.runtime.threads import map_ahead

BATCH_SIZE = 16


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


def network_picture(layout: Layout, line: SplitLine, size: Size | None, fit: Fit) -> Tensor | None:
    """Return a line's picture as a network of a size (width, height) sees it, uint8, 3hw; None for a size of None.

    Raises:
        PictureError: as `read_split_picture`.
    """
    if size is None:
        return None
    picture = resize(read_split_picture(layout, line), *size, fit)
    return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())


def batches(
    layout: Layout, lines: Sequence[SplitLine], size: Size | None, fit: Fit, truth: Truth | None, threads: int
) -> Iterator[tuple[Tensor | None, list[np.ndarray | None]]]:
    """Yield stacked pictures, as `network_picture`, and their depths, in order, two batches of them made ahead.

    Depths are read here if threads may; else, and where they are missing, they are None.

    Threads, for decoding and resizing leave Python's lock to others: processes would take longer to start than a
    split of some hundred pictures takes.

    Raises:
        UserError: a picture, a scan or a depth map is unreadable.
    """

    def item(n: int) -> tuple[Tensor | None, np.ndarray | None]:
        known = truth.read(n) if truth and truth.in_threads and n not in truth.missing else None
        return network_picture(layout, lines[n], size, fit), known

    items = map_ahead(item, range(len(lines)), 2 * BATCH_SIZE, threads)
    while batch := list(islice(items, BATCH_SIZE)):
        images = [image for image, _ in batch if image is not None]
        yield torch.stack(images) if images else None, [depth for _, depth in batch]
