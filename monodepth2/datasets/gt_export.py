"""Making the stored ground truth of a split from a data set: a map per line, on all cores, then one archive.

Finished maps are kept in a folder beside the archive until it is complete, so that an interrupted export continues.
The folder's name is a digest of what the maps are made of: another split or data set never meets them.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from tqdm import tqdm

from monodepth2 import __version__
from monodepth2.config import GroundTruthOptions, available_cores
from monodepth2.datasets.calibration import Calibration
from monodepth2.datasets.ground_truth import FILE_NAME, IMPROVED_TRUTH, read_ground_truth, write_ground_truth
from monodepth2.datasets.kitti_layouts import KittiDepth, KittiRaw
from monodepth2.datasets.layout_choice import make_layout
from monodepth2.datasets.make3d import Make3D
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split, split_folder
from monodepth2.errors import UserError, check_all
from monodepth2.files.output_paths import check_output_file
from monodepth2.runtime.threads import map_ahead

BYTES_PER_MAP = 256 << 10  # compressed; needed twice, in the folder and in the archive


@dataclass(frozen=True)
class Export:
    """What an export has left.

    Attributes:
        path: the archive.
        sizes: (h, w) of each line's map.
        resumed: maps that an interrupted export had already made.
    """

    path: Path
    sizes: tuple[tuple[int, int], ...]
    resumed: int

    def report(self) -> str:
        """The result as text for people."""
        kinds = sorted(set(self.sizes))
        text = (
            f"{len(self.sizes):,} depth maps of {', '.join(f'{w} x {h}' for h, w in kinds)} pixels are in {self.path}"
        )
        return text + (f"; {self.resumed:,} were there from an interrupted export" if self.resumed else "")


def export_ground_truth(options: GroundTruthOptions) -> Export:
    """Write the ground truth of a split's test lines as evaluation reads it.

    Raises:
        UserError: the output cannot be written or exists already, the split has no test lines, or files with ground
            truth are missing (all of this before the work), or one of them is damaged.
    """
    output = (options.output or split_folder(options.split) / FILE_NAME).expanduser()
    _check_output(output, options.overwrite)
    lines = read_split(options.split, "test")
    layout = _layout(options)
    _check_sources(layout, lines)
    folder = _make_folder(output, layout, lines)
    made = _make_maps(layout, lines, folder, options.num_workers or available_cores())
    sizes = tuple(size for size, _ in made)
    _pack(folder, lines, sizes, output)
    shutil.rmtree(folder, ignore_errors=True)
    return Export(output, sizes, sum(resumed for _, resumed in made))


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


def _make_folder(output: Path, layout: KittiRaw, lines: Sequence[SplitLine]) -> Path:
    """The folder of finished maps, beside the output."""
    source = [__version__, type(layout).__name__, str(layout.root.resolve()), *map(str, lines)]
    digest = sha256("\n".join(source).encode()).hexdigest()[:16]
    folder = output.with_name(f"{output.name}.partial-{digest}")
    try:
        folder.mkdir(exist_ok=True)
        made = sum(path.suffix == ".npz" for path in folder.iterdir())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise UserError(
            f"{output}: cannot be written ({error.strerror}); give a file in an existing, writable folder with --output"
        ) from error
    needed = BYTES_PER_MAP * (2 * len(lines) - made)
    if free < needed:
        with suppress(OSError):  # maps of an interrupted export stay
            folder.rmdir()
        raise UserError(f"{output}: needs about {needed >> 20:,} MiB of disk, but {free >> 20:,} MiB are free")
    return folder


def _make_maps(
    layout: KittiRaw, lines: Sequence[SplitLine], folder: Path, workers: int
) -> list[tuple[tuple[int, int], bool]]:
    """Make every map that is not there: for each line its size and whether it was.

    Threads, not processes: reading, projecting and compressing leave Python to work in parallel.
    """
    made = map_ahead(partial(_make_map, layout, folder), enumerate(lines), 2 * workers, workers)
    return list(tqdm(made, "depth maps", len(lines), unit="image", disable=None))


def _make_map(layout: KittiRaw, folder: Path, numbered: tuple[int, SplitLine]) -> tuple[tuple[int, int], bool]:
    """Make a numbered line's map, unless a whole one is there; return its size and whether it was."""
    position, line = numbered
    path = _map_path(folder, position)
    resumed = path.exists()
    try:
        depth = read_ground_truth(path, 1, [line])(0)
    except UserError:  # missing or damaged
        resumed = False
        depth = layout.depth(line, forward=True)
        write_ground_truth(path, [depth], [line], depth.shape)
    return depth.shape, resumed


def _map_path(folder: Path, position: int) -> Path:
    return folder / f"{position:05d}.npz"


def _pack(folder: Path, lines: Sequence[SplitLine], sizes: Sequence[tuple[int, int]], output: Path) -> None:
    """Write the maps of the folder into one archive; where a link leads to is written."""

    def maps() -> Iterator[np.ndarray]:
        for position in tqdm(range(len(lines)), desc="packing", unit="image", disable=None):
            yield read_ground_truth(_map_path(folder, position), 1)(0)

    write_ground_truth(output, maps(), lines, sizes[0] if len(set(sizes)) == 1 else None)
