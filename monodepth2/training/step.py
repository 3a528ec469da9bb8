"""One step of training: networks, views, losses, gradients, update."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.profiler import record_function

from monodepth2.config import Options
from monodepth2.method.losses import Objective
from monodepth2.method.losses.warm_up import without_choice
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import LearntFocals
from monodepth2.method.networks.learnt_focals import RATE_FACTOR
from monodepth2.method.stages import Batch, Losses, Predictions, Views
from monodepth2.method.view_synthesis import ViewSynthesis
from monodepth2.runtime.compilation import check_compiler, compiled, without_compiled
from monodepth2.runtime.precision import autocast, check_precision, order_channels
from monodepth2.runtime.processes import Processes, check_sync_bn

RATE = "rate_factor"  # of a group of parameters, on the learning rate of the run
TIMED = 2  # steps, after one to warm up
# as profilers show them
STAGES = FORWARD, LOSS, BACKWARD, UPDATE = (
    "networks, forward",
    "views and losses, both ways",
    "networks, backward",
    "update",
)


@dataclass(frozen=True)
class StepResult:
    """What a step said and did; reading one of its tensors waits for the device.

    Attributes:
        predictions: of the networks, without gradients.
        loss: of this process's batch, a scalar.
        lost: whether that loss or its gradients with respect to the predictions are not finite, a bool.
        grad_norm: L2 norm of the gradients of all parameters together, before clipping, a scalar.
        wrong: whether any process's loss or gradient was not finite, so that none has learnt, a bool. Under fp16 a
            gradient that a smaller scale will make finite does not count, though there is nothing learnt either.
    """

    predictions: Predictions
    loss: Tensor
    lost: Tensor
    grad_norm: Tensor
    wrong: Tensor


class TrainingStep:
    """Runs the steps of a training.

    The networks see a batch as a whole. The loss is then computed on what they say, cut off from their graph: on the
    CPU one sample after the other, so that its many passes over images stay in the cache and its memory is that of one
    sample. Its gradients go back through the networks in a single pass.

    A step whose loss or gradients are not finite changes neither weights nor optimizer. The device decides that by
    itself, and nothing waits for its answer. Several processes decide alike, as they share the gradients.

    Args:
        model: its weights, already loaded, on `device`; they are brought into the order of channels asked for.
        options: of the run.
        device: where the model is.

    Attributes:
        warming_up: whether `--motion_warmup` lasts, whose steps take another loss, of coarse pictures.

    Raises:
        UserError: the device cannot compute in the precision asked for, or there is no compiler.
    """

    def __init__(self, model: MonodepthModel, options: Options, device: torch.device) -> None:
        check_precision(options.precision, device)
        check_sync_bn(options.sync_bn, device)
        self.model, self.device, self.precision = model, device, options.precision
        self.most_norm = options.clip_grad_norm
        order_channels(model, options.channels_last, options.precision, device)
        self.synthesise_views = ViewSynthesis.from_options(options)
        self.objective = Objective.from_options(options)
        self.networks: Callable[[Batch], Predictions] = model
        self.warming_up = False
        self._first_objective = without_choice(self.objective)  # not compiled: it is used for a few hundred steps
        if options.compile:
            check_compiler(device)
            for network in model.networks.values():
                if not isinstance(network, LearntFocals):  # a handful of numbers
                    network.compile(dynamic=False)
            if device.type != "cpu":  # on a CPU the loss's sums of shifted images are faster as they are written
                self.synthesise_views = replace(self.synthesise_views, compile=compiled)
                self.objective = replace(self.objective, compile=compiled)
        self.optimizer = _optimizer(model, options)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")
        self._group: dist.ProcessGroup | None = None

    def share(self, processes: Processes, options: Options) -> None:
        """Train the model together with other processes from now on: its gradients are means over all of them."""
        if not processes.alone:
            networks = processes.wrap(self.model, self.device, options.sync_bn)
            group = networks.process_group
            assert isinstance(group, dist.ProcessGroup)
            self._group = group
            self.networks = networks

    def __call__(self, batch: Batch) -> StepResult:
        """Learn from a prepared batch."""
        self.optimizer.zero_grad(set_to_none=True)
        predictions, loss, lost = self.backward(batch)
        with record_function(UPDATE):
            grad_norm, wrong = self._update(lost)
        return StepResult(predictions, loss, lost, grad_norm, wrong)

    def backward(self, batch: Batch) -> tuple[Predictions, Tensor, Tensor]:
        """Add a prepared batch's gradients (under fp16 scaled) to the parameters'.

        Returns:
            The predictions without gradients, the loss, and whether it or its gradients with respect to the
            predictions are not finite; the parameters' are not, then.
        """
        with record_function(FORWARD), autocast(self.precision, self.device):
            predictions = self.networks(batch)
        with record_function(LOSS):
            loss, gradients = self._loss_gradients(batch, predictions)
            lost = ~(loss + get_total_norm(gradients)).isfinite()
            # finite gradients of an infinite loss must not be learnt from, and other processes see gradients alone
            poison = torch.where(lost, torch.nan, 1.0)
            gradients = [gradient.mul_(poison) for gradient in gradients]
        with record_function(BACKWARD):
            torch.autograd.backward(predictions.tensors, gradients)
        return predictions.map(Tensor.detach), loss, lost

    @torch.no_grad()
    def predict(self, batch: Batch, model: MonodepthModel | None = None) -> Predictions:
        """Return what the networks say of a prepared batch, learning nothing.

        Args:
            batch: to predict.
            model: with other weights than those that are trained; None: with these.
        """
        with without_compiled(), autocast(self.precision, self.device):
            return (model or self.model)(batch)

    @torch.no_grad()
    def judge(self, batch: Batch, predictions: Predictions) -> tuple[Views, Losses]:
        """Return the views that predictions lead to and their losses, for people to look at.

        The noise that breaks ties is drawn on the side, so that how often people look does not change a training.
        """
        kept = [] if self.device.type == "cpu" else [self.device]  # the CPU's generator always is
        with without_compiled(), torch.random.fork_rng(kept, device_type=self.device.type):
            views = self.synthesise_views(batch, predictions)
            return views, self.objective(batch, predictions, views)

    def _update(self, lost: Tensor) -> tuple[Tensor, Tensor]:
        """Change the weights by the gradients if these are finite; return their norm, and whether numbers are wrong."""
        scale = self.scaler.scale(torch.ones((), device=lost.device))
        self.scaler.unscale_(self.optimizer)
        norm = get_total_norm([weights.grad for weights in self.model.parameters() if weights.grad is not None])
        if self.most_norm is not None:
            clip_grads_with_norm_(self.model.parameters(), self.most_norm, norm)
        skipped = ~norm.isfinite()
        # fused Adam reads it on the device, and leaves its moments and counts of steps alone too
        self.optimizer.found_inf = skipped.float()  # type: ignore[attr-defined]
        self.optimizer.step()
        self.scaler.update()
        if not self.scaler.is_enabled():
            return norm, skipped
        return norm, skipped & (self._of_any_process(lost) | (scale <= 1))

    def _of_any_process(self, flag: Tensor) -> Tensor:
        if self._group is None:
            return flag
        shared = flag.float()
        dist.all_reduce(shared, dist.ReduceOp.MAX, group=self._group)
        return shared > 0

    def _loss_gradients(self, batch: Batch, predictions: Predictions) -> tuple[Tensor, list[Tensor]]:
        """The loss, and its scaled gradients with respect to the predictions' tensors."""
        losses, gradients = [], []
        for rows in self._slices(len(batch)):
            part, leaves = batch.rows(rows), predictions.map(_leaf_of(rows))
            loss = self.loss(part, leaves) * (len(part) / len(batch))
            losses.append(loss.detach())
            gradients.append(torch.autograd.grad(self.scaler.scale(loss), leaves.tensors))
        return torch.stack(losses).sum(), [torch.cat(parts) for parts in zip(*gradients, strict=True)]

    def loss(self, batch: Batch, predictions: Predictions) -> Tensor:
        """Return what a prepared batch's gradients are of, a scalar: the objective, or that of the warm-up."""
        objective = self._first_objective if self.warming_up else self.objective
        return objective(batch, predictions, self.synthesise_views(batch, predictions)).total

    def _slices(self, samples: int) -> Iterator[slice]:
        size = 1 if self.device.type == "cpu" else samples
        return (slice(start, start + size) for start in range(0, samples, size))


def seconds_per_step(options: Options, batch: Batch, device: torch.device) -> float:
    """How long a training step on a prepared batch takes: the quickest of some after the first; nothing is kept."""
    learn = TrainingStep(MonodepthModel(options).to(device), options, device)
    times = []
    for _ in range(1 + TIMED):
        started = time.monotonic()
        learn(batch).loss.item()  # which waits for the device
        times.append(time.monotonic() - started)
    return min(times[1:])


def _optimizer(model: MonodepthModel, options: Options) -> torch.optim.Optimizer:
    rate = options.learning_rate
    if options.optimizer == "adamw":
        return torch.optim.AdamW(_parameters(model, options), rate, weight_decay=options.weight_decay, fused=True)
    return torch.optim.Adam(_parameters(model, options), rate, fused=True)


def _parameters(model: MonodepthModel, options: Options) -> Any:
    """The parameters in the order of the checkpoints, in groups where some have a rate of their own."""
    rate = options.learning_rate
    factors = {"encoder": (options.encoder_lr or rate) / rate, "intrinsics": RATE_FACTOR}
    own = [name for name in model.networks if factors.get(name, 1.0) != 1.0]
    if not own:
        return model.parameters()
    groups: list[dict[str, Any]] = []
    for name, network in model.networks.items():
        factor = factors.get(name, 1.0)
        if not groups or groups[-1].get(RATE, 1.0) != factor:
            groups.append({"params": [], "lr": factor * rate, RATE: factor})
        groups[-1]["params"] += network.parameters()
    if "intrinsics" in model.networks:
        groups[-1]["weight_decay"] = 0.0
    return groups


def _leaf_of(rows: slice) -> Callable[[Tensor], Tensor]:
    return lambda tensor: tensor.detach()[rows].requires_grad_()
