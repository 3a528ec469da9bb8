"""Recordings for rerun's viewer: of each frame the picture, its depth and the camera, on a timeline.

Legend of shapes: h w pixels of what is recorded.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from monodepth2.files.output_paths import whole_file
from monodepth2.method.depth_maps import at_picture_size
from monodepth2.prediction.outputs import Settings
from monodepth2.prediction.predictor import DepthPrediction

APPLICATION = "monodepth2"
CAMERA, PICTURE, DEPTH = "camera", "camera/picture", "camera/depth"
SECONDS = "time"  # the timeline of a video
Record = Callable[[DepthPrediction, Settings, float], None]


@contextmanager
def recorded(path: Path | None) -> Iterator[Record]:
    """Lend what adds a frame, with its time in seconds, to a recording, written whole or not at all; None for none.

    Frames may be added by several threads, in any order.

    Raises:
        UserError: the file cannot be written.
    """
    if path is None:
        yield lambda prediction, settings, time: None
        return
    import rerun  # an optional dependency, large

    with whole_file(path) as partial:
        partial.touch()  # rerun tells only of some paths that cannot be written
        stream = rerun.RecordingStream(APPLICATION)
        stream.save(partial)

        def record(prediction: DepthPrediction, settings: Settings, time: float) -> None:
            stream.set_time(SECONDS, duration=time)
            _log(stream, prediction, settings)

        try:
            yield record
        finally:
            stream.disconnect()


def write_recording(file: BinaryIO, prediction: DepthPrediction, settings: Settings) -> None:
    """Write a recording of a single picture."""
    import rerun

    stream = rerun.RecordingStream(APPLICATION)
    content = stream.binary_stream()
    _log(stream, prediction, settings)
    file.write(content.read() or b"")


def _log(stream: Any, prediction: DepthPrediction, settings: Settings) -> None:
    """Log a frame; wider ones are made as small as the network's map, which knows no more."""
    import rerun

    width = min(prediction.picture.width, prediction.network_disp.shape[1])
    height = max(1, round(prediction.picture.height * width / prediction.picture.width))
    camera = settings.pinhole(width, height)
    shown = rerun.Pinhole(
        focal_length=(camera.fx, camera.fy),
        principal_point=(camera.cx, camera.cy),
        resolution=(width, height),
        camera_xyz=rerun.ViewCoordinates.RDF,
    )
    picture = io.BytesIO()
    prediction.picture.resize((width, height), reducing_gap=3).save(picture, "JPEG", quality=90)
    stream.log(CAMERA, shown)
    stream.log(PICTURE, rerun.EncodedImage(contents=picture.getvalue(), media_type="image/jpeg"))
    stream.log(DEPTH, rerun.DepthImage(_depth(prediction, settings, height, width), meter=1.0))


def _depth(prediction: DepthPrediction, settings: Settings, height: int, width: int) -> np.ndarray:
    """Depth as it is written elsewhere, float32, (h, w); 0, which the viewer leaves out, for sky and the unknown."""
    disp_hw = at_picture_size(prediction.network_disp, height, width, prediction.facts.fit)
    depth_hw = np.float32(settings.factor) / disp_hw
    return np.where(depth_hw < settings.farthest, depth_hw, np.float32(0))
