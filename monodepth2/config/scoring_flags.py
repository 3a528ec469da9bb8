"""The flags that say how a checkpoint is scored."""

from dataclasses import dataclass
from pathlib import Path

from monodepth2.config.declare import Checked, option


@dataclass(frozen=True)
class ScoringFlags(Checked):
    """The part of `Options` that says how a checkpoint is scored."""

    # evaluation
    run: str | None = option(
        None, "evaluation", "name of a run in --log_dir, whose newest checkpoint is taken, instead of a weights folder"
    )
    eval_stereo: bool = option(
        False, "evaluation", "score in the metres of the stereo rig: ten times its baseline, KITTI's 5.4"
    )
    eval_mono: bool = option(
        False, "evaluation", "score with per-image median scaling; odometry: with the scale of the true path"
    )
    disable_median_scaling: bool = option(False, "evaluation", "no per-image median scaling")
    pred_depth_scale_factor: float = option(
        1.0, "evaluation", "factor from predicted depth to metres; if given, it replaces the stereo rig's"
    )
    ext_disp_to_eval: Path | None = option(
        None, "evaluation", "score this .npy array of disparities instead of a checkpoint"
    )
    eval_split: str = option(
        "eigen",
        "evaluation",
        "split to score: eigen, eigen_benchmark, benchmark, make3d, or a folder with test_files.txt (in KITTI's "
        "layouts scored by eigen's rules). Odometry needs one: odom_0 to odom_21, a drive's folder, or a folder whose "
        "test_files.txt lists consecutive frames (default: eigen; with --dataset folder all pictures)",
    )
    gt_path: Path | None = option(
        None,
        "evaluation",
        "ground truth of depth: a gt_depths.npz, or a folder with one .npy, .png, .pfm or .exr file per line, named as "
        "its picture (default: gt_depths.npz in the split's folder, else the data set's)",
    )
    eval_min_depth: float | None = option(
        None, "evaluation", "score ground truth beyond this many metres (default: as the split says, 0.001)"
    )
    eval_max_depth: float | None = option(
        None, "evaluation", "score ground truth up to this many metres (default: as the split says, 80)"
    )
    crop: str | None = option(
        None,
        "evaluation",
        "part of the picture that is scored; mask: the data set's mask and no crop (default: as the split says)",
        choices=("garg", "eigen", "none", "mask"),
    )
    align: str | None = option(
        None,
        "evaluation",
        "fit each prediction to its ground truth: by the ratio of medians, by scale and shift of disparity, or not "
        "(default: median with --eval_mono, none with --eval_stereo)",
        choices=("median", "scale_shift", "none"),
    )
    camera_height: float | None = option(
        None,
        "evaluation",
        "score in metres that the ground tells: the camera's height above it, where pictures show it in their lower "
        "middle; one scale for all images",
    )
    metrics: tuple[str, ...] = option(
        (),
        "evaluation",
        "further figures: F-score of points at 10 cm, accuracy and completeness of depth edges, figures of log depth",
        choices=("fscore", "edges", "log"),
    )
    true_poses: Path | None = option(
        None, "evaluation", "true poses of the drive in KITTI's or TUM's format, for odometry (default: the data set's)"
    )
    save_pred_disps: bool = option(
        False, "evaluation", "save the predicted disparities in --eval_out_dir (default: beside the weights)"
    )
    no_eval: bool = option(False, "evaluation", "predict only, compute no figures")
    eval_eigen_to_benchmark: bool = option(
        False, "evaluation", "disparities of the eigen list, scored on the eigen_benchmark ground truth"
    )
    eval_out_dir: Path | None = option(
        None, "evaluation", "folder for pictures of the predictions; odometry: for the poses and their plot"
    )
    post_process: bool = option(False, "evaluation", "average with the prediction of the mirrored image")
    output_json: Path | None = option(None, "evaluation", "write all figures to this file")
    html_report: Path | None = option(
        None, "evaluation", "write a page with all figures and the worst images to this file"
    )
    compare: tuple[str, ...] = option(
        (), "evaluation", "further checkpoints for one table: weights folders, .onnx files, names of published models"
    )
