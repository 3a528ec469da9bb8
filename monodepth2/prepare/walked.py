"""The camera's path along the drives of a source, by the points of their pictures."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from monodepth2.files.pictures import read_picture
from monodepth2.motion.path import tracked_steps
from monodepth2.motion.tracks import small_size
from monodepth2.prepare.framing import Framing
from monodepth2.prepare.kept import KeptSource
from monodepth2.prepare.plan import Drive
from monodepth2.runtime.threads import THREADS, map_ahead


def walked_paths(
    name: str, kept: KeptSource, drives: Sequence[Drive], framing: Framing, still_hw: np.ndarray
) -> tuple[np.ndarray | None, ...]:
    """Return the steps of each drive as `tracked_steps` does.

    Args:
        name: of the source, for the progress bar.
        kept: has the pictures.
        drives: of the source.
        framing: of its pictures.
        still_hw: where its frames never move, as `Analysis.still`.
    """
    size = small_size(framing.size)
    numbers = framing.camera.matrix(*size, dtype=np.float64)[:3, :3]
    seen = cv2.resize(framing.mask(still_hw), size, interpolation=cv2.INTER_NEAREST)
    total = sum(len(drive.frames) for drive in drives)
    with tqdm(total=total, desc=f"{name}, path", unit="picture", disable=None, leave=False) as bar:

        def path(drive: Drive) -> np.ndarray | None:
            return tracked_steps(_small(kept, drive, size, bar.update), numbers, seen)

        return tuple(map_ahead(path, drives, THREADS))


def _small(
    kept: KeptSource, drive: Drive, size: tuple[int, int], done: Callable[[int], object]
) -> Iterator[np.ndarray]:
    for frame in drive.frames:
        grey = np.asarray(read_picture(kept.picture(frame)).convert("L"))
        done(1)
        yield cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
