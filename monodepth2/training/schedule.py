"""How the learning rate changes in the course of a run."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, StepLR

from monodepth2.checkpoints.optimizer import RATE
from monodepth2.config import Options

LONGEST_WARM_UP = 500  # steps


class Schedule:
    """The learning rate of a run: 2019's, which drops by ten after some epochs, or a cosine from step to step.

    Args:
        optimizer: whose rates change.
        options: of the run.
        steps_per_epoch: of the run.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, options: Options, steps_per_epoch: int) -> None:
        self.by_epoch = options.schedule == "step"
        self.scheduler: LRScheduler
        if self.by_epoch:
            self.scheduler = StepLR(optimizer, options.scheduler_step_size, gamma=0.1)
        else:
            self.scheduler = LambdaLR(optimizer, cosine(options.num_epochs * steps_per_epoch))
        # a network with a rate of its own may come first
        self._main_group = next(i for i, group in enumerate(optimizer.param_groups) if group.get(RATE, 1.0) == 1.0)

    @property
    def rate(self) -> float:
        """The learning rate of the next step, of the networks that have none of their own."""
        return float(self.scheduler.get_last_lr()[self._main_group])

    @property
    def in_words(self) -> str:
        """The learning rate, for people."""
        return f"{self.rate:g}" if self.by_epoch else f"up to {self.scheduler.base_lrs[self._main_group]:g}"

    def end_step(self) -> None:
        """Count a step."""
        if not self.by_epoch:
            self.scheduler.step()

    def end_epoch(self) -> None:
        """Count an epoch."""
        if self.by_epoch:
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` reads."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.scheduler.load_state_dict(state)


def cosine(steps: int) -> Callable[[int], float]:
    """Return the factor on the learning rate by step: up in a straight line, then down to 0 as half a cosine."""
    warm_up = min(LONGEST_WARM_UP, steps // 20)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        return (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, steps - warm_up)))) / 2

    return factor
