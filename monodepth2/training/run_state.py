"""All that a run needs to go on as if it had never stopped: saved beside the weights, and put back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.learnt_cameras import learnt_cameras
from monodepth2.checkpoints.networks import STATE, network_files, save_checkpoint
from monodepth2.checkpoints.optimizer import resume_optimizer
from monodepth2.config import Options
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError, first_line, shown
from monodepth2.files.weight_files import read_weights
from monodepth2.method.model import MonodepthModel
from monodepth2.runtime.processes import Processes
from monodepth2.runtime.random_state import random_state, set_random_state
from monodepth2.training.run_checkpoints import ResumePoint, remove_old
from monodepth2.training.weight_mean import WeightMean

REMEDY = "resume from another checkpoint: move this one out of the run's folder"


class Stateful(Protocol):
    """A part of a run that remembers something."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers: tensors, numbers, strings and containers of them."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Remember that instead."""


def read_state(point: ResumePoint, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Read the state that a run goes on from.

    Args:
        point: where it goes on.
        fixed: what must be as it was: lists of samples, number of processes.

    Raises:
        UserError: the state cannot be used, or something of `fixed` was different.
    """
    path = point.folder / f"{STATE}.pth"
    state = read_weights(path, REMEDY)
    if not isinstance(state.get("fixed"), dict) or state.get("step") != point.step:
        raise UserError(f"{path}: not the state of a run after {point.step:,} steps; {REMEDY}")
    for name, value in fixed.items():
        before = state["fixed"].get(name)
        if before != value:
            was = shown(str(before)).strip("'")
            raise UserError(f"--resume: {name} was {was} and is {value}: a run goes on with the same "
                            "only; begin anew with --overwrite, or with another --model_name")  # fmt: skip
    return state


@dataclass(eq=False)
class RunState:
    """Writes and reads the checkpoints of a run.

    Args:
        options: of the run.
        processes: that train together; all must call `save` and `restore`, the main one writes.
        device: whose random numbers count.
        model: whose networks are saved; `restore` leaves them to whoever built them.
        optimizer: of the model.
        parts: everything else that remembers something, by name.
        fixed: what must be the same when the run goes on (see `read_state`).
        report: writes a line for the user.
        facts: of the training, as known at its start.
        learnt_cameras: whose focal lengths the model learns; empty where it learns none.
        mean: of the weights, which is saved, too; None without one. `restore` leaves it to whoever built it.

    Attributes:
        unsaved: why the newest checkpoint could not be written, None if it was.
        saved_step: steps taken before the newest one that was, or that the run goes on from; 0 before there is any.
            The main process alone knows it.
    """

    options: Options
    processes: Processes
    device: torch.device
    model: MonodepthModel
    optimizer: torch.optim.Optimizer
    parts: Mapping[str, Stateful]
    fixed: Mapping[str, Any]
    report: Callable[[str], None]
    facts: TrainingFacts
    learnt_cameras: Sequence[Camera]
    mean: WeightMean | None = None
    unsaved: UserError | None = field(default=None, init=False)
    saved_step: int = field(default=0, init=False)

    def save(self, name: str, step: int) -> None:
        """Write a checkpoint, and remove those that need not be kept any more.

        A first failure is reported and the run goes on, as the next one may succeed.

        Raises:
            UserError: the checkpoint before it could not be written, either.
        """
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        ranks = self.processes.gather({"random": random_state(self.device), "parts": parts})
        if not self.processes.is_main:
            return
        state = {"step": step, "fixed": self.fixed, "ranks": ranks}
        folder = self.options.models_folder / name
        mean = None
        if self.mean:
            networks = self.mean.networks
            mean = network_files(networks, self.options, self._facts_of(networks))
        facts = self._facts_of(self.model)
        try:
            save_checkpoint(folder, self.model, self.optimizer, self.options, step, state, facts, mean)
        except UserError as error:
            if self.unsaved:
                raise
            self.unsaved = error
            self.report(f"{error}: the run goes on, and ends if the next checkpoint cannot be written, either")
        else:
            self.unsaved, self.saved_step = None, step
            self.remove_old()

    def _facts_of(self, model: MonodepthModel) -> TrainingFacts:
        """What a checkpoint of a model's weights says of the training."""
        if not self.learnt_cameras:
            return self.facts
        return replace(self.facts, cameras=learnt_cameras(self.learnt_cameras, model.intrinsics))

    def remove_old(self, at_end: bool = False) -> None:
        """Remove the checkpoints that need not be kept; at the end of a run also those between its epochs."""
        try:
            remove_old(self.options.models_folder, self.options.keep_checkpoints, at_end)
        except OSError as error:
            self.report(f"an old checkpoint cannot be removed: {error}")

    def restore(self, point: ResumePoint, state: dict[str, Any]) -> None:
        """Put back everything but the networks.

        Args:
            point: where the run goes on.
            state: of `read_state`.

        Raises:
            UserError: the state cannot be used.
        """
        path = point.folder / f"{STATE}.pth"
        try:
            resume_optimizer(self.optimizer, point.folder)
            own = state["ranks"][self.processes.rank]
            for name, part in self.parts.items():
                part.load_state_dict(_like(own["parts"][name], part.state_dict()))
            set_random_state(own["random"], self.device)
        except UserError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
            raise UserError(f"{path}: not a usable state of a run ({first_line(error)}); {REMEDY}") from error
        self.saved_step = point.step


def _like(saved: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return a part's saved state if its entries are of the same names and kinds as the part's own.

    Raises:
        ValueError: they are not.
    """
    kinds = {name: type(value) for name, value in saved.items()}
    if kinds != {name: type(value) for name, value in own.items()}:
        raise ValueError("its entries are others than this version's")
    return saved
