"""What small grey pictures of a target, its neighbours and its other camera tell.

Legend of shapes: h w pixels of small grey frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from monodepth2.doctor.looks import Sample
from monodepth2.files.fit import Size
from monodepth2.motion.still import is_copy
from monodepth2.motion.tracks import LEAST_POINTS, REFERENCE_WIDTH, Tracks, small_size, track


@dataclass(frozen=True)
class Pair:
    """Points of the left camera's picture in the right one.

    Attributes:
        survival: share of the corners found.
        mirrored: the same where the right picture is mirrored.
        disparity: median of how far points lie further to the left in the right picture, in pixels of a picture 640
            wide; negative if the cameras are swapped.
        offset: median of how far they lie higher or lower, likewise; a rectified pair has none.
        offset_pixels: that in pixels of the picture itself.
    """

    survival: float
    mirrored: float
    disparity: float
    offset: float
    offset_pixels: float


@dataclass(frozen=True)
class Measures:
    """What was measured of a sample; None where a picture for it is lacking, or too plain.

    Attributes:
        near: points of the target in its nearest neighbour.
        beyond: the same in the picture as far again behind that.
        copied: whether that neighbour, or the target itself, is a copy of the other.
        jump: grey levels between their means.
        sharpness: the target's variance of the Laplacian, as a share of that of its neighbours.
        pair: of the two cameras.
    """

    near: Tracks | None = None
    beyond: Tracks | None = None
    copied: bool | None = None
    jump: float | None = None
    sharpness: float | None = None
    pair: Pair | None = None


def small_grey(picture: Image.Image) -> np.ndarray:
    """A picture as a small grey frame, uint8, (h, w)."""
    size = small_size(picture.size)
    return np.asarray(picture.convert("L").resize(size, Image.Resampling.BOX))


def measure(sample: Sample, greys: Mapping[Path, np.ndarray], sizes: Mapping[Path, Size]) -> Measures:
    """Measure a sample by the small grey frames of those of its pictures that could be read.

    Args:
        sample: what belongs together.
        greys: its frames.
        sizes: (width, height) of the pictures.
    """
    pair = None
    if sample.pair and all(path in greys for path in sample.pair):
        left, right = (greys[path] for path in sample.pair)
        pair = _pair(left, right, sizes[sample.pair[0]][0])
    target = greys.get(sample.target)
    near, beyond, before = (greys.get(path) if path else None for path in (sample.near, sample.beyond, sample.before))
    if target is None or near is None or near.shape != target.shape:
        return Measures(pair=pair)
    around = [_sharpness(frame) for frame in (near, before) if frame is not None]
    return Measures(
        _tracks(target, near),
        _tracks(target, beyond),
        is_copy(target, near),
        float(abs(target.mean() - near.mean())),
        _sharpness(target) / max(float(np.median(around)), 1e-6),
        pair,
    )


def _tracks(first_hw: np.ndarray, second_hw: np.ndarray | None) -> Tracks | None:
    """The tracks from one frame to another; None of a frame that shows nothing that could be tracked."""
    if second_hw is None or second_hw.shape != first_hw.shape:
        return None
    tracks = track(first_hw, second_hw)
    return tracks if tracks.begun >= LEAST_POINTS else None


def _pair(left_hw: np.ndarray, right_hw: np.ndarray, width: int) -> Pair | None:
    tracks = _tracks(left_hw, right_hw)
    if tracks is None:
        return None
    mirrored = track(left_hw, np.ascontiguousarray(right_hw[:, ::-1]))
    if len(tracks.start_n2) < LEAST_POINTS:
        return Pair(tracks.survival, mirrored.survival, 0.0, 0.0, 0.0)
    motion = tracks.end_n2 - tracks.start_n2
    scale, offset = REFERENCE_WIDTH / tracks.width, float(np.median(np.abs(motion[:, 1])))
    disparity = float(np.median(-motion[:, 0]))
    return Pair(tracks.survival, mirrored.survival, scale * disparity, scale * offset, offset * width / tracks.width)


def _sharpness(frame_hw: np.ndarray) -> float:
    return float(cv2.Laplacian(frame_hw, cv2.CV_32F).var())
