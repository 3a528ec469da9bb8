"""The epoch with the lowest validation loss."""

from statistics import fmean
from typing import Any

from monodepth2.config import Options
from monodepth2.training.diagnosis import LEAST_LOSS


class BestEpoch:
    """Keeps the lowest mean of an epoch's validation losses.

    Attributes:
        loss: the lowest mean, infinite before there is any.
        epoch: whose it is, counted from 0.
        batches: of which it is the mean.
    """

    def __init__(self) -> None:
        self.loss, self.epoch, self.batches = float("inf"), -1, 0
        self._losses: list[float] = []

    def note(self, loss: float) -> None:
        """Note the loss of a validation batch."""
        self._losses.append(loss)

    def end_epoch(self, epoch: int) -> None:
        """Compare the mean of the losses noted since the last epoch's end."""
        if self._losses and (mean := fmean(self._losses)) < self.loss:
            self.loss, self.epoch, self.batches = mean, epoch, len(self._losses)
        self._losses = []

    def told(self, options: Options) -> str:
        """Say which epoch is best, or that the validation loss cannot tell; empty where there was no validation."""
        if self.epoch < 0:
            return ""
        if self.loss < LEAST_LOSS:
            return (
                f"the validation loss is zero ({self.loss:.5f}): nothing moves in the validation frames, so that they "
                "cannot tell which epoch is best; choose others"
            )
        kept = f": weights_{self.epoch}" if (options.models_folder / f"weights_{self.epoch}").is_dir() else ""
        mean = f"mean of {self.batches} batches" if self.batches > 1 else "one batch"
        return f"lowest validation loss {self.loss:.4f} ({mean}) in epoch {self.epoch + 1}{kept}"

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` reads."""
        return {"loss": self.loss, "epoch": self.epoch, "batches": self.batches, "losses": list(self._losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.loss, self.epoch, self.batches = float(state["loss"]), int(state["epoch"]), int(state["batches"])
        self._losses = [float(loss) for loss in state["losses"]]
