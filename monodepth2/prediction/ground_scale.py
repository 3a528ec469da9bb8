"""Metres for a network that knows none: by the ground under a camera whose height is known."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import PredictOptions
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError, counted, tell
from monodepth2.files.evenly import evenly
from monodepth2.files.fit import Fit, Size
from monodepth2.files.pictures import PictureError
from monodepth2.method.ground_plane import MOST_MAPS, GroundScale, ground_distance, ground_scale
from monodepth2.prediction.cameras import has_shape_of
from monodepth2.prediction.inputs import Pictures, Video
from monodepth2.prediction.predictor import DepthPredictor


def scale_of_input(options: PredictOptions, predictor: DepthPredictor, source: Pictures | Video) -> GroundScale:
    """Return the scale by the ground in some pictures of an input, evenly chosen: one for all of it.

    Raises:
        UserError: no picture shows the ground, or the camera is not known.
    """
    assert options.camera_height is not None
    pictures = evenly(source.paths, MOST_MAPS) if isinstance(source, Pictures) else _frames(source.path)
    distances: list[float | None] = []
    unreadable = []
    for prediction in predictor.try_all(pictures, options.batch_size, options.post_process):
        if isinstance(prediction, PictureError):
            unreadable.append(prediction)
            continue
        size = prediction.picture.size
        camera, fit = _camera(options, prediction.facts, size), prediction.facts.fit
        if camera.is_assumed and not distances:
            tell(
                "warning: --camera_height: nothing states the camera that the network was trained with "
                f"({camera.source}), so that metres may be wrong by 30 %; give --focal_length in widths of the picture "
                "if you know it"
            )
        distances.append(seen_distance(prediction.network_disp, camera, fit, size))
    if unreadable and not distances:
        raise unreadable[0]
    return require_scale(distances, options.camera_height)


def seen_distance(network_disp: np.ndarray, camera: Camera, fit: Fit, size: Size) -> float | None:
    """Return how far the ground lies below the camera in a network's map, in its unit; None where it shows none.

    Args:
        network_disp: scaled disparity at the network's size, (h', w').
        camera: of the picture.
        fit: how it came to the network's size.
        size: (width, height) of the picture.
    """
    height, width = network_disp.shape
    seen = camera.cropped(fit.box(size, (width, height)), size)
    return ground_distance(network_disp, seen.matrix(width, height, np.float64)[:3, :3])


def require_scale(
    distances: Sequence[float | None], height: float, of: str = "", other: str = "--pred_depth_scale_factor"
) -> GroundScale:
    """Return the scale of distances of the ground; `of` begins the message, `other` are flags that state a scale.

    Raises:
        UserError: none is known.
    """
    scale = ground_scale(distances, height)
    if scale is None:
        raise UserError(
            f"{of}--camera_height {height:g}: none of {counted(len(distances), 'picture')} looked at shows level "
            "ground in its lower middle, by which the scale is told. Either there is none, or the network has not "
            f"learnt it; give {other} instead"
        )
    return scale


def _camera(options: PredictOptions, facts: TrainingFacts, size: Size) -> Camera:
    """The camera of pictures of a size: as the flag says, else the one that the network was trained with."""
    if options.focal_length is not None:
        return Camera.of_square_pixels(options.focal_length, size)
    camera, cameras = facts.camera, facts.distinct_cameras
    if camera is None:
        known = f"was trained with {len(cameras)} different cameras" if cameras else "does not state its camera"
        raise UserError(f"--camera_height: the checkpoint {known}; give --focal_length in widths of the picture")
    if not has_shape_of(camera, size):
        raise UserError(
            f"--camera_height: pictures of {size[0]} x {size[1]} are of another shape than those of the checkpoint's "
            f"camera; if those are pictures like these with rows cut off, as `prepare` does it, give --focal_length "
            f"{camera.fx:.4g}, else the focal length in widths of these pictures"
        )
    return camera


def _frames(path: Path) -> Iterator[Image.Image]:
    """Frames of a video at even times; its first ones where it does not say how long it is."""
    from monodepth2.files.videos import VideoReader  # PyAV is an optional dependency

    with VideoReader(path) as reader:
        seconds, count = reader.seconds, reader.count or MOST_MAPS
        if seconds is None:
            yield from islice(reader.frames(), MOST_MAPS)
            return
    for n in range(min(count, MOST_MAPS)):
        moment = n / min(count, MOST_MAPS) * seconds
        with VideoReader(path) as reader:
            reader.seek(moment)  # to a frame before it
            yield from islice((frame.picture() for frame in reader.decoded() if frame.time >= moment), 1)
