"""Depth that is known while training: found beside the pictures, and brought to the network's size and unit.

Legend of shapes: h w pixels of a map, h' w' of the network's input.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.check import check_calibration
from monodepth2.datasets.depth_files import other_shapes, part_of_sample, read_depth_map
from monodepth2.datasets.depth_folders import DepthBeside
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.kitti_layouts import KittiOdometry, KittiRaw
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.samples import Shown
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import Fit, Size
from monodepth2.files.picture_opening import PictureError
from monodepth2.method.depth_maps import network_unit


@dataclass(frozen=True)
class KnownDepth:
    """The known depth of a data set's pictures.

    Attributes:
        layout: of the data set.
        size: (width, height) of the network's input.
        fit: how pictures come to that size.
        unit: what a metre is in the network's unit.
        limits: nearest and farthest depth that the network expresses; what lies beyond counts as unknown.
        png_scale: steps per metre in the `.png` files of plain folders.
        beside: finds the maps of plain folders; None for KITTI's layouts.
    """

    layout: Layout
    size: Size
    fit: Fit
    unit: float
    limits: tuple[float, float]
    png_scale: float
    beside: DepthBeside | None

    @classmethod
    def from_options(cls, options: Options, layout: Layout) -> "KnownDepth | None":
        """What `--depth_supervision` asks for; None without it.

        Raises:
            UserError: the layout has no depth, its unit is unknown beside a rig of unknown baseline, or
                `--gt_png_scale` has nothing to act on.
        """
        if options.is_given("gt_png_scale") and not (options.depth_supervision and isinstance(layout, Folders)):
            raise UserError(
                f"--gt_png_scale {options.gt_png_scale:g}: is about --depth_supervision from plain folders; drop it"
            )
        if not options.depth_supervision:
            return None
        if not isinstance(layout, KittiRaw | KittiOdometry | Folders):
            raise UserError(f"--depth_supervision: --dataset {options.dataset} has no depth; drop the flag")
        return cls(
            layout,
            (options.width, options.height),
            options.input_fit,
            network_unit(options.use_stereo, layout.baseline),
            (options.min_depth, options.max_depth),
            options.gt_png_scale,
            DepthBeside(layout.root) if isinstance(layout, Folders) else None,
        )

    def path(self, line: SplitLine) -> Path | None:
        """The file with the depth of a line's picture; None where there is none.

        Raises:
            UserError: several files could be meant.
        """
        if self.beside:
            return self.beside.find_one(line, self.layout.picture_path(line))
        assert isinstance(self.layout, KittiRaw | KittiOdometry)
        path = self.layout.depth_path(line)
        return path if path.is_file() else None

    def check(self, lines: Sequence[SplitLine]) -> str:
        """Check that there is depth, and say of how many lines.

        Raises:
            UserError: there is none, a map lies on its side, or KITTI's calibration, which its scans need, is missing
                or not of these pictures.
        """
        known = [line for line in lines if self.path(line) is not None]
        if not known:
            remedy = self.layout.depth_remedy
            raise UserError(f"--depth_supervision: none of the {len(lines):,} lines has known depth; {remedy}")
        check_calibration(self.layout, lines)
        if isinstance(self.layout, KittiOdometry):
            for line in {(line.folder, line.side): line for line in known}.values():
                with suppress(PictureError):  # the loader says so where the run meets it
                    self.layout.scanner(line)
        told = f"--depth_supervision: depth is known of {len(known):,} of {len(lines):,} lines"
        if self.beside:
            pairs = ((path, self.layout.picture_path(line)) for line in known if (path := self.path(line)))
            told = "; ".join(filter(None, (told, other_shapes(pairs, self.png_scale))))
        return told

    def read(self, shown: Shown) -> np.ndarray:
        """The depth of what is shown, not mirrored, at the network's size and in its unit, float32, 0 where unknown.

        Raises:
            PictureError: the file cannot be read.
            UserError: several files could be meant.
        """
        path = self.path(shown.line)
        if path is None:
            return np.zeros(self.size[::-1], np.float32)
        with part_of_sample(path):
            metres_hw = read_depth_map(path, self.png_scale) if self.beside else self._kitti(shown.line)
        depth_hw = self.unit * reduced_depth(metres_hw, self.size, replace(self.fit, window=shown.window), shown.whole)
        nearest, farthest = self.limits
        return np.where((depth_hw > nearest) & (depth_hw < farthest), depth_hw, 0).astype(np.float32)

    def _kitti(self, line: SplitLine) -> np.ndarray:
        assert isinstance(self.layout, KittiRaw | KittiOdometry)
        return self.layout.depth(line)


def reduced_depth(depth_hw: np.ndarray, size: Size, fit: Fit, picture: Size | None = None) -> np.ndarray:
    """Bring a sparse map to the size of a network's input: of the known depths that fall on a pixel the nearest stays.

    No two depths are mixed, and none is made where there is none: a map smaller than the input leaves holes.

    Args:
        depth_hw: 0 where unknown; of the whole picture, at any size.
        size: (width, height) of the input.
        fit: how the picture comes to that size.
        picture: (width, height) of the picture; None: the map's own.

    Returns:
        The map, float32, (h', w'), 0 where unknown.
    """
    (h, w), (width, height) = depth_hw.shape, size
    left, top, right, bottom = fit.box_of_map((h, w), size, picture or (w, h)) or (0, 0, w, h)
    row, column = np.nonzero(depth_hw)
    v = np.floor((row + 0.5 - top) * height / (bottom - top)).astype(np.intp)
    u = np.floor((column + 0.5 - left) * width / (right - left)).astype(np.intp)
    seen = (v >= 0) & (v < height) & (u >= 0) & (u < width)
    nearest = np.full((height, width), np.inf, np.float32)
    np.minimum.at(nearest, (v[seen], u[seen]), depth_hw[row[seen], column[seen]])
    return np.where(np.isfinite(nearest), nearest, np.float32(0))
