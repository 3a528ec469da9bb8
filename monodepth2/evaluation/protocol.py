"""What the options ask for: which split, which rules, whether anything is scored at all."""

from pathlib import Path

from monodepth2.config import ODOMETRY_SPLITS, SPLITS_WITHOUT_DEPTH, Options
from monodepth2.datasets.camera_choice import KITTI_BASELINE
from monodepth2.datasets.ground_truth import IMPROVED_TRUTH
from monodepth2.datasets.layouts import Layout, make_layout
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import Protocol
from monodepth2.method.depth_maps import stereo_factor

EIGEN = "eigen"
BENCHMARK = "benchmark"  # pictures whose ground truth only the benchmark's server has
DATASET_OF_SPLIT = {BENCHMARK: "kitti_test", **dict.fromkeys(ODOMETRY_SPLITS, "kitti_odom")}


def scored_split(options: Options) -> str:
    """Return the split that is scored: `--eval_split`, or the improved ground truth in the place of eigen's.

    Raises:
        UserError: `--eval_eigen_to_benchmark` with a split that has nothing to do with either.
    """
    if not options.eval_eigen_to_benchmark:
        return options.eval_split
    if Path(options.eval_split).name not in (EIGEN, IMPROVED_TRUTH):
        raise UserError(
            f"--eval_eigen_to_benchmark scores the eigen list on eigen_benchmark, not --eval_split "
            f"{options.eval_split}: drop one of them"
        )
    return IMPROVED_TRUTH if options.eval_split == EIGEN else options.eval_split


def split_layout(options: Options, must_exist: bool = True) -> Layout:
    """Return the data set that holds the split's pictures: of some splits there is only one, whatever `--dataset` says.

    Raises:
        UserError: `--data_path` does not exist, though something is to be read from it.
    """
    dataset = DATASET_OF_SPLIT.get(options.eval_split, options.dataset)
    return make_layout(dataset, options.data_path, options.png, must_exist)


def is_scored(options: Options) -> bool:
    """Whether predictions are compared with ground truth, rather than only made and written."""
    return not options.no_eval and options.eval_split != BENCHMARK


def protocol_of(options: Options) -> Protocol:
    """Return how the options ask predictions to be scored.

    The improved ground truth of `eigen_benchmark` (or of a folder of that name) is scored wherever it is known; every
    other split, a user's own folder too, by the rules of `eigen`.

    Raises:
        UserError: the options contradict each other, or the split has no ground truth of depth.
    """
    if options.eval_mono == options.eval_stereo:
        raise UserError(
            "choose how depths are scaled: either --eval_mono (median scaling) or --eval_stereo (times 5.4)"
        )
    if options.eval_split in SPLITS_WITHOUT_DEPTH:
        raise UserError(
            f"--eval_split {options.eval_split}: there is no ground truth of depth for it; "
            "use eigen, eigen_benchmark or a folder with test_files.txt, or add --no_eval to predict only"
        )
    garg = Path(scored_split(options)).name != IMPROVED_TRUTH
    if not options.eval_stereo:
        return Protocol(garg, options.pred_depth_scale_factor, not options.disable_median_scaling)
    # as in 2019, the rig's factor wins over --pred_depth_scale_factor
    return Protocol(garg, stereo_factor(options.baseline or KITTI_BASELINE), median_scaling=False)
