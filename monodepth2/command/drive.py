"""What `train DRIVE` is short for."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monodepth2.config import started_as
from monodepth2.errors import UserError

# from a drive's own folder up to one above the root
KITTI = ("image_0[0-3]", "*/image_0[0-3]", "*/*/image_0[0-3]", "*/*/*/image_0[0-3]")
OWN_SPLIT = "split"  # where a rendered street has its lists
ODOMETRY = ("image_[0-3]", "*/image_[0-3]", "sequences/*/image_[0-3]", "*/sequences/*/image_[0-3]")


def implied_by_drive(drive: Path, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a folder named without a flag implies: plain folders, a run of its name, their shape.

    Args:
        drive: the folder.
        stated: options that flags and a file state.

    Raises:
        UserError: there is no such folder, or it is laid out like KITTI and no `--dataset` says how to read it.
    """
    folder = drive.expanduser()
    if not folder.is_dir():
        if folder.exists():
            made = shlex.join([str(drive), "--output", f"data/{drive.stem}"])
            raise UserError(
                f"DRIVE {drive}: is a file; of a video make a data set first: {started_as('prepare')} {made}"
            )
        raise UserError(
            f"DRIVE {drive}: there is no such folder; name a folder of pictures, or a folder of such folders"
        )
    implied = {"model_name": folder.resolve().name}
    if "dataset" in stated:
        return implied
    for layout, patterns in (("kitti", KITTI), ("kitti_odom --split odom", ODOMETRY)):
        if any(any(folder.glob(pattern)) for pattern in patterns):
            raise UserError(
                f"DRIVE {drive}: is laid out like KITTI, not as plain folders; {_remedy(drive, layout)}, or add "
                "--dataset folder to take every folder of pictures in it as a drive"
            )
    if "height" in stated or "width" in stated:
        return {"dataset": "folder", **implied}
    return {"dataset": "folder", **implied, **_size_of_pictures(folder)}


def _remedy(drive: Path, layout: str) -> str:
    """How to train on a folder that is laid out like KITTI."""
    split = drive / OWN_SPLIT
    if (split.expanduser() / "train_files.txt").is_file():
        return f"give --data_path {shlex.quote(str(drive))} --split {shlex.quote(str(split))} in place of DRIVE"
    return f"give the root of the data set by --data_path, with --dataset {layout}"


def _size_of_pictures(folder: Path) -> dict[str, int]:
    """Height and width of a network's input in the shape of a data set's first picture; none where it cannot be read.

    What is wrong with the folder is told by training, which checks all of it.
    """
    # only now: --help and a mistyped flag answer at once
    from monodepth2.datasets.camera_choice import CameraChoice, size_of_pictures
    from monodepth2.datasets.folders import Folders
    from monodepth2.files.fit import usual_input_size

    try:
        picture = size_of_pictures(folder / Folders(folder, cameras=CameraChoice()).drives()[0])
    except UserError:
        return {}
    width, height = usual_input_size(picture)
    return {"height": height, "width": width}
