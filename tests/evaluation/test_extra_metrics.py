"""Alignment, regions and further figures, against what can be worked out by hand."""

import numpy as np
import pytest

from monodepth2.errors import UserError
from monodepth2.evaluation.alignment import fit_alignment
from monodepth2.evaluation.extra_metrics import edge_errors, f_score, is_dense, log_figures
from monodepth2.evaluation.metrics import Protocol, evaluate_depth_map
from monodepth2.evaluation.regions import PixelCounts, Region, count_pixels, crop_box, evaluation_mask
from monodepth2.method.ground_plane import rays_of

RNG = np.random.default_rng(0)
GT = RNG.uniform(2, 60, (30, 40)).astype(np.float32)
K = np.array([[20.0, 0, 20], [0, 20, 15], [0, 0, 1]])


def step(column: int, near: float = 4.0, far: float = 20.0) -> np.ndarray:
    """A wall that ends at a column, before another one."""
    depth = np.full((60, 80), far, np.float32)
    depth[:, :column] = near
    return depth


def test_scale_and_shift_of_disparity_are_found() -> None:
    disp = (1 / GT - 0.02) / 3
    fit = fit_alignment(disp.ravel(), GT.ravel(), 1.0, "scale_shift")
    assert fit.scale_shift == pytest.approx((3, 0.02), rel=1e-4)
    score = evaluate_depth_map(disp, GT, Protocol(Region("none"), align="scale_shift"))
    assert score is not None
    assert score.metrics == pytest.approx((0, 0, 0, 0, 1, 1, 1), abs=1e-4)
    assert score.ratio is None


def test_scale_and_shift_are_those_of_least_squares_in_disparity() -> None:
    disp = RNG.uniform(0.01, 1, GT.size)
    scale, shift = fit_alignment(disp, GT.ravel(), 1.0, "scale_shift").scale_shift or (0, 0)
    residual = scale * disp + shift - 1 / GT.ravel()
    assert abs(residual.sum()) < 1e-4
    assert abs(residual @ disp) < 1e-4


def test_disparities_that_become_negative_lie_at_the_cap() -> None:
    gt = np.array([[2.0, 70.0, 70.0, 70.0]], np.float32)
    disp = np.array([[1.0, 0.5, 0.4, 0.0]], np.float32)
    score = evaluate_depth_map(disp, gt, Protocol(Region("none"), align="scale_shift"))
    assert score is not None
    assert np.isfinite(score.metrics).all()
    depth = score.alignment.depth(disp)
    assert depth[0, 3] == np.inf
    assert depth[0, 0] > 0


def test_a_constant_prediction_is_fitted_without_failing() -> None:
    score = evaluate_depth_map(np.full((3, 4), 0.3, np.float32), GT, Protocol(Region("none"), align="scale_shift"))
    assert score is not None
    expected = 1 / (1 / GT.astype(np.float64)).mean()
    assert score.alignment.depth(np.float32([0.3])) == pytest.approx(expected, rel=1e-5)


def test_crops_of_a_known_size() -> None:
    assert crop_box("eigen", 375, 1242) == (124, 342, 44, 1197)
    assert crop_box("none", 375, 1242) == crop_box("mask", 375, 1242) == (0, 375, 0, 1242)


def test_every_known_pixel_is_counted_once() -> None:
    gt = np.full((100, 100), 10, np.float32)
    gt[:10], gt[50, 50:60] = 0, 90
    mask = np.ones((100, 100), bool)
    mask[:, :50] = False
    scored = int(evaluation_mask(gt, Region("garg"), mask).sum())
    counts = count_pixels(gt, Region("garg"), mask, scored)
    top, bottom, _, right = crop_box("garg", 100, 100)
    inside = (bottom - top) * (right - 50)
    assert counts == PixelCounts(90 * 50, 90 * 50 - inside, 10, inside - 10)
    assert counts.scored == scored
    assert sum(counts) == (gt > 0).sum()
    with pytest.raises(ValueError, match="resize"):
        evaluation_mask(gt, Region(), mask[:9])


def test_what_lies_under_a_mask_changes_nothing() -> None:
    mask = GT > 20
    disp = 1 / GT + RNG.uniform(0, 0.1, GT.shape).astype(np.float32)
    spoilt = np.where(mask, GT, 1).astype(np.float32), np.where(mask, disp, 7).astype(np.float32)
    for protocol in (Protocol(Region("none")), Protocol(Region("none"), align="scale_shift")):
        plain = evaluate_depth_map(disp, GT, protocol, mask)
        other = evaluate_depth_map(spoilt[1], spoilt[0], protocol, mask)
        assert plain is not None
        assert other is not None
        assert other.metrics == plain.metrics


def test_cap_bounds_truth_and_predictions() -> None:
    gt = np.array([[1.0, 5.0, 30.0]], np.float32)
    score = evaluate_depth_map(1 / np.float32([[1, 50, 30]]), gt, Protocol(Region("none", (2, 20)), align="none"))
    assert score is not None
    assert score.pixels == PixelCounts(0, 0, 2, 1)
    assert score.metrics.rmse == pytest.approx(15)  # of 5 m predicted as 50, clamped to 20


def test_f_score_counts_points_nearer_than_its_distance() -> None:
    true = np.array([[0.0, 0, 1], [0, 0, 2], [0, 0, 3], [0, 0, 4]])
    assert f_score(true, true) == 1
    predicted = np.concatenate([true[:2] + np.array([0.05, 0, 0]), [[0, 0, 9]]])
    precision, recall = 2 / 3, 2 / 4
    assert f_score(true, predicted) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f_score(true, true + 1e3) == 0


def test_points_lie_where_the_camera_sees_them() -> None:
    found = np.array([[2.0], [4.0]]) * rays_of(np.array([[20, 15], [30, 25]]), K)
    np.testing.assert_allclose(found, [[0, 0, 2], [2, 2, 4]])


@pytest.mark.parametrize("shift", [0, 3, 6])
def test_a_shifted_edge_is_off_by_its_shift(shift: int) -> None:
    errors = edge_errors(step(40), step(40 + shift), np.ones((60, 80), bool))
    assert errors == pytest.approx((shift, shift), abs=0.6)  # Canny marks the pixels of both sides


def test_missing_and_invented_edges_cost_ten_pixels_at_most() -> None:
    everywhere, flat = np.ones((60, 80), bool), np.full((60, 80), 9, np.float32)
    assert edge_errors(step(40), flat, everywhere) == (10, 10)
    assert edge_errors(flat, step(40), everywhere) == (10, 10)
    assert edge_errors(flat, flat, everywhere) == (0, 0)
    assert edge_errors(step(20), step(60), everywhere) == (10, 10)
    twice = np.minimum(step(20), step(20)[:, ::-1])  # its own edge, and one 40 columns off
    accuracy, completeness = edge_errors(step(20), twice, everywhere)
    assert completeness == 0
    assert accuracy == pytest.approx(5)


def test_edges_of_sparse_truth_are_refused() -> None:
    rows = np.zeros((60, 80), np.float32)
    rows[::3] = 5
    assert not is_dense(rows > 0)
    assert is_dense(step(40) > 0)
    with pytest.raises(UserError, match="dense"):
        evaluate_depth_map(np.ones((6, 8)), rows, Protocol(Region("none"), metrics=("edges",)))


def test_log_figures_by_hand() -> None:
    gt = np.array([1.0, 1, 1, 1])
    pred = np.array([10, 0.1, 1.05, 1.10])
    log10, silog, d025, d05 = log_figures(gt, pred)
    errors = np.log(pred)
    assert log10 == pytest.approx((2 + np.log10(1.05) + np.log10(1.1)) / 4)
    assert silog == pytest.approx(errors.std())
    assert (d025, d05) == (0.25, 0.5)
    assert log_figures(gt, 3 * gt)[1] == pytest.approx(0)


def test_further_figures_follow_the_seven() -> None:
    protocol = Protocol(Region("none"), align="none", metrics=("log", "fscore", "edges"))
    score = evaluate_depth_map(1 / step(40), step(40), protocol, K=K)
    assert score is not None
    assert protocol.figure_names[7:] == ("log10", "silog", "d025", "d05", "f_score", "edge_acc", "edge_comp")
    assert score.figures == pytest.approx((0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0), abs=1e-5)
    with pytest.raises(UserError, match="camera"):
        evaluate_depth_map(1 / step(40), step(40), protocol)
