"""The training loop and nothing else."""

import shutil
import signal
from itertools import islice

import torch
from torch import Tensor

from monodepth2.checkpoint import load_networks, load_optimizer, save_checkpoint
from monodepth2.config import TRAINING_SPLITS, Options
from monodepth2.datasets.check import check_data_set
from monodepth2.datasets.loading import EndlessOrder, TrainingOrder, load_batches
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.splits import read_split
from monodepth2.devices import pick_device
from monodepth2.errors import UserError
from monodepth2.event_log import EventLog
from monodepth2.faults import Faults
from monodepth2.metrics import training_depth_metrics
from monodepth2.model import MonodepthModel
from monodepth2.output_paths import check_output_folder
from monodepth2.progress import Progress
from monodepth2.signals import StopRequest
from monodepth2.stages import Batch, Predictions, Views
from monodepth2.training_step import TrainingStep

EARLY_STEPS = 2000  # log every --log_frequency batches before this step, every EARLY_STEPS steps from then on


class Trainer:
    """Trains the networks of a run as its options say.

    Everything a user may have got wrong is found on creation, before the first step.

    Raises:
        UserError: device, folders, split, data set or initial weights cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.device = pick_device(options.device, options.no_cuda)
        _check_run_folder(options)
        torch.manual_seed(options.seed)
        self._load_data()
        self._build_model()
        self.stop = StopRequest()
        self.step = 0

    def train(self) -> int:
        """Run all epochs; return the exit code: 0, or 128 + the signal that ended the run early."""
        options = self.options
        _clear_run_folder(options)
        options.models_folder.mkdir(parents=True, exist_ok=True)
        (options.models_folder / "opt.json").write_text(options.to_json())
        self.events = EventLog(options.run_folder, options)
        steps = options.num_epochs * self.steps_per_epoch
        self.progress = Progress(steps, options.num_epochs, options.batch_size)
        self.faults = Faults(len(self.train_set), self.progress.message)
        self.progress.message(self._summary())
        try:
            with self.stop:
                return self._run_epochs()
        finally:
            self.progress.close()
            self.events.close()
            self.train_batches.close()
            self.val_batches.close()

    def _run_epochs(self) -> int:
        options = self.options
        for epoch in range(options.num_epochs):
            self._run_epoch(epoch)
            if self.stop.received:
                return self._end_early(self.stop.received)
            if (epoch + 1) % options.save_frequency == 0 or epoch + 1 == options.num_epochs:
                self._save(f"weights_{epoch}")
        return 0

    def _run_epoch(self, epoch: int) -> None:
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
            if log_is_due or self.progress.due() or self._last_of_epoch(batch_index):
                self.progress.show(epoch, loss.item())
            if self.stop.received:
                return
        self.scheduler.step()

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
        if len(train_lines) < options.batch_size:
            raise UserError(
                f"--batch_size {options.batch_size} exceeds the {len(train_lines)} lines of the training split "
                f"{options.split}: no full batch can be made"
            )
        self.train_set = MonoDataset.from_options(options, train_lines, augment=True)
        self.val_set = MonoDataset.from_options(options, val_lines, augment=False)
        check_data_set(self.train_set.layout, [*train_lines, *val_lines], options.loaded_ids)
        order = TrainingOrder(len(train_lines), options.batch_size, options.num_epochs, options.seed)
        self.steps_per_epoch = order.steps_per_epoch
        self.train_batches = load_batches(self.train_set, order, options.workers, self.device)
        val_order = EndlessOrder(len(val_lines), options.batch_size, options.seed + 1)
        self.val_batches = load_batches(self.val_set, val_order, min(1, options.workers), self.device)

    def _build_model(self) -> None:
        options = self.options
        self.model = MonodepthModel(options)
        folder = options.load_weights_folder
        if options.weights_init == "pretrained":
            self.model.load_imagenet(options, options.models_to_load if folder else ())
        if folder:
            load_networks(self.model, folder, options.models_to_load)
        self.learn = TrainingStep(self.model.to(self.device), options, self.device)
        self.optimizer = self.learn.optimizer
        self.moments = "fresh"
        if folder and load_optimizer(self.optimizer, folder, options.learning_rate):
            self.moments = f"taken from {folder}"
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, options.scheduler_step_size, gamma=0.1)

    def _save(self, name: str) -> None:
        save_checkpoint(self.options.models_folder / name, self.model, self.optimizer, self.options)

    def _end_early(self, received: signal.Signals) -> int:
        self._save("weights_interrupted")
        folder = self.options.models_folder / "weights_interrupted"
        self.progress.message(f"stopped by {received.name} after step {self.step}; weights are in {folder}")
        return 128 + received

    def _summary(self) -> str:
        options = self.options
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return (
            f"{options.model_name}: {len(self.train_set):,} training and {len(self.val_set):,} validation samples, "
            f"{options.num_epochs} epochs of {self.steps_per_epoch:,} steps, {parameters / 1e6:.1f} M parameters, "
            f"{self.device}, {options.workers} loader processes, Adam's moments {self.moments}\n"
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


def _check_run_folder(options: Options) -> None:
    """Find out before the work that its results can be written, and would not replace older ones unasked."""
    if not options.overwrite and any(options.models_folder.glob("weights_*")):
        raise UserError(
            f"{options.models_folder} holds the checkpoints of an older run: "
            "choose another --model_name, or add --overwrite to replace them"
        )
    check_output_folder("log_dir", options.models_folder)


def _clear_run_folder(options: Options) -> None:
    """Remove the checkpoints and events of an older run: the new one's would mix with them."""
    for weights in options.models_folder.glob("weights_*"):
        shutil.rmtree(weights)
    for events in options.run_folder.glob("*/events.out.tfevents.*"):
        events.unlink()
