"""Which values and combinations of `Options` are possible, and what to do about the others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from monodepth2.config.declare import check_device, check_input_size, check_only_scale
from monodepth2.errors import UserError

if TYPE_CHECKING:
    from monodepth2.config.options import Options
    from monodepth2.config.prepare import PrepareOptions

MOTIONS = ("network", "known", "tracked")  # of --poses: where they come from
TRAINING_SPLITS = ("eigen_zhou", "eigen_full", "odom", "benchmark")
MAKE3D = "make3d"
ODOMETRY_SPLITS = tuple(f"odom_{sequence}" for sequence in range(22))
EVALUATION_SPLITS = ("eigen", "eigen_benchmark", "benchmark", MAKE3D, *ODOMETRY_SPLITS)
LEAST_CROP = 0.01  # of the area
LEAST_FOCAL, LARGEST_FOCAL = 0.01, 30.0  # in sizes of the picture: views of 179 and of 2 degrees


def check_options(options: "Options") -> None:
    """Check what the types of options do not say.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """
    _check_sizes(options)
    _check_frames(options)
    _check_combinations(options)
    _check_camera(options)
    _check_crop(options)


def _check_sizes(options: "Options") -> None:
    check_input_size(height=options.height, width=options.width)
    options.require_at_least(1, "batch_size", "num_epochs", "scheduler_step_size", "log_frequency")
    options.require_at_least(1, "save_frequency", "save_steps", "keep_checkpoints")
    options.require_at_least(0, "num_workers", "seed", "disparity_smoothness")
    if options.seed >= 2**63:
        raise UserError(f"--seed {options.seed}: must be below 2**63")
    options.require_at_least(0, "weight_decay", "motion_warmup")
    options.require_at_least(0, "depth_supervision", "velocity_weight", "pseudo_weight")
    if options.ema is not None and not 0 < options.ema < 1:
        raise UserError(
            f"--ema {options.ema:g}: give the share of the old mean that stays, between 0 and 1, e.g. 0.999"
        )
    options.require_positive("learning_rate", "encoder_lr", "clip_grad_norm", "pred_depth_scale_factor", "gt_png_scale")
    options.require_positive("eval_min_depth", "eval_max_depth", "camera_height")
    if options.camera_height is not None:
        others = ("eval_mono", "eval_stereo", "align", "disable_median_scaling", "pred_depth_scale_factor")
        check_only_scale(options, "camera_height", *others)
    if not 0 < options.min_depth < options.max_depth < float("inf"):
        raise UserError(
            f"--min_depth {options.min_depth} --max_depth {options.max_depth}: need 0 < min_depth < max_depth"
        )


def _check_frames(options: "Options") -> None:
    if not options.scales or set(options.scales) - {0, 1, 2, 3} or len(set(options.scales)) < len(options.scales):
        raise UserError(f"--scales {_words(options.scales)}: give different scales out of 0 1 2 3")
    ids = _words(options.frame_ids)
    if not options.frame_ids or options.frame_ids[0] != 0:
        raise UserError(f"--frame_ids {ids}: the target comes first, e.g. --frame_ids 0 -1 1")
    if len(set(options.frame_ids)) < len(options.frame_ids):
        raise UserError(f"--frame_ids {ids}: a frame is named twice")
    if not options.source_ids:
        raise UserError("--frame_ids 0 leaves nothing to learn from: add neighbours (0 -1 1) or --use_stereo")
    if options.frame_gap:
        _check_gap(options)


def _check_gap(options: "Options") -> None:
    words = f"--frame_gap {_words(options.frame_gap)}"
    if not 1 <= options.frame_gap[0] <= options.frame_gap[1]:
        raise UserError(f"{words}: give the least and the largest distance in frames, e.g. --frame_gap 1 3")
    if not options.temporal_ids:
        raise UserError(f"{words} is about neighbours, and --frame_ids 0 has none: drop one of the two flags")
    if options.frame_gap == (1, 1):
        raise UserError(f"{words}: draws nothing, neighbours are one frame apart without it; drop it, or give e.g. 1 3")


def _check_crop(options: "Options") -> None:
    if not options.augment_crop:
        for name in ("crop_scale", "crop_ratio"):
            if options.is_given(name):
                raise UserError(f"--{name} belongs to --augment_crop: add it")
        return
    scale, ratio = (f"--{name} {_words(getattr(options, name))}" for name in ("crop_scale", "crop_ratio"))
    if not LEAST_CROP <= options.crop_scale[0] <= options.crop_scale[1] <= 1:
        raise UserError(f"{scale}: give the least and the largest share of the area, from {LEAST_CROP:g} to 1")
    if not 0 < options.crop_ratio[0] <= 1 <= options.crop_ratio[1] < float("inf"):
        raise UserError(f"{ratio}: give the least and the largest shape, e.g. 0.75 1.33; 1, the whole picture's shape, "
                        "has to lie between them")  # fmt: skip
    if options.crop_scale == (1, 1):
        raise UserError(f"{scale}: cuts nothing; give a smaller share, or drop --augment_crop")


def _check_camera(options: "Options") -> None:
    options.require_positive("baseline")
    check_given_camera(options)
    if not 0 <= options.crop_top <= 1:
        raise UserError(f"--crop_top {options.crop_top:g}: give a share from 0 to 1")
    if options.learn_intrinsics and not options.temporal_ids:
        raise UserError("--learn_intrinsics learns from motion, and --frame_ids 0 has none: drop the flag")
    if options.crop_top != 0.5 and options.fit != "crop":
        raise UserError(f"--crop_top {options.crop_top:g} is about cutting: add --fit crop")
    if options.kitti_calibration and not options.dataset.startswith("kitti"):
        raise UserError(f"--kitti_calibration: --dataset {options.dataset} has no such files; give a camera.json")
    if options.kitti_calibration and options.dataset == "kitti_test":
        raise UserError("--kitti_calibration: --dataset kitti_test has no such files; leave it out")
    others = [f"--{name}" for name in ("kitti_calibration", "fov") if getattr(options, name)]
    if options.intrinsics and others:
        raise UserError(f"--intrinsics states the camera of all pictures: drop {' and '.join(others)}")
    if len(others) == 2:
        raise UserError("--kitti_calibration states the cameras: drop --fov")


def _check_combinations(options: "Options") -> None:
    parts = Path(options.model_name).parts
    if not parts or Path(options.model_name).is_absolute() or ".." in parts:
        raise UserError(f"--model_name {options.model_name!r}: give a plain name, it becomes a folder in --log_dir")
    if options.predictive_mask and not options.disable_automasking:
        raise UserError("--predictive_mask replaces auto-masking: add --disable_automasking")
    if options.use_stereo and options.dataset == "kitti_test":
        raise UserError("--use_stereo: --dataset kitti_test has no second camera; use kitti, or drop --use_stereo")
    if options.png and options.dataset == "folder":
        raise UserError("--png: --dataset folder takes pictures of any ending; drop --png")
    if options.is_given("weight_decay") and options.optimizer != "adamw":
        raise UserError(f"--weight_decay {options.weight_decay:g} belongs to --optimizer adamw: add it")
    if options.is_given("scheduler_step_size") and options.schedule == "cosine":
        raise UserError("--scheduler_step_size belongs to --schedule step: drop one of them")
    if options.compile and options.grad_checkpointing:
        raise UserError("--compile cannot follow --grad_checkpointing: drop one of them")
    if options.overwrite and options.resume != "never":
        raise UserError("--overwrite starts anew, --resume continues: drop one of them")
    if options.grad_checkpointing and (options.encoder or options.pose_encoder):
        raise UserError("--grad_checkpointing works with 2019's ResNets: drop it, or --encoder and --pose_encoder")
    _check_known(options)
    if options.pose_encoder and options.pose_model_type != "separate_resnet":
        raise UserError(
            f"--pose_encoder {options.pose_encoder}: --pose_model_type {options.pose_model_type} has none; drop one of "
            "the two flags"
        )
    check_device(options.no_cuda, options.device)
    if len(set(options.metrics)) < len(options.metrics):
        raise UserError(f"--metrics {_words(options.metrics)}: one is named twice")
    # the lists of a recorded run may have moved since: whoever reads them reports it
    if "split" in options.given and options.split not in TRAINING_SPLITS and not _is_folder(options.split):
        raise UserError(f"--split {options.split}: neither a folder nor one of {', '.join(TRAINING_SPLITS)}")
    if options.eval_split not in EVALUATION_SPLITS and not _is_folder(options.eval_split):
        known = (*EVALUATION_SPLITS[:4], "odom_0 to odom_21")
        raise UserError(f"--eval_split {options.eval_split}: neither a folder nor one of {', '.join(known)}")


def _check_known(options: "Options") -> None:
    if options.is_given("pseudo_weight") and options.pseudo_labels is None:
        raise UserError(
            f"--pseudo_weight {options.pseudo_weight:g} is the weight of --pseudo_labels FOLDER: add that, or drop "
            "--pseudo_weight"
        )
    if options.velocity_weight and not options.temporal_ids:
        raise UserError("--velocity_weight is about the motion between neighbours, and --frame_ids 0 has none: drop it")
    if options.motion_warmup and options.use_stereo:
        raise UserError(
            f"--motion_warmup {options.motion_warmup} is for one camera: on coarse pictures of two, all depths become "
            "the nearest ones; drop it, or --use_stereo"
        )
    if options.motion_warmup and options.predictive_mask:
        raise UserError("--motion_warmup leaves nothing out, and --predictive_mask does: drop one of the two flags")
    if not options.knows_motion:
        return
    flag = f"--poses {options.poses}"
    if not options.temporal_ids:
        raise UserError(f"{flag} states the motion between neighbours, and --frame_ids 0 has none: drop it")
    switched_on = [name for name in ("velocity_weight", "motion_warmup", "learn_intrinsics") if getattr(options, name)]
    given = [name for name in ("pose_model_type", "pose_model_input", "pose_encoder") if options.is_given(name)]
    if needing := [*switched_on, *given]:
        raise UserError(
            f"{flag} takes the place of the pose network, which --{needing[0]} needs: drop one of the two flags"
        )
    for name in ("use_stereo", "depth_supervision"):
        if options.poses == "tracked" and getattr(options, name):
            raise UserError(f"--poses tracked has no known scale, and --{name} has one: drop one of the two flags")


def check_given_camera(options: "Options | PrepareOptions") -> None:
    """Check `--fov`, `--intrinsics` and `--intrinsics_size`.

    Raises:
        UserError: they are no camera, or pixels where shares of the picture belong, or the other way round.
    """
    if options.fov is not None and not 1 <= options.fov <= 175:
        raise UserError(f"--fov {options.fov:g}: give the width of the view in degrees, from 1 to 175")
    numbers, size = options.intrinsics, options.intrinsics_size
    if not numbers:
        if size:
            raise UserError("--intrinsics_size says what --intrinsics FX FY CX CY are for: add them")
        return
    words = f"--intrinsics {_words(numbers)}"
    width, height = size or (1, 1)
    if not (width >= 1 and height >= 1):
        raise UserError(f"--intrinsics_size {_words(size)}: give the width and height of the pictures in pixels")
    fx, fy, cx, cy = numbers[0] / width, numbers[1] / height, numbers[2] / width, numbers[3] / height
    if not size and max(numbers) > LARGEST_FOCAL:
        raise UserError(f"{words}: these are pixels; add --intrinsics_size W H, the size of the pictures they are for")
    if not (all(LEAST_FOCAL < focal < LARGEST_FOCAL for focal in (fx, fy)) and -1 < cx < 2 and -1 < cy < 2):
        remedy = (
            "they are shares of the picture already: drop --intrinsics_size"
            if size and max(numbers) < 10
            else ("give FX FY CX CY in this order, FX and CX in widths, FY and CY in heights of the picture")
        )
        raise UserError(f"{words}: no camera of pictures; {remedy}")


def _is_folder(value: str) -> bool:
    try:
        return Path(value).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):  # an impossible name, or the home of an unknown user
        return False


def _words(values: tuple[Any, ...]) -> str:
    return " ".join(map(str, values))
