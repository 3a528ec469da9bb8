"""One step of training: networks, views, losses, gradients, update."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.profiler import record_function

from monodepth2.config import Options
from monodepth2.distributed import Processes, check_sync_bn
from monodepth2.losses import Objective
from monodepth2.model import MonodepthModel
from monodepth2.precision import autocast, check_compiler, check_precision, order_channels
from monodepth2.stages import Batch, Losses, Predictions, Views
from monodepth2.view_synthesis import ViewSynthesis

STAGES = ("networks, forward", "views and losses, both ways", "networks, backward", "update")  # as profilers show them


class TrainingStep:
    """Runs the steps of a training.

    The networks see a batch as a whole. The loss is then computed on what they say, cut off from their graph: on the
    CPU one sample after the other, so that its many passes over images stay in the cache and its memory is that of one
    sample. Its gradients go back through the networks in a single pass.

    Args:
        model: its weights, already loaded, on `device`; they are brought into the order of channels asked for.
        options: of the run.
        device: where the model is.

    Raises:
        UserError: the device has not the numbers asked for, or there is no compiler.
    """

    def __init__(self, model: MonodepthModel, options: Options, device: torch.device) -> None:
        check_precision(options.precision, device)
        check_sync_bn(options.sync_bn, device)
        self.model, self.device, self.precision = model, device, options.precision
        order_channels(model, options.channels_last, options.precision, device)
        self.synthesise_views = ViewSynthesis.from_options(options)
        self.objective = Objective.from_options(options)
        self.networks: Callable[[Batch], Predictions] = model
        self.loss: Callable[[Batch, Predictions], Tensor] = self._loss
        if options.compile:
            check_compiler(device)
            self.networks = torch.compile(model)
            if device.type != "cpu":  # there the loss's sums of shifted images beat what the compiler makes of them
                self.loss = torch.compile(self._loss)
        self.optimizer = torch.optim.Adam(model.parameters(), options.learning_rate, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")

    def share(self, processes: Processes, options: Options) -> None:
        """Train the model together with other processes from now on: its gradients are means over all of them."""
        if not processes.alone:
            networks = processes.wrap(self.model, self.device, options.sync_bn)
            self.networks = torch.compile(networks) if options.compile else networks

    def __call__(self, batch: Batch) -> tuple[Predictions, Tensor]:
        """Learn from a prepared batch.

        Returns:
            What the networks said, without gradients, and the loss, a scalar: reading it waits for the device.
        """
        self.optimizer.zero_grad(set_to_none=True)
        predictions, loss = self.backward(batch)
        with record_function(STAGES[3]):
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return predictions, loss

    def backward(self, batch: Batch) -> tuple[Predictions, Tensor]:
        """Add a prepared batch's gradients (under fp16 scaled) to the parameters'; return what a step does."""
        with record_function(STAGES[0]), autocast(self.precision, self.device):
            predictions = self.networks(batch)
        with record_function(STAGES[1]):
            loss, gradients = self._loss_gradients(batch, predictions)
        with record_function(STAGES[2]):
            torch.autograd.backward(predictions.tensors, gradients)
        return predictions.map(Tensor.detach), loss

    @torch.no_grad()
    def predict(self, batch: Batch) -> Predictions:
        """Return what the networks say of a prepared batch, learning nothing."""
        with autocast(self.precision, self.device):
            return self.model(batch)

    @torch.no_grad()
    def judge(self, batch: Batch, predictions: Predictions) -> tuple[Views, Losses]:
        """Return the views that predictions lead to and their losses, for people to look at."""
        views = self.synthesise_views(batch, predictions)
        return views, self.objective(batch, predictions, views)

    def _loss_gradients(self, batch: Batch, predictions: Predictions) -> tuple[Tensor, list[Tensor]]:
        """The loss, and its scaled gradients with respect to the predictions' tensors."""
        losses, gradients = [], []
        for rows in self._slices(len(batch)):
            part, leaves = batch.rows(rows), predictions.map(_leaf_of(rows))
            loss = self.loss(part, leaves) * (len(part) / len(batch))
            losses.append(loss.detach())
            gradients.append(torch.autograd.grad(self.scaler.scale(loss), leaves.tensors))
        return torch.stack(losses).sum(), [torch.cat(parts) for parts in zip(*gradients, strict=True)]

    def _loss(self, batch: Batch, predictions: Predictions) -> Tensor:
        return self.objective(batch, predictions, self.synthesise_views(batch, predictions)).total

    def _slices(self, samples: int) -> Iterator[slice]:
        size = 1 if self.device.type == "cpu" else samples
        return (slice(start, start + size) for start in range(0, samples, size))


def _leaf_of(rows: slice) -> Callable[[Tensor], Tensor]:
    return lambda tensor: tensor.detach()[rows].requires_grad_()
