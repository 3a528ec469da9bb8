"""What the options ask for: which split, which rules, whether anything is scored at all."""

from pathlib import Path

from monodepth2.config import MAKE3D, ODOMETRY_SPLITS, SPLITS_WITHOUT_DEPTH, Options
from monodepth2.config.hub_names import is_hub_name
from monodepth2.datasets.camera_choice import KITTI_BASELINE, CameraChoice
from monodepth2.datasets.ground_truth import IMPROVED_TRUTH
from monodepth2.datasets.layout_choice import make_layout
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.make3d import Make3D
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import Protocol
from monodepth2.evaluation.regions import MAX_DEPTH, MIN_DEPTH, Region
from monodepth2.method.depth_maps import stereo_factor

EIGEN = "eigen"
BENCHMARK = "benchmark"  # pictures whose ground truth only the benchmark's server has
DATASET_OF_SPLIT = {BENCHMARK: "kitti_test", **dict.fromkeys(ODOMETRY_SPLITS, "kitti_odom")}
MAKE3D_MAX_DEPTH = 70.0  # of the C1 error
OF_SCORING = ("disable_median_scaling", "gt_path", "gt_png_scale", "eval_min_depth", "eval_max_depth", "crop", "align",
              "metrics", "html_report", "output_json", "camera_height")  # fmt: skip


OF_CAMERA = ("intrinsics", "intrinsics_size", "kitti_calibration", "fov")


def scored_split(options: Options) -> str:
    """Return the split that is scored: `--eval_split`, or the improved ground truth in the place of eigen's.

    Of plain folders all pictures are scored where `--eval_split` is not given; the data set then is the split.

    Raises:
        UserError: `--eval_eigen_to_benchmark` with a split that has nothing to do with either.
    """
    if not options.eval_eigen_to_benchmark:
        return str(options.data_path) if takes_all(options) else options.eval_split
    if options.eval_split != EIGEN and Path(options.eval_split).name != IMPROVED_TRUTH:
        raise UserError(
            f"--eval_eigen_to_benchmark scores the eigen list on eigen_benchmark, not --eval_split "
            f"{options.eval_split}: drop one of them"
        )
    return IMPROVED_TRUTH if options.eval_split == EIGEN else options.eval_split


def takes_all(options: Options) -> bool:
    """Whether all pictures of a data set of plain folders are scored, for no split is named."""
    return options.dataset == "folder" and not options.is_given("eval_split")


def split_layout(options: Options) -> Layout:
    """Return the data set that holds the split's pictures: of some splits there is only one; it need not exist.

    Raises:
        UserError: `--dataset` names another one.
    """
    only = DATASET_OF_SPLIT.get(options.eval_split, options.dataset)
    if options.is_given("dataset") and (only != options.dataset or options.eval_split == MAKE3D):
        kind = "Make3D's own layout" if options.eval_split == MAKE3D else only
        raise UserError(f"--eval_split {options.eval_split} lies in {kind}: drop --dataset {options.dataset}")
    layout = make_layout(only, options.data_path, options.png, CameraChoice.from_options(options), must_exist=False)
    return Make3D(layout.root) if options.eval_split == MAKE3D else layout


def is_scored(options: Options) -> bool:
    """Whether predictions are compared with ground truth, rather than only made and written."""
    return not options.no_eval and options.eval_split != BENCHMARK


def check_used_in_scoring(options: Options) -> None:
    """Refuse flags of scoring where nothing is scored, and flags of networks where none runs.

    Raises:
        UserError: there is one.
    """
    names = OF_SCORING if options.eval_split == BENCHMARK else (*OF_SCORING, "pred_depth_scale_factor")
    unscored = [f"--{name}" for name in names if options.is_given(name)]
    if unscored and not is_scored(options):
        raise UserError(
            f"{' '.join(unscored)}: these hold figures or change them, and these options ask for none "
            "(--no_eval, or --eval_split benchmark); drop one side"
        )
    camera = [name for name in OF_CAMERA if options.is_given(name)]
    if camera and "fscore" not in options.metrics and options.camera_height is None:
        needs = "which only --metrics fscore needs, or --camera_height"
        raise UserError(f"--{camera[0]} states a camera, {needs}: drop --{camera[0]}")
    if options.camera_height is not None and options.eval_split == MAKE3D:
        raise UserError(f"--camera_height: the camera of --eval_split {MAKE3D} is not known; drop --camera_height")
    if options.baseline and (options.asked_factor or not (options.eval_stereo or options.eval_split == BENCHMARK)):
        other = (
            "--pred_depth_scale_factor replaces it"
            if options.asked_factor
            else "only --eval_stereo scores with a stated one"
        )
        raise UserError(f"--baseline {options.baseline:g} is a rig's, and {other}: drop --baseline")
    if options.png and options.eval_split == MAKE3D:
        raise UserError(f"--png: the pictures of --eval_split {MAKE3D} are .jpg files; drop --png")
    kept = options.save_pred_disps or (options.eval_split == BENCHMARK and not options.no_eval)
    if kept and not options.eval_out_dir and options.is_given("model_name") and is_hub_name(options.model_name):
        raise UserError(
            "--eval_out_dir is missing: a model of the hub lies in the hub's cache; name a folder elsewhere"
        )
    networks = ("post_process", "precision", "min_depth", "max_depth", "height", "width", "num_layers", "model_name")
    unused = [name for name in networks if options.is_given(name)]
    if options.ext_disp_to_eval and not options.compare and unused:
        raise UserError(f"--{unused[0]} is about a network, and --ext_disp_to_eval takes its place: drop --{unused[0]}")


def protocol_of(options: Options) -> Protocol:
    """Return how the options ask predictions to be scored.

    The improved ground truth of `eigen_benchmark` (or of a folder of that name) is scored wherever it is known, Make3D
    up to 70 m; every other split of a KITTI data set, a user's own folder too, by the rules of `eigen`; other data
    sets up to 80 m without a crop.

    Raises:
        UserError: the options contradict each other, or the split has no ground truth of depth.
    """
    align = _alignment(options)
    if options.eval_split in SPLITS_WITHOUT_DEPTH and (not options.gt_path or options.eval_split == BENCHMARK):
        raise UserError(
            f"--eval_split {options.eval_split}: there is no ground truth of depth for it; "
            "use eigen, eigen_benchmark or a folder with test_files.txt, or add --no_eval to predict only"
        )
    metrics = options.metrics
    if options.eval_split == MAKE3D and "log" not in metrics:
        metrics = (*metrics, "log")  # C1's fourth figure
    rig = stereo_factor(options.baseline or KITTI_BASELINE) if options.eval_stereo else 1.0
    return Protocol(_region(options), options.asked_factor or rig, align, metrics)


def _alignment(options: Options) -> str:
    if options.camera_height is not None:
        return "ground"
    if (options.eval_mono and options.eval_stereo) or not (options.eval_mono or options.eval_stereo or options.align):
        alone = "" if options.asked_factor is None else "; beside --pred_depth_scale_factor alone it is --align none"
        raise UserError(
            "choose how depths are scaled: either --eval_mono (median scaling), --eval_stereo (times 5.4), "
            f"--camera_height or --align{alone}"
        )
    if options.disable_median_scaling and options.align not in (None, "none"):
        raise UserError(f"--disable_median_scaling contradicts --align {options.align}: drop one of them")
    if options.align == "scale_shift" and (options.eval_stereo or options.is_given("pred_depth_scale_factor")):
        flag = "--eval_stereo" if options.eval_stereo else "--pred_depth_scale_factor"
        raise UserError(f"--align scale_shift finds the scale of each image, and {flag} states one: drop one of them")
    by_default = "none" if options.eval_stereo or options.disable_median_scaling else "median"
    return options.align or by_default


def _region(options: Options) -> Region:
    improved = Path(scored_split(options)).name == IMPROVED_TRUTH
    make3d = options.eval_split == MAKE3D
    by_default = "none" if improved or make3d or not options.dataset.startswith("kitti") else "garg"
    crop = options.crop or by_default
    nearest, farthest = options.eval_min_depth, options.eval_max_depth
    if improved and nearest is None and farthest is None:
        return Region(crop, None)
    farthest = farthest or (MAKE3D_MAX_DEPTH if make3d else MAX_DEPTH)
    nearest = nearest or MIN_DEPTH
    if not nearest < farthest:
        raise UserError(f"--eval_min_depth {nearest:g} --eval_max_depth {farthest:g}: the first must be smaller")
    return Region(crop, (nearest, farthest))
