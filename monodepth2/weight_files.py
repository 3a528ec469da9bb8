"""Files of PyTorch weights, read as hostile."""

import warnings
from pathlib import Path
from typing import Any

import torch

from monodepth2.errors import UserError

LARGEST_FILE = 4 << 30


def read_weights(path: Path, remedy: str) -> dict[str, Any]:
    """Read a `.pth` file, of today's or of 2019's format, executing nothing in it.

    Args:
        path: the file.
        remedy: what to do if there is none, for the message.

    Raises:
        UserError: the file is missing, too large, or not a file of PyTorch weights.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {remedy}")
    if path.stat().st_size > LARGEST_FILE:
        raise UserError(f"{path}: {path.stat().st_size:,} bytes are too many for a checkpoint, refused")
    try:
        with warnings.catch_warnings():  # of odd pickles; what matters becomes an error
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for bad bytes
        reason = str(error).split("\n")[0][:200]
        raise UserError(f"{path}: not a file of PyTorch weights ({reason})") from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise UserError(f"{path}: holds no state dict")
    return state
