"""Signs that a training goes wrong though its numbers are finite, looked for once per epoch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from monodepth2.config import Options
from monodepth2.method.geometry import backproject, inverse_intrinsics, pixel_grid, project
from monodepth2.method.losses.masking import masked_mean
from monodepth2.method.stages import Batch, Losses, Views

LOSS = "health/epoch_loss"
DISPLACEMENT = "health/displacement_px"
VARIATION = "health/disparity_variation"
AT_LIMIT = "health/depth_at_limit"
MASKED = "health/automasked"

NOTES_PER_EPOCH = 20
STEPS_BETWEEN_NOTES = 25  # at least: a note costs about a tenth of a step
FIRST_STEPS = 100  # whose losses are the loss at the start
EARLIEST = 500  # steps before which networks are allowed to look untrained

LEAST_DISPLACEMENT = 0.1  # pixels; untrained networks have 0.4 to 5, those that have learnt to stand still 0.004
LEAST_VARIATION = 0.02  # untrained networks have 0.013 to 0.022, trained ones above 0.2
MOST_AT_LIMIT = 0.95
MOST_MASKED = 0.95
UNMOVED_LOSS = 0.98  # of that at the start


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
        """Whether to take note of this batch of the epoch, the last one at least."""
        return (batch_index + 1) % self.pause == 0 or batch_index + 1 == self.steps_per_epoch

    def note_loss(self, loss: Tensor) -> None:
        """Take note of a step's loss without waiting for it."""
        self._mean(LOSS).add(loss)
        if self.steps < FIRST_STEPS:
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

    def conclude(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Tell at an epoch's end what is wrong, each thing once until it is mended, and begin the next epoch.

        Args:
            epoch: that has ended, from 0.
            figures: its figures; of several processes, their means.
        """
        self.epoch_losses.append(figures[LOSS])
        self.means = {}
        signs = self._signs(figures) if epoch > 0 and self.steps >= EARLIEST else {}
        for sign, sentence in signs.items():
            if sign not in self.told:
                self.report(f"after epoch {epoch + 1}: {sentence}")
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

    def _signs(self, figures: Mapping[str, float]) -> dict[str, str]:
        """The sentences that apply, by what is wrong. Figures that are not there or not finite give none."""
        if masked := self._full_automask(figures):
            return {"automask": masked}  # with nothing to learn from, the rest follows
        sentences = {
            "pose": self._still_pose(figures),
            "disparity": self._flat_disparity(figures),
            "loss": self._unmoved_loss(),
        }
        return {sign: sentence for sign, sentence in sentences.items() if sentence}

    def _still_pose(self, figures: Mapping[str, float]) -> str | None:
        pixels = figures.get(DISPLACEMENT)
        if pixels is None or not pixels < LEAST_DISPLACEMENT:
            return None
        return (
            f"the predicted motion stays at identity, it moves pixels by {pixels:.2f} on average; usually neighbouring "
            f"frames differ too little: try frames farther apart, {self._farther_frames}"
        )

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

    def _full_automask(self, figures: Mapping[str, float]) -> str | None:
        masked = figures.get(MASKED)
        if masked is None or not masked > MOST_MASKED:
            return None
        found = f"the auto-mask hides {masked:.0%} of the pixels"
        if not self.options.temporal_ids:
            return f"{found}; usually both cameras' pictures are swapped or alike: mend them, or --disable_automasking"
        return (
            f"{found}; usually the camera stands still in most samples: leave these out of --split, or try frames "
            f"farther apart, {self._farther_frames}"
        )

    def _unmoved_loss(self) -> str | None:
        if len(self.epoch_losses) < 3 or self.options.load_weights_folder:
            return None
        # an epoch of a huge data set has long learnt in its mean, the first steps of a small one are noisy
        start, now = max(float(self.start.value), self.epoch_losses[0]), min(self.epoch_losses[-2:])
        if not now > UNMOVED_LOSS * start:
            return None
        return (
            f"the loss does not move, it was {start:.4f} at the start and is {now:.4f}; usually the learning rate does "
            "not fit or the sources show another scene than the target: try another --learning_rate (1e-4 is usual), "
            "and check --frame_ids"
        )

    @property
    def _farther_frames(self) -> str:
        return f"--frame_ids {' '.join(str(2 * offset) for offset in self.options.frame_ids)}"


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
        """What the mean is made of again."""
        return float(self.mean), float(self.count)


def mean_displacement(depth_b1hw: Tensor, K_b44: Tensor, transforms: list[Tensor]) -> Tensor:
    """Return how far from its own place a pixel is sampled in the sources, the mean in pixels, a scalar.

    Farther than the picture is wide counts as that.

    Args:
        depth_b1hw: depth of the target.
        K_b44: intrinsics in pixels of that size.
        transforms: `source_T_target` of the sources, b44.
    """
    h, w = depth_b1hw.shape[-2:]
    places = pixel_grid(h, w, depth_b1hw.device)[:2]
    points = backproject(depth_b1hw, inverse_intrinsics(K_b44))
    shifts = [torch.linalg.vector_norm(project(points, K_b44, moved) - places, dim=1) for moved in transforms]
    return torch.stack(shifts).clamp(max=w).mean()
