"""Making the stored ground truth of a split from a data set: a map per line, on all cores, into one archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from monodepth2.config import GroundTruthOptions, available_cores
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.ground_truth import FILE_NAME, IMPROVED_TRUTH, write_ground_truth
from monodepth2.datasets.kitti_layouts import KittiDepth, KittiRaw
from monodepth2.datasets.layout_choice import make_layout
from monodepth2.datasets.make3d import Make3D
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split, split_folder
from monodepth2.datasets.velodyne import SIZE_CAMERA
from monodepth2.errors import UserError, check_all
from monodepth2.files.output_paths import check_output_file
from monodepth2.files.picture_opening import open_picture
from monodepth2.runtime.threads import map_ahead


@dataclass(frozen=True)
class Export:
    """What an export has left.

    Attributes:
        path: the archive.
        sizes: (h, w) of each line's map.
    """

    path: Path
    sizes: tuple[tuple[int, int], ...]

    def report(self) -> str:
        """The result as text for people."""
        kinds = ", ".join(f"{w} x {h}" for h, w in sorted(set(self.sizes)))
        return f"{len(self.sizes):,} depth maps of {kinds} pixels are in {self.path}"


def export_ground_truth(options: GroundTruthOptions) -> Export:
    """Write the ground truth of a split's test lines as evaluation reads it; the file appears whole or not at all.

    Raises:
        UserError: the output cannot be written or exists already, the split has no test lines, or files with ground
            truth are missing (all of this before the work), or one of them is damaged.
    """
    output = (options.output or split_folder(options.split) / FILE_NAME).expanduser()
    _check_output(output, options.overwrite)
    lines = read_split(options.split, "test")
    layout = _layout(options)
    _check_sources(layout, lines)
    sizes = tuple(_size(layout, line) for line in lines)
    workers = options.num_workers or available_cores()
    # threads, not processes: reading and projecting leave Python to work in parallel
    made = map_ahead(partial(_make_map, layout), lines, 2 * workers, workers)
    maps = tqdm(made, "depth maps", len(lines), unit="image", disable=None)
    write_ground_truth(output, maps, lines, sizes[0] if len(set(sizes)) == 1 else None)
    return Export(output, sizes)


def check_depth_files(layout: KittiRaw | Make3D, lines: Sequence[SplitLine]) -> None:
    """Check that the file with ground truth of every line exists; none is opened.

    Raises:
        UserError: some do not; the message has their number, an example and the remedy.
    """
    paths = [layout.depth_path(line) for line in lines]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        found = f"{len(missing):,} of {len(paths):,} files with ground truth are missing, e.g. {missing[0]}"
        raise UserError(f"{found}; {layout.depth_remedy}")


def _check_output(output: Path, overwrite: bool) -> None:
    if output.is_dir():
        raise UserError(f"--output {output}: is a folder; give a file, e.g. {output / FILE_NAME}")
    check_output_file("output", output)
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists: add --overwrite to replace it, or give another file with --output")


def _layout(options: GroundTruthOptions) -> KittiRaw:
    by_split = "kitti_depth" if Path(options.split).name == IMPROVED_TRUTH else "kitti"
    layout = make_layout(options.dataset or by_split, options.data_path, png=False)
    assert isinstance(layout, KittiRaw)
    return layout


def _check_sources(layout: KittiRaw, lines: Sequence[SplitLine]) -> None:
    """Report everything that is missing at once."""
    dates = set() if isinstance(layout, KittiDepth) else {layout.calibration_folder(line) for line in lines}
    check_all(partial(check_depth_files, layout, lines), *(partial(Calibration.read, date) for date in sorted(dates)))


def _size(layout: KittiRaw, line: SplitLine) -> tuple[int, int]:
    """(h, w) of a line's map, before it is made."""
    if isinstance(layout, KittiDepth):
        with open_picture(layout.depth_path(line), ("PNG",)) as picture:
            width, height = picture.size
    else:
        width, height = Calibration.read(layout.calibration_folder(line)).image_size(SIZE_CAMERA)
    return height, width


def _make_map(layout: KittiRaw, line: SplitLine) -> np.ndarray:
    return layout.depth(line, forward=True)
