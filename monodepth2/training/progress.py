"""Progress of a training run: a live bar on a terminal, plain lines elsewhere."""

import sys
import time

from tqdm import tqdm

from monodepth2.datasets.loading import LoadingTimes

BAR = "{desc} {percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}<{remaining}, {postfix}]"
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_UPDATES = 0.5


class Progress:
    """Shows epoch, step, loss, examples per second, what loading costs, and time left.

    Args:
        total_steps: of the whole run.
        num_epochs: of the whole run.
        batch_size: examples per step.
        quiet: no bar, messages alone.
        done: steps taken before.
    """

    def __init__(
        self,
        total_steps: int,
        num_epochs: int,
        batch_size: int,
        quiet: bool = False,
        done: int = 0,
    ) -> None:
        self.live = sys.stderr.isatty() and not quiet
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.bar = tqdm(
            total=total_steps,
            initial=done,
            file=sys.stderr,
            disable=not self.live,
            bar_format=BAR,
            dynamic_ncols=True,
        )
        self.total_steps = total_steps
        self.steps = self.done = done
        self.started = time.monotonic()
        self.shown_at = self.started
        self.shown_steps = done

    def due(self) -> bool:
        """Whether it is time to show something: reading the loss waits for the device, so not at every step."""
        pause = SECONDS_BETWEEN_UPDATES if self.live else SECONDS_BETWEEN_LINES
        return time.monotonic() - self.shown_at >= pause

    def step(self) -> None:
        """Count a step."""
        self.steps += 1
        self.bar.update()

    def show(self, epoch: int, loss: float, loading: LoadingTimes) -> None:
        """Show the loss of the current step, with the speed and the cost of loading since the last showing."""
        now = time.monotonic()
        rate = (self.steps - self.shown_steps) * self.batch_size / max(now - self.shown_at, 1e-9)
        self.shown_at, self.shown_steps = now, self.steps
        if self.live:
            self.bar.set_description_str(f"epoch {epoch + 1}/{self.num_epochs}", refresh=False)
            self.bar.set_postfix_str(f"loss {loss:.4f}, {rate:.1f} examples/s, {loading}")
        elif self.steps > self.done:
            left = (now - self.started) / (self.steps - self.done) * (self.total_steps - self.steps)
            self.message(
                f"epoch {epoch + 1}/{self.num_epochs}  step {self.steps}/{self.total_steps}  loss {loss:.4f}  "
                f"{rate:.1f} examples/s  {loading}  {tqdm.format_interval(left)} left"
            )

    def message(self, text: str) -> None:
        """Write a line without tearing the bar."""
        if self.live:
            tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()
