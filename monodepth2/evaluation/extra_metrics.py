"""Figures beyond the seven: reconstruction as points, boundaries of objects, ratios in log space.

Legend of shapes: n pixels that are scored, h w pixels of the ground truth. Depths are metres.
"""

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt
from scipy.spatial import cKDTree
from skimage.feature import canny

EXTRA_METRICS = {  # the names of `--metrics` and of their figures
    "fscore": ("f_score",),
    "edges": ("edge_acc", "edge_comp"),
    "log": ("log10", "silog", "d025", "d05"),
}
LOWER_IS_BETTER = ("edge_acc", "edge_comp", "log10", "silog")
POINT_DISTANCE = 0.1  # metres
EDGE_DISTANCE = 10.0  # pixels
CANNY = {"sigma": 1.0, "low_threshold": 0.4, "high_threshold": 0.8}  # on log depth: steps of about 15 % and 30 %
LEAST_DENSE = 0.25  # of known pixels, those whose four neighbours are known as well


def f_score(gt_n3: np.ndarray, pred_n3: np.ndarray) -> float:
    """Return the F-score of predicted points, 0 to 1.

    Precision is the share of predicted points with a true one nearer than 10 cm, recall the share of true points with a
    predicted one; the F-score is their harmonic mean.

    Source: Örnek et al., "From 2D to 3D: Re-thinking Benchmarking of Monocular Depth Prediction", 2022, with the
    10 cm of SYNS-Patches (Spencer et al., "Deconstructing Self-Supervised Monocular Reconstruction", TMLR 2022) and of
    "Kick Back & Relax" (Spencer et al., ICCV 2023).

    Args:
        gt_n3: true points in metres.
        pred_n3: predicted points in metres.
    """
    precision, recall = (_near(*pair) for pair in ((pred_n3, gt_n3), (gt_n3, pred_n3)))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _near(points_n3: np.ndarray, others_n3: np.ndarray) -> float:
    """The share of points that have one of the others nearer than `POINT_DISTANCE`."""
    found, _ = cKDTree(others_n3).query(points_n3, distance_upper_bound=POINT_DISTANCE)
    return float(np.isfinite(found).mean())


def edge_errors(gt_hw: np.ndarray, pred_hw: np.ndarray, scored_hw: np.ndarray) -> tuple[float, float]:
    """Return accuracy and completeness of predicted depth boundaries, in pixels; 0 is best.

    Boundaries are Canny edges of log depth. Accuracy is the mean distance from predicted edges to the nearest true
    one, completeness that from true edges to the nearest predicted one; a distance counts at most 10 pixels, which is
    also what edges count whose counterparts are all missing.

    Source: Koch et al., "Evaluation of CNN-based Single-Image Depth Estimation Methods", ECCV workshops 2018, as
    SYNS-Patches has it (Spencer et al., TMLR 2022). Canny's thresholds are our own.

    Args:
        gt_hw: true depth.
        pred_hw: predicted depth, positive.
        scored_hw: the pixels to look at, where both are known; they must be dense (see `is_dense`).
    """
    true, predicted = (_edges(depth, scored_hw) for depth in (gt_hw, pred_hw))
    return _mean_distance(predicted, true), _mean_distance(true, predicted)


def _edges(depth_hw: np.ndarray, scored_hw: np.ndarray) -> np.ndarray:
    log_depth = np.log(np.where(scored_hw, depth_hw, 1)).astype(np.float64)
    return canny(log_depth, mask=scored_hw, **CANNY)


def _mean_distance(edges_hw: np.ndarray, others_hw: np.ndarray) -> float:
    """The mean distance from edges to the nearest of the others."""
    if not edges_hw.any():
        return EDGE_DISTANCE if others_hw.any() else 0.0
    if not others_hw.any():
        return EDGE_DISTANCE
    return float(np.minimum(distance_transform_edt(~others_hw)[edges_hw], EDGE_DISTANCE).mean())


def is_dense(scored_hw: np.ndarray) -> bool:
    """Whether ground truth is dense enough to have edges, as that of a scanner with few rows is not."""
    return bool(binary_erosion(scored_hw).sum() >= LEAST_DENSE * scored_hw.sum())


def log_figures(gt_n: np.ndarray, pred_n: np.ndarray) -> tuple[float, float, float, float]:
    """Return figures of the difference e = ln pred - ln gt.

    log10 is the mean of |e| / ln 10 (the C1 error's fourth figure); silog, the scale-invariant error of Eigen et al.
    (2014), the standard deviation of e; d025 and d05 are the shares of pixels with |e| below a quarter and a half of
    ln 1.25, the limit of a1.
    """
    error = np.log(pred_n.astype(np.float64)) - np.log(gt_n.astype(np.float64))
    d025, d05 = (float((np.abs(error) < part * np.log(1.25)).mean()) for part in (0.25, 0.5))
    return float(np.abs(error).mean() / np.log(10)), float(error.std()), d025, d05
