"""How the learning rate changes in the course of a run: it is a function of the step, and nothing needs to be saved."""

import math
from collections.abc import Callable
from typing import Any

import torch

from monodepth2.config import Options
from monodepth2.training.step import RATE

LONGEST_WARM_UP = 500  # steps


class Schedule:
    """The learning rate of a run: 2019's, which drops by ten after some epochs, or a cosine from step to step.

    Args:
        optimizer: whose rates change; those that it has are the highest.
        options: of the run.
        steps_per_epoch: of the run.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, options: Options, steps_per_epoch: int) -> None:
        self.by_epoch = options.schedule == "step"
        drop = options.scheduler_step_size * steps_per_epoch
        self.factor = falling(drop) if self.by_epoch else cosine(options.num_epochs * steps_per_epoch)
        self.optimizer = optimizer  # and not its groups, which it replaces where it loads a state
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]  # under this name in 2019's adam.pth, too

    @property
    def rate(self) -> float:
        """The learning rate of the next step, of the networks that have none of their own."""
        return float(self._main_group["lr"])

    @property
    def in_words(self) -> str:
        """The learning rate, for people."""
        return f"{self.rate:g}" if self.by_epoch else f"up to {self._main_group['initial_lr']:g}"

    def set(self, step: int) -> None:
        """Give the optimizer the rates of a step, counted from 0."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self.factor(step)

    @property
    def _main_group(self) -> dict[str, Any]:
        """The parameters without a rate of their own; others may come first."""
        return next(group for group in self.optimizer.param_groups if group.get(RATE, 1.0) == 1.0)


def falling(steps: int) -> Callable[[int], float]:
    """Return the factor on the learning rate by step: a tenth of what it was, every so many steps."""
    return lambda step: 0.1 ** (step // steps)


def cosine(steps: int) -> Callable[[int], float]:
    """Return the factor on the learning rate by step: up in a straight line, then down to 0 as half a cosine."""
    warm_up = min(LONGEST_WARM_UP, steps // 20)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        return (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, steps - warm_up)))) / 2

    return factor
