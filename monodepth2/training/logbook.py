"""What people see of a training's steps: figures and pictures of its batches, and of validation batches beside them."""

from dataclasses import dataclass, field

from monodepth2.checkpoints.networks import MEAN
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.method.stages import Batch, Losses, Predictions, Views
from monodepth2.runtime.processes import Processes
from monodepth2.training.best_epoch import BestEpoch
from monodepth2.training.data import TrainingData
from monodepth2.training.depth_figures import depth_figures
from monodepth2.training.event_log import EventLog
from monodepth2.training.faults import Faults
from monodepth2.training.schedule import Schedule
from monodepth2.training.step import StepResult, TrainingStep
from monodepth2.training.weight_mean import WeightMean

EARLY_STEPS = 2000  # log every --log_frequency batches before this step, every EARLY_STEPS steps from then on


@dataclass(eq=False)
class Logbook:
    """Logs batches of a training; all processes call it at the same steps, and the main one writes.

    Args:
        learn: the training's step.
        data: of the training.
        processes: that train together; figures are means over them.
        schedule: of the learning rate.
        faults: told of pictures and depth that cannot be read.
        best: told of each validation loss.
        events: where they are written; None in the other processes.
        mean: of the weights, which is validated, too; None without one.

    Attributes:
        of_mean: the last validation loss of the mean of the weights, in words; empty before there is one.
    """

    learn: TrainingStep
    data: TrainingData
    processes: Processes
    schedule: Schedule
    faults: Faults
    best: BestEpoch
    events: EventLog | None
    mean: WeightMean | None
    of_mean: str = field(default="", init=False)

    def log_training(self, step: int, batch: Batch, result: StepResult, views: Views, losses: Losses) -> None:
        """Log what a training batch led to."""
        self._log("train", step, batch, result.predictions, views, losses)
        if self.events:
            told = {"learning_rate": self.schedule.rate, "health/gradient_norm": result.grad_norm.item()}
            self.events.scalars("train", step, told)
            self.events.loading_times("train", step, self.data.train_batches.times("events"))
            self.events.flush()

    def validate(self, step: int) -> None:
        """Log what one batch of the validation split leads to."""
        model = self.learn.model.eval()
        loaded = self.data.validation_batch()
        self.faults.note_pictures(loaded.faults)
        batch = loaded.prepared(self.learn.device)
        predictions = self.learn.predict(batch)
        loss = self._log("val", step, batch, predictions, *self.learn.judge(batch, predictions))
        self.best.note(loss)
        if self.mean:
            self.of_mean = f"{self._loss_of_mean(self.mean, step, batch):.4f}, {loss:.4f} without the mean"
        if self.events:
            self.events.flush()
        model.train()

    def scalars(self, step: int, figures: dict[str, float]) -> None:
        """Log figures of the training."""
        if self.events:
            self.events.scalars("train", step, figures)
            self.events.flush()

    def close(self) -> None:
        """Write what is left to write."""
        if self.events:
            self.events.close()

    def _log(self, mode: str, step: int, batch: Batch, predictions: Predictions, views: Views, losses: Losses) -> float:
        """Log a batch's figures and pictures; return its loss, the mean over all processes."""
        data_set = self.data.train_set if mode == "train" else self.data.val_set
        figures = self._figures(data_set, batch, views, losses)
        if self.events:
            self.events.scalars(mode, step, figures)
            self.events.pictures(mode, step, batch, predictions, views, losses)
        return figures["loss"]

    def _loss_of_mean(self, mean: WeightMean, step: int, batch: Batch) -> float:
        """Log the figures that the mean of the weights has on a validation batch; return its loss, as `_log` does."""
        mean.take_statistics()
        views, losses = self.learn.judge(batch, self.learn.predict(batch, mean.networks))
        figures = self._figures(self.data.val_set, batch, views, losses)
        if self.events:
            self.events.scalars("val", step, {f"{MEAN}/{tag}": value for tag, value in figures.items()})
        return figures["loss"]

    def _figures(self, data_set: MonoDataset, batch: Batch, views: Views, losses: Losses) -> dict[str, float]:
        return self.processes.mean({**losses.figures, **depth_figures(data_set, batch, views, self.faults)})


def log_is_due(step: int, batch_index: int, frequency: int) -> bool:
    """Whether a step is logged, 2019's rule: often at first, rarely later.

    Args:
        step: of the run, from 0.
        batch_index: of the step in its epoch.
        frequency: `--log_frequency`.
    """
    early = batch_index % frequency == 0 and step < EARLY_STEPS
    return early or step % EARLY_STEPS == 0
