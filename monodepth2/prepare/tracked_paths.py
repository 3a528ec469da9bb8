"""The camera's path along the drives of a source, by the points of their pictures."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from monodepth2.files.fit import Size
from monodepth2.motion.path import Step, TrackedPath, path_of, steps_of
from monodepth2.motion.tracks import small_size
from monodepth2.prepare.part import Part
from monodepth2.prepare.plan import Drive
from monodepth2.runtime.threads import THREADS, map_ahead

PART = 50  # steps of a drive, that are found side by side with others
LEAST_WIDTH = 256  # of pictures; in smaller ones points are too inexact
MARGIN = 15  # pixels of small frames, as wide as what is looked at around a point: the outline of a mask is still


def tracked_paths(part: Part) -> tuple[TrackedPath | None, ...]:
    """Return the path of each drive of a source; None where points show too little of it, or pictures are too small."""
    framing, drives = part.framing, part.plan.drives
    size = small_size(framing.size)
    if size[0] < LEAST_WIDTH:
        return (None,) * len(drives)
    numbers = framing.camera.matrix(*size, dtype=np.float64)[:3, :3]
    seen = cv2.resize(part.mask, size, interpolation=cv2.INTER_NEAREST)
    seen = cv2.erode(seen, np.ones((MARGIN, MARGIN), np.uint8))
    stretches = [(drive, start) for drive in drives for start in range(0, len(drive.frames) - 1, PART)]
    with tqdm(
        total=len(stretches), desc=f"{part.name}, path", unit=f"{PART} pictures", disable=None, leave=False
    ) as bar:

        def steps(stretch: tuple[Drive, int]) -> list[Step]:
            drive, start = stretch
            before = min(start, 1)  # start one step early: the length of a step is measured against the step before it
            frames = drive.frames[start - before : start + PART + 1]
            found = list(steps_of((_small(part.kept.picture(frame), size) for frame in frames), numbers, seen))
            bar.update()
            return found[before:]

        found = map_ahead(steps, stretches, THREADS)
        return tuple(
            path_of([step for _ in range(0, len(drive.frames) - 1, PART) for step in next(found)]) for drive in drives
        )


def _small(path: Path, size: Size) -> np.ndarray:
    """A picture, grey and of a size, uint8, (h, w)."""
    with Image.open(path) as image:
        image.draft("L", size)  # decoded as small as is possible
        return cv2.resize(np.asarray(image.convert("L")), size, interpolation=cv2.INTER_AREA)
