"""Which options training and scoring use, and how their commands are started.

A flag that a command does not use is refused, so that nobody takes it for used.
"""

import shlex
import sys
from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path

from monodepth2.config.options import Options
from monodepth2.errors import UserError

_SYSTEM = ("device", "no_cuda", "num_workers")
_WEIGHTS = ("load_weights_folder", "run", "log_dir", "model_name", "num_layers", "height", "width")
_BOTH = (*_SYSTEM, *_WEIGHTS, *("data_path", "dataset", "png", "eval_split", "eval_mono", "eval_stereo"),
         *("pred_depth_scale_factor", "baseline", "no_eval", "eval_out_dir", "output_json"))  # fmt: skip
USED_BY = {
    "evaluate": frozenset(
        (
            *_BOTH,
            *("precision", "min_depth", "max_depth", "post_process", "disable_median_scaling", "ext_disp_to_eval"),
            *("eval_eigen_to_benchmark", "save_pred_disps", "html_report", "compare"),
            *("intrinsics", "intrinsics_size", "kitti_calibration", "fov"),
            *("gt_path", "gt_png_scale", "eval_min_depth", "eval_max_depth", "crop", "align", "metrics"),
            "camera_height",
        )
    ),
    "odometry": frozenset((*_BOTH, "true_poses")),
    "train": frozenset(item.name for item in fields(Options) if item.metadata["group"] != "evaluation"),
}
_INSTEAD = {
    "split": "--eval_split names what is scored",
    "batch_size": "pictures are taken 16 at a time",
    "use_stereo": "the checkpoint says how it was trained, --eval_stereo scores it in metres",
    "frame_ids": "the checkpoint says how it was trained",
    "fit": "the checkpoint says how it was trained",
    "crop_top": "the checkpoint says how it was trained",
    "scales": "the checkpoint says how it was trained",
    "odometry --poses": "--true_poses names a file of true poses",
}
# the scripts at the root by the names of the commands that do the same
SCRIPTS = {
    "train": "train.py",
    "evaluate": "evaluate_depth.py",
    "odometry": "evaluate_pose.py",
    "predict": "predict.py",
    "export": "export_depth.py",
    "gt-export": "export_gt_depth.py",
    "cache": "cache_pictures.py",
}


def check_used(stated: Collection[str], command: str) -> None:
    """Refuse options that a command does not use.

    Args:
        stated: names of the options that were given.
        command: its key in `USED_BY`.

    Raises:
        UserError: one was given.
    """
    for name in (item.name for item in fields(Options)):
        if name in stated and name not in USED_BY[command]:
            owner = next(other for other, used in USED_BY.items() if name in used)
            instead = _INSTEAD.get(f"{command} --{name}", _INSTEAD.get(name, ""))
            raise UserError(belong_to(owner, [name], _called(command), instead))


def belong_to(owner: str, names: Sequence[str], user: str, instead: str = "") -> str:
    """Say of flags that another command has that they are of no use here.

    Args:
        owner: that command, a key of `USED_BY`.
        names: of the options.
        user: how the command is called that was given them.
        instead: what this command has in their place.
    """
    belong, them = ("belongs", "it") if len(names) == 1 else ("belong", "them")
    flags = ", ".join(f"--{name}" for name in names)
    return f"{flags} {belong} to {_called(owner)}: {instead or f'{user} has no use for {them}'}; drop {them}"


def _called(command: str) -> str:
    """The name of a command's script, where this process was started as a script; else how to start the command."""
    return SCRIPTS[command] if Path(sys.argv[0]).name in SCRIPTS.values() else started_as(command)


def started_as(command: str) -> str:
    """How to start a command, in the form in which this process was started: as a script at the root, or by its name.

    Args:
        command: its name; one that has no script is always started by its name.
    """
    program = Path(sys.argv[0])
    if program.name in SCRIPTS.values() and command in SCRIPTS:
        return f"python {shlex.quote(str(program.with_name(SCRIPTS[command])))}"
    return f"{'python -m monodepth2' if program.name == '__main__.py' else 'monodepth2'} {command}"


def launched_as(command: str) -> str:
    """What follows `torchrun` to start a command, likewise."""
    program = started_as(command)
    return program.removeprefix("python ") if program.startswith("python ") else f"-m {program}"
