"""Where ground truth comes from: `--gt_path`, else the split's `gt_depths.npz`, else the data set itself."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2.checkpoints.records import trained_options
from monodepth2.config import Options, started_as
from monodepth2.datasets.depth_files import other_shapes, read_depth_map
from monodepth2.datasets.depth_folders import DepthBeside, DepthFolder
from monodepth2.datasets.folders import TRUTH, Folders
from monodepth2.datasets.ground_truth import FILE_NAME, IMPROVED_TRUTH, read_ground_truth
from monodepth2.datasets.gt_export import check_depth_files
from monodepth2.datasets.kitti_layouts import KittiDepth, KittiRaw
from monodepth2.datasets.layout_choice import require_root
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.make3d import Make3D
from monodepth2.datasets.masks import BLACK, grey_mask
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import known_splits, split_folder
from monodepth2.errors import UserError, tell


@dataclass(frozen=True)
class Truth:
    """The ground truth of a split.

    Attributes:
        described: where it comes from, in words.
        read: returns the map at a position of the split, metres, float32, (h, w), 0 where unknown.
        missing: positions whose file does not exist.
        in_threads: several maps may be read at once.
        from_data_set: whether the data set has it; else the data set need not have more than pictures.
    """

    described: str
    read: Callable[[int], np.ndarray]
    missing: frozenset[int] = frozenset()
    in_threads: bool = False
    from_data_set: bool = False


def open_truth(
    options: Options, split: str, lines: Sequence[SplitLine], layout: Layout, weights: Path | None = None
) -> Truth:
    """Find the ground truth of a split.

    Args:
        options: of the scoring.
        split: that is scored.
        lines: of it.
        layout: of the data set.
        weights: folder of the checkpoint that is scored, whose record helps to say what is wrong.

    Raises:
        UserError: there is none, it does not belong to the split, lies on its side, or a flag for another kind of it
            was given.
    """
    if options.gt_path:
        return _of_path(options, options.gt_path.expanduser(), lines, layout)
    if options.is_given("gt_png_scale") and isinstance(layout, KittiRaw | Make3D):
        raise UserError("--gt_png_scale is for the .png files of --gt_path or of a folder's depth: drop it")
    stored = _stored_file(split)
    # of KITTI's two data sets of depth that asked for by name is meant
    if stored and not (options.is_given("dataset") and isinstance(layout, KittiDepth)):
        return _stored(stored, lines)
    require_root(layout.root)
    try:
        return _of_data_set(options, split, lines, layout)
    except UserError as error:
        raise UserError(_of_own_pictures(str(error), options, layout, weights)) from error


def _of_own_pictures(message: str, options: Options, layout: Layout, weights: Path | None) -> str:
    """What to say where ground truth is missing: of the user's own pictures more than the message."""
    trained = trained_options(weights) if weights else None
    run = shlex.quote(str(weights.parent.parent)) if weights and trained else "RUN"
    report = f"{started_as('report')} {run} needs none"
    same = trained is not None and trained.data_path.expanduser().resolve() == layout.root.resolve()
    if trained and same and trained.dataset == "folder" and not isinstance(layout, Folders):
        return (
            f"--data_path {layout.root}: the run was trained on it with --dataset folder, and --dataset "
            f"{options.dataset} is another layout: add --dataset folder. Scoring needs ground truth, for plain folders "
            f"in {TRUTH}/ beside the pictures; {report}"
        )
    if isinstance(layout, Folders) and not any((layout.root / one / TRUTH).is_dir() for one in layout.drives()):
        return f"{message}. Without ground truth there is nothing to score by; {report}"
    return message


def _stored_file(split: str) -> Path | None:
    if split not in known_splits() and not Path(split).expanduser().is_dir():
        return None
    path = split_folder(split) / FILE_NAME
    return path if path.is_file() else None


def _stored(path: Path, lines: Sequence[SplitLine]) -> Truth:
    return Truth(str(path), read_ground_truth(path, len(lines), lines))


def _of_path(options: Options, path: Path, lines: Sequence[SplitLine], layout: Layout) -> Truth:
    """The ground truth that `--gt_path` names: an archive, or a folder of files."""
    if path.is_file() and path.suffix == ".npz":
        if options.is_given("gt_png_scale"):
            raise UserError(f"--gt_png_scale is for .png files, --gt_path {path} holds metres: drop --gt_png_scale")
        return _stored(path, lines)
    if not path.is_dir():
        kind = "is neither a folder nor an .npz file" if path.exists() else "no such file or folder"
        raise UserError(f"--gt_path {path}: {kind}; give a gt_depths.npz, or a folder with a depth map per line")
    if isinstance(layout, Folders):  # whose pictures have the names that maps are called by
        require_root(layout.root)
    files = DepthFolder(path).find(lines, layout.picture_path)
    if not isinstance(layout, Make3D):  # of whose pictures the middle is scored
        _tell_shapes(options, files, lines, layout)
    return _of_files(options, str(path), files)


def _tell_shapes(options: Options, files: Sequence[Path | None], lines: Sequence[SplitLine], layout: Layout) -> None:
    pairs = [(path, layout.picture_path(line)) for path, line in zip(files, lines, strict=True) if path]
    if told := other_shapes(pairs, options.gt_png_scale):
        tell(f"note: {told}")


def _of_files(options: Options, described: str, files: Sequence[Path | None]) -> Truth:
    if options.is_given("gt_png_scale") and not any(path and path.suffix.lower() == ".png" for path in files):
        raise UserError("--gt_png_scale is for .png files, and the ground truth of the split has none: drop it")

    def read(position: int) -> np.ndarray:
        path = files[position]
        assert path is not None
        return read_depth_map(path, options.gt_png_scale)

    missing = frozenset(position for position, path in enumerate(files) if path is None)
    return Truth(described, read, missing, in_threads=True)


def _of_data_set(options: Options, split: str, lines: Sequence[SplitLine], layout: Layout) -> Truth:
    if isinstance(layout, Folders):
        files = DepthBeside(layout.root).find(lines, layout.picture_path)
        _tell_shapes(options, files, lines, layout)
        return replace(_of_files(options, f"depth/ beside the pictures in {layout.root}", files), from_data_set=True)
    if not isinstance(layout, KittiRaw | Make3D):
        raise UserError(
            f"--dataset {options.dataset} has no ground truth of depth: name a gt_depths.npz or a folder of depth maps "
            "with --gt_path"
        )
    if Path(split).name == IMPROVED_TRUTH and not isinstance(layout, KittiDepth):
        raise UserError(
            f"--eval_split {split} needs the depth benchmark's improved ground truth: make "
            f"{split_folder(split) / FILE_NAME} with export_gt_depth.py --split {split}, or use --dataset kitti_depth"
        )
    missing = frozenset(n for n, line in enumerate(lines) if not layout.depth_path(line).is_file())
    if len(missing) == len(lines):
        check_depth_files(layout, lines)

    def read(position: int) -> np.ndarray:
        line = lines[position]
        return layout.depth(line, forward=True) if isinstance(layout, KittiRaw) else layout.depth(line)

    return Truth(_described(layout), read, missing, in_threads=True, from_data_set=True)


def _described(layout: KittiRaw | Make3D) -> str:
    if isinstance(layout, Make3D):
        return f"Make3D's laser in {layout.root}, of the middle of each picture, twice as wide as high"
    kind = "improved maps (proj_depth)" if isinstance(layout, KittiDepth) else "scans"
    return f"the {kind} in {layout.root}"


def usable_mask(layout: Layout, line: SplitLine, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the data set's mask of a picture at the size of its ground truth, bool, (h, w); None: all is usable.

    Raises:
        PictureError: it cannot be read.
    """
    path = layout.mask_path(line)
    if path is None:
        return None
    height, width = shape
    return np.asarray(grey_mask(path).resize((width, height), Image.Resampling.NEAREST)) >= BLACK


def require_masks(layout: Layout) -> None:
    """Check that the data set has masks.

    Raises:
        UserError: it has none.
    """
    if not layout.has_masks:
        raise UserError("--crop mask: this data set has no masks; use --crop none, garg or eigen")


def camera_matrix(layout: Layout, line: SplitLine, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the camera's matrix for pictures of the size of their ground truth, (3, 3); None if it is not known.

    Raises:
        UserError: a file that states the camera cannot be used.
    """
    if isinstance(layout, Make3D):
        return None
    height, width = shape
    camera = layout.camera(line)
    return None if camera.is_assumed else camera.matrix(width, height)[:3, :3]
