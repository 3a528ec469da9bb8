"""Errors against what is known, on cases that can be told by hand."""

from dataclasses import replace

import pytest
import torch

from batches import batch, predictions, still, synthesis
from monodepth2.method.losses import Objective
from monodepth2.method.losses.known import log_depth_error, way_error
from monodepth2.method.stages import Batch


def known_depth(scale: float = 1.0) -> tuple[Batch, torch.Tensor]:
    """A batch whose depth is known in a few places, as `scale` times what the finest predictions say there."""
    given = batch()
    depth = synthesis()(given, predictions({-1: still(), 1: still()})).depths[0]
    places = torch.zeros_like(depth, dtype=torch.bool)
    places[0, 0, 5, 7] = places[0, 0, 20, 40] = places[1, 0, 31, 63] = True
    return replace(given, depth=torch.where(places, scale * depth, 0)), places


def test_the_error_of_exact_depth_is_zero_and_of_another_scale_its_logarithm() -> None:
    depth = torch.rand(2, 1, 8, 12) + 1
    known = torch.where(torch.rand(2, 1, 8, 12) < 0.3, depth, 0)
    assert log_depth_error(depth, known) == 0
    assert log_depth_error(2 * depth, known).item() == pytest.approx(torch.tensor(2.0).log().item(), rel=1e-5)


def test_the_gradient_reaches_the_known_pixels_alone_and_none_that_a_mask_leaves_out() -> None:
    depth = (torch.rand(2, 1, 8, 12) + 1).requires_grad_()
    known = torch.zeros(2, 1, 8, 12)
    known[0, 0, 3, 4] = known[0, 0, 6, 1] = known[1, 0, 0, 0] = 9.0
    mask = torch.ones(2, 1, 8, 12, dtype=torch.bool)
    mask[0, 0, 6, 1] = False
    log_depth_error(depth, known, mask).backward()
    assert depth.grad is not None
    assert depth.grad.nonzero().tolist() == [[0, 0, 3, 4], [1, 0, 0, 0]]
    # half of the batch, a single pixel, and the slope of the logarithm
    assert depth.grad[0, 0, 3, 4].item() == pytest.approx(-0.5 / depth[0, 0, 3, 4].item(), rel=1e-5)


def test_a_batch_of_nothing_known_has_no_error_and_finite_gradients() -> None:
    depth = (torch.rand(1, 1, 8, 12) + 1).requires_grad_()
    error = log_depth_error(depth, torch.zeros(1, 1, 8, 12))
    error.backward()
    assert error == 0
    assert depth.grad is not None
    assert not depth.grad.any()


@pytest.mark.parametrize("own_resolution", [False, True])
def test_known_depth_is_a_weighted_part_of_every_scale(own_resolution: bool) -> None:
    given, _ = known_depth(3.0)
    seen = predictions({-1: still(), 1: still()})
    views = synthesis(own_resolution=own_resolution)(given, seen)
    without, halved, whole = (
        Objective((-1, 1), own_resolution=own_resolution, tie_break=False, depth_weight=weight)(given, seen, views)
        for weight in (0.0, 0.5, 1.0)
    )
    assert not without.known
    for scale, loss in without.per_scale.items():
        part = whole.per_scale[scale] - loss
        assert part > 0
        assert halved.per_scale[scale].item() == pytest.approx((loss + part / 2).item(), rel=1e-5)
    assert whole.figures["loss/depth"].item() == pytest.approx((whole.total - without.total).item(), rel=1e-4)
    assert halved.figures["loss/depth"] == whole.figures["loss/depth"]


def test_the_finest_scale_has_the_logarithm_of_the_factor() -> None:
    given, _ = known_depth(3.0)
    seen = predictions({-1: still(), 1: still()})
    seen = replace(seen, disps={0: seen.disps[0]})
    found = Objective((-1, 1), depth_weight=1.0)(given, seen, synthesis()(given, seen))
    assert found.known["depth"].item() == pytest.approx(torch.tensor(3.0).log().item(), rel=1e-4)


def test_parts_of_a_batch_add_up_to_it() -> None:
    given, _ = known_depth(3.0)
    seen, objective = predictions({-1: still(), 1: still()}), Objective((-1, 1), tie_break=False, depth_weight=1.0)
    whole = objective(given, seen, synthesis()(given, seen)).total
    parts = []
    for row in (slice(0, 1), slice(1, 2)):
        part, said = given.rows(row), seen.map(lambda tensor, row=row: tensor[row])
        parts.append(objective(part, said, synthesis()(part, said)).total)
    assert whole.item() == pytest.approx(torch.stack(parts).mean().item(), rel=1e-5)


def moved(*translations: tuple[float, float, float]) -> torch.Tensor:
    transforms = torch.eye(4).repeat(len(translations), 1, 1)
    transforms[:, :3, 3] = torch.tensor(translations)
    return transforms


def test_the_error_of_the_way_and_its_gradient_by_hand() -> None:
    before = moved((3, 0, 4), (0, 0, -2)).requires_grad_()
    after = moved((0, 0, 1), (1, 2, 2)).requires_grad_()
    error = way_error({-1: before, 1: after}, {-1: torch.tensor([4.0, 2.0]), 1: torch.tensor([1.5, 3.0])})
    assert error.item() == pytest.approx((1 + 0 + 0.5 + 0) / 4)
    error.backward()
    assert before.grad is not None
    assert after.grad is not None
    assert before.grad[0, :3, 3].tolist() == pytest.approx([0.6 / 4, 0, 0.8 / 4]), "shorter"
    assert after.grad[0, :3, 3].tolist() == pytest.approx([0, 0, -1 / 4]), "longer"
    assert not before.grad[:, :, :3].any()


def test_no_motion_at_all_has_finite_gradients() -> None:
    still_one = moved((0, 0, 0)).requires_grad_()
    way_error({1: still_one}, {1: torch.ones(1)}).backward()
    assert still_one.grad is not None
    assert still_one.grad.isfinite().all()


def test_the_way_is_a_weighted_part_of_every_scale() -> None:
    given, seen = batch(), predictions({-1: still(), 1: still()})
    given = replace(given, travelled={-1: torch.tensor([1.0, 2.0]), 1: torch.tensor([3.0, 4.0])})
    views = synthesis()(given, seen)
    without, told = (
        Objective((-1, 1), tie_break=False, velocity_weight=weight)(given, seen, views) for weight in (0, 0.2)
    )
    for scale, loss in without.per_scale.items():
        assert told.per_scale[scale].item() == pytest.approx(loss.item() + 0.2 * 2.5, rel=1e-5)
    assert told.figures["loss/velocity"].item() == pytest.approx(2.5)
    assert "loss/velocity" not in without.figures
