"""Figures that need no truth, on scenes whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from monodepth2.config import Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.report.evidence import Figures, depth_differences, errors_of, figures_of
from monodepth2.report.path import longest_run
from monodepth2.report.verdict import judge
from street_truth import OPTIONS, Depths, Motions, street_batch, views_of

LEARNT = Figures(0.16, 0.11, 0.07, 0.57, 0.5, 0.3, 2.1, 3.0, 0.04)


@pytest.fixture(scope="module")
def street():
    return street_batch()


def found(street, depths: Depths | None = None, motions: Motions | None = None) -> Figures:
    """The figures of the true street, or of other depths or motions."""
    batch, true_depths, true_motions = street
    depths, motions = depths or true_depths, motions or true_motions
    sources = {source: depths[source] for source in motions}
    views = views_of(batch, depths[0], motions)
    (warped,) = views.warped.values()
    return figures_of(batch, views, errors_of(batch, warped, OPTIONS), sources, OPTIONS)


def test_the_truth_explains_the_street(street) -> None:
    figures = found(street)
    assert figures.gain > 0.6
    assert figures.explained > 0.6
    assert figures.disagreement < 0.002
    assert figures.motion > 2
    assert figures.near_below > 2
    verdict = judge(figures, OPTIONS)
    assert verdict.kind == "learnt"
    assert verdict.remarks == []


def test_a_camera_said_to_stand_still_explains_nothing(street) -> None:
    figures = found(street, motions={source: np.eye(4) for source in (-1, 1)})
    assert figures.gain == pytest.approx(0, abs=1e-4)
    assert figures.explained == 0
    assert figures.warped == pytest.approx(figures.unwarped, rel=1e-4)
    verdict = judge(figures, OPTIONS)
    assert verdict.kind == "nothing"
    assert "stands still" in verdict.sentence


def test_a_constant_depth_agrees_with_itself_and_has_learnt_nothing(street) -> None:
    figures = found(street, depths={frame: torch.full_like(depth, 20.0) for frame, depth in street[1].items()})
    assert figures.variation < 1e-4
    assert figures.near_below == pytest.approx(1, abs=1e-4)
    assert figures.disagreement < 0.1
    assert "nearly the same everywhere" in judge(figures, OPTIONS).sentence


def test_a_depth_that_knows_rows_alone_is_remarked(street) -> None:
    profile = {frame: depth.mean(3, keepdim=True).expand_as(depth) for frame, depth in street[1].items()}
    figures, true = found(street, depths=profile), found(street)
    assert figures.across < 1e-4
    assert figures.variation > 0.2
    assert true.across > 0.3
    assert "Within a row" in judge(LEARNT._replace(across=figures.across), OPTIONS).remarks[0]


def test_a_motion_that_does_not_fit_the_depth_disagrees(street) -> None:
    motions = {source: motion.copy() for source, motion in street[2].items()}
    for motion in motions.values():
        motion[:3, 3] *= 4
    figures, true = found(street, motions=motions), found(street)
    assert figures.disagreement > 10 * true.disagreement
    assert figures.gain < 0.2


def test_depth_of_a_plane_that_comes_nearer() -> None:
    K = torch.from_numpy(KITTI_INTRINSICS.matrix(64, 32))[None]
    forward = torch.eye(4)[None]
    forward[:, 2, 3] = -1.0  # the source's camera is one unit ahead
    plane, nearer = torch.full((1, 1, 32, 64), 4.0), torch.full((1, 1, 32, 64), 3.0)
    right = depth_differences(plane, nearer, K, forward)
    assert 0 < len(right) < 32 * 64  # the rest is beyond the source's border
    torch.testing.assert_close(right, torch.zeros_like(right), atol=1e-5, rtol=0)
    wrong = depth_differences(plane, plane, K, forward)
    torch.testing.assert_close(wrong, torch.full_like(wrong, 2 / 7))
    behind = forward.clone()
    behind[:, 2, 3] = -5.0
    assert len(depth_differences(plane, plane, K, behind)) == 0


def test_what_a_mask_leaves_out_does_not_count(street) -> None:
    batch, depths, motions = street
    mask = torch.zeros(1, 1, *depths[0].shape[-2:], dtype=torch.bool)
    mask[..., 20:, :] = True
    warped = views_of(batch, depths[0], motions).warped[0]
    masked = errors_of(replace(batch, mask={0: mask}), warped, OPTIONS)
    for error, whole in zip(masked, errors_of(batch, warped, OPTIONS), strict=True):
        assert error[:21].isnan().all()
        assert torch.equal(error[21:], whole[21:])


@pytest.mark.parametrize(
    ("figures", "kind", "words"),
    [
        (LEARNT, "learnt", "It has learnt: "),
        (LEARNT._replace(warped=0.1), "little", "It has learnt a little"),
        (LEARNT._replace(warped=0.13), "nothing", "18% higher than without the warp"),
        (LEARNT._replace(warped=0.33), "nothing", "an error 3 times as large as without"),
        (LEARNT._replace(difference=0.0008), "nothing", "nothing moves in the held-out frames"),
        (LEARNT._replace(motion=0.01), "nothing", "the camera stands still"),
        (LEARNT._replace(variation=0.01), "nothing", "the camera only turns"),
        (LEARNT._replace(variation=0.01, warped=0.13), "nothing", "--learning_rate 5e-05"),
        (LEARNT._replace(variation=0.0001, warped=0.13), "nothing", "the network has collapsed"),
        (LEARNT._replace(variation=0.0001, warped=0.13), "nothing", "--learning_rate 5e-05) or less smoothness"),
        (LEARNT._replace(unwarped=0.0, warped=0.0), "nothing", "0% lower"),
    ],
)
def test_the_verdict_says_why_and_what_to_do(figures: Figures, kind: str, words: str) -> None:
    verdict = judge(figures, Options())
    assert verdict.kind == kind
    assert words in verdict.sentence


def test_a_flat_depth_is_the_networks_fault_where_the_motion_is_known() -> None:
    flat = LEARNT._replace(variation=0.006)
    assert "take pictures of a camera that moves" in judge(flat, Options()).sentence
    for known in ({"poses": "known"}, {"poses": "tracked"}):
        assert "Networks begin like this: train longer" in judge(flat, Options(**known)).sentence
        assert "train longer" in judge(LEARNT._replace(variation=0.0), Options(**known)).sentence


def test_a_new_pose_network_is_offered_a_warm_up() -> None:
    worse = LEARNT._replace(warped=0.13)
    assert "--motion_warmup 500" in judge(worse, Options()).sentence
    for other in ({"motion_warmup": 500}, {"use_stereo": True}, {"poses": "tracked"}):
        assert "--motion_warmup" not in judge(worse, Options(**other)).sentence


def test_what_looks_unusual_is_remarked() -> None:
    remarks = judge(LEARNT._replace(near_below=0.7, disagreement=0.3), Options()).remarks
    assert len(remarks) == 2
    assert "disagree by 30%" in remarks[1]
    stereo = judge(LEARNT._replace(motion=0.01), Options(frame_ids=(0,), use_stereo=True))
    assert stereo.kind == "learnt"  # there is no network of motion


def test_the_longest_run_of_consecutive_lines() -> None:
    lines = [SplitLine("a", n, "l") for n in (9, 3, 4)] + [SplitLine("b", n, side) for n in (1, 2, 3) for side in "lr"]
    assert longest_run([*lines, SplitLine("b", 4, "r")], 1) == SplitLine("b", 1, "r")
    assert longest_run(lines, 2) == SplitLine("b", 1, "l")
    assert longest_run(lines[:2], 1) == SplitLine("a", 9, "l")
