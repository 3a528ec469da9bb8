"""Adam's moments on disk, `adam.pth` in 2019's layout: taken over where their shapes fit the networks."""

from pathlib import Path
from typing import Any

import torch

from monodepth2.checkpoints.networks import OPTIMIZER, REMEDY, weights_folder
from monodepth2.errors import UserError
from monodepth2.files.weight_files import read_weights


def load_optimizer(optimizer: torch.optim.Optimizer, folder: Path) -> str | None:
    """Load the folder's moments of Adam if their number and shapes fit; learning rates and all else stay as they are.

    Returns:
        Why they were not loaded; None where they were.

    Raises:
        UserError: the file cannot be read.
    """
    path = weights_folder(folder) / f"{OPTIMIZER}.pth"
    if not path.is_file():
        return f"there is no {path.name}"
    return None if _take_over(optimizer, read_weights(path, REMEDY)) else f"{path} is of other networks"


def resume_optimizer(optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Load Adam's moments of a run's own checkpoint; learning rates and all else stay as they are.

    Raises:
        UserError: its file does not fit the networks.
    """
    path = folder / f"{OPTIMIZER}.pth"
    if not _take_over(optimizer, read_weights(path, REMEDY)):
        raise UserError(f"{path}: not the optimizer of this run's networks")


def _take_over(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> bool:
    """Load the moments of a saved Adam if their number and shapes fit; return whether they did."""
    moments = _moments(saved)
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    if moments is None or sum(len(group["params"]) for group in saved["param_groups"]) != len(shapes):
        return False
    # parameters without gradients (the unused classifiers) have no moments
    if any(m["exp_avg"].shape != shapes[i] for i, m in moments.items()):
        return False
    # only the moments: groups as saved may lack keys that today's Adam expects
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return True


def _moments(state: dict[str, Any]) -> dict[int, dict[str, Any]] | None:
    """Adam's state by the position of the parameter (2019's PyTorch wrote it by memory address); None if unusable."""
    try:
        order = [index for group in state["param_groups"] for index in group["params"]]
        moments = {position: state["state"][index] for position, index in enumerate(order) if index in state["state"]}
        usable = all(m["exp_avg"].shape == m["exp_avg_sq"].shape and float(m["step"]) >= 0 for m in moments.values())
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError):
        return None
    return moments if usable else None
