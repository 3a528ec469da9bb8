"""The difference from another model's disparity: what it leaves aside, and what it is by hand."""

from dataclasses import replace

import pytest
import torch

from batches import batch, label_error, predictions, still, synthesis
from monodepth2.method.losses import Objective
from street_truth import street_batch


def test_the_streets_true_disparity_under_any_scale_and_shift_has_no_error() -> None:
    _, depths, _ = street_batch()
    disp = torch.cat([1 / depths[frame] for frame in (0, -1, 1)])
    scales = torch.tensor([0.2, 3.0, 40.0]).view(3, 1, 1, 1)
    shifts = torch.tensor([5.0, 0.1, 2.0]).view(3, 1, 1, 1)
    assert label_error(disp, scales * disp + shifts).item() < 1e-4
    assert label_error(disp, scales * disp.flip(3) + shifts).item() > 0.3


def test_neither_side_s_scale_or_shift_changes_the_error() -> None:
    generator = torch.Generator().manual_seed(0)
    disp, label = (torch.rand(2, 1, 12, 16, generator=generator, dtype=torch.float64) + 0.1 for _ in range(2))
    error = label_error(disp, label)
    for one, other in ((7 * disp + 3, label), (disp, 0.3 * label + 9), (0.2 * disp - 5, 4 * label + 1)):
        assert label_error(one, other).item() == pytest.approx(error.item(), rel=1e-5)


def test_the_error_by_hand() -> None:
    disp = torch.tensor([0.0, 1, 2, 3, 9]).view(1, 1, 1, 5)  # median 2, deviation (2 + 1 + 0 + 1 + 7) / 5
    label = torch.tensor([1.0, 2, 3, 4, 5]).view(1, 1, 1, 5)  # median 3, deviation 6 / 5
    expected = sum(abs((d - 2) / 2.2 - (e - 3) / 1.2) for d, e in zip((0, 1, 2, 3, 9), (1, 2, 3, 4, 5), strict=True))
    assert label_error(disp, label).item() == pytest.approx(expected / 5, rel=1e-5)


def test_unknown_and_masked_pixels_count_for_nothing_and_get_no_gradient() -> None:
    generator = torch.Generator().manual_seed(1)
    disp, label = (torch.rand(1, 1, 8, 12, generator=generator) + 0.1 for _ in range(2))
    label[..., :3] = 0
    mask = torch.ones(1, 1, 8, 12, dtype=torch.bool)
    mask[..., 10:] = False
    given = disp.clone().requires_grad_()
    error = label_error(given, label, mask)
    error.backward()
    inner = label_error(disp[..., 3:10], label[..., 3:10])
    assert error.item() == pytest.approx(inner.item(), rel=1e-5)
    assert given.grad is not None
    assert not given.grad[..., :3].any()
    assert not given.grad[..., 10:].any()
    assert given.grad[..., 3:10].any()


def test_the_gradient_in_float64() -> None:
    generator = torch.Generator().manual_seed(2)
    disp = torch.rand(2, 1, 3, 5, generator=generator, dtype=torch.float64).requires_grad_()
    label = torch.rand(2, 1, 6, 10, generator=generator, dtype=torch.float64)
    label[0, 0, :2, :3] = 0
    assert torch.autograd.gradcheck(lambda one: label_error(one, label), disp)


def test_maps_of_one_value_and_labels_of_nothing_have_finite_gradients() -> None:
    for disp, label in ((torch.ones(1, 1, 4, 4), torch.rand(1, 1, 4, 4) + 1), (torch.rand(1, 1, 4, 4), torch.zeros(1))):
        given = disp.clone().requires_grad_()
        label_error(given, label.expand(1, 1, 4, 4)).backward()
        assert given.grad is not None
        assert given.grad.isfinite().all()


@pytest.mark.parametrize("own_resolution", [False, True])
def test_it_is_a_weighted_part_of_every_scale(own_resolution: bool) -> None:
    given, seen = batch(), predictions({-1: still(), 1: still()})
    given = replace(given, pseudo=torch.rand(2, 1, 32, 64, generator=torch.Generator().manual_seed(3)))
    views = synthesis(own_resolution=own_resolution)(given, seen)
    without, halved, whole = (
        Objective((-1, 1), own_resolution=own_resolution, tie_break=False, pseudo_weight=weight)(given, seen, views)
        for weight in (0.0, 0.5, 1.0)
    )
    assert not without.known
    for scale, loss in without.per_scale.items():
        part = label_error(seen.disps[scale], given.pseudo).item()
        assert whole.per_scale[scale].item() == pytest.approx(loss.item() + part, rel=1e-5)
        assert halved.per_scale[scale].item() == pytest.approx(loss.item() + part / 2, rel=1e-5)
    assert whole.figures["loss/pseudo_label"].item() == pytest.approx((whole.total - without.total).item(), rel=1e-4)
