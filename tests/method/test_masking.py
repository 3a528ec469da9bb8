"""Masks take pixels out of the losses: nothing under them counts, and without them nothing changes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from batches import batch, predictions, still, synthesis
from monodepth2.method.losses import Objective
from monodepth2.method.losses.masking import inside, masked_mean
from monodepth2.method.losses.smoothness import edge_aware_smoothness
from monodepth2.method.stages import Batch, Views


def masks() -> dict[int, Tensor]:
    """The bottom left out, and of one sample a hole: at no level does a pixel that stays see one that does not."""
    mask = torch.ones(2, 1, 32, 64, dtype=torch.bool)
    mask[:, :, 24:] = False
    mask[1, :, 8:16, 16:24] = False
    return {level: mask[:, :, :: 2**level, :: 2**level] for level in range(4)}


def with_garbage(given: Batch, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    assert given.mask is not None
    color = {
        frame: {
            level: torch.where(given.mask[level], picture, torch.rand(picture.shape, generator=generator))
            for level, picture in levels.items()
        }
        for frame, levels in given.color.items()
    }
    return replace(given, color=color)


def loss_and_gradients(given: Batch, views: Views, objective: Objective) -> list[Tensor]:
    seen = predictions({-1: still(), 1: still()}).map(lambda tensor: tensor.clone().requires_grad_())
    warped = {scale: picture.clone().requires_grad_() for scale, picture in views.warped.items()}
    total = objective(given, seen, replace(views, warped=warped)).total
    of_disps = torch.autograd.grad(total, [*seen.disps.values(), *warped.values()], allow_unused=True)
    return [total.detach(), *(torch.zeros(()) if gradient is None else gradient for gradient in of_disps)]


@pytest.mark.parametrize(
    "objective",
    [
        Objective((-1, 1), tie_break=False),
        Objective((-1, 1), automask=False, ssim=False),
        Objective((-1, 1), tie_break=False, own_resolution=True, average=True),
    ],
)
def test_garbage_under_the_mask_changes_neither_loss_nor_gradients(objective: Objective) -> None:
    given = replace(batch(), mask=masks())
    views = synthesis((-1, 1), objective.own_resolution)(given, predictions({-1: still(), 1: still()}))
    first = loss_and_gradients(given, views, objective)
    for seed in (5, 6):
        second = loss_and_gradients(with_garbage(given, seed), views, objective)
        assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    unmasked = loss_and_gradients(replace(with_garbage(given, 5), mask=None), views, objective)
    assert unmasked[0] != first[0]


def test_pixels_under_the_mask_get_no_gradient() -> None:
    given, objective = replace(batch(), mask=masks()), Objective((-1, 1), tie_break=False)
    views = synthesis()(given, predictions({-1: still(), 1: still()}))
    _, *gradients = loss_and_gradients(given, views, objective)
    of_disps, of_warped = gradients[:4], gradients[4:]
    assert given.mask is not None
    for level, gradient in enumerate(of_disps):
        assert not gradient[~given.mask[level]].any()
        assert gradient[given.mask[level]].any()
    for gradient in of_warped:
        left_out = ~given.mask[0].unsqueeze(1).expand_as(gradient)
        assert not gradient[left_out].any()


def test_a_mask_that_leaves_all_in_changes_no_loss() -> None:
    given, objective = batch(), Objective((-1, 1), tie_break=False)
    full = {level: torch.ones_like(mask) for level, mask in masks().items()}
    views = synthesis()(given, predictions({-1: still(), 1: still()}))
    plain, masked = (loss_and_gradients(replace(given, mask=mask), views, objective) for mask in (None, full))
    for one, other in zip(plain, masked, strict=True):
        torch.testing.assert_close(one, other)


def test_the_mean_is_over_what_stays_in_per_sample() -> None:
    values = torch.tensor([[[1.0, 3.0, torch.inf]], [[5.0, torch.nan, torch.nan]]])
    kept = torch.tensor([[[True, True, False]], [[True, False, False]]])
    assert masked_mean(values, kept) == (2 + 5) / 2
    assert masked_mean(values, torch.zeros_like(kept)) == 0
    assert masked_mean(values[:, :, :1], None) == 3


def test_inside_leaves_out_a_pixels_width_more() -> None:
    mask = torch.ones(1, 1, 5, 5, dtype=torch.bool)
    mask[0, 0, 2, 4] = False
    expected = mask[:, 0].clone()
    expected[0, 1:4, 3:] = False
    assert torch.equal(inside(mask), expected)


def test_smoothness_across_the_masks_edge_does_not_count() -> None:
    disp = torch.ones(1, 1, 4, 6)
    disp[..., 3:] = 9
    mask = torch.ones(1, 1, 4, 6, dtype=torch.bool)
    mask[..., 3:] = False
    image = torch.zeros(1, 3, 4, 6)
    assert edge_aware_smoothness(disp, image) > 0
    assert edge_aware_smoothness(disp, image, mask) == 0
