"""Losses and gradients that are not finite in the middle of a run."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.files.output_paths import write_whole
from monodepth2.method.stages import Batch, mapped
from monodepth2.training.step import StepResult

LIMIT = 5  # wrong steps in a row that end the run


class WrongNumbers:
    """Names the pictures of each step that went wrong; several such steps in a row end the run.

    The step itself has already left weights and optimizer alone. Here its flag is read, which waits for the device,
    and batch norms' running statistics, which the forward pass spoils, are put back.

    Args:
        model: on its device, with the weights to start from.
        options: of the run; its folder receives the batch that ended it.
        picture: the target's picture of a sample, by its position in the split.
        report: writes a line for the user.
        is_main: whether this process speaks of steps that went wrong in others too, and ends the run.
    """

    def __init__(
        self,
        model: nn.Module,
        options: Options,
        picture: Callable[[int], Path],
        report: Callable[[str], None],
        is_main: bool = True,
    ) -> None:
        self.statistics = RunningStatistics(model)
        self.options, self.picture, self.report, self.is_main = options, picture, report, is_main
        self.count = 0
        self.in_a_row = 0
        self.last_loss = math.nan
        self._unread: list[_Noted] = []
        self._batch: Batch | None = None

    @property
    def figures(self) -> dict[str, float]:
        """The number of skipped steps by TensorBoard tag."""
        return {"health/skipped_steps": float(self.count)}

    def note(self, step: int, batch: Batch, result: StepResult) -> None:
        """Take note of a step without waiting for it; `batch` is kept until the next."""
        flags = result.lost.float(), result.wrong.float()
        self._unread.append(_Noted(step, batch.index, torch.stack([result.loss, *flags])))
        self._batch = batch

    def read(self) -> None:
        """Report the wrong steps since the last call and mend the running statistics; call it before every saving, too.

        Raises:
            UserError: the newest steps all went wrong, as many as the limit allows. Only in the main process: it has
                much to write first, and its end ends the others.
        """
        if not self._unread:
            return
        noted, self._unread = self._unread, []
        figures = torch.stack([one.figures for one in noted]).tolist()
        self.statistics.keep()
        for one, (loss, lost, wrong) in zip(noted, figures, strict=True):
            self.in_a_row = self.in_a_row + 1 if wrong else 0
            if wrong:
                self.count += 1
            elif not lost:
                self.last_loss = loss
            if wrong and (lost or self.is_main):
                self._report(one, loss)
        if self.in_a_row >= LIMIT and self.is_main:
            self._end(noted[-1])

    def state_dict(self) -> dict[str, float]:
        """What a continued run has to know; all notes must have been read."""
        assert not self._unread
        return {"count": self.count, "in_a_row": self.in_a_row, "last_loss": self.last_loss}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Continue from a state, and from the weights that the model now has."""
        self.count, self.in_a_row = int(state["count"]), int(state["in_a_row"])
        self.last_loss = float(state["last_loss"])
        self.statistics.keep()

    def _report(self, noted: "_Noted", loss: float) -> None:
        what = f"a gradient is not finite (loss {loss:.4f})" if math.isfinite(loss) else f"the loss is {loss}"
        names = ", ".join(self._names(noted))
        self.report(f"step {noted.step + 1}: {what}, nothing is learnt from it, skipped step no. {self.count}: {names}")

    def _end(self, noted: "_Noted") -> None:
        loss = f"{self.last_loss:.4f}" if math.isfinite(self.last_loss) else "none"
        flags = [f"a lower --learning_rate than {self.options.learning_rate:g}"]
        flags += ["--clip_grad_norm 1"] if self.options.clip_grad_norm is None else []
        flags += ["--precision fp32"] if self.options.precision != "fp32" else []
        names = ", ".join(self._names(noted))
        raise UserError(
            f"{self.in_a_row} steps in a row up to step {noted.step + 1} had a loss or gradient that is not finite "
            f"(last finite loss: {loss}); {self._save(noted)}, its pictures are {names}. Usually the "
            f"learning rate is too high, or pictures or intrinsics are not what they should be: try {', '.join(flags)}"
        )

    def _save(self, noted: "_Noted") -> str:
        """Save the last batch; return what became of it."""
        assert self._batch is not None
        path = self.options.run_folder / "wrong_batch.pt"
        held = {item.name: mapped(getattr(self._batch, item.name), Tensor.cpu) for item in fields(Batch)}
        buffer = io.BytesIO()
        torch.save({"step": noted.step, "pictures": self._names(noted), "batch": held}, buffer)
        try:
            write_whole(path, buffer.getbuffer())
        except UserError as error:
            return f"the last batch could not be kept ({error})"
        return f"the last batch is kept in {path}"

    def _names(self, noted: "_Noted") -> list[str]:
        return [str(self.picture(index)) for index in noted.index.tolist()]


class RunningStatistics:
    """The running statistics of a model's batch norms, as they were when last seen finite."""

    def __init__(self, model: nn.Module) -> None:
        self.current = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self.good = [buffer.clone() for buffer in self.current]

    def keep(self) -> None:
        """Remember the statistics, or put all of them back if one is not finite."""
        finite = bool(get_total_norm(self.current).isfinite())
        for current, good in zip(self.current, self.good, strict=True):
            if finite:
                good.copy_(current)
            else:
                current.copy_(good)


@dataclass(frozen=True)
class _Noted:
    """A step whose figures have not been read: loss, and whether it was lost, and wrong."""

    step: int
    index: Tensor
    figures: Tensor
