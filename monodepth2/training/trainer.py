"""The training loop: every step of a run, and what happens between steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import Signals
from typing import Any

import torch

from monodepth2.checkpoints.learnt_cameras import figures_of, write_cameras
from monodepth2.config import Options
from monodepth2.errors import UserError, counted, tell
from monodepth2.method.losses.warm_up import coarse_batch, columns_at
from monodepth2.method.stages import Batch
from monodepth2.runtime.devices import make_deterministic, pick_device
from monodepth2.runtime.precision import speed_remarks
from monodepth2.runtime.processes import Processes, StopVote
from monodepth2.runtime.signals import StopRequest
from monodepth2.training.beginning import Beginning
from monodepth2.training.best_epoch import BestEpoch
from monodepth2.training.data import TrainingData
from monodepth2.training.diagnosis import Diagnosis
from monodepth2.training.faults import Faults
from monodepth2.training.flag_checks import check_unread, check_without_effect, flags_of_all, warm_up_remarks
from monodepth2.training.graphed_step import GraphedStep
from monodepth2.training.logbook import Logbook, log_is_due
from monodepth2.training.progress import Progress
from monodepth2.training.run_checkpoints import BETWEEN_EPOCHS, ResumePoint, find_resume_point
from monodepth2.training.run_folder import RunLock, check_run_folder, open_run_folder
from monodepth2.training.run_record import record_start
from monodepth2.training.run_state import RunState, Stateful, read_state
from monodepth2.training.schedule import Schedule
from monodepth2.training.step import StepResult
from monodepth2.training.told import NOTHING_TO_LEARN, first_lines, last_lines, write_report
from monodepth2.training.weight_mean import WeightMean
from monodepth2.training.wrong_numbers import WrongNumbers

READ_STEPS = 100  # wrong numbers are noticed after so many steps at most


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
        self.resumed = point = self.processes.first(point)
        with self.processes.agreed():
            torch.manual_seed(options.seed)
            self.data = TrainingData(options, self.processes, self.device, self.resumed is None)
            self.fixed = {"the number of processes": self.processes.world_size, **self.data.digests}
            self.saved = self._read_saved() if self.resumed else None
            self._check_flags()
            if self.resumed:
                self.options = options = options.with_values(self.resumed.begun)
            what = (options, self.processes, self.device, self.data.distinct_cameras)
            self.beginning = Beginning.of_checkpoint(*what, point) if point else Beginning.of_new_run(*what)
        self.learn, self.facts = self.beginning.learn, self.data.facts.after(self.beginning.facts)
        self.model, self.optimizer = self.learn.model, self.learn.optimizer
        self.schedule = Schedule(self.optimizer, options, self.data.steps_per_epoch)
        afresh = {"whether Adam starts afresh": self.beginning.afresh}
        self.processes.check_same({**flags_of_all(options), **self.data.digests, **afresh})
        # copied before the networks are tied to other processes: after that they cannot be copied
        self.mean = WeightMean(self.model, options.ema) if options.ema else None
        self.learn.share(self.processes, options)
        if self.mean and self.resumed:
            self.mean.resume(self.resumed.folder, self.resumed.step)
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
                self.processes.wait()  # here, where the others wait patiently, and not at the first gradients
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
            write_report(self.options, self.learn, self.data, self.facts.taught)  # when no process waits for this one
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

    def _check_flags(self) -> None:
        check_unread(self.options)
        if self.resumed:
            return
        check_without_effect(self.options)
        for remark in warm_up_remarks(self.options, self._steps) if self.processes.is_main else ():
            tell(f"warning: {remark}")

    def _open(self) -> None:
        options, processes, main = self.options, self.processes, self.processes.is_main
        joint_batch = options.batch_size * processes.world_size
        progress = Progress(self._steps, options.num_epochs, joint_batch, quiet=not main, done=self.step)

        # no method: the parts that keep it would hold the trainer, and so keep its networks in memory after it
        def report(message: str) -> None:
            progress.message(processes.named(message))

        self.progress, self.report = progress, report
        self.take_step: Callable[[Batch], StepResult] = self.learn
        # a recorded step contains the learning rate, which therefore must not change from step to step
        if options.compile and self.device.type == "cuda" and processes.alone and self.schedule.by_epoch:
            self.take_step = GraphedStep(self.learn, report)
        self.faults = Faults(len(self.data.train_set), report)
        self.wrong = WrongNumbers(self.model, options, self.data.train_set.picture, report, main)
        self.diagnosis = Diagnosis(options, self.data.steps_per_epoch, report if main else lambda _: None)
        self.best = BestEpoch()
        parts: dict[str, Stateful] = {
            "scaler": self.learn.scaler,
            "data": self.data,
            "faults": self.faults,
            "wrong numbers": self.wrong,
            "diagnosis": self.diagnosis,
            "best": self.best,
        }
        self.state = RunState(
            options, processes, self.device, self.model, self.optimizer, parts,
            self.fixed, progress.message, self.facts, self.data.learnt_cameras, self.mean,
        )  # fmt: skip
        if self.resumed and self.saved:
            self.state.restore(self.resumed, self.saved)
            self.saved = None
        self.schedule.set(self.step)
        self.data.start(self.step)
        for remark in self.data.remarks if main else ():
            self.progress.message(remark)
        events = open_run_folder(options, self.resumed, self.lock, self.progress.message) if main else None
        self.logbook = Logbook(
            self.learn, self.data, self.processes, self.schedule, self.faults, self.best, events, self.mean
        )
        if main:
            facts = {**self.data.digests, "pictures": self.data.fingerprint, "cameras": self.data.cameras}
            record_start(options, self.step, facts, self.resumed is not None, self.progress.message)
            for remark in speed_remarks(options.precision, options.compile, self.device):
                self.progress.message(remark)
            self.progress.message(self._summary())

    def _close(self) -> None:
        self.progress.close()
        self.logbook.close()
        self.data.close()
        self.lock.release()

    def _run_epochs(self) -> int:
        while self.step < self._steps:
            self._run_step()
            if self.step % self.data.steps_per_epoch == 0:
                self._end_epoch()
            elif self.step % self.options.save_steps == 0:
                self._save_between_epochs()
            received = self.stop_vote(self.stop.received)
            if received and self.step < self._steps:
                return self._end_early(received)
        return self._end()

    def _run_step(self) -> None:
        epoch, batch_index = divmod(self.step, self.data.steps_per_epoch)
        self.model.train()
        with self._saving_at_faults(self._save_between_epochs):
            loaded = next(self.data.train_batches)
            self.faults.note_pictures(loaded.faults)
        batch = loaded.prepared(self.device)
        columns = columns_at(self.step, self.options.motion_warmup)
        self.learn.warming_up = columns is not None
        result = self.take_step(coarse_batch(batch, columns) if columns else batch)
        if self.mean:
            self.mean.update()
        self.wrong.note(self.step, batch, result)
        self.diagnosis.note_loss(result.loss)
        to_log = log_is_due(self.step, batch_index, self.options.log_frequency)
        to_note = self.diagnosis.due(batch_index)
        last = batch_index + 1 == self.data.steps_per_epoch
        # in all processes at the same steps, rarely where reading waits for the device
        if self.device.type == "cpu" or to_log or last or self.step % READ_STEPS == 0:
            self.wrong.read()
        if to_log or to_note:
            views, losses = self.learn.judge(batch, result.predictions)
            if to_note:
                self.diagnosis.note(batch, views, losses)
            if to_log:
                self.logbook.log_training(self.step, batch, result, views, losses)
        if self.diagnosis.first_look_due:
            self.diagnosis.look_first(self.processes.mean(self.diagnosis.figures()))
        self.step += 1
        self.schedule.set(self.step)
        self.progress.step()
        if to_log:  # when the step counts, so that it is saved where the validation fails
            with self._saving_at_faults(self._end_epoch if last else self._save_between_epochs):
                self.logbook.validate(self.step - 1)
        if self.processes.is_main and (to_log or last or self.progress.due()):
            self.progress.show(epoch, result.loss.item(), self.data.train_batches.times("progress"))

    @contextmanager
    def _saving_at_faults(self, save: Callable[[], None]) -> Iterator[None]:
        """Where unreadable pictures end the run in the context, save what it has learnt since the last checkpoint."""
        try:
            yield
        except UserError:
            self.faults.pictures = []  # a resumed run counts anew, those that were not mended among them
            if self.processes.alone and self.state.saved_step != self.step:
                save()
            raise

    def _end_epoch(self) -> None:
        epoch = self.step // self.data.steps_per_epoch - 1
        self.best.end_epoch(epoch)
        health = self.processes.mean(self.diagnosis.figures())
        self.diagnosis.conclude(epoch, health)
        cameras = self.data.learnt_cameras
        learnt = figures_of(cameras, self.model.intrinsics) if cameras else {}
        self.logbook.scalars(self.step - 1, {**health, **self.wrong.figures, **learnt})
        kept = (epoch + 1) % self.options.save_frequency == 0 or self.step == self._steps
        self._save(f"weights_{epoch}" if kept else f"{BETWEEN_EPOCHS}{self.step}")
        if cameras and self.processes.is_main:
            write_cameras(self.options.models_folder, cameras, self.model.intrinsics, self.report)

    def _save_between_epochs(self) -> None:
        self._save(f"{BETWEEN_EPOCHS}{self.step}")

    def _save(self, name: str) -> None:
        self.wrong.read()  # before the saving, as it may put back statistics
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
        saved, reason = not self.state.unsaved, self.diagnosis.nothing_to_learn
        if self.processes.is_main:
            if saved:
                self.state.remove_old(at_end=True)
            for line in last_lines(self.options, self.logbook, saved, reason):
                self.progress.message(line)
        return NOTHING_TO_LEARN if reason else 0

    def _end_early(self, received: Signals) -> int:
        """Save, unless the step's end has just done so."""
        if self.processes.first(self.state.saved_step != self.step):  # the main process alone knows what it has saved
            self._save_between_epochs()
        if self.processes.is_main and not self.state.unsaved:
            how = "the same command goes on" if self.options.resume == "auto" else "go on with --resume"
            self.progress.message(f"stopped by {received.name} after step {self.step}: {how}")
        return 128 + received

    def _summary(self) -> str:
        what = (self.model, self.schedule.in_words, self.beginning.origin, self.facts.taught)
        return first_lines(self.options, self.data, self.processes, self.device, *what)

    @property
    def _steps(self) -> int:
        """Of the whole run."""
        return self.options.num_epochs * self.data.steps_per_epoch
