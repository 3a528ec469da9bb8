"""The motion between neighbouring pictures of a drive.

Legend of shapes: b targets, k frames that the network looks at, m pictures, n steps, h w pixels.
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

    Raises:
        UserError: a picture is unreadable, or predictions are not finite.
    """
    sources = source_per_step(len(paths) - 1, network.temporal_ids)
    windows = _Windows(paths, sorted({target for target, _ in sources}), network)
    found: dict[tuple[int, FrameId], np.ndarray] = {}
    with tqdm(total=len(windows.targets), desc="predicting", unit="frame", disable=None) as bar:
        for n, pictures in enumerate(map_ahead(windows.__getitem__, range(len(windows)), threads, threads)):
            targets = windows.targets_of(n)
            images = windows.images(n, pictures.to(network.device, non_blocking=True))
            for source, transforms in network.transforms(images).items():
                found |= {(target, source): transforms[i] for i, target in enumerate(targets)}
            bar.update(len(targets))
    steps = np.array([found[key] if key[1] == 1 else np.linalg.inv(found[key]) for key in sources])
    if not np.isfinite(steps).all():
        raise UserError(f"{network.folder}: its predictions are not finite; use other weights")
    return steps


def source_per_step(count: int, temporal_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Say for each of `count` steps from which target and source its motion is taken.

    The step from frame i to i + 1 is the motion from target i to source 1, or else the inverse of that from target
    i + 1 to source -1: whichever target has all its sources, the former rather than the latter.
    """

    def missing(way: tuple[int, int]) -> bool:
        return any(not 0 <= way[0] + source <= count for source in temporal_ids)

    ways = [[way for way in ((step, 1), (step + 1, -1)) if way[1] in temporal_ids] for step in range(count)]
    return [min(both, key=missing) for both in ways]  # of equals min takes the first


class _Windows:
    """Pictures in batches of targets with their sources, each picture decoded once per batch.

    At the ends of the drive a source that does not exist is replaced by the nearest picture.
    """

    def __init__(self, paths: Sequence[Path], targets: Sequence[int], network: MotionNetwork) -> None:
        self.paths = paths
        self.targets = targets
        self.frame_ids: tuple[int, ...] = (0, *network.temporal_ids)
        self.size, self.fit = (network.width, network.height), network.facts.fit

    def __len__(self) -> int:
        return -(-len(self.targets) // BATCH_SIZE)

    def __getitem__(self, n: int) -> Tensor:
        """Return the pictures of a batch, uint8, m3hw.

        Raises:
            UserError: one is unreadable.
        """
        pictures = [resize(read_picture(self.paths[i]), *self.size, self.fit) for i in np.unique(self._positions(n))]
        return torch.from_numpy(np.stack([np.asarray(picture).transpose(2, 0, 1) for picture in pictures]))

    def targets_of(self, n: int) -> Sequence[int]:
        """The targets of a batch."""
        return self.targets[n * BATCH_SIZE : (n + 1) * BATCH_SIZE]

    def images(self, n: int, pictures_m3hw: Tensor) -> dict[FrameId, Tensor]:
        """Lay the pictures of a batch out by frame, b3hw each."""
        positions = self._positions(n)
        rows = np.searchsorted(np.unique(positions), positions)
        return {frame: pictures_m3hw[rows[:, column]] for column, frame in enumerate(self.frame_ids)}

    def _positions(self, n: int) -> np.ndarray:
        """Which picture each target sees as each of its frames, (b, k)."""
        positions = np.add.outer(np.array(self.targets_of(n)), np.array(self.frame_ids))
        return positions.clip(0, len(self.paths) - 1)
