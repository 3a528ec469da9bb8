"""Signs that a training goes wrong though its numbers are finite, looked for early and then once per epoch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from monodepth2.config import Options
from monodepth2.errors import counted
from monodepth2.method.geometry import mean_displacement
from monodepth2.method.losses.masking import masked_mean
from monodepth2.method.losses.photometric import STILL_ERROR, unwarped_error
from monodepth2.method.stages import Batch, Losses, Views

LOSS = "health/epoch_loss"
DISPLACEMENT = "health/displacement_px"
VARIATION = "health/disparity_variation"
AT_LIMIT = "health/depth_at_limit"
MASKED = "health/automasked"
UNWARPED = "health/unwarped_error"

NOTES_PER_EPOCH = 20
STEPS_BETWEEN_NOTES = 25  # at least: a note costs about a tenth of a step
FIRST_STEPS = 100  # the mean of their losses is the loss at the start; after them comes the first look
EARLIEST = 500  # before this step networks may look untrained

LEAST_LOSS = 1e-4  # a loss below it, or below zero, is only the noise that breaks ties
EARLY_DISPLACEMENT = 0.02  # pixels, in the first steps; untrained networks have 0.3 to 2 in pictures 96 pixels wide
EARLY_MASKED = 0.995  # in the first steps; untrained networks have 0.5 to 0.85 where the camera moves
LEAST_DISPLACEMENT = 0.1  # pixels; untrained networks have 0.4 to 5, those that have learnt to stand still 0.004
LEAST_VARIATION = 0.02  # untrained networks have 0.013 to 0.022, trained ones above 0.2
MOST_AT_LIMIT = 0.95
MOST_MASKED = 0.95
UNMOVED_LOSS = 0.98  # of the loss at the start
NOTHING = {"still": "nothing moves in this data", "zero": "the loss of this data is zero"}  # by sign


class Diagnosis:
    """Keeps figures of a run's health per epoch, and tells in a sentence what is wrong, its usual cause and a remedy.

    Args:
        options: of the run.
        steps_per_epoch: of the run.
        report: writes a line for the user; of several processes, one should.
    """

    def __init__(self, options: Options, steps_per_epoch: int, report: Callable[[str], None]) -> None:
        self.options, self.report = options, report
        self.finest = min(options.scales)
        self.level = self.finest if options.v1_multiscale else 0
        self.steps_per_epoch = steps_per_epoch
        self.pause = max(STEPS_BETWEEN_NOTES, steps_per_epoch // NOTES_PER_EPOCH)
        self.steps = 0
        self.start = RunningMean()
        self.means: dict[str, RunningMean] = {}
        self.epoch_losses: list[float] = []
        self.told: set[str] = set()

    def due(self, batch_index: int) -> bool:
        """Whether to take note of this batch of the epoch, the last one at least; more often before the first look."""
        first = not self.epoch_losses and batch_index < FIRST_STEPS
        pause = STEPS_BETWEEN_NOTES if first else self.pause
        return (batch_index + 1) % pause == 0 or batch_index + 1 == self.steps_per_epoch

    @property
    def first_look_due(self) -> bool:
        """Whether the first steps are done in the middle of the first epoch."""
        return self.steps == FIRST_STEPS < self.steps_per_epoch

    @property
    def nothing_to_learn(self) -> str:
        """Why there is nothing to learn from motion, by the last look at the data; empty where there is something.

        A run that learns from something else, too, is told what it finds, and ends as any other.
        """
        options = self.options
        if not options.temporal_ids or options.depth_supervision or options.learns_pseudo_labels:
            return ""
        return next((reason for sign, reason in NOTHING.items() if sign in self.told), "")

    def note_loss(self, loss: Tensor) -> None:
        """Take note of a step's loss without waiting for it."""
        self._mean(LOSS).add(loss)
        # losses during a warm-up are lower than those after it: the start is counted from its end
        if 0 <= self.steps - self.options.motion_warmup < FIRST_STEPS:
            self.start.add(loss)
        self.steps += 1

    @torch.no_grad()
    def note(self, batch: Batch, views: Views, losses: Losses) -> None:
        """Take note of what the networks made of a batch, without waiting for it."""
        depth_b1hw, transforms = views.depths[self.finest], views.source_T_target[self.finest]
        moved = [transforms[source] for source in self.options.temporal_ids]
        if moved:
            pixels = 2**self.level * mean_displacement(depth_b1hw, views.K[self.level], moved)
            self._mean(DISPLACEMENT).add(pixels)
        self._mean(UNWARPED).add(
            unwarped_error(batch, self.options.source_ids, self.level, ssim=not self.options.no_ssim)
        )
        disp_b1hw = 1 / depth_b1hw
        self._mean(VARIATION).add((disp_b1hw.std((1, 2, 3)) / disp_b1hw.mean((1, 2, 3))).mean())
        far, near = 0.95 * self.options.max_depth, 1.05 * self.options.min_depth
        self._mean(AT_LIMIT).add(((depth_b1hw > far) | (depth_b1hw < near)).float().mean())
        if losses.automask:
            kept_bhw = None if batch.mask is None else batch.mask[self.level][:, 0]
            self._mean(MASKED).add(1 - masked_mean(losses.automask[self.finest], kept_bhw))

    def figures(self) -> dict[str, Tensor]:
        """The epoch's figures so far, scalars by TensorBoard tag."""
        return {tag: mean.value for tag, mean in self.means.items()}

    def look_first(self, figures: Mapping[str, float]) -> None:
        """Report after the first steps what more training would not mend.

        Args:
            figures: so far; of several processes, their means.
        """
        self._tell(f"after {counted(self.steps, 'step')}", self._early_signs(figures))

    def conclude(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Report at an epoch's end what is wrong, each thing once until it is mended, and begin the next epoch.

        Args:
            epoch: that has ended, from 0.
            figures: its figures; of several processes, their means.
        """
        self.epoch_losses.append(figures[LOSS])
        self.means = {}
        late = epoch > 0 and self.steps >= EARLIEST
        self._tell(f"after epoch {epoch + 1}", self._signs(figures) if late else self._early_signs(figures))

    def _tell(self, when: str, signs: Mapping[str, str]) -> None:
        for sign, sentence in signs.items():
            if sign not in self.told:
                self.report(f"{when}: {sentence}")
        self.told = set(signs)

    def state_dict(self) -> dict[str, Any]:
        """What a continued run has to know, numbers and words; it waits for the device."""
        return {
            "steps": self.steps,
            "start": self.start.state,
            "means": {tag: mean.state for tag, mean in self.means.items()},
            "epoch_losses": self.epoch_losses,
            "told": sorted(self.told),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.steps = int(state["steps"])
        self.start = RunningMean(*state["start"])
        self.means = {tag: RunningMean(*mean) for tag, mean in state["means"].items()}
        self.epoch_losses = list(state["epoch_losses"])
        self.told = set(state["told"])

    def _mean(self, tag: str) -> "RunningMean":
        return self.means.setdefault(tag, RunningMean())

    def _early_signs(self, figures: Mapping[str, float]) -> dict[str, str]:
        """The sentences that apply after the first steps, by what is wrong: only what no healthy network shows."""
        if nothing := self._nothing(figures) or self._full_automask(figures, EARLY_MASKED):
            return nothing
        return self._still_pose(figures, EARLY_DISPLACEMENT)

    def _signs(self, figures: Mapping[str, float]) -> dict[str, str]:
        """The sentences that apply, by what is wrong. Figures that are missing or not finite give none."""
        if nothing := self._nothing(figures) or self._full_automask(figures, MOST_MASKED):
            return nothing  # where there is nothing to learn from, all other signs follow
        pose = self._still_pose(figures, LEAST_DISPLACEMENT)
        sentences = {"disparity": self._flat_disparity(figures), "loss": self._unmoved_loss()}
        return {**pose, **{sign: sentence for sign, sentence in sentences.items() if sentence}}

    def _nothing(self, figures: Mapping[str, float]) -> dict[str, str]:
        """The data show nothing that could be learnt."""
        error, loss = figures.get(UNWARPED), figures[LOSS]
        if error is not None and error < STILL_ERROR:
            if not self.options.temporal_ids:
                return {
                    "still": f"the pictures of the two cameras are alike, they differ by {error:.4f} on average, so "
                    "that there is nothing to learn; mend the pictures of the second camera"
                }
            return {
                "still": f"nothing moves in this data: a frame and its sources differ by {error:.4f} on average, which "
                "is no more than the noise of a camera at rest, so that there is nothing to learn; take pictures of a "
                f"moving camera, or frames farther apart, {self.options.farther_frames}"
            }
        if loss < LEAST_LOSS:
            return {
                "zero": f"the loss is zero ({loss:.5f}), so that there is nothing to learn; usually the masks leave no "
                "pixel, or the pictures are of one colour: look at them"
            }
        return {}

    def _still_pose(self, figures: Mapping[str, float], least: float) -> dict[str, str]:
        pixels = figures.get(DISPLACEMENT)
        if pixels is None or not pixels < least:
            return {}
        if self.options.knows_motion:
            usual = "" if self.options.poses == "tracked" else "the poses are not in metres, or "
            found = f"the known motion moves pixels by {pixels:.2f} on average"
            return {"pose": f"{found}; usually {usual}the camera stands still: look at the pictures"}
        return {
            "pose": f"the predicted motion stays at identity, it moves pixels by {pixels:.2f} on average; networks "
            "begin like this; if it stays so, neighbouring frames differ too little: try frames farther apart, "
            f"{self.options.farther_frames}"
        }

    def _flat_disparity(self, figures: Mapping[str, float]) -> str | None:
        rate, options = f"--learning_rate {self.options.learning_rate / 2:g}", self.options
        share, variation = figures.get(AT_LIMIT), figures.get(VARIATION)
        if share is not None and share > MOST_AT_LIMIT:
            return (
                f"{share:.0%} of the depths lie at an end of --min_depth {options.min_depth:g} --max_depth "
                f"{options.max_depth:g}; usually the learning rate is too high, or the scene does not fit that range: "
                f"try {rate}, or another range"
            )
        if variation is not None and variation < LEAST_VARIATION:
            return (
                f"the disparity has collapsed to a constant, it varies by {variation:.1%} of its mean; usually the "
                f"learning rate or the smoothness is too high: try {rate}, or --disparity_smoothness "
                f"{options.disparity_smoothness / 10:g}"
            )
        return None

    def _full_automask(self, figures: Mapping[str, float], most: float) -> dict[str, str]:
        masked = figures.get(MASKED)
        if masked is None or not masked > most:
            return {}
        found = f"the auto-mask hides {masked:.0%} of the pixels"
        if not self.options.temporal_ids:
            return {
                "automask": f"{found}; usually both cameras' pictures are swapped or alike: mend them, or "
                "--disable_automasking"
            }
        return {
            "automask": f"{found}; usually the camera stands still in most samples: leave these out of --split, or try "
            f"frames farther apart, {self.options.farther_frames}"
        }

    def _unmoved_loss(self) -> str | None:
        early = len(self.epoch_losses) < 3 or self.steps <= self.options.motion_warmup
        if early or self.options.load_weights_folder:
            return None
        # the mean of a long first epoch has fallen already, that of the first steps of a short one is noisy
        start, now = max(float(self.start.value), self.epoch_losses[0]), min(self.epoch_losses[-2:])
        if not now > UNMOVED_LOSS * start:
            return None
        return (
            f"the loss does not move, it was {start:.4f} at the start and is {now:.4f}; usually the learning rate does "
            "not fit or the sources show another scene than the target: try another --learning_rate (1e-4 is usual), "
            "and check --frame_ids"
        )


class RunningMean:
    """The mean of those numbers that are finite, on their device; it loses no digits over millions of them."""

    def __init__(self, mean: float = 0.0, count: float = 0.0) -> None:
        self.mean, self.count = torch.tensor(mean), torch.tensor(count)

    def add(self, value: Tensor) -> None:
        """Count a scalar in."""
        self.mean, self.count = self.mean.to(value.device), self.count.to(value.device)
        finite = value.isfinite()
        self.count = self.count + finite
        self.mean = torch.where(finite, self.mean + (value - self.mean) / self.count, self.mean)

    @property
    def value(self) -> Tensor:
        """The mean, a scalar; NaN of none."""
        return torch.where(self.count > 0, self.mean, torch.nan)

    @property
    def state(self) -> tuple[float, float]:
        """The arguments that make the same mean again."""
        return float(self.mean), float(self.count)
