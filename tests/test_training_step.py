"""The training step: the same gradients however it computes them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset, stack
from monodepth2.datasets.splits import SplitLine
from monodepth2.errors import UserError
from monodepth2.model import MonodepthModel
from monodepth2.precision import check_compiler
from monodepth2.stages import Batch
from monodepth2.training_step import TrainingStep

DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def options(golden_scene: Path) -> Options:
    return Options(data_path=golden_scene, png=True, height=64, width=192, batch_size=3, weights_init="scratch")


@pytest.fixture(scope="module")
def batch(options: Options) -> Batch:
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in (2, 3, 4)], augment=False)
    return stack([data_set.sample(index) for index in range(3)]).prepared(CPU)


def fresh_step(options: Options, **changed) -> TrainingStep:
    torch.manual_seed(0)
    changed_options = replace(options, **changed)
    step = TrainingStep(MonodepthModel(changed_options), changed_options, CPU)
    step.objective = replace(step.objective, tie_break=False)
    return step


def gradients(step: TrainingStep, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss and all gradients in one vector."""
    _, loss = step.backward(batch)
    return loss, torch.cat([p.grad.flatten() for p in step.model.parameters() if p.grad is not None])


def whole_batch_gradients(options: Options, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The same, with the loss of the whole batch in one graph with the networks, in contiguous order."""
    step = fresh_step(options, channels_last="off")
    predictions = step.model(batch)
    loss = step.objective(batch, predictions, step.synthesise_views(batch, predictions)).total
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in step.model.parameters() if p.grad is not None])


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"use_stereo": True, "pose_model_type": "posecnn"},
        {"disable_automasking": True, "predictive_mask": True},
        {"v1_multiscale": True, "pose_model_type": "shared"},
    ],
    ids=["mono", "stereo with PoseCNN", "predictive mask", "v1 multiscale"],
)
def test_samples_in_turn_give_the_gradients_of_the_whole_batch(options: Options, changed) -> None:
    options = replace(options, **changed)
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in (2, 3, 4)], augment=False)
    batch = stack([data_set.sample(index) for index in range(3)]).prepared(CPU)
    expected_loss, expected = whole_batch_gradients(options, batch)
    # another order of channels sums in another order, which batch norms in training amplify
    for order, bound in (("off", 1e-4), ("on", 1e-2)):
        loss, found = gradients(fresh_step(options, channels_last=order), batch)
        torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=0)
        assert difference(found, expected) < bound, order


def test_activations_computed_again_change_nothing(options: Options, batch: Batch) -> None:
    kept, again = fresh_step(options), fresh_step(options, grad_checkpointing=True)
    (loss, expected), (loss_again, found) = gradients(kept, batch), gradients(again, batch)
    assert torch.equal(loss, loss_again)
    assert difference(found, expected) < 1e-6
    # running statistics count the batch once
    for name, value in kept.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], value, rtol=1e-6, atol=1e-7)


def test_activations_computed_again_are_not_kept(options: Options, batch: Batch) -> None:
    def kept_bytes(step: TrainingStep) -> int:
        sizes: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            kept = step.model(batch)  # holds the graph, so that no storage is used twice
        assert kept.disps
        return sum(sizes.values())

    assert kept_bytes(fresh_step(options, grad_checkpointing=True)) < 0.5 * kept_bytes(fresh_step(options))


def test_bf16_stays_within_its_bound_of_float32(options: Options, batch: Batch) -> None:
    expected_loss, expected = gradients(fresh_step(options), batch)
    step = fresh_step(options, precision="bf16")
    predictions, _ = step.backward(batch)
    assert all(tensor.dtype == torch.float32 for tensor in predictions.tensors)
    loss, found = gradients(fresh_step(options, precision="bf16"), batch)
    torch.testing.assert_close(loss, expected_loss, rtol=BF16_LOSS, atol=0)
    assert 1e-5 < difference(found, expected) < BF16_GRADIENT
    assert nn.functional.cosine_similarity(found, expected, dim=0) > 0.9


def test_a_step_lowers_the_loss_and_returns_what_carries_no_gradients(options: Options, batch: Batch) -> None:
    step = fresh_step(options, learning_rate=3e-4)
    losses = []
    for _ in range(6):
        result = step(batch)
        losses.append(result.loss.item())
    assert losses[-1] < losses[0]
    assert not any(tensor.requires_grad for tensor in result.predictions.tensors)


def test_the_whole_step_compiles(options: Options, batch: Batch) -> None:
    """Networks as `--compile` has them on a CPU, and the loss as on other devices; no graph breaks."""
    expected_loss, expected = gradients(fresh_step(options), batch)
    step = fresh_step(options)
    step.networks = torch.compile(step.model, fullgraph=True)
    step.loss = torch.compile(step._loss, fullgraph=True)
    loss, found = gradients(step, batch)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=0)
    assert difference(found, expected) < 3e-3


def test_numbers_that_a_device_lacks_are_refused(options: Options) -> None:
    with pytest.raises(UserError, match=r"--precision fp16 needs CUDA.*bf16"):
        fresh_step(options, precision="fp16")


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="C\\+\\+ compiler"):
        check_compiler(CPU)


BF16_LOSS = 0.01
BF16_GRADIENT = 0.35
