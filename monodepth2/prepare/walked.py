"""The camera's path along the drives of a source, by the points of their pictures."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from monodepth2.files.pictures import read_picture
from monodepth2.motion.path import TrackedPath, tracked_path
from monodepth2.motion.tracks import small_size
from monodepth2.prepare.framing import Framing
from monodepth2.prepare.kept import KeptSource
from monodepth2.prepare.plan import Drive
from monodepth2.runtime.threads import THREADS, map_ahead

LEAST_WIDTH = 256  # of pictures; in smaller ones points are too inexact
MARGIN = 15  # pixels of small frames, as wide as what is looked at around a point: the outline of a mask is still


def walked_paths(
    name: str, kept: KeptSource, drives: Sequence[Drive], framing: Framing, still_hw: np.ndarray
) -> tuple[TrackedPath | None, ...]:
    """Return the path of each drive; None where points show too little of it, or pictures are too small.

    Args:
        name: of the source, for the progress bar.
        kept: has the pictures.
        drives: of the source.
        framing: of its pictures.
        still_hw: where its frames never move, as `Analysis.still`.
    """
    size = small_size(framing.size)
    if size[0] < LEAST_WIDTH:
        return (None,) * len(drives)
    numbers = framing.camera.matrix(*size, dtype=np.float64)[:3, :3]
    seen = cv2.resize(framing.mask(still_hw), size, interpolation=cv2.INTER_NEAREST)
    seen = cv2.erode(seen, np.ones((MARGIN, MARGIN), np.uint8))
    total = sum(len(drive.frames) for drive in drives)
    with tqdm(total=total, desc=f"{name}, path", unit="picture", disable=None, leave=False) as bar:

        def path(drive: Drive) -> TrackedPath | None:
            return tracked_path(_small(kept, drive, size, bar.update), numbers, seen)

        return tuple(map_ahead(path, drives, THREADS))


def _small(
    kept: KeptSource, drive: Drive, size: tuple[int, int], done: Callable[[int], object]
) -> Iterator[np.ndarray]:
    for frame in drive.frames:
        grey = np.asarray(read_picture(kept.picture(frame)).convert("L"))
        done(1)
        yield cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
