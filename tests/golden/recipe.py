"""Weights drawn from the names of their tensors, so that a checkpoint is a formula instead of a file.

The figures beside this file were computed by the 2019 implementation with these weights. Each tensor has a generator
of its own, seeded by the CRC of `<module>.<key>`, so neither order nor company changes its values.
"""

import math
import tempfile
import zlib

import numpy as np
import torch
from torch import nn

from monodepth2.files.weight_files import COLOURS

# what was drawn, tensor after tensor: to draw a network takes up to a second, and in memory all would take 100 MB
DRAWN = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
PLACES: dict[tuple[str, str, tuple[int, ...], int], int] = {}


def fill(module: str, network: nn.Module, seed: int = 0) -> None:
    """Give a network its recipe weights; a backbone of timm keeps the colours that it expects."""
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key in COLOURS:
                continue
            value.copy_(torch.from_numpy(recipe_values(module, key, tuple(value.shape), seed)))


def recipe_values(module: str, key: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return the values of one tensor of a state dict: float32, or int64 for a batch counter."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    name = (module, key, shape, seed)
    if name not in PLACES:
        PLACES[name] = DRAWN.seek(0, 2)
        DRAWN.write(_drawn(*name))
    DRAWN.seek(PLACES[name])
    return np.fromfile(DRAWN, np.float32, math.prod(shape)).reshape(shape)


def _drawn(module: str, key: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed + zlib.crc32(f"{module}.{key}".encode())).standard_normal(shape)
    if key.endswith("running_var"):
        values = 0.1 * np.abs(noise) + 1.0
    elif key.endswith("running_mean"):
        values = 0.05 * noise
    elif key.endswith("bias"):
        values = 0.01 * noise
    elif len(shape) == 1:  # a batch norm's weight
        values = 0.05 * noise + 1.0
    else:
        values = noise * np.sqrt(2.0 / np.prod(shape[1:]))
    return values.astype(np.float32)
