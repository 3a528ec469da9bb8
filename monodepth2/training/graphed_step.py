"""A training step as one CUDA graph."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from monodepth2.errors import first_line
from monodepth2.method.stages import Batch
from monodepth2.training.step import StepResult, TrainingStep

STEPS_BEFORE = 3  # taken without a graph: what they compile, choose and allocate must not be recorded


class GraphedStep:
    """Records a step of a training on one GPU, and has the GPU run it from then on without the processor's help.

    A step is some thousands of small kernels, and the processor needs longer to start them than the GPU to run them.
    What a recorded step returns lies in memory that the next one overwrites.

    Args:
        learn: the step; its batches must have the same shapes.
        report: told if the step cannot be recorded; it is then taken as it is written.
    """

    def __init__(self, learn: TrainingStep, report: Callable[[str], None]) -> None:
        self.learn, self.report = learn, report
        self._beside = torch.cuda.Stream()  # one for all steps, as memory belongs to the stream that asked for it
        self._recordable = True
        self._recording: _Recording | None = None
        self._warming_up = False
        self._steps = 0

    def __call__(self, batch: Batch) -> StepResult:
        """Learn from a prepared batch."""
        if self.learn.warming_up != self._warming_up:  # another loss, which has not been compiled yet
            self._warming_up, self._steps, self._recording = self.learn.warming_up, 0, None
        self._steps += 1
        if self._steps <= STEPS_BEFORE or not self._recordable:
            return self._aside(batch)
        rate = float(self.learn.optimizer.param_groups[0]["lr"])
        if self._recording is None or self._recording.rate != rate:
            self._recording = None  # frees its memory first
            try:
                self._recording = self._record(batch, rate)
            except RuntimeError as error:
                self._recordable = False
                self.report(f"the step cannot be recorded for the GPU, which makes it slower ({first_line(error)})")
                return self._aside(batch)
        return self._recording.replay(batch)

    def _aside(self, batch: Batch) -> StepResult:
        """Take a step on a stream beside the main one, as PyTorch asks of those before a recording."""
        main = torch.cuda.current_stream()
        self._beside.wait_stream(main)
        with torch.cuda.stream(self._beside):
            result = self.learn(batch)
        main.wait_stream(self._beside)
        return result

    def _record(self, batch: Batch, rate: float) -> "_Recording":
        """Record a step on a copy of a batch; nothing is computed yet."""
        graph, recorded = torch.cuda.CUDAGraph(), batch.copy()
        # other threads, above all the loader's, may go on allocating memory of their own meanwhile
        with _recordable(self.learn.optimizer), torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = self.learn(recorded)
        return _Recording(graph, rate, recorded, result)


@dataclass(frozen=True)
class _Recording:
    """A recorded step, the learning rate that is a number in it, and the memory that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    rate: float
    batch: Batch
    result: StepResult

    def replay(self, batch: Batch) -> StepResult:
        for recorded, new in zip(self.batch.tensors, batch.tensors, strict=True):
            recorded.copy_(new)
        self.graph.replay()
        return self.result


@contextmanager
def _recordable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Mark an optimizer as one that is recorded, within the context only: checkpoints must not hold the mark."""
    for group in optimizer.param_groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in optimizer.param_groups:
            group["capturable"] = False
