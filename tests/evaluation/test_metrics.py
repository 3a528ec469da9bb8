import numpy as np
import pytest

from monodepth2.evaluation.metrics import (
    DepthMetrics,
    Protocol,
    depth_metrics,
    evaluate_depth_map,
    mean_metrics,
)
from monodepth2.evaluation.regions import Region, crop_box, evaluation_mask
from monodepth2.method.depth_maps import resize_bilinear

EVERYWHERE = Region("none", None)


def truth(height: int = 50, width: int = 100, seed: int = 0) -> np.ndarray:
    """A sparse map between 2 and 60 m, a tenth of its pixels known."""
    rng = np.random.default_rng(seed)
    known = rng.random((height, width)) < 0.1
    return (rng.uniform(2, 60, (height, width)) * known).astype(np.float32)


def dense(gt: np.ndarray) -> np.ndarray:
    """The map's own disparity, with something wherever it is unknown."""
    return np.where(gt > 0, 1 / np.maximum(gt, 1), 0.1).astype(np.float32)


def test_figures_by_hand() -> None:
    gt, pred = np.array([10.0, 20.0]), np.array([12.0, 10.0])
    metrics = depth_metrics(gt, pred)
    assert metrics.abs_rel == pytest.approx((0.2 + 0.5) / 2)
    assert metrics.sq_rel == pytest.approx((0.4 + 5) / 2)
    assert metrics.rmse == pytest.approx(np.sqrt((4 + 100) / 2))
    assert metrics.rmse_log == pytest.approx(np.sqrt((np.log(1.2) ** 2 + np.log(2) ** 2) / 2))
    assert (metrics.a1, metrics.a2, metrics.a3) == (0.5, 0.5, 0.5)


def test_accuracies_count_disagreement_in_both_directions_and_exclude_the_limit() -> None:
    gt = np.array([1.0, 1.25, 1.0, 1.5, 1.0, 1.9])
    pred = np.array([1.25, 1.0, 1.5, 1.0, 1.9, 1.0])
    metrics = depth_metrics(gt, pred)
    assert (metrics.a1, metrics.a2, metrics.a3) == pytest.approx((0, 4 / 6, 1))


def test_mean_over_images_weighs_them_equally() -> None:
    mean = mean_metrics([DepthMetrics(*[1.0] * 7), DepthMetrics(*[4.0] * 7)])
    assert mean == DepthMetrics(*[2.5] * 7)


def test_garg_crop_of_kitti_sizes() -> None:
    assert crop_box("garg", 375, 1242) == (153, 371, 44, 1197)
    assert crop_box("garg", 370, 1226) == (151, 366, 44, 1181)


def test_masks() -> None:
    gt = np.full((375, 1242), 10, dtype=np.float32)
    gt[200, 100:105] = [0, 1e-3, 80, 79.9, 0.01]
    garg = evaluation_mask(gt, Region())
    assert garg[200, 100:105].tolist() == [False, False, False, True, True]
    rows, columns = np.flatnonzero(garg.any(1)), np.flatnonzero(garg.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (153, 370, 44, 1196)
    everything = evaluation_mask(gt, EVERYWHERE)
    assert everything.sum() == gt.size - 1
    assert not everything[200, 100]


@pytest.mark.parametrize("region", [Region(), EVERYWHERE])
def test_a_perfect_prediction_up_to_scale_is_perfect_under_median_scaling(region: Region) -> None:
    gt = truth()
    score = evaluate_depth_map(dense(gt) * 31, gt, Protocol(region))
    assert score is not None
    assert score.ratio == pytest.approx(31, rel=1e-5)
    assert score.metrics == pytest.approx((0, 0, 0, 0, 1, 1, 1), abs=1e-5)


def test_factor_turns_predictions_into_metres() -> None:
    gt = truth()
    score = evaluate_depth_map(dense(gt) * 5.4, gt, Protocol(factor=5.4, align="none"))
    assert score is not None
    assert score.ratio is None
    assert score.metrics.rmse == pytest.approx(0, abs=1e-4)


def test_the_median_comes_from_the_scored_pixels_alone() -> None:
    gt, disp = truth(), dense(truth())
    outside = ~evaluation_mask(gt, Region())
    changed = np.where(outside, disp * 7, disp)
    assert evaluate_depth_map(changed, gt, Protocol()) == evaluate_depth_map(disp, gt, Protocol())


def test_the_ratio_is_taken_before_depths_are_clamped() -> None:
    gt = np.full((50, 100), 40, dtype=np.float32)
    disp = np.full((50, 100), 1 / 400, dtype=np.float32)  # 400 units: beyond 80 before scaling
    score = evaluate_depth_map(disp, gt, Protocol())
    assert score is not None
    assert score.ratio == pytest.approx(0.1)
    assert score.metrics.abs_rel == pytest.approx(0, abs=1e-6)


def test_depths_are_clamped_after_scaling() -> None:
    gt = np.full((50, 100), 60, dtype=np.float32)
    score = evaluate_depth_map(np.full((50, 100), 1e-3, np.float32), gt, Protocol(align="none"))
    assert score is not None
    assert score.metrics.rmse == pytest.approx(20)
    # a disparity of zero is as far as can be
    score = evaluate_depth_map(np.zeros((50, 100), np.float32), gt, Protocol(align="none"))
    assert score is not None
    assert score.metrics.rmse == pytest.approx(20)


def test_disparity_is_resized_not_depth() -> None:
    gt = np.full((1, 4), 10, dtype=np.float32)
    score = evaluate_depth_map(np.array([[0.1, 0.2]], np.float32), gt, Protocol(EVERYWHERE, align="none"))
    assert score is not None
    expected = 1 / np.array([0.1, 0.125, 0.175, 0.2])  # half-pixel centres
    assert score.metrics.abs_rel == pytest.approx(np.mean(np.abs(10 - expected) / 10), rel=1e-6)


def test_an_image_without_ground_truth_has_no_score() -> None:
    gt = np.zeros((375, 1242), np.float32)
    assert evaluate_depth_map(np.ones((8, 16), np.float32), gt, Protocol(EVERYWHERE)) is None
    gt[10, 10] = 5  # above the crop
    assert evaluate_depth_map(np.ones((8, 16), np.float32), gt, Protocol()) is None


def test_resizing_keeps_linear_ramps_and_does_not_smooth_when_shrinking() -> None:
    ramp = np.arange(8, dtype=np.float32)[None].repeat(2, 0)
    np.testing.assert_allclose(resize_bilinear(ramp, 2, 16)[0, 1:-1], (np.arange(1, 15) + 0.5) / 2 - 0.5, rtol=1e-6)
    spike = np.zeros((1, 12), np.float32)
    spike[0, 4] = 1
    np.testing.assert_allclose(resize_bilinear(spike, 1, 4), [[0, 1, 0, 0]])
    assert resize_bilinear(ramp, 2, 16).dtype == np.float32
