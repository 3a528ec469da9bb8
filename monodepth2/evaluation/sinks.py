"""What becomes of predictions besides being scored: an array, pictures, the benchmark's upload.

Legend of shapes: h w pixels of the network's size.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.evaluation.protocol import BENCHMARK, is_scored, scored_split
from monodepth2.evaluation.regions import MAX_DEPTH
from monodepth2.evaluation.sources import DisparitySource
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.files.output_paths import make_output_folder, whole_file, write_whole
from monodepth2.files.picture_opening import MARK
from monodepth2.files.pictures import encoded
from monodepth2.method.depth_maps import at_picture_size
from monodepth2.pages.colours import coloured_disparity

BENCHMARK_SIZE = (352, 1216)
BENCHMARK_FOLDER = "benchmark_predictions"
METRES_PER_STEP = 1 / 256


class Sink(Protocol):
    """Takes the disparities of a split in order.

    Attributes:
        said: what to tell the user at the end.
    """

    said: str

    def write(self, position: int, disp_hw: np.ndarray) -> None:
        """Take the disparity of one line of the split."""


class DisparityFile:
    """An array of disparities, float32, (n, h, w).

    Args:
        path: what it is called.
        file: receives it, and is empty.
        count: lines of the split, n, which come in order.
        fit: how pictures come to the network's size.
    """

    def __init__(self, path: Path, file: BinaryIO, count: int, fit: Fit) -> None:
        self.path, self.file, self.count = path, file, count
        self.said = f"disparities are in {path}"
        if fit != STRETCH:
            self.said += (
                ", of the part of each picture that the network sees (--fit crop); --ext_disp_to_eval would take them "
                "for whole pictures"
            )

    def write(self, position: int, disp_hw: np.ndarray) -> None:
        """Write one row.

        Raises:
            UserError: it cannot be written.
        """
        try:
            if position == 0:
                header = {"descr": "<f4", "fortran_order": False, "shape": (self.count, *disp_hw.shape)}
                np.lib.format.write_array_header_1_0(self.file, header)
            self.file.write(disp_hw.astype("<f4").tobytes())
        except OSError as error:  # named here: other files that are open must not be blamed
            raise UserError(f"{self.path}: cannot be written ({error.strerror or error})") from error


class PictureFolder:
    """Disparity in colours, one JPEG per line of the split."""

    def __init__(self, folder: Path, lines: list[SplitLine]) -> None:
        self.folder = folder
        self.lines = lines
        self.said = f"pictures are in {folder}"

    def write(self, position: int, disp_hw: np.ndarray) -> None:
        """Write one picture, whole or not at all.

        Raises:
            UserError: it cannot be written.
        """
        line = self.lines[position]
        name = f"{position:06d}_{line.folder.replace('/', '_')}_{line.frame:010d}_{line.side}.jpg"
        write_whole(self.folder / name, encoded(coloured_disparity(disp_hw), "JPEG", quality=92, comment=MARK.encode()))


class BenchmarkFolder:
    """Depth for upload to the KITTI benchmark: 16-bit PNGs of 1216 x 352, metres * 256."""

    def __init__(self, folder: Path, factor: float, fit: Fit) -> None:
        self.folder, self.factor, self.fit = folder, factor, fit
        self.said = f"depth maps for upload are in {folder}"

    def write(self, position: int, disp_hw: np.ndarray) -> None:
        """Write one depth map, whole or not at all.

        Raises:
            UserError: it cannot be written.
        """
        with np.errstate(divide="ignore"):  # a disparity of zero lies infinitely far, clipped below
            depth = self.factor / at_picture_size(disp_hw, *BENCHMARK_SIZE, self.fit)
        steps = np.nan_to_num(np.clip(depth, 0, MAX_DEPTH)) / METRES_PER_STEP
        write_whole(self.folder / f"{position:010d}.png", encoded(steps.astype(np.uint16), "PNG"))


def open_sinks(
    stack: ExitStack, source: DisparitySource, lines: list[SplitLine], options: Options, alone: bool
) -> list[Sink]:
    """Return what the options ask to be written of a source's disparities, its folders made.

    Args:
        stack: closes the files.
        source: what predicts.
        lines: the split.
        options: of the evaluation.
        alone: no other source is scored in the same run, so that folders need not be told apart.

    Raises:
        UserError: a folder cannot be written.
    """
    sinks: list[Sink] = []
    out = options.eval_out_dir and options.eval_out_dir.expanduser() / ("" if alone else source.name.replace("/", "_"))
    beside = source.path if source.path.is_dir() else source.path.parent
    if options.save_pred_disps:
        # as 2019 named it; of a file, which may have others beside it, the name is added
        of_file = "" if source.path.is_dir() else f"_{source.path.stem}"
        name = f"disps_{Path(scored_split(options)).name}_split{of_file}.npy"
        path = make_output_folder("eval_out_dir", out or beside) / name
        file = stack.enter_context(stack.enter_context(whole_file(path)).open("wb"))
        sinks.append(DisparityFile(path, file, len(lines), source.facts.fit))
    if options.eval_split == BENCHMARK and not options.no_eval:
        sinks.append(
            BenchmarkFolder(
                make_output_folder("eval_out_dir", out or beside / BENCHMARK_FOLDER),
                options.asked_factor or source.facts.metres_per_unit,
                source.facts.fit,
            )
        )
    elif out:
        sinks.append(PictureFolder(make_output_folder("eval_out_dir", out), lines))
    if not sinks and not is_scored(options):
        raise UserError("--no_eval leaves nothing to do: add --save_pred_disps or --eval_out_dir FOLDER")
    return sinks
