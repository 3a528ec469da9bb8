"""Adam's moments on disk, `adam.pth` in 2019's layout: taken over where their shapes fit the networks."""

import math
from pathlib import Path
from typing import Any, TypeGuard

import torch

from monodepth2.checkpoints.networks import OPTIMIZER, REMEDY, weights_folder
from monodepth2.errors import UserError
from monodepth2.files.weight_files import read_weights

RATE = "rate_factor"  # of a group of parameters, on the learning rate of the run


def load_optimizer(optimizer: torch.optim.Optimizer, folder: Path, learning_rate: float) -> str | None:
    """Load the folder's moments of Adam if their number and shapes fit; the learning rate stays the one asked for.

    Returns:
        Why they were not loaded; None where they were.

    Raises:
        UserError: the file cannot be read.
    """
    path = weights_folder(folder) / f"{OPTIMIZER}.pth"
    if not path.is_file():
        return f"there is no {path.name}"
    return None if _take_over(optimizer, read_weights(path, REMEDY), learning_rate) else f"{path} is of other networks"


def _take_over(optimizer: torch.optim.Optimizer, saved: dict[str, Any], learning_rate: float) -> bool:
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
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = learning_rate * group.get(RATE, 1.0)
    return True


def resume_optimizer(optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Load Adam's moments, and the learning rates that it had come to; all else is as the options say.

    Raises:
        UserError: its file does not fit the networks.
    """
    path = folder / f"{OPTIMIZER}.pth"
    saved = read_weights(path, REMEDY)
    groups = saved.get("param_groups")
    rates = [_rates(group) for group in groups] if isinstance(groups, list) else []
    usable = len(rates) == len(optimizer.param_groups) and None not in rates and _take_over(optimizer, saved, 0.0)
    if not usable:
        raise UserError(f"{path}: not the optimizer of this run's networks")
    for group, pair in zip(optimizer.param_groups, rates, strict=True):
        assert pair is not None
        group["lr"], group["initial_lr"] = pair


def _rates(group: Any) -> tuple[float, float] | None:
    """The learning rate of a saved group of parameters, and the one that it began with; None if unusable."""
    rate, initial = (group.get(name) for name in ("lr", "initial_lr")) if isinstance(group, dict) else (None, None)
    return (rate, initial) if _is_rate(rate) and _is_rate(initial) else None


def _is_rate(value: Any) -> TypeGuard[float]:
    return isinstance(value, float) and math.isfinite(value) and value >= 0


def _moments(state: dict[str, Any]) -> dict[int, dict[str, Any]] | None:
    """Adam's state by the position of the parameter (2019's PyTorch wrote it by memory address); None if unusable."""
    try:
        order = [index for group in state["param_groups"] for index in group["params"]]
        moments = {position: state["state"][index] for position, index in enumerate(order) if index in state["state"]}
        usable = all(m["exp_avg"].shape == m["exp_avg_sq"].shape and float(m["step"]) >= 0 for m in moments.values())
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError):
        return None
    return moments if usable else None
