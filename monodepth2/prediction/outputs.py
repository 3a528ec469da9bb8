"""What is written of a prediction: arrays, 16-bit and coloured pictures, point clouds.

Legend of shapes: h w pixels of the picture, h' w' of the network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL.PngImagePlugin import PngInfo

from monodepth2.datasets.cameras import Camera
from monodepth2.errors import tell
from monodepth2.files.fit import Size
from monodepth2.files.output_paths import whole_file
from monodepth2.files.picture_opening import MARK
from monodepth2.files.pictures import encoded
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction.cameras import has_shape_of
from monodepth2.prediction.point_cloud import Pinhole, point_cloud, write_ply
from monodepth2.prediction.predictor import DepthPrediction

DEPTH_STEPS = 256  # of a depth PNG per unit, as in KITTI
LARGEST = 65535  # of a 16-bit PNG
NEAR_FARTHEST = 0.99  # of the farthest depth: what reaches it is sky
WIDE = 2  # times as wide as high: such pictures read best above each other


@dataclass(frozen=True)
class Settings:
    """How predictions are expressed.

    Attributes:
        factor: from the network's unit of depth to the one that is written.
        unit: the name of that one.
        min_depth: nearest depth that the network expresses, in its own unit.
        max_depth: farthest.
        colours: matplotlib's name of the colour map of disparity.
        camera: that took the pictures, or its focal length in widths of a picture, where pixels are square and the
            principal point is the centre.
        limits: disparities that the colours span (default: those of each prediction).
    """

    factor: float
    unit: str
    min_depth: float
    max_depth: float
    colours: str
    camera: Camera | float
    limits: tuple[float, float] | None = None

    @property
    def farthest(self) -> float:
        """The depth from which on all is sky, in the unit that is written."""
        return NEAR_FARTHEST * self.max_depth * self.factor

    def depth(self, prediction: DepthPrediction) -> np.ndarray:
        """Depth at the picture's size in the unit that is written, float32, (h, w)."""
        return np.float32(self.factor) * prediction.depth

    def pinhole(self, width: int, height: int) -> Pinhole:
        """The camera of pictures of a size."""
        if isinstance(self.camera, Camera):
            _tell_other_shape(self.camera, (width, height))
            fx, fy, cx, cy = self.camera.fx, self.camera.fy, self.camera.cx, self.camera.cy
            return Pinhole(fx * width, fy * height, cx * width, cy * height)
        return Pinhole(self.camera * width, self.camera * width, width / 2, height / 2)


@cache
def _tell_other_shape(camera: Camera, size: Size) -> None:
    if not has_shape_of(camera, size):
        tell(
            f"warning: pictures of {size[0]} x {size[1]} are of another shape than those of the checkpoint's camera; "
            "points are right only if they were squeezed: else give --focal_length in widths of the picture"
        )


def write_output(path: Path, kind: str, prediction: DepthPrediction, settings: Settings) -> bool:
    """Write one kind of output, whole or not at all.

    Args:
        path: the file.
        kind: one of `KINDS`.
        prediction: of one picture.
        settings: unit, colours and camera.

    Returns:
        Whether all values fitted into the file, rather than being cut off at the ends of its range.

    Raises:
        UserError: the file cannot be written.
    """
    with whole_file(path) as partial, partial.open("wb") as file:
        return KINDS[kind].write(file, prediction, settings) is not False


def side_by_side(prediction: DepthPrediction, settings: Settings) -> np.ndarray:
    """Put the picture beside its coloured disparity, or above it where it is wide; uint8, (h, 2w, 3) or (2h, w, 3)."""
    both = np.asarray(prediction.picture), coloured_disparity(prediction.disp, settings.colours, settings.limits)
    return np.concatenate(both, axis=0 if prediction.picture.width > WIDE * prediction.picture.height else 1)


def _write_disp_npy(file: BinaryIO, prediction: DepthPrediction, _: Settings) -> None:
    """2019's file: scaled disparity at the network's size, float32, (1, 1, h', w')."""
    np.save(file, prediction.network_disp[None, None])


def _write_disp_png(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    """Scaled disparity in steps that let the nearest depth be 65535; 0 only where there is none (`--fit crop`)."""
    _save_16_bit(file, prediction.disp, LARGEST * settings.min_depth, "disparity (1 / depth) in 1 / network units")


def _write_depth_npy(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    """Depth at the picture's size, float32, (h, w)."""
    np.save(file, settings.depth(prediction))


def _write_depth_png(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> bool:
    """Depth in KITTI's steps of 1/256, at most 255.996; 0 ("unknown") only where there is none (`--fit crop`)."""
    return _save_16_bit(file, settings.depth(prediction), DEPTH_STEPS, f"depth in {settings.unit}")


def _write_ply(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    picture = np.asarray(prediction.picture)
    height, width = picture.shape[:2]
    camera = settings.pinhole(width, height)
    focal = f"{camera.fx:g}" if camera.fx == camera.fy else f"{camera.fx:g} (x) {camera.fy:g} (y)"
    comments = [
        f"{MARK}: camera frame, x right, y down, z forward, in {settings.unit}",
        f"picture of {width} x {height}, focal length {focal} pixels",
        f"principal point {camera.cx:g} {camera.cy:g}; what is farther than {settings.farthest:g} is left out",
    ]
    write_ply(file, point_cloud(settings.depth(prediction), picture, camera, settings.farthest), comments)


def _write_rrd(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    from monodepth2.prediction.recording import write_recording  # which needs this module

    write_recording(file, prediction, settings)


def _write_color(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    _save_jpeg(file, coloured_disparity(prediction.disp, settings.colours, settings.limits))


def _write_side_by_side(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    _save_jpeg(file, side_by_side(prediction, settings))


class Kind(NamedTuple):
    """A kind of output.

    Attributes:
        word: that stands for it in a file's name.
        ending: of that name.
        write: writes it; False where values were cut off at the ends of the file's range.
        depth: whether it changes with the unit of depth.
        camera: whether it changes with the camera.
    """

    word: str
    ending: str
    write: Callable[[BinaryIO, DepthPrediction, Settings], bool | None]
    depth: bool = False
    camera: bool = False


KINDS = {  # disp_npy and color have 2019's names; `config.predict` says what each means
    "disp_npy": Kind("disp", ".npy", _write_disp_npy),
    "disp_png": Kind("disp", ".png", _write_disp_png),
    "depth_npy": Kind("depth", ".npy", _write_depth_npy, depth=True),
    "depth_png": Kind("depth", ".png", _write_depth_png, depth=True),
    "color": Kind("disp", ".jpeg", _write_color),
    "side_by_side": Kind("side_by_side", ".jpeg", _write_side_by_side),
    "ply": Kind("points", ".ply", _write_ply, depth=True, camera=True),
    "rrd": Kind("scene", ".rrd", _write_rrd, depth=True, camera=True),
}


def _save_16_bit(file: BinaryIO, values_hw: np.ndarray, steps: float, meaning: str) -> bool:
    """Write `values * steps` as a 16-bit grey PNG from 1 to 65535, 0 for NaN; its text says what it means.

    Returns:
        Whether it holds the values to half of its steps.
    """
    text = PngInfo()
    for key, value in {"Comment": MARK, "Meaning": meaning, "Steps": f"{steps:g}"}.items():
        text.add_text(key, value)
    exact = values_hw * steps
    known = np.clip(np.rint(exact), 1, LARGEST)
    pixels = np.where(np.isnan(known), 0, known).astype(np.uint16)  # 0 is KITTI's "unknown"
    file.write(encoded(pixels, "PNG", pnginfo=text))
    return not ((exact < 0.5) | (exact > LARGEST + 0.5)).any()


def _save_jpeg(file: BinaryIO, rgb_hw3: np.ndarray) -> None:
    # colours carry the values here: they are kept at full size
    file.write(encoded(rgb_hw3, "JPEG", quality=95, subsampling=0, comment=MARK.encode()))
