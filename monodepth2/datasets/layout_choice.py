"""Which layout a run's data set has."""

from collections.abc import Callable
from pathlib import Path

from monodepth2.config import Options
from monodepth2.datasets.camera_choice import CameraChoice
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.kitti_layouts import KittiDepth, KittiOdometry, KittiRaw, KittiTest
from monodepth2.datasets.layouts import Layout
from monodepth2.errors import UserError

LAYOUTS: dict[str, Callable[..., Layout]] = {
    "kitti": KittiRaw,
    "kitti_depth": KittiDepth,
    "kitti_odom": KittiOdometry,
    "kitti_test": KittiTest,
}


def make_layout(
    dataset: str, data_path: Path, png: bool, cameras: CameraChoice | None = None, must_exist: bool = True
) -> Layout:
    """Return the layout of `--dataset` under `--data_path`.

    Raises:
        UserError: the folder does not exist.
    """
    root = data_path.expanduser()
    if must_exist:
        require_root(root)
    if dataset == "folder":
        return Folders(root, cameras=cameras or CameraChoice())
    return LAYOUTS[dataset](root, ".png" if png or dataset == "kitti_test" else ".jpg", cameras or CameraChoice())


def require_root(root: Path) -> None:
    """Check that a data set's folder exists.

    Raises:
        UserError: it does not.
    """
    if not root.is_dir():
        raise UserError(f"--data_path {root}: no such folder")


def layout_of(options: Options) -> Layout:
    """Return the layout of a run.

    Raises:
        UserError: its folder does not exist.
    """
    if not options.is_given("data_path") and not options.data_path.expanduser().is_dir():
        raise UserError(
            f"no data set is named, and there is no {options.data_path}: name a folder of pictures (DRIVE), or the "
            "root of a data set with --data_path"
        )
    return make_layout(options.dataset, options.data_path, options.png, CameraChoice.from_options(options))
