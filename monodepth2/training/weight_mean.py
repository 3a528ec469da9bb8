"""An exponential mean of a run's weights: `--ema`."""

import copy
from pathlib import Path

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from monodepth2.checkpoints.networks import MEAN, load_networks
from monodepth2.config import NETWORKS
from monodepth2.method.model import MonodepthModel


class WeightMean:
    """The mean of all networks' weights over the steps of a run, each step's share decaying.

    It begins with the weights after the first step. Batch norms' running statistics are no weights: the model's own are
    taken.

    Args:
        model: that is trained, with the weights to start from, on its device.
        decay: the share of the old mean that each step leaves.

    Attributes:
        networks: with the mean as their weights, in evaluation mode.
    """

    def __init__(self, model: MonodepthModel, decay: float) -> None:
        self.model = model
        self.networks = copy.deepcopy(model).requires_grad_(False).eval()
        self._average = get_ema_multi_avg_fn(decay)
        self._steps = 0  # PyTorch's AveragedModel counts them in a tensor, for which the processor waits at each step

    @torch.no_grad()
    def update(self) -> None:
        """Take a step's weights in; nothing waits for the device."""
        mean, current = (list[torch.Tensor](networks.parameters()) for networks in (self.networks, self.model))
        if self._steps:
            self._average(mean, current, None)
        else:
            torch._foreach_copy_(mean, current)
        self._steps += 1

    @torch.no_grad()
    def take_statistics(self) -> None:
        """Copy the model's running statistics as they are now; call it after spoilt ones were put back."""
        for own, current in zip(self.networks.buffers(), self.model.buffers(), strict=True):
            own.copy_(current)

    def resume(self, checkpoint: Path, step: int) -> None:
        """Go on from the mean that a checkpoint of the run holds, after so many steps.

        Raises:
            UserError: it holds none, or one of other networks.
        """
        load_networks(self.networks, checkpoint / MEAN, NETWORKS)
        self._steps = step
