from dataclasses import replace

import pytest
import torch

from batches import batch, predictions, still, synthesis
from monodepth2.config import Options
from monodepth2.method.losses import Objective
from monodepth2.method.stages import Batch, Predictions


def losses(given: Batch, seen: Predictions, objective: Objective):
    return objective(given, seen, synthesis(objective.source_ids, objective.own_resolution)(given, seen))


def test_a_static_scene_is_masked() -> None:
    given = batch()
    same = dict.fromkeys(given.color, given.color[0])
    seen = predictions({-1: still(), 1: still()})
    moved = replace(seen.poses[1], translation=torch.full((2, 3), 0.3))
    found = losses(replace(given, color=same), replace(seen, poses={-1: moved, 1: moved}), Objective((-1, 1)))
    for mask in found.automask.values():
        assert mask.mean() < 0.01
    # all that is left is noise and smoothness
    assert found.total < 1e-3


def test_a_scene_explained_by_the_warp_is_not_masked() -> None:
    given = batch(sources=("s",))
    depth = 0.58 * 64 * 0.1 / 4
    color = dict(given.color)
    color[0] = {level: picture.roll(4 >> level, -1) for level, picture in given.color["s"].items()}
    still_left = given.stereo_T.clone()
    still_left[:, 0, 3] = -0.1
    seen = Predictions({0: torch.full((2, 1, 32, 64), (1 / depth - 0.01) / 9.99)}, {})
    found = losses(replace(given, color=color, stereo_T=still_left), seen, Objective(("s",)))
    assert found.automask[0][:, :, 5:-1].mean() > 0.99


def test_total_is_the_mean_over_scales() -> None:
    found = losses(batch(), predictions({-1: still(), 1: still()}), Objective((-1, 1), tie_break=False))
    assert found.total.item() == pytest.approx(sum(loss.item() for loss in found.per_scale.values()) / 4)


def test_smoothness_weight_halves_per_scale() -> None:
    given, seen = batch(), predictions({-1: still(), 1: still()})
    none, some = (losses(given, seen, Objective((-1, 1), smoothness=w, tie_break=False)) for w in (0.0, 1.0))
    from monodepth2.method.losses.smoothness import edge_aware_smoothness

    for scale in range(4):
        expected = edge_aware_smoothness(seen.disps[scale], given.color[0][scale]).item() / 2**scale
        assert some.per_scale[scale].item() - none.per_scale[scale].item() == pytest.approx(expected, rel=1e-4)


def test_minimum_is_below_average() -> None:
    given, seen = batch(), predictions({-1: still(), 1: still()})
    lowest, average = (losses(given, seen, Objective((-1, 1), average=a, automask=False)).total for a in (False, True))
    assert lowest < average


def test_a_closed_predictive_mask_leaves_its_regularisation() -> None:
    given, seen = batch(), predictions({-1: still(), 1: still()})
    masks = {scale: torch.full((2, 2, 32 >> scale, 64 >> scale), 1e-3) for scale in range(4)}
    found = losses(given, replace(seen, masks=masks), Objective((-1, 1), automask=False, smoothness=0.0))
    assert found.total.item() == pytest.approx(-0.2 * torch.tensor(1e-3).log().item(), rel=1e-2)
    assert not found.automask


def test_options_reach_the_objective() -> None:
    options = Options(
        avg_reprojection=True, disable_automasking=True, no_ssim=True, v1_multiscale=True, use_stereo=True
    )
    objective = Objective.from_options(options)
    assert objective.average
    assert not objective.automask
    assert not objective.ssim
    assert objective.own_resolution
    assert objective.source_ids == (-1, 1, "s")
