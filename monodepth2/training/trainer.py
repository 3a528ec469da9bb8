"""The training loop and nothing else."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from signal import Signals
from typing import Any

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.networks import (
    ITS_FLAGS,
    MEAN,
    WITHOUT_IT,
    holds_network,
    load_networks,
    network_file,
    read_network,
    trained_facts,
    weights_folder,
)
from monodepth2.checkpoints.optimizer import load_optimizer
from monodepth2.config import NETWORKS, Options, option_type
from monodepth2.errors import UserError, counted, tell
from monodepth2.method.losses.warm_up import columns_at
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Losses, Predictions, Views
from monodepth2.report import report_of_training
from monodepth2.report.learnt_cameras import figures_of, learnt_cameras, sentences, write_cameras
from monodepth2.runtime.devices import make_deterministic, pick_device
from monodepth2.runtime.precision import speed_remarks
from monodepth2.runtime.processes import Processes, StopVote, scaled_rate
from monodepth2.runtime.random_state import seed_all
from monodepth2.runtime.signals import StopRequest
from monodepth2.training.best_epoch import BestEpoch
from monodepth2.training.data import TrainingData
from monodepth2.training.depth_figures import depth_figures
from monodepth2.training.diagnosis import Diagnosis
from monodepth2.training.faults import Faults
from monodepth2.training.first_lines import first_lines
from monodepth2.training.graphed_step import GraphedStep
from monodepth2.training.progress import Progress
from monodepth2.training.run_checkpoints import BETWEEN_EPOCHS, ResumePoint, find_resume_point
from monodepth2.training.run_folder import RunLock, check_run_folder, open_run_folder
from monodepth2.training.run_record import record_start
from monodepth2.training.run_state import RunState, Stateful, read_state
from monodepth2.training.schedule import Schedule
from monodepth2.training.step import StepResult, TrainingStep
from monodepth2.training.weight_mean import WeightMean
from monodepth2.training.wrong_numbers import WrongNumbers

READ_STEPS = 100  # after how many steps at most wrong numbers are noticed
NOTHING_TO_LEARN = 3  # exit code of a run whose data show nothing
LEAST_FACTOR = 1e-3  # of an encoder's rate; who states less has meant a rate
EARLY_STEPS = 2000  # log every --log_frequency batches before this step, every EARLY_STEPS steps from then on


class Trainer:
    """Trains the networks of a run as its options say, from the beginning or from where it was ended.

    Everything a user may have got wrong is found on creation, before the first step. Started by `torchrun`, each
    process trains on its share of every batch, and the main process alone checks the data set and writes.

    Raises:
        UserError: device, folders, split, data set, initial weights or the checkpoint to go on from cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.processes = Processes.from_environment()
        self.processes.start()
        with self.processes.agreed():
            self.device = self.processes.device(pick_device(options.device, options.no_cuda))
            make_deterministic(options.deterministic)
            self.lock = RunLock(options.run_folder, tell)
            point = self._begin() if self.processes.is_main else None
        self.resumed = self.processes.first(point)
        with self.processes.agreed():
            seed_all(options.seed)
            self.data = TrainingData(options, self.processes, self.device)
            self.fixed = {"the number of processes": self.processes.world_size, **self.data.digests}
            self.saved = self._read_saved() if self.resumed else None
            self._build_model()
        self.processes.check_same(self._facts())
        # before the networks hold on to the other processes, which cannot be copied
        self.mean = WeightMean(self.model, options.ema) if options.ema else None
        self.mean_validated = ""  # its last loss, in words
        self.learn.share(self.processes, options)
        if self.mean and self.resumed:
            self.mean.resume(self.resumed.folder, self.resumed.step)
        self.take_step: Callable[[Batch], StepResult] = self.learn
        # a recorded step has the learning rate in it
        if options.compile and self.device.type == "cuda" and self.processes.alone and self.schedule.by_epoch:
            self.take_step = GraphedStep(self.learn, self._report)
        self.processes.separate_noise(options.seed)
        self.stop = StopRequest(self.processes.launched)
        self.stop_vote = StopVote(self.processes)
        self.step = self.resumed.step if self.resumed else 0

    def train(self) -> int:
        """Run all epochs; return the exit code.

        It is 0, `NOTHING_TO_LEARN` where the data show nothing, or 128 + the signal that ended the run early.
        """
        if self.data.cache:
            with self.processes.ending_together():
                self.data.cache.fill()
                self.processes.wait()  # here, where there is patience, and not for the first gradients
        with self.processes.ending_together(), self.stop:
            self._open()
            try:
                code = self._run_epochs()
            finally:
                self._close()
            self.processes.end()
            if self.state.unsaved:
                raise self.state.unsaved
        if self.processes.is_main and not self.options.no_report and code in (0, NOTHING_TO_LEARN):
            self.optimizer.zero_grad()  # gradients are as large as the networks, and their work is done
            self._write_report()  # when no process waits for this one
        return code

    def _begin(self) -> ResumePoint | None:
        """Find where the run goes on, None where it begins; its folder is this process's alone from now on."""
        check_run_folder(self.options)
        self.lock.take()
        return find_resume_point(self.options, tell)

    def _read_saved(self) -> dict[str, Any]:
        assert self.resumed
        saved = read_state(self.resumed, self.fixed)
        if self.resumed.step > self._steps:
            raise UserError(
                f"--num_epochs {self.options.num_epochs}: the run has taken {counted(self.resumed.step, 'step')} "
                f"already, and an epoch has {self.data.steps_per_epoch:,}: give more epochs"
            )
        return saved

    def _open(self) -> None:
        options, main = self.options, self.processes.is_main
        self.progress = Progress(self._steps, options.num_epochs, self._joint_batch, quiet=not main, done=self.step)
        self.faults = Faults(len(self.data.train_set), self._report)
        self.wrong = WrongNumbers(self.model, options, self.data.train_set.picture, self._report, main)
        self.diagnosis = Diagnosis(options, self.data.steps_per_epoch, self._report if main else _silent)
        self.best = BestEpoch()
        parts: dict[str, Stateful] = {
            "scheduler": self.schedule,
            "scaler": self.learn.scaler,
            "data": self.data,
            "faults": self.faults,
            "wrong numbers": self.wrong,
            "diagnosis": self.diagnosis,
            "best": self.best,
        }
        self.state = RunState(
            options, self.processes, self.device, self.model, self.optimizer, parts,
            self.fixed, self.progress.message, self._training_facts, self.mean,
        )  # fmt: skip
        if self.resumed and self.saved:
            self.state.restore(self.resumed, self.saved)
            self.saved = None
        self.data.start(self.step)
        for remark in self.data.remarks if main else ():
            self.progress.message(remark)
        self.events = open_run_folder(options, self.resumed, self.lock, self.progress.message) if main else None
        if main:
            facts = {**self.data.digests, "pictures": self.data.fingerprint, "cameras": self.data.cameras}
            record_start(options, self.step, facts, self.resumed is not None, self.progress.message)
            for remark in speed_remarks(options.precision, options.compile, self.device):
                self.progress.message(remark)
            self.progress.message(self._summary())

    def _close(self) -> None:
        self.progress.close()
        if self.events:
            self.events.close()
        self.data.close()
        self.lock.release()

    def _run_epochs(self) -> int:
        while self.step < self._steps:
            self._run_step()
            if self.step % self.data.steps_per_epoch == 0:
                self._end_epoch()
            elif self.step % self.options.save_steps == 0:
                self._save(f"{BETWEEN_EPOCHS}{self.step}")
            received = self.stop_vote(self.stop.received)
            if received and self.step < self._steps:
                return self._end_early(received)
        return self._end()

    def _run_step(self) -> None:
        epoch, batch_index = divmod(self.step, self.data.steps_per_epoch)
        self.model.train()
        loaded = next(self.data.train_batches)
        self.faults.note_pictures(loaded.faults)
        batch = loaded.prepared(self.device)
        self.learn.columns = columns_at(self.step, self.options.motion_warmup)
        result = self.take_step(batch)
        if self.mean:
            self.mean.update()
        self.wrong.note(self.step, batch, result)
        self.diagnosis.note_loss(result.loss)
        log_is_due, note_is_due = self._log_is_due(batch_index), self.diagnosis.due(batch_index)
        last = batch_index + 1 == self.data.steps_per_epoch
        # in all processes at the same steps, rarely where reading waits for the device
        if self.device.type == "cpu" or log_is_due or last or self.step % READ_STEPS == 0:
            self.wrong.read()
        if log_is_due or note_is_due:
            views, losses = self.learn.judge(batch, result.predictions)
            if note_is_due:
                self.diagnosis.note(batch, views, losses)
            if log_is_due:
                self._log("train", batch, result.predictions, views, losses)
                self._validate()
        if self.diagnosis.first_look_due:
            self.diagnosis.look_first(self.processes.mean(self.diagnosis.figures()))
        self.step += 1
        self.schedule.end_step()
        self.progress.step()
        if self.processes.is_main and (log_is_due or last or self.progress.due()):
            self.progress.show(epoch, result.loss.item(), self.data.train_batches.times("progress"))

    def _end_epoch(self) -> None:
        epoch = self.step // self.data.steps_per_epoch - 1
        self.schedule.end_epoch()
        self.best.end_epoch(epoch)
        health = self.processes.mean(self.diagnosis.figures())
        self.diagnosis.conclude(epoch, health)
        if self.events:
            figures = {**health, **self.wrong.figures}
            if self.options.learn_intrinsics:
                figures |= figures_of(self.data.distinct_cameras, self.model.intrinsics)
            self.events.scalars("train", self.step - 1, figures)
            self.events.flush()
        kept = (epoch + 1) % self.options.save_frequency == 0 or self.step == self._steps
        self._save(f"weights_{epoch}" if kept else f"{BETWEEN_EPOCHS}{self.step}")
        if self.options.learn_intrinsics and self.processes.is_main:
            try:
                write_cameras(self.options.models_folder, self.data.distinct_cameras, self.model.intrinsics)
            except UserError as error:  # the checkpoint has them, too
                self._report(str(error))

    def _save(self, name: str) -> None:
        self.wrong.read()  # what it puts back is saved
        if self.mean:
            self.mean.take_statistics()
        self.state.save(name, self.step)

    def _end(self) -> int:
        """Name the last checkpoint, and tell what became of the run; return the exit code."""
        if self.resumed and self.resumed.step == self._steps:  # nothing was left to do but to name its checkpoint
            if self.resumed.folder != self.options.last_weights:
                self._save(self.options.last_weights.name)
            self.progress.message(
                f"the run is complete: {counted(self.options.num_epochs, 'epoch')} had been trained before"
            )
        if self.processes.is_main and not self.state.unsaved:
            self.state.remove_old(at_end=True)
        if self.processes.is_main:
            self._tell_the_end()
        return NOTHING_TO_LEARN if self.diagnosis.nothing_to_learn else 0

    def _tell_the_end(self) -> None:
        if reason := self.diagnosis.nothing_to_learn:
            self.progress.message(
                f"{reason}, so that nothing was learnt from it (exit code {NOTHING_TO_LEARN}); the weights are in "
                f"{self.options.models_folder} all the same"
            )
        elif not self.state.unsaved and (told := self.best.told(self.options)):
            self.progress.message(told)
        if self.mean and not self.state.unsaved:
            kept = self.options.last_weights / MEAN
            told = f" (loss of the last validation batch {self.mean_validated})" if self.mean_validated else ""
            self.progress.message(f"the mean of the weights (--ema {self.options.ema:g}) is in {kept}{told}")
        if self.options.learn_intrinsics:
            for sentence in sentences(self.data.distinct_cameras, self.model.intrinsics):
                self.progress.message(sentence)

    def _write_report(self) -> None:
        cameras = self.data.distinct_cameras if self.options.learn_intrinsics else ()
        weights, lines = self.options.last_weights.name, self.data.val_set.lines
        tell(report_of_training(self.model, self.options, lines, self.device, weights, cameras))

    def _training_facts(self, model: MonodepthModel) -> TrainingFacts:
        """What a checkpoint of a model's weights says of the training by now."""
        facts = self.data.facts.after(self.began_with)
        if not self.options.learn_intrinsics:
            return facts
        return replace(facts, cameras=learnt_cameras(self.data.distinct_cameras, model.intrinsics))

    def _validate(self) -> None:
        """Log one batch of the validation split."""
        self.model.eval()
        loaded = self.data.validation_batch()
        self.faults.note_pictures(loaded.faults)
        batch = loaded.prepared(self.device)
        predictions = self.learn.predict(batch)
        loss = self._log("val", batch, predictions, *self.learn.judge(batch, predictions))
        self.best.note(loss)
        if self.mean:
            self.mean_validated = f"{self._validate_mean(self.mean, batch):.4f}, {loss:.4f} without the mean"
        self.model.train()

    def _validate_mean(self, mean: WeightMean, batch: Batch) -> float:
        """Log the figures that the mean of the weights has on a validation batch; return its loss, as `_log` does."""
        mean.take_statistics()
        views, losses = self.learn.judge(batch, self.learn.predict(batch, mean.networks))
        depth = depth_figures(self.data.val_set, batch, views, self.faults)
        figures = self.processes.mean({**losses.figures, **depth})
        if self.events:
            self.events.scalars("val", self.step, {f"{MEAN}/{tag}": value for tag, value in figures.items()})
        return figures["loss"]

    def _log_is_due(self, batch_index: int) -> bool:
        early = batch_index % self.options.log_frequency == 0 and self.step < EARLY_STEPS
        return early or self.step % EARLY_STEPS == 0

    def _log(self, mode: str, batch: Batch, predictions: Predictions, views: Views, losses: Losses) -> float:
        """Log what a batch led to; return its loss, the mean over all processes."""
        data_set = self.data.train_set if mode == "train" else self.data.val_set
        depth = depth_figures(data_set, batch, views, self.faults)
        figures = self.processes.mean({**losses.figures, **depth})
        if self.events:
            self.events.scalars(mode, self.step, figures)
            self.events.pictures(mode, self.step, batch, predictions, views, losses)
            if mode == "train":
                self.events.scalars(mode, self.step, {"learning_rate": self.schedule.rate})
                self.events.loading_times(mode, self.step, self.data.train_batches.times("events"))
            self.events.flush()
        return figures["loss"]

    def _build_model(self) -> None:
        options, processes = self.options, self.processes
        _check_unread(options)
        if not self.resumed:
            _check_without_effect(options)
            for remark in _warm_up_remarks(options, self._steps) if processes.is_main else ():
                tell(f"warning: {remark}")
        self.model = MonodepthModel(options, len(self.data.distinct_cameras))
        given = options.load_weights_folder and weights_folder(options.load_weights_folder)
        folder = self.resumed.folder if self.resumed else given
        self.began_with = TrainingFacts()
        if options.weights_init == "pretrained" and processes.is_main and not self.resumed:  # the others get them
            for name in self.model.load_imagenet(options, options.models_to_load if folder else ()):
                tell(
                    f"warning: --pretrained_weights {options.pretrained_weights} is for the depth network; the pose "
                    f"network's {name} begins from scratch"
                )
        if folder:
            wanted = NETWORKS if self.resumed else options.models_to_load
            load_networks(self.model, folder, wanted, missing=WITHOUT_IT, misfit=ITS_FLAGS)
            depths_are_loaded = "depth" in wanted and not self.resumed
            try:
                self.began_with = _facts_of(folder)
            except UserError:
                if depths_are_loaded:  # what these mean must be known
                    raise
            if processes.is_main and depths_are_loaded:
                for remark in _other_depths(options, folder, self.began_with):
                    tell(f"warning: {remark}")
        rate = scaled_rate(options.learning_rate, options.lr_scaling, processes.world_size)
        self.learn = TrainingStep(self.model.to(self.device), replace(options, learning_rate=rate), self.device)
        self.optimizer = self.learn.optimizer
        self.moments = "fresh"
        if folder and not self.resumed:
            self.moments = self._take_moments(folder, rate)
        self.schedule = Schedule(self.optimizer, options, self.data.steps_per_epoch)

    def _take_moments(self, folder: Path, rate: float) -> str:
        """Load Adam's moments where they belong to all of the networks; say what became of them."""
        others = [name for name in self.model.networks if name not in self.options.models_to_load]
        if others:
            return f"fresh (--models_to_load leaves out {' '.join(others)})"
        reason = load_optimizer(self.optimizer, folder, rate)
        return f"fresh ({reason})" if reason else f"taken from {folder}"

    def _summary(self) -> str:
        origin = f"Adam's moments {self.moments}"
        if self.resumed:
            origin = f"going on after step {self.resumed.step:,} from {self.resumed.folder.name}"
        return first_lines(self.options, self.data, self.processes, self.model, self.schedule, self.device, origin)

    @property
    def _steps(self) -> int:
        """Of the whole run."""
        return self.options.num_epochs * self.data.steps_per_epoch

    @property
    def _joint_batch(self) -> int:
        """Samples per step of all processes."""
        return self.options.batch_size * self.processes.world_size

    def _facts(self) -> dict[str, object]:
        """What every process must be told alike; folders may lie elsewhere, loaders may be fewer."""
        alike = [item.name for item in fields(Options) if option_type(item) is not Path and item.name != "num_workers"]
        told = {f"--{name}": getattr(self.options, name) for name in alike}
        return {**told, **self.data.digests, "whether Adam starts afresh": self.moments.startswith("fresh")}

    def _end_early(self, received: Signals) -> int:
        """Save, unless the step's end has just done so."""
        if (self.step % self.data.steps_per_epoch and self.step % self.options.save_steps) or self.state.unsaved:
            self._save(f"{BETWEEN_EPOCHS}{self.step}")
        if self.processes.is_main and not self.state.unsaved:
            how = "the same command goes on" if self.options.resume == "auto" else "go on with --resume"
            self.progress.message(f"stopped by {received.name} after step {self.step}: {how}")
        return 128 + received

    def _report(self, message: str) -> None:
        self.progress.message(self.processes.named(message))


def _check_unread(options: Options) -> None:
    """Refuse what nothing would read; not in the options' own checks, as an old `opt.json` may hold both."""
    if options.encoder and options.is_given("num_layers"):
        raise UserError(
            f"--num_layers {options.num_layers} is about 2019's ResNets, and the encoder is {options.encoder} "
            "(--encoder, or --recipe modern): drop one of the two flags"
        )
    if options.pretrained_weights and options.weights_init == "scratch":
        raise UserError(
            f"--pretrained_weights {options.pretrained_weights}: --weights_init scratch reads no weights: drop one of "
            "the two flags"
        )


def _check_without_effect(options: Options) -> None:
    """Refuse flags that change nothing or the wrong thing; a run that goes on needs those that it was started with."""
    if options.encoder_lr_factor < LEAST_FACTOR:
        raise UserError(
            f"--encoder_lr_factor {options.encoder_lr_factor:g}: this is no learning rate but a factor on the one of "
            "--learning_rate; 0.1 makes the encoder's rate a tenth of that"
        )
    for name in ("encoder", "pose_encoder"):
        if getattr(options, name) == "":
            raise UserError(f"--{name} is empty: name a network of timm, or drop the flag")
    if options.is_given("models_to_load") and not options.load_weights_folder:
        raise UserError("--models_to_load names networks of --load_weights_folder: add that, or drop --models_to_load")
    if options.learn_intrinsics and options.batch_size == 1:
        raise UserError("--learn_intrinsics compares the turns of several samples: give --batch_size 2 or more")
    for name in ("pose_model_type", "pose_model_input", "pose_encoder"):
        if options.is_given(name) and not options.temporal_ids:
            raise UserError(
                f"--{name} is about the pose network, and --frame_ids 0 has none: drop one of the two flags"
            )


def _warm_up_remarks(options: Options, steps: int) -> list[str]:
    """What to know of a warm-up that is nearly the whole run, or of weights that need none."""
    remarks = []
    if 2 * options.motion_warmup > steps:
        remarks.append(
            f"--motion_warmup {options.motion_warmup} is more than half of the run, which has "
            f"{counted(steps, 'step')}: depth is learnt after it; give fewer, or more --num_epochs"
        )
    if options.motion_warmup and options.load_weights_folder and "pose" in options.models_to_load:
        remarks.append(
            "--motion_warmup is for a new pose network, and --load_weights_folder brings one: drop the flag, or leave "
            "pose_encoder and pose out of --models_to_load"
        )
    return remarks


def _facts_of(folder: Path) -> TrainingFacts:
    """What a checkpoint says of its training; without an encoder, where that is kept, as much as 2019's say.

    Raises:
        UserError: the record of its run is there but unusable.
    """
    if not holds_network(folder, "encoder"):
        return TrainingFacts()
    return trained_facts(read_network(network_file(folder, "encoder")), folder)


def _other_depths(options: Options, folder: Path, facts: TrainingFacts) -> list[str]:
    """What to know of a loaded depth network, of these facts, whose depths mean something else in this run."""
    if not holds_network(folder, "encoder"):  # where facts are kept
        return []
    path, remarks = network_file(folder, "encoder"), []
    if (facts.min_depth, facts.max_depth) != (options.min_depth, options.max_depth):
        remarks.append(
            f"{path} was trained with --min_depth {facts.min_depth:g} --max_depth {facts.max_depth:g}: with others its "
            "depths are others, too; give these to keep them"
        )
    alone = "where that is another one, its depths begin too near or too far; --models_to_load encoder leaves them out"
    if options.tracked_poses:
        remarks.append(f"the unit of {path} is not known to be that of --tracked_poses: {alone}")
    elif options.start_depth and facts.metric_scale is None:
        remarks.append(f"the unit of {path} is not known to be the metre, as this run's is: {alone}")
    return remarks


def _silent(_: str) -> None:
    """What one process tells for all, the others do not."""
