"""TensorBoard events with 2019's tags, for training and validation."""

from collections.abc import Mapping
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from monodepth2.config import Options
from monodepth2.datasets.loading import LoadingTimes
from monodepth2.stages import Batch, Losses, Predictions, Views

MODES = ("train", "val")
MOST_PICTURES = 4


class EventLog:
    """Writers `<run folder>/train` and `<run folder>/val`.

    Args:
        folder: of the run.
        options: of the run.
        first_step: of a run that goes on; TensorBoard drops what an earlier process logged at this step and later.
    """

    def __init__(self, folder: Path, options: Options, first_step: int = 0) -> None:
        self.source_ids = options.source_ids
        self.scales = options.scales
        self.writers = {mode: SummaryWriter(str(folder / mode), purge_step=first_step or None) for mode in MODES}

    def scalars(self, mode: str, step: int, figures: Mapping[str, float]) -> None:
        """Log figures by tag."""
        for tag, value in figures.items():
            self.scalar(mode, tag, value, step)

    def pictures(
        self, mode: str, step: int, batch: Batch, predictions: Predictions, views: Views, losses: Losses
    ) -> None:
        """Log frames, warped sources, disparities and masks of at most four samples."""
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
        for tag, images in shown.items():
            for j, image in enumerate(images[:MOST_PICTURES]):
                self.writers[mode].add_image(f"{tag}/{j}", image.detach().float().cpu().clamp(0, 1), step)

    def loading_times(self, mode: str, step: int, times: LoadingTimes) -> None:
        """Log what loading cost since the last such entry."""
        self.scalar(mode, "time/wait_ms_per_step", times.wait_ms, step)
        self.scalar(mode, "time/loader_ms_per_sample", times.loader_ms, step)

    def scalar(self, mode: str, tag: str, value: float, step: int) -> None:
        """Log one figure."""
        self.writers[mode].add_scalar(tag, value, step)

    def flush(self) -> None:
        """Write what is buffered."""
        for writer in self.writers.values():
            writer.flush()

    def close(self) -> None:
        """Write what is buffered and close the files."""
        for writer in self.writers.values():
            writer.close()


def _shrunk(images_b3hw: Tensor, level: int) -> Tensor:
    """A level that no loss reads, made for the picture alone."""
    return F.avg_pool2d(images_b3hw, 2**level)


def _stretched(disp_b1hw: Tensor) -> Tensor:
    """Each map's values stretched to [0, 1]."""
    low, high = disp_b1hw.amin((1, 2, 3), keepdim=True), disp_b1hw.amax((1, 2, 3), keepdim=True)
    return (disp_b1hw - low) / (high - low).clamp(min=1e-5)
