"""TensorBoard events with 2019's tags, for training and validation."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from monodepth2.config import Options
from monodepth2.datasets.loading import LoadingTimes
from monodepth2.method.stages import Batch, Losses, Predictions, Views

MODES = ("train", "val")
MOST_PICTURES = 4


class EventLog:
    """Writes TensorBoard events into `<run folder>/train` and `<run folder>/val`.

    When the disk is full, nothing more is logged and the run goes on.

    Args:
        folder: of the run.
        options: of the run.
        first_step: of a run that goes on; TensorBoard drops what an earlier process logged at this step and later.
        report: told if events cannot be written any more.
        end_wandb: ends what mirrors the events; None where nothing does.
    """

    def __init__(
        self,
        folder: Path,
        options: Options,
        first_step: int,
        report: Callable[[str], None],
        end_wandb: Callable[[], Any] | None = None,
    ) -> None:
        self.folder, self.report = folder, report
        self.writable = True
        threading.excepthook = _without_those_of_writers
        self.source_ids = options.source_ids
        self.scales = options.scales
        self._end_wandb = end_wandb
        self.writers: dict[str, SummaryWriter] = {}
        self._try(lambda: self._open(first_step))

    def _open(self, first_step: int) -> None:
        for mode in MODES:
            self.writers[mode] = SummaryWriter(str(self.folder / mode), purge_step=first_step or None)

    def scalars(self, mode: str, step: int, figures: Mapping[str, float]) -> None:
        """Log figures by tag."""

        def write() -> None:
            for tag, value in figures.items():
                self.writers[mode].add_scalar(tag, value, step)

        self._try(write)

    def pictures(
        self, mode: str, step: int, batch: Batch, predictions: Predictions, views: Views, losses: Losses
    ) -> None:
        """Log frames, warped sources, disparities and masks of at most four samples."""

        def write() -> None:
            for tag, images in self._shown(batch, predictions, views, losses).items():
                for j, image in enumerate(images[:MOST_PICTURES]):
                    self.writers[mode].add_image(f"{tag}/{j}", image.detach().float().cpu().clamp(0, 1), step)

        self._try(write)

    def _shown(self, batch: Batch, predictions: Predictions, views: Views, losses: Losses) -> dict[str, Tensor]:
        """The pictures by tag."""
        shown: dict[str, Tensor] = {}
        for scale in self.scales:
            for frame, levels in batch.color.items():
                shown[f"color_{frame}_{scale}"] = levels[scale] if scale in levels else _shrunk(levels[0], scale)
            if scale == 0:
                for n, source in enumerate(self.source_ids):
                    shown[f"color_pred_{source}_0"] = views.warped[0][:, n]
            shown[f"disp_{scale}"] = _stretched(predictions.disps[scale])
            if predictions.masks is not None:
                for n, source in enumerate(self.source_ids):
                    shown[f"predictive_mask_{source}_{scale}"] = predictions.masks[scale][:, n : n + 1]
            if scale in losses.automask:
                shown[f"automask_{scale}"] = losses.automask[scale][:, None]
        return shown

    def loading_times(self, mode: str, step: int, times: LoadingTimes) -> None:
        """Log what loading cost since the last such entry."""
        times_of_step = {"time/wait_ms_per_step": times.wait_ms, "time/loader_ms_per_sample": times.loader_ms}
        self.scalars(mode, step, times_of_step)

    def flush(self) -> None:
        """Write what is buffered."""
        for writer in self.writers.values():
            self._try(writer.flush)

    def close(self) -> None:
        """Write what is buffered and close the files."""
        for writer in self.writers.values():
            self._try(writer.close)
        if self._end_wandb:
            self._end_wandb()

    def _try(self, write: Callable[[], None]) -> None:
        """Write; where that fails, give up logging, but not the run."""
        if not self.writable:
            return
        try:
            write()
        except OSError as error:
            self.writable = False
            self.report(f"{self.folder}: events cannot be written ({error.strerror or error}): the run goes on without")


_threads_errors = threading.excepthook


def _without_those_of_writers(args: threading.ExceptHookArgs) -> None:
    """Do not print the errors of TensorBoard's writer threads: the main thread gets the same ones."""
    if not issubclass(args.exc_type, OSError) or type(args.thread).__module__.split(".")[0] != "tensorboard":
        _threads_errors(args)


def _shrunk(images_b3hw: Tensor, level: int) -> Tensor:
    """A pyramid level that no loss reads, made only to be shown."""
    return F.avg_pool2d(images_b3hw, 2**level)


def _stretched(disp_b1hw: Tensor) -> Tensor:
    """Each map's values stretched to [0, 1]."""
    low, high = disp_b1hw.amin((1, 2, 3), keepdim=True), disp_b1hw.amax((1, 2, 3), keepdim=True)
    return (disp_b1hw - low) / (high - low).clamp(min=1e-5)
