import time
from collections.abc import Generator
from dataclasses import replace
from itertools import islice

import pytest
import torch

from monodepth2.config import Options
from monodepth2.datasets.loading import Order, TimedBatches, load_batches, loader_processes
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from scene import DRIVE


def test_every_epoch_has_an_order_of_its_own_and_full_batches() -> None:
    order = Order(size=50, batch_size=8, epochs=3, seed=0)
    batches = list(order)
    assert len(batches) == 18
    assert {len(batch) for batch in batches} == {8}
    epochs = [[key.index for batch in batches[6 * n : 6 * n + 6] for key in batch] for n in range(3)]
    assert all(len(set(epoch)) == 48 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != sorted(epochs[0])
    assert [{key.epoch for batch in batches[6 * n : 6 * n + 6] for key in batch} for n in range(3)] == [{0}, {1}, {2}]
    assert list(order) == batches
    assert list(Order(50, 8, 3, seed=1)) != batches
    for first in (0, 5, 6, 13, 18, 20):
        assert list(Order(50, 8, 3, seed=0, first=first)) == batches[first:]


def test_an_endless_order_shows_every_sample_equally_often() -> None:
    keys = [key for batch in islice(Order(size=5, batch_size=3, epochs=None, seed=0), 10) for key in batch]
    assert sorted(key.index for key in keys) == sorted(6 * list(range(5)))
    assert [key.epoch for key in keys] == [n // 5 for n in range(30)]
    later = [key for batch in islice(Order(size=5, batch_size=3, epochs=None, seed=0, first=7), 3) for key in batch]
    assert later == keys[21:]


def test_batches_do_not_depend_on_the_number_of_processes(small_scene) -> None:
    options = Options(data_path=small_scene, png=True, height=64, width=192)
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in (2, 3, 4)], augment=True)
    order = Order(size=3, batch_size=1, epochs=2, seed=0)
    alone, helped = (list(load_batches(data_set, order, workers, torch.device("cpu"))) for workers in (0, 2))
    assert len(alone) == len(helped) == 6
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.index, other.index)
        assert torch.equal(one.color_aug[1], other.color_aug[1])


@pytest.mark.parametrize(
    ("most", "device", "cores", "processes"),
    [(12, "cpu", 2, 1), (12, "cpu", 64, 4), (12, "cuda", 1, 1), (12, "cuda", 8, 7), (12, "cuda", 96, 12),
     (3, "cuda", 96, 3), (0, "cuda", 96, 0)],
)  # fmt: skip
def test_loader_processes_follow_the_machine(most, device, cores, processes, monkeypatch) -> None:
    monkeypatch.setattr("monodepth2.datasets.loading.available_cores", lambda: cores)
    assert loader_processes(most, torch.device(device)) == processes


@pytest.mark.parametrize(("cores", "processes"), [(32, 7), (2, 1)])
def test_processes_of_one_machine_share_its_cores(cores, processes, monkeypatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr("monodepth2.datasets.loading.available_cores", lambda: cores)
    assert loader_processes(12, torch.device("cuda")) == processes


def test_waiting_is_measured_for_each_reader(small_scene, monkeypatch) -> None:
    """By a clock that stands still but where it is told how much time goes by."""
    options = Options(data_path=small_scene, png=True, height=64, width=192)
    batch = stack([MonoDataset.from_options(options, [SplitLine(DRIVE, 2, "l")], augment=False).sample(0)])
    now = 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)

    def slow() -> Generator:
        nonlocal now
        for n in range(4):
            now += 0.05
            yield replace(batch, loader_seconds=0.01 * (n + 1))

    batches = TimedBatches(slow())
    next(batches), next(batches)
    now += 0.1
    first = batches.times("a")
    next(batches), next(batches)
    second, both = batches.times("a"), batches.times("b")
    assert (first.loader_ms, second.loader_ms, both.loader_ms) == pytest.approx((15, 35, 25))
    assert (first.wait_ms, second.wait_ms, both.wait_ms) == pytest.approx((50, 50, 50))
    # half of the first steps' time was spent elsewhere
    assert (first.share, second.share, both.share) == pytest.approx((1 / 2, 1, 2 / 3))
    assert str(both) == "data 67 %, loader 25.0 ms/sample"


def test_a_batch_says_what_its_samples_cost(small_scene) -> None:
    options = Options(data_path=small_scene, png=True, height=64, width=192)
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in (2, 3)], augment=True)
    started = time.perf_counter()
    (batch,) = load_batches(data_set, Order(2, 2, 1, 0), 0, torch.device("cpu"))
    assert 0 < batch.loader_seconds <= (time.perf_counter() - started) / 2
