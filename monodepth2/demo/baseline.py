"""The predictor to beat: it looks at no picture and knows the mean depth of the training set at each pixel."""

from collections.abc import Sequence

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.kitti_layouts import KittiDepth, KittiRaw
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.evaluation.metrics import DepthMetrics, evaluate_depth_map, mean_metrics
from monodepth2.evaluation.protocol import protocol_of
from monodepth2.evaluation.regions import MAX_DEPTH


def mean_depth_per_pixel(layout: KittiDepth, lines: Sequence[SplitLine]) -> np.ndarray:
    """Average the true depth, up to 80 m, of every second line where there is one. Float64, (h, w).

    A pixel that has never had a depth, in the sky, gets 80 m.
    """
    depths = np.stack([np.minimum(layout.depth(line), MAX_DEPTH) for line in lines[::2]])
    known = (depths > 0).sum(0)
    return np.where(known > 0, depths.sum(0, dtype=np.float64) / np.maximum(known, 1), MAX_DEPTH)


def score_constant(depth: np.ndarray, options: Options) -> DepthMetrics:
    """Score one depth map (h, w) as the prediction for every picture of the evaluation split."""
    layout, protocol = KittiRaw(options.data_path), protocol_of(options)
    scores = [
        evaluate_depth_map(1 / depth, layout.depth(line, forward=True), protocol)
        for line in read_split(options.eval_split, "test")
    ]
    return mean_metrics([score.metrics for score in scores if score is not None])
