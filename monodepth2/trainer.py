"""The training loop and nothing else."""

import zlib
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from signal import Signals

import torch
from torch import Tensor

from monodepth2.checkpoint import load_networks, load_optimizer, save_checkpoint
from monodepth2.config import TRAINING_SPLITS, Options, option_type
from monodepth2.datasets.check import check_data_set
from monodepth2.datasets.layouts import make_layout
from monodepth2.datasets.loading import EndlessOrder, TimedBatches, TrainingOrder, load_batches, loader_processes
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.picture_cache import PictureCache
from monodepth2.datasets.splits import read_split
from monodepth2.devices import pick_device
from monodepth2.distributed import Processes, StopVote, scaled_rate
from monodepth2.errors import UserError
from monodepth2.faults import Faults
from monodepth2.metrics import training_depth_metrics
from monodepth2.model import MonodepthModel
from monodepth2.progress import Progress
from monodepth2.run_folder import check_run_folder, open_run_folder
from monodepth2.signals import StopRequest
from monodepth2.stages import Batch, Predictions, Views
from monodepth2.training_step import TrainingStep

EARLY_STEPS = 2000  # log every --log_frequency batches before this step, every EARLY_STEPS steps from then on


class Trainer:
    """Trains the networks of a run as its options say.

    Everything a user may have got wrong is found on creation, before the first step. Started by `torchrun`, each
    process trains on its share of every batch, and the main process alone checks the data set and writes.

    Raises:
        UserError: device, folders, split, data set or initial weights cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.processes = Processes.from_environment()
        self.processes.start()
        with self.processes.agreed():
            self.device = self.processes.device(pick_device(options.device, options.no_cuda))
            if self.processes.is_main:
                check_run_folder(options)
            torch.manual_seed(options.seed)
            self._load_data()
            self._build_model()
        self.processes.check_same(self._facts())
        self.learn.share(self.processes, options)
        self.processes.separate_noise(options.seed)
        self.stop = StopRequest(self.processes.launched)
        self.stop_vote = StopVote(self.processes)
        self.step = 0

    def train(self) -> int:
        """Run all epochs; return the exit code: 0, or 128 + the signal that ended the run early."""
        if self.cache:
            with self.processes.ending_together():
                self.cache.fill()
                self.processes.wait()  # here, where there is patience, and not for the first gradients
        with self.processes.ending_together(), self.stop:
            self._open()
            try:
                code = self._run_epochs()
            finally:
                self._close()
            self.processes.end()
            return code

    def _open(self) -> None:
        options, main = self.options, self.processes.is_main
        self.events = open_run_folder(options) if main else None
        steps = options.num_epochs * self.steps_per_epoch
        self.progress = Progress(steps, options.num_epochs, self._joint_batch, quiet=not main)
        self.faults = Faults(len(self.train_set), lambda fault: self.progress.message(self.processes.named(fault)))
        if main:
            self.progress.message(self._summary())

    def _close(self) -> None:
        self.progress.close()
        if self.events:
            self.events.close()
        self.train_batches.close()
        self.val_batches.close()

    def _run_epochs(self) -> int:
        options = self.options
        for epoch in range(options.num_epochs):
            received = self._run_epoch(epoch)
            if received:
                return self._end_early(received)
            if (epoch + 1) % options.save_frequency == 0 or epoch + 1 == options.num_epochs:
                self._save(f"weights_{epoch}")
        return 0

    def _run_epoch(self, epoch: int) -> Signals | None:
        """Train for an epoch; return the signal that ended it early."""
        self.model.train()
        for batch_index, loaded in enumerate(islice(self.train_batches, self.steps_per_epoch)):
            self.faults.note_pictures(loaded.faults)
            batch = loaded.prepared(self.device)
            predictions, loss = self.learn(batch)
            log_is_due = self._log_is_due(batch_index)
            if log_is_due:
                self._log("train", batch, predictions)
                self._validate()
            self.step += 1
            self.progress.step()
            if self.processes.is_main and (log_is_due or self.progress.due() or self._last_of_epoch(batch_index)):
                self.progress.show(epoch, loss.item(), self.train_batches.times("progress"))
            received = self.stop_vote(self.stop.received)
            if received:
                return received
        self.scheduler.step()
        return None

    def _validate(self) -> None:
        """Log one batch of the validation split."""
        self.model.eval()
        loaded = next(self.val_batches)
        self.faults.note_pictures(loaded.faults)
        batch = loaded.prepared(self.device)
        self._log("val", batch, self.learn.predict(batch))
        self.model.train()

    def _log_is_due(self, batch_index: int) -> bool:
        early = batch_index % self.options.log_frequency == 0 and self.step < EARLY_STEPS
        return early or self.step % EARLY_STEPS == 0

    def _last_of_epoch(self, batch_index: int) -> bool:
        return batch_index + 1 == self.steps_per_epoch

    def _log(self, mode: str, batch: Batch, predictions: Predictions) -> None:
        views, losses = self.learn.judge(batch, predictions)
        figures = self.processes.mean({**losses.figures, **self._depth_figures(mode, batch, views)})
        if self.events is None:
            return
        self.events.scalars(mode, self.step, figures)
        self.events.pictures(mode, self.step, batch, predictions, views, losses)
        if mode == "train":
            self.events.scalar(mode, "learning_rate", float(self.scheduler.get_last_lr()[0]), self.step)
            self.events.loading_times(mode, self.step, self.train_batches.times("events"))
        self.events.flush()

    def _depth_figures(self, mode: str, batch: Batch, views: Views) -> dict[str, Tensor]:
        """Depth figures of the samples whose depth is known; scans are read here, on logging steps alone."""
        data_set = self.train_set if mode == "train" else self.val_set
        pairs = zip(batch.index.tolist(), batch.mirrored.tolist(), strict=True)
        maps = [self._depth(data_set, index, mirrored) for index, mirrored in pairs]
        known = [n for n, depth in enumerate(maps) if depth is not None]
        if not known:
            return {}
        truth = torch.stack([depth for depth in maps if depth is not None]).to(self.device)
        finest = min(views.depths)
        return training_depth_metrics(views.depths[finest][known].detach(), truth)

    def _depth(self, data_set: MonoDataset, index: int, mirrored: bool) -> Tensor | None:
        try:
            return data_set.depth(index, mirrored)
        except UserError as error:
            self.faults.note_depth(str(error))
            return None

    def _load_data(self) -> None:
        options = self.options
        _check_split(options)
        train_lines, val_lines = read_split(options.split, "train"), read_split(options.split, "val")
        if len(train_lines) < self._joint_batch:
            processes = "" if self.processes.alone else f" in each of {self.processes.world_size} processes"
            raise UserError(
                f"--batch_size {options.batch_size}{processes} exceeds the {len(train_lines)} lines of the training "
                f"split {options.split}: no full batch can be made"
            )
        layout, lines = make_layout(options.dataset, options.data_path, options.png), [*train_lines, *val_lines]
        if self.processes.is_main:
            check_data_set(layout, lines, options.loaded_ids)
        self.cache = PictureCache.from_options(options, layout, lines)
        self.train_set = MonoDataset.from_options(options, train_lines, augment=True, reader=self.cache)
        self.val_set = MonoDataset.from_options(options, val_lines, augment=False, reader=self.cache)
        place = (self.processes.rank, self.processes.world_size)
        order = TrainingOrder(len(train_lines), options.batch_size, options.num_epochs, options.seed, *place)
        self.steps_per_epoch = order.steps_per_epoch
        self.workers = loader_processes(options.num_workers, self.device)
        self.train_batches = TimedBatches(load_batches(self.train_set, order, self.workers, self.device))
        val_order = EndlessOrder(len(val_lines), options.batch_size, options.seed + 1, *place)
        self.val_batches = load_batches(self.val_set, val_order, min(1, self.workers), self.device)

    def _build_model(self) -> None:
        options = self.options
        self.model = MonodepthModel(options)
        folder = options.load_weights_folder
        if options.weights_init == "pretrained" and self.processes.is_main:  # from there they reach the others
            self.model.load_imagenet(options, options.models_to_load if folder else ())
        if folder:
            load_networks(self.model, folder, options.models_to_load)
        rate = scaled_rate(options.learning_rate, options.lr_scaling, self.processes.world_size)
        self.learn = TrainingStep(self.model.to(self.device), replace(options, learning_rate=rate), self.device)
        self.optimizer = self.learn.optimizer
        self.moments = "fresh"
        if folder and load_optimizer(self.optimizer, folder, rate):
            self.moments = f"taken from {folder}"
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, options.scheduler_step_size, gamma=0.1)

    @property
    def _joint_batch(self) -> int:
        """Samples per step of all processes."""
        return self.options.batch_size * self.processes.world_size

    def _facts(self) -> dict[str, object]:
        """What every process must be told alike; folders may lie elsewhere, loaders may be fewer."""
        alike = [item.name for item in fields(Options) if option_type(item) is not Path and item.name != "num_workers"]
        told = {f"--{name}": getattr(self.options, name) for name in alike}
        samples = {"the training split": _digest(self.train_set), "the validation split": _digest(self.val_set)}
        return {**told, **samples, "whether Adam starts afresh": self.moments == "fresh"}

    def _save(self, name: str) -> None:
        if self.processes.is_main:
            save_checkpoint(self.options.models_folder / name, self.model, self.optimizer, self.options)

    def _end_early(self, received: Signals) -> int:
        self._save("weights_interrupted")
        folder = self.options.models_folder / "weights_interrupted"
        if self.processes.is_main:
            self.progress.message(f"stopped by {received.name} after step {self.step}; weights are in {folder}")
        return 128 + received

    def _summary(self) -> str:
        options = self.options
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        shares = "" if self.processes.alone else f" ({self.processes.world_size} processes of {options.batch_size})"
        return (
            f"{options.model_name}: {len(self.train_set):,} training and {len(self.val_set):,} validation samples, "
            f"{options.num_epochs} epochs of {self.steps_per_epoch:,} steps, {parameters / 1e6:.1f} M parameters, "
            f"batches of {self._joint_batch}{shares}, learning rate {self.scheduler.get_last_lr()[0]:g}, "
            f"{self.device}, {self.workers} loader processes, Adam's moments {self.moments}\n"
            f"writing to {options.run_folder}"
        )


def _check_split(options: Options) -> None:
    """Refuse lists of odometry sequences where the layout is another, and the other way round."""
    if options.split not in TRAINING_SPLITS:
        return
    if options.split == "odom" and options.dataset != "kitti_odom":
        raise UserError(
            f"--split odom lists odometry sequences, not --dataset {options.dataset}: add --dataset kitti_odom"
        )
    if options.split != "odom" and options.dataset == "kitti_odom":
        raise UserError(
            f"--dataset kitti_odom has no --split {options.split}: add --split odom or a folder with your lists"
        )


def _digest(data_set: MonoDataset) -> str:
    """A word that tells two lists of samples apart."""
    lines = "\n".join(map(str, data_set.lines))
    return f"{len(data_set):,} lines of checksum {zlib.crc32(lines.encode()):08x}"
