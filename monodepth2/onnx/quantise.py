"""A depth network in whole numbers of 8 bits, calibrated on pictures."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from monodepth2.datasets.folders import walk
from monodepth2.errors import UserError, counted, first_line
from monodepth2.files.evenly import evenly
from monodepth2.files.fit import Fit
from monodepth2.files.picture_names import picture_names
from monodepth2.files.picture_opening import is_own_output
from monodepth2.files.pictures import read_pyramid
from monodepth2.onnx.convert import quiet
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.network import make_session, run_session

HELD_OUT = 4  # one picture in so many is not calibrated on, but compared
LEAST_PICTURES = 8
MOST_PICTURES = 64
TIMED = 15  # runs
KEPT = (0, 4, 8)  # convolutions, those nearest to the output, that stay float32: as few as are enough
SMALL_CHANGE = 0.01  # of depth; no more need be kept then


@dataclass(frozen=True)
class Quantised:
    """A quantised file, beside the one in float32.

    Attributes:
        content: of the file.
        change: by what share its depth differs on pictures that it was not calibrated on, the median.
        size: bytes, as a share of the float32 file's.
        speed: how many times as fast it runs on this processor.
        kept: convolutions that stay float32.
        pictures: that were calibrated on.
    """

    content: bytes
    change: float
    size: float
    speed: float
    kept: int
    pictures: int

    def report(self) -> str:
        """What was won and lost, in a line."""
        return (
            f"int8, calibrated on {counted(self.pictures, 'picture')}: {self.size:.0%} of the float32 file's size, "
            f"{self.speed:.1f} times as fast on this processor; depth differs by {self.change:.1%} "
            f"(median, on pictures that were not calibrated on); {self.kept} convolutions stay float32"
        )


def quantise(content: bytes, pictures: Sequence[np.ndarray], most_change: float) -> Quantised:
    """Quantise a depth network of fixed size: weights per channel, activations as calibrated.

    All convolutions are quantised if depth then changes little; if not, those nearest to the output stay float32.

    Args:
        content: of the float32 file.
        pictures: in [0, 1], float32, (1, 3, h, w), of the network's size; at least `LEAST_PICTURES`.
        most_change: of depth, as a share; above it nothing is returned.

    Raises:
        UserError: onnxruntime cannot do it, or depth changes too much.
    """
    held_out = list(pictures[::HELD_OUT])
    used = [picture for n, picture in enumerate(pictures) if n % HELD_OUT]
    expected, before = _run(content, held_out)
    best: Quantised | None = None
    for kept in KEPT:
        small = _quantised(content, used, _nearest_to_the_output(content, kept))
        found, after = _run(small, held_out)
        change = median(float(np.abs(theirs / ours - 1).mean()) for ours, theirs in zip(found, expected, strict=True))
        result = Quantised(small, change, len(small) / len(content), before / after, kept, len(used))
        if best is None or result.change < best.change:
            best = result
        if best.change <= SMALL_CHANGE:
            break
    assert best is not None
    if not best.change <= most_change:
        raise UserError(
            f"--precision int8 changes depth by {best.change:.1%}, more than --tolerance {most_change:g}: nothing is "
            "written; calibrate on more pictures of the same kind, or use fp16"
        )
    return best


def find_calibration(folder: Path) -> list[Path]:
    """Find the pictures of a folder and its subfolders, without masks, depth and predictions.

    Raises:
        UserError: there is no such folder, or it holds too few pictures.
    """
    if not folder.is_dir():
        raise UserError(f"--calibration {folder}: no such folder")
    found = (inner / name for inner in sorted(walk(folder)) for name in picture_names(inner))
    paths = [path for path in found if not is_own_output(path)]
    if len(paths) < LEAST_PICTURES:
        raise UserError(
            f"--calibration {folder}: holds {counted(len(paths), 'picture')}; give at least {LEAST_PICTURES}, some "
            "hundred of the places where the network will be used"
        )
    return paths


def calibration_pictures(paths: Sequence[Path], metadata: Metadata) -> list[np.ndarray]:
    """Read up to `MOST_PICTURES` of some pictures, evenly chosen, at the network's size; (1, 3, h, w), in [0, 1].

    Raises:
        UserError: one cannot be read.
    """
    size, (kind, top) = {"width": metadata.width, "height": metadata.height}, metadata.fit or ("stretch", 0.5)
    levels = [read_pyramid(path, 0, **size, fit=Fit(kind, top))[0] for path in evenly(paths, MOST_PICTURES)]
    return [(level.transpose(2, 0, 1)[None] / 255).astype(np.float32) for level in levels]


def _run(content: bytes, pictures: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """The disparities of pictures, and the seconds for one of them."""
    session = make_session(content, torch.device("cpu"), "the exported network")
    disps = [run_session(session, {"image": torch.from_numpy(one)}, ["disp"], "it")[0].numpy() for one in pictures]
    times = []
    for _ in range(TIMED):
        started = time.perf_counter()
        session.run(["disp"], {"image": pictures[0]})
        times.append(time.perf_counter() - started)
    return disps, median(times)


def _nearest_to_the_output(content: bytes, count: int) -> list[str]:
    """The names of the last convolutions in the order of the graph."""
    import onnx

    nodes = onnx.load_model_from_string(content).graph.node
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    return convolutions[len(convolutions) - count :]


def _quantised(content: bytes, pictures: Sequence[np.ndarray], precise: list[str]) -> bytes:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.pictures: Iterator[np.ndarray] = iter(pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            picture = next(self.pictures, None)
            return None if picture is None else {"image": picture}

    model: Any = onnx.load_model_from_string(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        try:
            with quiet():
                quantize_static(
                    model, path, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, nodes_to_exclude=precise,
                    op_types_to_quantize=["Conv"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                )  # fmt: skip
        except Exception as error:  # of onnxruntime's many kinds
            raise UserError(f"onnxruntime cannot quantise this network ({first_line(error)})") from error
        small: Any = onnx.load_model(path)
    del small.metadata_props[:]
    small.metadata_props.extend(model.metadata_props)
    return small.SerializeToString()
