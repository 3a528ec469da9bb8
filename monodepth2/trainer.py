"""The training loop and nothing else."""

import signal
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from monodepth2.checkpoint import load_networks, load_optimizer, save_checkpoint, weights_folder
from monodepth2.config import Options
from monodepth2.datasets.check import check_data_set
from monodepth2.datasets.mono_dataset import EpochSampler, MonoDataset, collate
from monodepth2.datasets.splits import read_split
from monodepth2.devices import pick_device
from monodepth2.errors import UserError
from monodepth2.event_log import EventLog
from monodepth2.losses import Objective
from monodepth2.metrics import training_depth_metrics
from monodepth2.model import MonodepthModel
from monodepth2.progress import Progress
from monodepth2.stages import Batch, Losses, Predictions, Views
from monodepth2.view_synthesis import ViewSynthesis

EARLY_STEPS = 2000  # log every --log_frequency batches before this step, every EARLY_STEPS steps from then on
TOLERATED_FAULTS = 0.01  # share of the split's pictures that may be unreadable


class Trainer:
    """Trains the networks of a run as its options say.

    Everything a user may have got wrong is found on creation, before the first step.

    Raises:
        UserError: device, folders, split, data set or initial weights cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.device = pick_device(options)
        _refuse_to_overwrite(options)
        torch.manual_seed(options.seed)
        self._load_data()
        self._build_model()
        self.synthesise_views = ViewSynthesis.from_options(options)
        self.objective = Objective.from_options(options)
        self.faults = Faults(self.train_set)
        self.stopped_by: signal.Signals | None = None
        self.step = 0

    def train(self) -> int:
        """Run all epochs; return the exit code: 0, or 128 + the signal that ended the run early."""
        options = self.options
        options.models_folder.mkdir(parents=True, exist_ok=True)
        (options.models_folder / "opt.json").write_text(options.to_json())
        self.events = EventLog(options.run_folder, options)
        steps = options.num_epochs * len(self.train_loader)
        self.progress = Progress(steps, options.num_epochs, options.batch_size)
        self.progress.message(self._summary())
        self._listen_for_signals()
        try:
            for epoch in range(options.num_epochs):
                self._run_epoch(epoch)
                if self.stopped_by:
                    return self._end_early()
                if (epoch + 1) % options.save_frequency == 0 or epoch + 1 == options.num_epochs:
                    self._save(f"weights_{epoch}")
            return 0
        finally:
            self.progress.close()
            self.events.close()
            # workers that outlive the run would be killed on exit, noisily
            self.val_batches.close()
            del self.train_loader, self.val_loader

    def _run_epoch(self, epoch: int) -> None:
        self.model.train()
        self.train_sampler.epoch = epoch
        for batch_index, loaded in enumerate(_batches(self.train_loader)):
            self.faults.note(loaded, self.progress)
            batch = loaded.prepared(self.device)
            predictions, views, losses = self._process(batch)
            self.optimizer.zero_grad(set_to_none=True)
            losses.total.backward()
            self.optimizer.step()
            if self._log_is_due(batch_index):
                self._log("train", batch, predictions, views, losses)
                self._validate()
            self.step += 1
            self.progress.step()
            if self.progress.due() or self._last_of_epoch(batch_index):
                self.progress.show(epoch, losses.total.item())
            if self.stopped_by:
                return
        self.scheduler.step()

    def _process(self, batch: Batch) -> tuple[Predictions, Views, Losses]:
        predictions = self.model(batch)
        views = self.synthesise_views(batch, predictions)
        losses = self.objective(batch, predictions, views)
        return predictions, views, losses

    @torch.no_grad()
    def _validate(self) -> None:
        """Log one batch of the validation split."""
        self.model.eval()
        loaded = next(self.val_batches)
        self.faults.note(loaded, self.progress)
        batch = loaded.prepared(self.device)
        self._log("val", batch, *self._process(batch))
        self.model.train()

    def _log_is_due(self, batch_index: int) -> bool:
        early = batch_index % self.options.log_frequency == 0 and self.step < EARLY_STEPS
        return early or self.step % EARLY_STEPS == 0

    def _last_of_epoch(self, batch_index: int) -> bool:
        return batch_index + 1 == len(self.train_loader)

    def _log(self, mode: str, batch: Batch, predictions: Predictions, views: Views, losses: Losses) -> None:
        figures = self._depth_figures(mode, batch, views)
        self.events.scalars(mode, self.step, losses, figures)
        self.events.pictures(mode, self.step, batch, predictions, views, losses)
        if mode == "train":
            self.events.scalar(mode, "learning_rate", float(self.scheduler.get_last_lr()[0]), self.step)
        self.events.flush()

    def _depth_figures(self, mode: str, batch: Batch, views: Views) -> dict[str, Tensor]:
        """Depth figures of the samples whose depth is known; scans are read here, on logging steps alone."""
        data_set = self.train_set if mode == "train" else self.val_set
        pairs = zip(batch.index.tolist(), batch.mirrored.tolist(), strict=True)
        maps = [data_set.depth(index, mirrored) for index, mirrored in pairs]
        known = [n for n, depth in enumerate(maps) if depth is not None]
        if not known:
            return {}
        truth = torch.stack([depth for depth in maps if depth is not None]).to(self.device)
        finest = min(views.depths)
        return training_depth_metrics(views.depths[finest][known].detach(), truth)

    def _load_data(self) -> None:
        options = self.options
        train_lines, val_lines = read_split(options.split, "train"), read_split(options.split, "val")
        if len(train_lines) < options.batch_size:
            raise UserError(
                f"--batch_size {options.batch_size} exceeds the {len(train_lines)} lines of the training split "
                f"{options.split}: no full batch can be made"
            )
        self.train_set = MonoDataset.from_options(options, train_lines, augment=True)
        self.val_set = MonoDataset.from_options(options, val_lines, augment=False)
        check_data_set(self.train_set.layout, [*train_lines, *val_lines], options.loaded_ids)
        self.train_sampler = EpochSampler(len(train_lines), options.seed)
        self.train_loader = self._loader(self.train_set, self.train_sampler, options.workers, drop_last=True)
        val_sampler = EpochSampler(len(val_lines), options.seed + 1)
        self.val_loader = self._loader(self.val_set, val_sampler, min(1, options.workers), drop_last=False)
        self.val_batches = self._endless_validation(val_sampler)

    def _loader(self, data_set: MonoDataset, sampler: EpochSampler, workers: int, drop_last: bool) -> DataLoader[Any]:
        return DataLoader(
            data_set,
            self.options.batch_size,
            sampler=sampler,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=self.device.type == "cuda",
            drop_last=drop_last,
            persistent_workers=workers > 0,
            worker_init_fn=_start_worker,
        )

    def _endless_validation(self, sampler: EpochSampler) -> Generator[Batch, None, None]:
        while True:
            yield from _batches(self.val_loader)
            sampler.epoch += 1

    def _build_model(self) -> None:
        options = self.options
        self.model = MonodepthModel(options)
        folder = options.load_weights_folder
        if options.weights_init == "pretrained":
            self.model.load_imagenet(options, options.models_to_load if folder else ())
        if folder:
            load_networks(self.model, folder, options.models_to_load)
        self.model.to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), options.learning_rate, fused=True)
        if folder:
            load_optimizer(self.optimizer, weights_folder(folder), options.learning_rate)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, options.scheduler_step_size, gamma=0.1)

    def _save(self, name: str) -> None:
        save_checkpoint(self.options.models_folder / name, self.model, self.optimizer, self.options)

    def _listen_for_signals(self) -> None:
        """Let Ctrl-C and SIGTERM end the run after the current step; a second one ends it at once."""

        def stop(number: int, _: FrameType | None) -> None:
            self.stopped_by = signal.Signals(number)
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)

    def _end_early(self) -> int:
        assert self.stopped_by
        self._save("weights_interrupted")
        folder = self.options.models_folder / "weights_interrupted"
        self.progress.message(f"stopped by {self.stopped_by.name} after step {self.step}; weights are in {folder}")
        return 128 + self.stopped_by

    def _summary(self) -> str:
        options = self.options
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return (
            f"{options.model_name}: {len(self.train_set):,} training and {len(self.val_set):,} validation samples, "
            f"{options.num_epochs} epochs of {len(self.train_loader):,} steps, {parameters / 1e6:.1f} M parameters, "
            f"{self.device}, {options.workers} loader processes\nwriting to {options.run_folder}"
        )


@dataclass
class Faults:
    """Unreadable pictures met while training: each named once; too many end the run.

    Raises:
        UserError: (from `note`) more than one picture and more than 1 % of the split's are unreadable.
    """

    data_set: MonoDataset
    seen: list[str] = field(default_factory=list)

    def note(self, batch: Batch, progress: Progress) -> None:
        """Report the batch's faults that are new."""
        for fault in batch.faults:
            if fault not in self.seen:
                self.seen.append(fault)
                progress.message(f"unreadable picture no. {len(self.seen)}, another sample takes its place: {fault}")
        if len(self.seen) > max(1, TOLERATED_FAULTS * len(self.data_set)):
            listing = "\n  ".join(self.seen)
            raise UserError(f"{len(self.seen)} unreadable pictures are too many, mend or leave them out:\n  {listing}")


def _refuse_to_overwrite(options: Options) -> None:
    if not options.overwrite and any(options.models_folder.glob("weights_*")):
        raise UserError(
            f"{options.models_folder} holds the checkpoints of an older run: "
            "choose another --model_name, or add --overwrite to replace them"
        )


def _batches(loader: DataLoader[Any]) -> Iterator[Batch]:
    """Iterate over a loader; a mistake found by a worker loses the worker's traceback."""
    try:
        yield from loader
    except UserError as error:
        raise UserError(str(error).rsplit("UserError: ", 1)[-1]) from None


def _start_worker(_: int) -> None:
    """Terminals and schedulers signal the whole process group: workers leave the answer to the main process.

    A second SIGTERM ends a worker: that is how Python clears away those that outlive their loader.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(number, signal.SIG_DFL))
