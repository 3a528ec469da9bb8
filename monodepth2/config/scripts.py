"""Which of 2019's options the scoring scripts use: they share a command line with training.

A flag that a script does not use is refused, lest somebody takes it for used.
"""

from dataclasses import fields

from monodepth2.config.options import Options
from monodepth2.errors import UserError

_SYSTEM = ("device", "no_cuda", "num_workers")
_WEIGHTS = ("load_weights_folder", "model_name", "num_layers", "height", "width")
_BOTH = (*_SYSTEM, *_WEIGHTS, *("data_path", "dataset", "png", "eval_split", "eval_mono", "eval_stereo"),
         *("pred_depth_scale_factor", "baseline", "no_eval", "eval_out_dir", "output_json"))  # fmt: skip
USED_BY = {
    "evaluate_depth.py": frozenset(
        (
            *_BOTH,
            *("precision", "min_depth", "max_depth", "post_process", "disable_median_scaling", "ext_disp_to_eval"),
            *("eval_eigen_to_benchmark", "save_pred_disps", "html_report", "compare"),
            *("intrinsics", "intrinsics_size", "kitti_calibration", "fov"),
            *("gt_path", "gt_png_scale", "eval_min_depth", "eval_max_depth", "crop", "align", "metrics"),
        )
    ),
    "evaluate_pose.py": frozenset((*_BOTH, "poses")),
}
_INSTEAD = {
    "split": "--eval_split names what is scored",
    "batch_size": "pictures are taken 16 at a time",
    "use_stereo": "the checkpoint says how it was trained, --eval_stereo scores it in metres",
    "frame_ids": "the checkpoint says how it was trained",
    "fit": "the checkpoint says how it was trained",
    "crop_top": "the checkpoint says how it was trained",
    "scales": "the checkpoint says how it was trained",
}


def check_used(options: Options, script: str) -> None:
    """Refuse options that a scoring script does not use.

    Raises:
        UserError: one was given.
    """
    for name in (item.name for item in fields(Options)):
        if name not in USED_BY[script] and options.is_given(name):
            others = [other for other, used in USED_BY.items() if name in used]
            owner = others[0] if others else "train.py"
            raise UserError(
                f"--{name} belongs to {owner}: {_INSTEAD.get(name, f'{script} has no use for it')}; drop it"
            )
