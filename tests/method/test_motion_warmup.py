"""The warm-up finds a turn that the paper's loss is blind to from afar."""

import math
from dataclasses import replace

import pytest
import torch

from batches import batch, synthesis
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.method.losses import Objective
from monodepth2.method.losses.warm_up import coarse, coarse_batch, columns_at, without_choice
from monodepth2.method.stages import Batch, Predictions, RelativePose

HEIGHT, WIDTH, FOCAL = 48, 96, 60.0
TURN = 0.12  # 7 pixels


def panorama(turn: float, generator: torch.Generator) -> torch.Tensor:
    """What a camera that is turned to the right sees of a far scene with details of all sizes, 3hw."""
    v, u = torch.meshgrid(torch.arange(HEIGHT) - HEIGHT / 2, torch.arange(WIDTH) - WIDTH / 2, indexing="ij")
    azimuth = FOCAL * (torch.atan(u / FOCAL) + turn)
    elevation = v / torch.sqrt(1 + (u / FOCAL) ** 2)
    picture = torch.zeros(3, HEIGHT, WIDTH)
    for length in torch.logspace(math.log10(4), math.log10(80), 60).tolist():  # pixels
        angle, *phases = (2 * math.pi * torch.rand(4, generator=generator)).tolist()
        wave = 2 * math.pi / length * (math.cos(angle) * azimuth + math.sin(angle) * elevation)
        picture += length**0.5 * torch.stack([torch.sin(wave + phase) for phase in phases])
    return (picture / 60 + 0.5).clamp(0, 1)


def turned(seed: int) -> Batch:
    """A camera in a far scene that turns by TURN from picture to picture."""
    one = batch(height=HEIGHT, width=WIDTH).rows(slice(1))
    color = {i: {0: panorama(i * TURN, torch.Generator().manual_seed(seed))[None]} for i in (-1, 0, 1)}
    K = torch.eye(4)[None].clone()
    K[:, 0, 0] = K[:, 1, 1] = FOCAL
    K[:, 0, 2], K[:, 1, 2] = WIDTH / 2, HEIGHT / 2
    return replace(one, color=color, color_aug={}, K={0: K}, stereo_T=None)


def loss_of(given: Batch, objective: Objective, turn: torch.Tensor) -> torch.Tensor:
    zero = torch.zeros(1, 3)
    axisangle = torch.stack([torch.zeros(()), turn, torch.zeros(())])[None]
    poses = {-1: RelativePose(axisangle, zero, invert=False), 1: RelativePose(-axisangle, zero, invert=False)}
    seen = Predictions({0: torch.zeros(1, 1, HEIGHT, WIDTH)}, poses)
    return objective(given, seen, synthesis()(given, seen)).total


def found(given: Batch, objective: Objective) -> float:
    """The turn that descent finds from none."""
    turn = torch.tensor(0.001, requires_grad=True)
    descent = torch.optim.Adam([turn], 0.01)
    for _ in range(60):
        descent.zero_grad()
        loss_of(given, objective, turn).backward()
        descent.step()
    return turn.item()


@pytest.mark.parametrize("seed", range(3))
def test_coarse_pictures_show_a_turn_from_afar(seed: int) -> None:
    given, objective = turned(seed), Objective((-1, 1), tie_break=False)
    true = loss_of(given, objective, torch.tensor(TURN))
    assert true < 0.3 * loss_of(given, objective, torch.tensor(0.0)), "the sign is right"
    assert found(coarse_batch(given, 24), without_choice(objective)) == pytest.approx(TURN, rel=0.15)


def test_what_the_paper_leaves_out_counts_in_the_warm_up() -> None:
    given, objective = coarse_batch(turned(0), 24), Objective((-1, 1), tie_break=False)
    wrong, none = torch.tensor(-TURN / 2), torch.tensor(0.0)
    assert loss_of(given, objective, wrong) <= loss_of(given, objective, none), "the auto-mask hides it"
    assert loss_of(given, without_choice(objective), wrong) > 1.05 * loss_of(given, without_choice(objective), none)


def test_coarse_pictures_keep_their_means_and_lose_their_details() -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 3, 96, 192, generator=generator)
    blurred = coarse(pictures, 24)
    assert blurred.shape == pictures.shape
    torch.testing.assert_close(blurred.mean((2, 3)), pictures.mean((2, 3)), atol=2e-3, rtol=0)
    assert blurred.std() < 0.2 * pictures.std()
    flat = torch.full((1, 3, 20, 96), 0.25)
    torch.testing.assert_close(coarse(flat, 24), flat)


def test_the_networks_still_see_sharp_pictures() -> None:
    given = batch()
    seen = coarse_batch(given, 24)
    assert seen.color_aug is given.color_aug
    assert not seen.color[0][0].equal(given.color[0][0])


@pytest.mark.parametrize("columns", [24, 48])
def test_what_a_mask_leaves_out_is_not_mixed_into_what_it_keeps(columns: int) -> None:
    """The lower quarter is masked: a car's bonnet."""
    given, kept = batch(height=96, width=192), torch.ones(2, 1, 96, 192, dtype=torch.bool)
    kept[:, :, 72:] = False
    given = replace(given, mask={0: kept}, color={i: {0: levels[0]} for i, levels in given.color.items()})
    painted = {i: {0: levels[0].where(kept, 1.0)} for i, levels in given.color.items()}
    one, other = (coarse_batch(shown, columns) for shown in (given, replace(given, color=painted)))
    even = replace(given, color={i: {0: torch.full_like(levels[0], 0.5)} for i, levels in given.color.items()})
    assert one.mask is given.mask
    for i in given.color:
        torch.testing.assert_close(*(shown.color[i][0].where(kept, 0) for shown in (one, other)))
        seen = coarse_batch(even, columns).color[i][0].where(kept, 0.5)
        torch.testing.assert_close(seen, torch.full_like(seen, 0.5))
        whole = coarse(given.color[i][0], columns)[:, :, : 72 - 192 // columns]  # a block farther up all is as without
        torch.testing.assert_close(one.color[i][0][:, :, : 72 - 192 // columns], whole)


def test_pictures_become_finer_and_then_sharp() -> None:
    assert [columns_at(step, 500) for step in (0, 249, 250, 499, 500)] == [24, 24, 48, 48, None]
    assert columns_at(0, 0) is None
    assert columns_at(0, 1) == 24


def test_a_warm_up_is_refused_where_it_cannot_be() -> None:
    with pytest.raises(UserError, match="--motion_warmup"):
        Options(motion_warmup=-1)
    with pytest.raises(UserError, match="takes the place of the pose network, which --motion_warmup needs"):
        Options(motion_warmup=500, poses="tracked", dataset="folder")
    with pytest.raises(UserError, match="--motion_warmup 500 is for one camera"):
        Options(motion_warmup=500, use_stereo=True)
    with pytest.raises(UserError, match="--motion_warmup leaves nothing out"):
        Options(motion_warmup=500, predictive_mask=True, disable_automasking=True)
