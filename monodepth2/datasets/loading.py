"""From a data set to batches: the order of a run's samples, the loader processes, and the way back of their errors."""

import itertools
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from monodepth2.datasets.mono_dataset import MonoDataset, SampleKey, collate
from monodepth2.errors import UserError
from monodepth2.signals import start_worker
from monodepth2.stages import Batch


class TrainingOrder:
    """The batches of all epochs of a run: every epoch in an order of its own, without its incomplete last batch.

    Loaders that follow it make the next epoch's batches while the last ones of this epoch are used.

    Args:
        size: samples in the split.
        batch_size: samples per batch.
        epochs: of the run.
        seed: of the order; the same seed and epoch give the same order.
    """

    def __init__(self, size: int, batch_size: int, epochs: int, seed: int) -> None:
        self.size, self.batch_size, self.epochs, self.seed = size, batch_size, epochs, seed
        self.steps_per_epoch = size // batch_size

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for epoch in range(self.epochs):
            order = epoch_order(self.size, self.seed, epoch)
            for step in range(self.steps_per_epoch):
                chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
                yield [SampleKey(epoch, int(index)) for index in chosen]


class EndlessOrder:
    """Batches without end: one shuffled epoch after the other, cut into full batches.

    Args:
        size: samples in the split.
        batch_size: samples per batch.
        seed: of the order.
    """

    def __init__(self, size: int, batch_size: int, seed: int) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed

    def __iter__(self) -> Iterator[list[SampleKey]]:
        keys = (
            SampleKey(epoch, int(index))
            for epoch in itertools.count()
            for index in epoch_order(self.size, self.seed, epoch)
        )
        while True:
            yield list(itertools.islice(keys, self.batch_size))


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The positions of a split's samples in the order of one epoch."""
    # the extra word keeps the order's generator apart from those of the samples
    return np.random.default_rng([seed, epoch, 0, 1]).permutation(size)


def load_batches(
    data_set: MonoDataset, order: TrainingOrder | EndlessOrder, workers: int, device: torch.device
) -> Generator[Batch, None, None]:
    """Yield the batches of an order, made ahead by `workers` processes (0: made here, when asked for).

    Close the generator to end the processes: those that outlive their run would be killed on exit, noisily.

    Raises:
        UserError: too many unreadable pictures in a row.
    """
    loader: DataLoader[Any] = DataLoader(
        data_set,
        batch_sampler=order,  # any iterable of lists of keys will do
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        worker_init_fn=start_worker,
    )
    for batch in loader:
        if isinstance(batch, UserError):
            # a new error: the old one, raised, would keep itself alive through this frame, and the loader with it
            raise UserError(str(batch))
        yield batch
