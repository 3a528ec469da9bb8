"""The motion between neighbouring pictures of a drive.

Legend of shapes: m pictures, n steps, h w pixels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from monodepth2.config import FrameId
from monodepth2.errors import UserError
from monodepth2.files.pictures import read_picture, resize
from monodepth2.odometry.network import MotionNetwork
from monodepth2.runtime.threads import map_ahead

BATCH_SIZE = 16


def predict_steps(network: MotionNetwork, paths: Sequence[Path], threads: int) -> np.ndarray:
    """Return `next_T_this` between consecutive pictures, float64, (n, 4, 4) of n + 1 pictures.

    At the ends of the drive a source that does not exist is replaced by the nearest picture.

    Raises:
        UserError: a picture is unreadable, or predictions are not finite.
    """
    ids, last = network.temporal_ids, len(paths) - 1
    sources = source_per_step(last, ids)
    targets = sorted({target for target, _ in sources})
    batches = [targets[n : n + BATCH_SIZE] for n in range(0, len(targets), BATCH_SIZE)]
    before, after = min(0, *ids), max(0, *ids)
    seen = [range(max(0, batch[0] + before), min(last, batch[-1] + after) + 1) for batch in batches]
    read = map_ahead(lambda places: _read(network, [paths[i] for i in places]), seen, threads, threads)
    found: dict[tuple[int, FrameId], np.ndarray] = {}
    with tqdm(total=len(targets), desc="predicting", unit="frame", disable=None) as bar:
        for batch, places, pictures_m3hw in zip(batches, seen, read, strict=True):
            pictures_m3hw = pictures_m3hw.to(network.device, non_blocking=True)
            images: dict[FrameId, Tensor] = {
                frame: pictures_m3hw[[min(max(target + frame, 0), last) - places[0] for target in batch]]
                for frame in (0, *ids)
            }
            for source, transforms in network.transforms(images).items():
                found |= {(target, source): transforms[i] for i, target in enumerate(batch)}
            bar.update(len(batch))
    steps = np.array([found[key] if key[1] == 1 else np.linalg.inv(found[key]) for key in sources])
    if not np.isfinite(steps).all():
        raise UserError(f"{network.folder}: its predictions are not finite; use other weights")
    return steps


def _read(network: MotionNetwork, paths: Sequence[Path]) -> Tensor:
    """Return pictures at the network's size, uint8, m3hw; each is decoded once for all targets of a batch.

    Raises:
        UserError: one is unreadable.
    """
    size, fit = (network.width, network.height), network.facts.fit
    pictures = [np.asarray(resize(read_picture(path), *size, fit)).transpose(2, 0, 1) for path in paths]
    return torch.from_numpy(np.stack(pictures))


def source_per_step(count: int, temporal_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Say for each of `count` steps from which target and source its motion is taken.

    The step from frame i to i + 1 is the motion from target i to source 1, or else the inverse of that from target
    i + 1 to source -1: whichever target has all its sources, the former rather than the latter.
    """

    def missing(way: tuple[int, int]) -> bool:
        return any(not 0 <= way[0] + source <= count for source in temporal_ids)

    ways = [[way for way in ((step, 1), (step + 1, -1)) if way[1] in temporal_ids] for step in range(count)]
    return [min(both, key=missing) for both in ways]  # of equals min takes the first
