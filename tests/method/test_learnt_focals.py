"""Focal lengths are learnt where turns show them, and left alone where nothing does."""

import math

import pytest
import torch
import torch.nn.functional as F

from batches import batch, predictions, still, synthesis
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.method.geometry import transform_from_parameters
from monodepth2.method.networks import LearntFocals, refocused, with_picture_kept
from monodepth2.method.networks.learnt_focals import FIRST_STEPS, PIXEL_ERROR
from monodepth2.method.stages import Batch, Predictions, RelativePose
from monodepth2.method.view_synthesis import places_in_sources

K = torch.tensor([[60.0, 0, 50, 0], [0, 60, 30, 0], [0, 0, 1, 0], [0, 0, 0, 1]])[None]


def seen(focals: LearntFocals, turn: float, camera: int = 0, roll: float = 0.0, bias: float = 0.0) -> torch.Tensor:
    """The factors after enough steps with a turn to either side, on top of one that is always the same."""
    rotation = torch.tensor([[0.0, bias + turn, roll], [0.0, bias - turn, -roll]])
    for _ in range(FIRST_STEPS + 1):
        factor = focals(torch.tensor([camera, camera]), K.repeat(2, 1, 1), 100, [rotation, rotation])
    return factor


def test_a_camera_that_turns_is_learnt_and_the_error_is_that_of_the_formula() -> None:
    focals = LearntFocals(2)
    factor = seen(focals, turn=0.04, camera=1)
    assert factor.tolist() == [1.0, 1.0]
    # the standard deviation of two values
    assert focals.errors[1].item() == pytest.approx(2 * 60 * PIXEL_ERROR / (100**2 * 0.04 * 2**0.5), rel=1e-4)
    factor.sum().backward()
    assert focals.log_factor.grad is not None
    assert focals.log_factor.grad.tolist() == [0.0, 2.0]
    assert math.isinf(focals.errors[0].item()), "nothing is known of the other camera"


@pytest.mark.parametrize(
    ("turn", "roll", "bias"),
    [(0.0, 0.0, 0.0), (0.001, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.1)],
    ids=["none", "little", "roll", "the same in all pictures"],
)
def test_what_cannot_be_observed_is_not_learnt(turn: float, roll: float, bias: float) -> None:
    focals = LearntFocals(1)
    seen(focals, turn, roll=roll, bias=bias).sum().backward()
    assert focals.log_factor.grad is not None
    assert focals.log_factor.grad.item() == 0


def test_the_first_steps_and_what_is_only_looked_at_teach_nothing() -> None:
    focals = LearntFocals(1, motion_warmup=300)
    assert focals.first_steps == 300 + FIRST_STEPS
    given = torch.tensor([0, 0]), K.repeat(2, 1, 1), 100, [torch.tensor([[0.0, 0.1, 0.0], [0.0, -0.1, 0.0]])]
    focals(*given).sum().backward()
    assert focals.log_factor.grad is not None
    assert focals.log_factor.grad.item() == 0
    focals.eval()
    focals(*given)
    assert focals.steps.item() == 1


def test_turns_that_neighbours_do_not_agree_on_do_not_count() -> None:
    """A pose network that knows nothing says of each pair of pictures something else."""
    focals = LearntFocals(1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(FIRST_STEPS + 1):
        rotations = [0.04 * torch.randn(8, 3, generator=generator) for _ in range(2)]
        focals(torch.zeros(8, dtype=torch.long), K.repeat(8, 1, 1), 100, rotations)
    assert focals.errors.item() > 3 * 2 * 60 * PIXEL_ERROR / (100**2 * 0.04)


def test_a_factor_acts_on_both_focal_lengths_and_on_nothing_else() -> None:
    changed = refocused(K.repeat(2, 1, 1), torch.tensor([1.0, 1.5]))
    assert changed[0].equal(K[0])
    assert changed[1].tolist() == [[90, 0, 50, 0], [0, 90, 30, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_views_are_those_of_the_refocused_camera() -> None:
    made = batch()
    pose = RelativePose(torch.full((2, 3), 0.03), torch.full((2, 3), 0.1), invert=False)
    said = predictions({-1: pose, 1: still()})
    factors = torch.tensor([0.8, 1.3])
    views = synthesis()(made, Predictions(said.disps, said.poses, focals=factors))
    longer = {level: refocused(matrix, factors) for level, matrix in made.K.items()}
    other = Batch(made.color, made.color_aug, longer, made.stereo_T, made.index, made.mirrored)
    expected = synthesis()(other, said)
    assert views.warped[0].equal(expected.warped[0])
    assert views.K[0].equal(longer[0])


def test_the_gradient_of_a_focal_length_is_that_of_the_second_part_alone() -> None:
    """A longer focal length with a smaller turn shifts the middle as before, and the edges less by 2 r x^2 / f."""
    made, turn = batch(height=60, width=100).rows(slice(1)), 1e-3
    pose = RelativePose(torch.tensor([[0.0, turn, 0.0]]), torch.zeros(1, 3), invert=False)
    factor = torch.ones(1, requires_grad=True)
    kept = with_picture_kept(pose, factor)
    assert kept.axisangle.equal(pose.axisangle)
    transform = transform_from_parameters(kept.axisangle, kept.translation)
    places = places_in_sources(torch.ones_like(made.color[0][0][:, :1]), refocused(K, factor), [transform])
    across = (places.view(60, 100, 2)[30, :, 0] + 1) * (100 - 1) / 2  # in pixels, along the middle row
    for x in (10, 50, 90):
        (slope,) = torch.autograd.grad(across[x], factor, retain_graph=True)
        assert slope.item() == pytest.approx(-2 * turn * (x - 50) ** 2 / 60, abs=2e-4)


def test_a_known_way_does_not_pull_at_a_focal_length() -> None:
    made = batch()
    pose = RelativePose(torch.full((2, 3), 0.03), torch.tensor([[0.6, 0.0, 0.8]]).repeat(2, 1), invert=False)
    said = predictions({-1: pose, 1: still()})
    factors = torch.ones(2, requires_grad=True)
    views = synthesis()(made, Predictions(said.disps, said.poses, focals=factors))
    assert views.warped[0].requires_grad
    assert not any(transform.requires_grad for transform in views.source_T_target[0].values())


def test_a_turn_between_two_pictures_tells_the_focal_length() -> None:
    """Depth known, the turn unknown: both are found from a focal length that is 30 % too long."""
    height, width, true = 60, 100, torch.tensor(60.0)
    generator = torch.Generator().manual_seed(0)
    source = F.interpolate(torch.rand(1, 3, 5, 8, generator=generator), (height, width), mode="bicubic")
    depth = torch.full((1, 1, height, width), 5.0)
    turn = torch.tensor([[0.02, 0.12, 0.0]])

    def places(K_b44: torch.Tensor, axisangle: torch.Tensor) -> torch.Tensor:
        return places_in_sources(depth, K_b44, [transform_from_parameters(axisangle, torch.zeros(1, 3))])

    wanted = places(K, turn)
    inside = (wanted.abs() < 0.95).all(2)
    target = F.grid_sample(source, wanted.view(1, height, width, 2), align_corners=True)
    log_factor, found = torch.tensor([math.log(1.3)]).requires_grad_(), torch.full((1, 3), 1e-3).requires_grad_()
    optimizer = torch.optim.Adam([{"params": [log_factor], "lr": 1e-2}, {"params": [found], "lr": 3e-3}])
    for _ in range(400):
        grid = places(refocused(K, log_factor.exp()), found).view(1, height, width, 2)
        error = (F.grid_sample(source, grid, align_corners=True) - target).abs().mean(1).flatten(1)[inside].mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert (log_factor.exp() * true).item() == pytest.approx(60, rel=0.02)
    assert found[0, 1].item() == pytest.approx(0.12, rel=0.03)


def test_pure_stereo_has_no_motion_to_learn_from() -> None:
    with pytest.raises(UserError, match="--learn_intrinsics learns from motion"):
        Options(frame_ids=(0,), use_stereo=True, learn_intrinsics=True)
