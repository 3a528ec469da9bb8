"""Make3D's test set: 134 pictures, and of each a coarse grid of a turning laser's distances.

Source: Saxena, Sun and Ng, "Make3D: Learning 3D Scene Structure from a Single Still Image", PAMI 2009. Networks for
wide pictures look at the middle of these upright ones: the full width, and half of it high (Godard et al., "Digging
Into Self-Supervised Monocular Depth Estimation", ICCV 2019, supplement); the grid is cropped alike.
"""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from scipy.io import loadmat

from monodepth2.datasets.depth_files import known_depths
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, first_line
from monodepth2.files.fit import Size
from monodepth2.files.input_files import required_input
from monodepth2.files.pictures import picture_size

PICTURES = 134
PICTURE_FOLDERS = ("Test134", "")
GRID_FOLDERS = ("Gridlaserdata", "Test134Depth", "Test134Depth/Gridlaserdata", "")
ASPECT = 2  # width by height of what is scored
GRID, DEPTH_PLACE = "Position3DGrid", 3
MOST_BYTES = 1 << 23
_MAT_HEADER, _COMPRESSED = 128, 15


@dataclass(frozen=True)
class Make3D(Layout):
    """`Test134/img-<name>.jpg` and `Gridlaserdata/depth_sph_corr-<name>.mat`, as the archives unpack.

    A split line names a picture where those of other data sets name a folder.
    """

    has_second_camera: ClassVar[bool] = False
    has_neighbours: ClassVar[bool] = False
    depth_remedy: ClassVar[str] = "unpack Make3D's Test134Depth"

    def lines(self) -> list[SplitLine]:
        """Return a line per picture, in the order of their names.

        Raises:
            UserError: there are none.
        """
        folder = _first_folder(self.root, PICTURE_FOLDERS, "img-*.jpg")
        names = sorted(path.stem.removeprefix("img-") for path in folder.glob("img-*.jpg"))
        return [SplitLine(name, number, "l") for number, name in enumerate(names)]

    def picture_path(self, line: SplitLine) -> Path:
        """The picture of the line."""
        return _first_folder(self.root, PICTURE_FOLDERS, "img-*.jpg") / f"img-{line.folder}.jpg"

    def depth_path(self, line: SplitLine) -> Path:
        """The grid of distances of a line."""
        folder = _first_folder(self.root, GRID_FOLDERS, "depth_sph_corr-*.mat")
        return folder / f"depth_sph_corr-{line.folder}.mat"

    def cropped(self, picture: Image.Image) -> Image.Image:
        """Return the middle of a picture: its full width, and half of that high."""
        _, height = self.cropped_size(picture.size)
        top = (picture.height - height) // 2
        return picture.crop((0, top, picture.width, top + height))

    def cropped_size(self, size: Size) -> Size:
        """Return the (width, height) that `cropped` leaves of a picture."""
        return size[0], round(_kept(size) * size[1])

    def depth(self, line: SplitLine) -> np.ndarray:
        """Return the grid's distances for the same part of the picture, metres, float32, (h, w), 0 where unknown.

        Raises:
            UserError: the grid or the picture is missing or damaged.
        """
        grid = read_grid(self.depth_path(line))
        kept = round(_kept(picture_size(self.picture_path(line))) * len(grid))
        top = (len(grid) - kept) // 2
        return grid[top : top + kept]


def _kept(size: tuple[int, int]) -> float:
    """The share of a picture's height that is scored."""
    width, height = size
    return min(1.0, width / ASPECT / height)


def _first_folder(root: Path, names: tuple[str, ...], pattern: str) -> Path:
    for name in names:
        if next((root / name).glob(pattern), None):
            return root / name
    raise UserError(f"{root}: has no {names[0]}/{pattern}; unpack Make3D's Test134 and its depth there")


def read_grid(path: Path) -> np.ndarray:
    """Return the distances of a grid in metres, float32, (h, w), 0 where unknown.

    Raises:
        UserError: the file is missing, damaged or no such grid.
    """
    content = required_input(path, MOST_BYTES, "no such file; unpack Make3D's Test134Depth")
    try:
        grid = loadmat(io.BytesIO(_unpacked(content)), variable_names=[GRID])[GRID]
        if grid.ndim != 3 or grid.shape[2] <= DEPTH_PLACE or not grid.size or grid.dtype.kind != "f":
            raise ValueError(f"its {GRID} is no array (h, w, 4) of numbers")
        return known_depths(grid[..., DEPTH_PLACE])
    except Exception as error:  # scipy raises many kinds for bad bytes
        raise UserError(f"{path}: not a readable grid of Make3D ({first_line(error)})") from error


def _unpacked(content: bytes) -> bytes:
    """The file with its elements unpacked, as far as they are of a plausible size."""
    parts, start = [content[:_MAT_HEADER]], _MAT_HEADER
    left = MOST_BYTES
    while start + 8 <= len(content) and left > 0:
        kind, size = np.frombuffer(content, "<u4", 2, start).tolist()
        end = start + 8 + size
        if kind == _COMPRESSED:
            parts.append(zlib.decompressobj().decompress(content[start + 8 : end], left))
        else:
            parts.append(content[start:end])
        left -= len(parts[-1])
        start = end
    return b"".join(parts)
