"""Writing videos with PyAV.

Legend of shapes: h w pixels.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from monodepth2.files.videos import reformat

TICKS = 60000  # per second, which 24, 25, 30 and 60 divide, and no encoder takes many more
ENCODERS = {"libx264": {"crf": "18", "preset": "veryfast"}, "mpeg4": {"qmin": "2", "qmax": "4"}}  # the first there is
BT709 = 1  # the number of this standard of colours, of its primaries and of its transfer curve
STUDIO_RANGE = 1  # values from 16 to 235


class VideoWriter:
    """Writes an MP4 file, H.264 where this build of PyAV can.

    Leaving its context without an error completes the file.

    Args:
        path: the file.
        rate: frames per second, where they are evenly spaced.
        encoder: one of `ENCODERS` (default: the first there is).

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction, encoder: str | None = None) -> None:
        self.rate = rate
        self.encoder = encoder or next(name for name in ENCODERS if _is_there(name))
        self.count = 0
        self._ticks = -1  # of the last frame
        self._container: Any = av.open(str(path.absolute()), "w", format="mp4")
        self._stream: Any = None

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._stream is not None and kind is None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()

    def add(self, rgb_hw3: np.ndarray, time: float | None = None) -> None:
        """Append a frame.

        Args:
            rgb_hw3: uint8; the first one decides the size, made even by doubling its last line where need be.
            time: when it is shown, in seconds after the first; must grow (default: evenly spaced).

        Raises:
            OSError: the file cannot be written, or the encoder takes no such frames.
        """
        if self._stream is None:
            self._stream = self._new_stream(*rgb_hw3.shape[:2])
        frame = av.VideoFrame.from_ndarray(self._fitted(rgb_hw3), format="rgb24")
        frame = reformat(frame, "yuv420p", dst_colorspace="ITU709")
        ticks = round(TICKS * (self.count / self.rate if time is None else time))
        self._ticks = max(ticks, self._ticks + 1)
        frame.pts, frame.time_base = self._ticks, Fraction(1, TICKS)
        self.count += 1
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.ExternalError, av.error.ArgumentError) as error:
            reason = f"{self.encoder} takes no frames of {frame.width} x {frame.height}"
            raise OSError(error.errno, reason) from error

    def _new_stream(self, height: int, width: int) -> Any:
        stream = self._container.add_stream(self.encoder, rate=self.rate, options=ENCODERS[self.encoder])
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = STUDIO_RANGE
        return stream

    def _fitted(self, rgb_hw3: np.ndarray) -> np.ndarray:
        height, width = self._stream.height, self._stream.width
        lack = height - rgb_hw3.shape[0], width - rgb_hw3.shape[1]
        if max(lack) > 1 or min(lack) < 0:  # some videos change their size
            return np.asarray(Image.fromarray(rgb_hw3).resize((width, height)))
        return np.pad(rgb_hw3, ((0, lack[0]), (0, lack[1]), (0, 0)), "edge")


def _is_there(encoder: str) -> bool:
    try:
        av.codec.Codec(encoder, "w")
    except ValueError:
        return False
    return True
