"""From a data set to batches: the order of a run's samples, the loader processes, and the way back of their errors."""

import os
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from monodepth2.config import available_cores
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import SampleKey, collate
from monodepth2.errors import UserError
from monodepth2.method.stages import Batch
from monodepth2.runtime.signals import start_worker

CORES_PER_CPU_LOADER = 16  # on a CPU a sample's step costs some forty times what making the sample does


@dataclass(frozen=True)
class Order:
    """The batches of a run: one epoch after the other, each in an order of its own, cut into full batches.

    Loaders that follow it make the next epoch's batches while the last ones of this epoch are used. The batches that
    several processes make at one step are, joined by rank, the batch that one process of their joint size would make.

    Attributes:
        size: samples in the split.
        batch_size: samples per batch of one process.
        epochs: of the run, each without its incomplete last batch; None: no end, and batches may reach into the next.
        seed: of the order; the same seed and epoch give the same order.
        rank: of this process.
        world_size: number of processes.
        first: batch to begin with.
    """

    size: int
    batch_size: int
    epochs: int | None
    seed: int
    rank: int = 0
    world_size: int = 1
    first: int = 0

    def __iter__(self) -> Iterator[list[SampleKey]]:
        joint = self.batch_size * self.world_size
        mine = slice(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)
        used = self.size if self.epochs is None else self.size // joint * joint  # of an epoch
        first, skipped = divmod(self.first * joint, used)
        epochs = count(first) if self.epochs is None else range(first, self.epochs)
        keys = (SampleKey(epoch, int(n)) for epoch in epochs for n in epoch_order(self.size, self.seed, epoch)[:used])
        keys_left = islice(keys, skipped, None)
        while batch := list(islice(keys_left, joint)):
            yield batch[mine]


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The positions of a split's samples in the order of one epoch."""
    # the extra word keeps the order's generator apart from those of the samples
    return np.random.default_rng([seed, epoch, 0, 1]).permutation(size)


def load_batches(
    data_set: MonoDataset, order: Order, workers: int, device: torch.device
) -> Generator[Batch, None, None]:
    """Yield the batches of an order, made ahead by `workers` processes (0: made here, when asked for).

    Close the generator to end the processes: those that outlive their run would be killed on exit, noisily.

    Raises:
        UserError: too many unreadable pictures in a row.
    """
    data_set.prepare()
    loader: DataLoader[Any] = DataLoader(
        data_set,
        batch_sampler=order,  # any iterable of lists of keys will do
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        worker_init_fn=start_worker,
        generator=torch.Generator(),  # its own: samples carry their seeds, and a loader's start should draw no number
        # forked processes make their first batch at once; others would import torch first, for seconds each
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )
    for batch in loader:
        if isinstance(batch, UserError):
            # a new error: the old one, raised, would keep itself alive through this frame, and the loader with it
            raise UserError(str(batch))
        yield batch


def loader_processes(most: int, device: torch.device) -> int:
    """How many processes should make a run's batches: at most `most`, as many as its device can use.

    A GPU is fed from all cores but one, which the step's own process needs. Networks that compute on the CPU themselves
    want all cores, and one loader keeps many of them busy. The processes that `torchrun` starts on a machine share its
    cores.
    """
    share = available_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    wanted = share // CORES_PER_CPU_LOADER if device.type == "cpu" else share - 1
    return min(most, max(1, wanted))


@dataclass(frozen=True)
class LoadingTimes:
    """What loading cost during some steps.

    Attributes:
        share: of the time that went by, the part spent waiting for batches, 0 to 1.
        wait_ms: waited per step, in milliseconds.
        loader_ms: that a loader process worked on a sample, in milliseconds.
    """

    share: float
    wait_ms: float
    loader_ms: float

    def __str__(self) -> str:
        return f"data {100 * self.share:.0f} %, loader {self.loader_ms:.1f} ms/sample"


class _Clock(NamedTuple):
    """A moment, and the sums up to it: seconds waited and seconds spent per sample, each summed over steps; steps."""

    now: float
    waited: float = 0.0
    loader: float = 0.0
    steps: int = 0


class TimedBatches:
    """An iterator over batches that measures how long its user waits for them.

    Args:
        batches: what to iterate over.
    """

    def __init__(self, batches: Generator[Batch, None, None]) -> None:
        self.batches = batches
        self.clock = self.beginning = _Clock(time.perf_counter())
        self.read: dict[str, _Clock] = {}

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        asked = time.perf_counter()
        if not self.clock.steps:
            self.beginning = _Clock(asked)
        batch = next(self.batches)
        now = time.perf_counter()
        _, waited, loader, steps = self.clock
        self.clock = _Clock(now, waited + now - asked, loader + batch.loader_seconds, steps + 1)
        return batch

    def times(self, reader: str) -> LoadingTimes:
        """The cost of the steps since `reader` asked last; each reader has steps of its own."""
        before = self.read.get(reader, self.beginning)
        self.read[reader] = after = self.clock._replace(now=time.perf_counter())
        elapsed, waited, loader, steps = (new - old for new, old in zip(after, before, strict=True))
        return LoadingTimes(waited / max(elapsed, 1e-9), 1e3 * waited / max(steps, 1), 1e3 * loader / max(steps, 1))

    def close(self) -> None:
        """End the processes that make the batches."""
        self.batches.close()
