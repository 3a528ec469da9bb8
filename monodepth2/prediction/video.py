"""Reading and writing videos with PyAV.

Legend of shapes: h w pixels.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from PIL import Image

from monodepth2.errors import UserError
from monodepth2.files.input_files import open_input
from monodepth2.files.picture_files import FORMATS, MAX_PIXELS

LARGEST_FILE = 1 << 44
USUAL_RATE = Fraction(25)  # frames per second, where a file states none that is likely
LIKELY_RATES = (Fraction(1, 10), Fraction(1000))
NOT_VIDEOS = ("tty", "image2", "ico", "msp")  # demuxers of text and of stills
STILL = "_pipe"  # ends the names of other demuxers of stills
LONGEST_GAP = 3600  # seconds between frames, which encoders take
TICKS = 60000  # per second, which 24, 25, 30 and 60 divide, and no encoder takes many more
WHOLE = 0.95  # share of the declared frames, or of the duration, below which a file was cut off
TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
ENCODERS = {"libx264": {"crf": "18", "preset": "veryfast"}, "mpeg4": {"qmin": "2", "qmax": "4"}}  # the first there is
BT709 = 1  # the number of this standard of colours, of its primaries and of its transfer curve
STUDIO_RANGE = 1  # values from 16 to 235


class VideoReader:
    """Decodes the frames of a video file in order.

    Attributes:
        rate: frames per second.
        count: of the frames that the file declares; None where it does not say.
        times: of the frames taken so far, in seconds from the first; they need not be evenly spaced.
        damaged: whether the file was cut off or some of it could not be decoded, known when all frames were taken.

    Raises:
        UserError: the file is not a video that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = False
        self.times: list[float] = []
        self._first: float | None = None
        self._container: Any
        try:
            # a file may be a playlist: it shall lead neither to the network nor to other files
            self._container = av.open(open_input(path, LARGEST_FILE), options={"protocol_whitelist": "none"})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise UserError(f"{path}: is no picture and no video that can be read ({_reason(error)})") from error
        streams = [stream for stream in self._container.streams.video if not _is_cover(stream)]
        kind = self._container.format.name
        if not streams or kind in NOT_VIDEOS or kind.endswith(STILL):
            self._container.close()
            raise UserError(f"{path}: is no picture that is read here ({', '.join(FORMATS)}), and no video")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"  # decodes several frames at a time
        self.rate = _likely_rate(self._stream.average_rate)
        self.count: int | None = self._stream.frames or None
        self._packets = 0

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._container.close()

    def frames(self) -> Iterator[Image.Image]:
        """Yield the frames, RGB, upright; what is damaged is left out.

        Raises:
            UserError: a frame is of an absurd size.
        """
        for packet in self._demuxed():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged = True
                continue
            yield from map(self._upright, frames)
        self.damaged = self.damaged or self._share_seen() < WHOLE

    def _demuxed(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux(self._stream):
                self._packets += packet.dts is not None  # the last one only flushes the decoder
                yield packet
        except av.FFmpegError:
            self.damaged = True

    def _share_seen(self) -> float:
        if self.count:
            return self._packets / self.count
        if not self._container.duration or self._first is None:
            return 1
        return float((self.times[-1] + 1 / self.rate) * av.time_base / self._container.duration)

    def _upright(self, frame: Any) -> Image.Image:
        if frame.width * frame.height > MAX_PIXELS:
            raise UserError(f"{self.path}: declares {frame.width} x {frame.height} pixels, refused")
        self.times.append(self._since_first(frame.time))
        turn = TURNS.get(round(getattr(frame, "rotation", 0)) % 360)  # known since PyAV 14
        picture = frame.to_image()
        return picture if turn is None else picture.transpose(turn)

    def _since_first(self, time: float | None) -> float:
        """Seconds from the first frame; one step after the last one where the file does not say, goes back or leaps."""
        if not self.times:
            self._first = time
            return 0.0
        last, step = self.times[-1], float(1 / self.rate)
        if time is None or self._first is None:
            return last + step
        seconds = float(time - self._first)
        return seconds if 0 < seconds - last < LONGEST_GAP else last + step


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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
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
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
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


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the still picture that a file of sound or video carries as its cover."""
    known = getattr(av.stream, "Disposition", None)  # since PyAV 13
    return known is not None and known.attached_pic in stream.disposition


def _likely_rate(rate: Fraction | None) -> Fraction:
    if rate is None or not LIKELY_RATES[0] <= rate <= LIKELY_RATES[1]:
        return USUAL_RATE
    return Fraction(rate).limit_denominator(1001)  # keeps 30000/1001; encoders know no larger numbers


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
