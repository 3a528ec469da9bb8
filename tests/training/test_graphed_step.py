"""The training step as one CUDA graph."""

from dataclasses import replace

import pytest
import torch

from batches import batch as random_batch
from monodepth2.config import Options
from monodepth2.method.losses.warm_up import coarse_batch
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Predictions
from monodepth2.training.graphed_step import STEPS_BEFORE, GraphedStep
from monodepth2.training.step import TrainingStep


def test_a_copied_batch_shares_no_memory() -> None:
    given = random_batch()
    shared = replace(given, color_aug={i: levels[0] for i, levels in given.color.items()})
    copied = shared.copy()
    places = [tensor.data_ptr() for tensor in (*shared.tensors, *copied.tensors)]
    assert len(set(places)) == len(places) - len(shared.color_aug)
    for theirs, ours in zip(shared.tensors, copied.tensors, strict=True):
        assert torch.equal(theirs, ours)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "warm_up"), [("fp32", 0), ("bf16", 0), ("fp16", 0), ("fp32", STEPS_BEFORE + 2)])
def test_recorded_steps_are_those_that_are_written(precision: str, warm_up: int) -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    options = Options(height=64, width=96, batch_size=2, weights_init="scratch", precision=precision)
    batches = [moved(random_batch(seed, height=64, width=96)) for seed in range(warm_up + STEPS_BEFORE + 4)]
    written, recorded = (run(options, batches, graphed, warm_up) for graphed in (False, True))
    torch.use_deterministic_algorithms(False)
    for theirs, ours in zip(written, recorded, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_that_waits_for_the_gpu_is_taken_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(height=64, width=96, batch_size=2, weights_init="scratch")
    step = TrainingStep(MonodepthModel(options).to("cuda"), options, torch.device("cuda"))
    loss = step.loss

    def waiting(batch: Batch, predictions: Predictions) -> torch.Tensor:
        found = loss(batch, predictions)
        assert found.isfinite().item()
        return found

    monkeypatch.setattr(step, "loss", waiting)
    told: list[str] = []
    take_step = GraphedStep(step, told.append)
    given = moved(random_batch(height=64, width=96))
    losses = [float(take_step(given).loss) for _ in range(STEPS_BEFORE + 6)]
    assert len(told) == 1
    assert losses[-1] < losses[0]


def fail(message: str) -> None:
    raise AssertionError(message)


def moved(batch: Batch) -> Batch:
    return batch.prepared(torch.device("cuda"))


def run(options: Options, batches: list[Batch], graphed: bool, warm_up: int) -> list[torch.Tensor]:
    """The losses of some steps, with a new learning rate before the last, and the weights after them."""
    torch.manual_seed(0)
    step = TrainingStep(MonodepthModel(options).to("cuda"), options, torch.device("cuda"))
    step.objective = replace(step.objective, tie_break=False)
    take_step = GraphedStep(step, fail) if graphed else step
    losses = []
    for n, batch in enumerate(batches):
        step.warming_up = n < warm_up
        step.optimizer.param_groups[0]["lr"] = 1e-4 if n < len(batches) - 1 else 1e-5
        losses.append(take_step(coarse_batch(batch, 24) if step.warming_up else batch).loss.clone())
    return [*losses, *(weights.detach().clone() for weights in step.model.parameters())]
