"""The training step: the same gradients however it computes them."""

import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import get_total_norm

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Losses
from monodepth2.runtime.compilation import check_compiler
from monodepth2.training.step import TrainingStep
from runs import TINY_NETWORK
from scene import DRIVE

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def options(small_scene: Path) -> Options:
    """Two samples, and the smallest pose network."""
    size = {"height": 64, "width": 96, "batch_size": 2, "pose_model_type": "posecnn"}
    return Options(data_path=small_scene, png=True, weights_init="scratch", **size)


@pytest.fixture(scope="module")
def batch(options: Options) -> Batch:
    return samples(options)


def samples(options: Options) -> Batch:
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in (2, 3, 4)], augment=False)
    return stack([data_set.sample(index) for index in range(options.batch_size)]).prepared(CPU)


@pytest.fixture(scope="module")
def small(options: Options) -> Options:
    """One sample, and networks of a twentieth of the memory."""
    return replace(options, batch_size=1, **TINY_NETWORK)


@pytest.fixture(scope="module")
def small_batch(small: Options) -> Batch:
    return samples(small)


def fresh_step(options: Options, **changed) -> TrainingStep:
    torch.manual_seed(0)
    changed_options = replace(options, **changed)
    step = TrainingStep(MonodepthModel(changed_options), changed_options, CPU)
    step.objective = replace(step.objective, tie_break=False)
    return step


def test_adamw_lets_weights_decay(small: Options, small_batch: Batch) -> None:
    """By the rate times the decay of their own size, beside Adam's step, which is the same."""
    after = []
    for decay in (0.0, 0.1):
        step = fresh_step(small, optimizer="adamw", weight_decay=decay, learning_rate=1e-2)
        before = [weights.detach().clone() for weights in step.model.parameters()]
        step(small_batch)
        after.append([weights.detach() for weights in step.model.parameters()])
    for start, plain, decayed in zip(before, *after, strict=True):
        torch.testing.assert_close(plain - decayed, 1e-2 * 0.1 * start, rtol=1e-3, atol=1e-6)


def gradients(step: TrainingStep, batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The loss and all gradients."""
    _, loss, _ = step.backward(batch)
    return loss, gradients_of(step)


def gradients_of(step: TrainingStep) -> list[torch.Tensor]:
    return [p.grad for p in step.model.parameters() if p.grad is not None]


def whole_batch_gradients(options: Options, batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The same, with the loss of the whole batch in one graph with the networks, in contiguous order."""
    step = fresh_step(options, channels_last="off")
    predictions = step.model(batch)
    loss = step.objective(batch, predictions, step.synthesise_views(batch, predictions)).total
    loss.backward()
    return loss.detach(), gradients_of(step)


def difference(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Of all gradients as of one vector, which would take as much memory again."""
    apart = [(one - other).norm() for one, other in zip(found, expected, strict=True)]
    return float(torch.stack(apart).norm() / get_total_norm(expected))


@pytest.mark.parametrize(
    "changed",
    [
        {"pose_model_type": "separate_resnet", "encoder": "resnet10t", "pose_encoder": "resnet10t"},
        {"use_stereo": True},
        {"disable_automasking": True, "predictive_mask": True},
        {"v1_multiscale": True, "pose_model_type": "shared"},
    ],
    ids=["mono", "stereo with PoseCNN", "predictive mask", "v1 multiscale"],
)
def test_samples_in_turn_give_the_gradients_of_the_whole_batch(options: Options, changed) -> None:
    options = replace(options, **changed)
    batch = samples(options)
    expected_loss, expected = whole_batch_gradients(options, batch)
    # another order of channels sums in another order, which batch norms in training amplify
    for order, bound in (("off", 1e-4), ("on", 1e-2)):
        loss, found = gradients(fresh_step(options, channels_last=order), batch)
        torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=0)
        assert difference(found, expected) < bound, order
        del found


def test_activations_computed_again_change_nothing(options: Options, batch: Batch) -> None:
    kept = fresh_step(options)
    loss, expected = gradients(kept, batch)
    statistics = dict(kept.model.named_buffers())
    del kept
    again = fresh_step(options, grad_checkpointing=True)
    loss_again, found = gradients(again, batch)
    assert torch.equal(loss, loss_again)
    assert difference(found, expected) < 1e-6
    # running statistics count the batch once
    for name, value in again.model.named_buffers():
        torch.testing.assert_close(value, statistics[name], rtol=1e-6, atol=1e-7)


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


@pytest.mark.slow(reason="gradients of ResNets on three pictures, twice")
def test_bf16_stays_within_its_bound_of_float32(options: Options) -> None:
    """A bound that README states, of networks as they are by default."""
    options = replace(options, width=192, batch_size=3, pose_model_type="separate_resnet")
    batch = samples(options)
    expected_loss, expected = gradients(fresh_step(options), batch)
    step = fresh_step(options, precision="bf16")
    loss, found = gradients(step, batch)
    assert all(tensor.dtype == torch.float32 for tensor in step.predict(batch).tensors)
    torch.testing.assert_close(loss, expected_loss, rtol=BF16_LOSS, atol=0)
    assert 1e-5 < difference(found, expected) < BF16_GRADIENT
    along = sum((one * other).sum() for one, other in zip(found, expected, strict=True))
    assert along > 0.9 * get_total_norm(found) * get_total_norm(expected)


def test_a_step_lowers_the_loss_and_returns_what_carries_no_gradients(small: Options, small_batch: Batch) -> None:
    step = fresh_step(small, learning_rate=3e-4)
    losses = []
    for _ in range(4):
        result = step(small_batch)
        losses.append(result.loss.item())
    assert losses[-1] < losses[0]
    assert not any(tensor.requires_grad for tensor in result.predictions.tensors)


def test_views_and_losses_compile(options: Options, batch: Batch) -> None:
    """Without a break, as `--compile` has them on other devices: in the compiler's graphs and decompositions.

    Of two scales, to be done sooner. Networks are in test_compiled_networks.py.
    """
    options = replace(options, scales=(0, 2))
    eager, step = fresh_step(options), fresh_step(options)
    expected_loss, expected = gradients(eager, batch)
    compiled = partial(torch.compile, dynamic=False, fullgraph=True, backend="aot_eager_decomp_partition")
    step.synthesise_views = replace(step.synthesise_views, compile=compiled)
    step.objective = replace(step.objective, compile=compiled)
    loss, found = gradients(step, batch)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=0)
    assert difference(found, expected) < 3e-3
    for tracked, wanted in zip(step.model.buffers(), eager.model.buffers(), strict=True):
        torch.testing.assert_close(tracked, wanted, rtol=1e-5, atol=1e-6)


def test_numbers_that_a_device_lacks_are_refused(options: Options) -> None:
    with pytest.raises(UserError, match=r"--precision fp16 needs CUDA.*bf16"):
        fresh_step(options, precision="fp16")


def test_looking_draws_no_numbers_of_any_device(
    small: Options, small_batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a Mac, whose generator is played here by a list of what was drawn."""
    drawn: list[int] = []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda device: len(drawn))
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state, device: drawn.__delitem__(slice(state, None)))
    step = fresh_step(small)
    predictions = step.predict(small_batch)
    judged = step.objective

    def drawing(*given: object) -> Losses:
        drawn.append(1)
        torch.rand(1)
        return judged(*given)

    step.objective, step.device = drawing, torch.device("mps")
    before = torch.get_rng_state()
    step.judge(small_batch, predictions)
    assert not drawn
    assert torch.get_rng_state().equal(before)


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="C\\+\\+ compiler"):
        check_compiler(CPU)


def plain_loop(options: Options, batches: list[Batch], clip: float | None = None) -> tuple[TrainingStep, list[float]]:
    """Steps as PyTorch's manual writes them; also the gradients' norms before clipping."""
    step = fresh_step(options)
    optimizer = torch.optim.Adam(step.model.parameters(), options.learning_rate, fused=True)
    norms = []
    for batch in batches:
        optimizer.zero_grad()
        step.backward(batch)
        norms.append(float(nn.utils.clip_grad_norm_(step.model.parameters(), clip or float("inf"))))
        optimizer.step()
    step.optimizer = optimizer
    return step, norms


def learnt(step: TrainingStep) -> list[int]:
    """Checksums of weights, and of Adam's moments and counts of steps."""
    states = [step.optimizer.state[p] for p in step.model.parameters() if p in step.optimizer.state]
    kept = [state[name] for state in states for name in ("step", "exp_avg", "exp_avg_sq")]
    return [zlib.crc32(tensor.detach().contiguous().numpy()) for tensor in (*step.model.parameters(), *kept)]


@pytest.mark.parametrize("clip", [None, 0.05], ids=["no clipping", "clipping"])
def test_steps_are_those_of_a_plain_loop_to_the_bit(small: Options, small_batch: Batch, clip: float | None) -> None:
    expected, norms = plain_loop(small, [small_batch] * 2, clip)
    step = fresh_step(small, clip_grad_norm=clip)
    results = [step(small_batch) for _ in range(2)]
    assert learnt(step) == learnt(expected)
    assert [float(result.grad_norm) for result in results] == norms
    assert min(norms) > 0.05
    assert not any(result.wrong for result in results)


@pytest.fixture(scope="module")
def two_steps(small: Options, small_batch: Batch) -> list[int]:
    """What a plain loop has learnt by two steps."""
    return learnt(plain_loop(small, [small_batch] * 2)[0])


def infinite_focal_length(step: TrainingStep, batch: Batch) -> Batch:
    return replace(batch, K={level: K * torch.inf for level, K in batch.K.items()})


def not_a_number_in_a_picture(step: TrainingStep, batch: Batch) -> Batch:
    target = batch.color_aug[0].clone()
    target[0, 0, 5, 5] = torch.nan
    return replace(batch, color_aug={**batch.color_aug, 0: target})


def infinite_loss_of_finite_gradients(step: TrainingStep, batch: Batch) -> Batch:
    def once(part: Batch, predictions) -> torch.Tensor:
        del step.loss  # the method is found again
        return step.loss(part, predictions) + torch.inf

    step.loss = once
    return batch


def one_gradient_not_finite(step: TrainingStep, batch: Batch) -> Batch:
    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        hook.remove()
        return gradient * torch.inf

    hook = next(step.model.encoder.parameters()).register_hook(spoil)
    return batch


@pytest.mark.parametrize(
    "spoil",
    [infinite_focal_length, not_a_number_in_a_picture, infinite_loss_of_finite_gradients, one_gradient_not_finite],
)
def test_a_wrong_step_changes_nothing_and_the_next_is_as_if_it_had_not_been(
    small: Options, small_batch: Batch, two_steps: list[int], spoil
) -> None:
    step = fresh_step(small, clip_grad_norm=100.0)
    step(small_batch)
    before = learnt(step)
    result = step(spoil(step, small_batch))
    assert result.wrong
    assert not result.grad_norm.isfinite()
    if spoil is not infinite_focal_length:  # which the auto-mask may hide from the loss, but not from the gradients
        assert result.loss.isfinite() == (spoil is one_gradient_not_finite)
    assert learnt(step) == before
    assert not step(small_batch).wrong
    assert learnt(step) == two_steps


def test_overflow_is_wrong_only_where_no_smaller_scale_helps(small: Options, small_batch: Batch) -> None:
    """The scaler of fp16, which works on a CPU as well."""
    expected = learnt(plain_loop(small, [small_batch])[0])
    step = fresh_step(small)
    step.scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    before = learnt(step)
    flags = []
    for spoil in (one_gradient_not_finite, infinite_focal_length, one_gradient_not_finite):
        flags.append(bool(step(spoil(step, small_batch)).wrong))
        assert learnt(step)[: len(before)] == before
    assert flags == [False, True, True]  # at scales of 4, 2 and 1
    assert step.scaler.get_scale() == 0.5
    assert not step(small_batch).wrong
    assert learnt(step) == expected


BF16_LOSS = 0.01
BF16_GRADIENT = 0.35
