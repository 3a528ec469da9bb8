"""Videos, read without trust.

Legend of shapes: h w pixels.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image

from monodepth2.errors import UserError
from monodepth2.files.fit import Size
from monodepth2.files.input_files import open_input
from monodepth2.files.picture_opening import FORMATS, MAX_PIXELS

LARGEST_FILE = 1 << 44
USUAL_RATE = Fraction(25)  # frames per second, where a file states none that is likely
LIKELY_RATES = (Fraction(1, 10), Fraction(1000))
NOT_VIDEOS = ("tty", "image2", "ico", "msp")  # demuxers of text and of stills
STILL = "_pipe"  # ends the names of other demuxers of stills
LONGEST_GAP = 3600  # seconds between frames, which encoders take
WHOLE = 0.95  # share of the declared frames, or of the duration, below which a file was cut off
DURATION = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d+)?)", re.ASCII)  # as Matroska's tag has it
UPRIGHT = (1, 0, 0, 1)
SEARCHED_BACK = (0, 2, 10, 60, 3600)  # seconds: MPEG's streams have no index, and a search leads to any frame


class Reformatters(threading.local):
    """A thread's reformatters, by what they make.

    Each keeps tables and threads for the frames to come, whose making takes longer than to convert a frame. Only one
    thread may use it.
    """

    def __init__(self) -> None:
        self._kept: defaultdict[str, VideoReformatter] = defaultdict(VideoReformatter)

    def __call__(self, frame: Any, form: str, **wanted: Any) -> Any:
        """A frame in another pixel format; `wanted` is of `av.VideoFrame.reformat`."""
        return self._kept[form].reformat(frame, format=form, **wanted)


reformat = Reformatters()


class VideoFrame:
    """A decoded frame, of which nothing is converted yet.

    Attributes:
        time: in seconds from the first frame of the video.
        size: (width, height) in square pixels, upright.
    """

    def __init__(self, frame: Any, time: float, pixel_aspect: Fraction) -> None:
        self.time = time
        self._frame = frame
        self._shown = _shown(frame)
        width, height = max(1, round(frame.width * pixel_aspect)), frame.height
        self.size: Size = (height, width) if self._lies else (width, height)

    @property
    def _lies(self) -> bool:
        across, _, _, down = self._shown
        return not (across or down)

    def picture(self) -> Image.Image:
        """The frame in square pixels, RGB, upright."""
        return Image.fromarray(self.rgb(self.size))

    def rgb(self, size: Size) -> np.ndarray:
        """The whole frame at a size (width, height), averaged where it shrinks, upright, uint8, (h, w, 3)."""
        return self._shrunk(size, "rgb24")

    def grey(self, size: Size) -> np.ndarray:
        """The same without colours, (h, w)."""
        return self._shrunk(size, "gray")

    def _shrunk(self, size: Size, form: str) -> np.ndarray:
        width, height = size[::-1] if self._lies else size
        stored = reformat(self._frame, form, width=width, height=height, interpolation="AREA").to_ndarray()
        across, across_to_down, down_to_across, down = self._shown
        if self._lies:
            stored, across, down = stored.swapaxes(0, 1), down_to_across, across_to_down
        return np.ascontiguousarray(stored[::down, ::across])


class VideoReader:
    """Decodes the frames of a video file in order.

    Args:
        path: of the file.
        made_small: whether frames are only looked at at half their size or less. Then edges of blocks are not smoothed
            in frames that lie between others, which takes a fifth of the time of decoding and is not seen.

    Attributes:
        rate: frames per second.
        count: of the frames that the file declares; None where it does not say.
        seconds: that the file declares to last; None likewise.
        times: of the frames taken so far, in seconds from the first; they need not be evenly spaced.
        tags: what the file says of itself, names in lower case.
        damaged: whether the file was cut off or some of it could not be decoded, known when all frames were taken.

    Raises:
        UserError: the file is not a video that can be read.
    """

    no_video = f"is no picture that is read here ({', '.join(FORMATS)}), and no video"

    def __init__(self, path: Path | str, made_small: bool = False) -> None:
        self.path = path
        self.damaged = False
        self.reason = ""  # for which reading ended early
        self.times: list[float] = []
        self._first: float | None = None
        self._sought = False
        self._container: Any = self._opened()
        streams = [stream for stream in self._container.streams.video if not _is_cover(stream)]
        kind = self._container.format.name
        if not streams or kind in NOT_VIDEOS or kind.endswith(STILL):
            self._container.close()
            raise UserError(f"{path}: {self.no_video}")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"  # decodes several frames at a time
        if made_small:
            self._stream.codec_context.options = {"skip_loop_filter": "bidir"}
        self.rate = _likely_rate(self._stream.average_rate)
        self.count: int | None = self._stream.frames or None
        length = self._container.duration
        self.seconds: float | None = length / av.time_base if length else self.count and float(self.count / self.rate)
        both = {**self._container.metadata, **self._stream.metadata}
        self.tags: dict[str, str] = {name.lower(): value for name, value in both.items()}
        self._pixel_aspect = _likely_aspect(self._stream.sample_aspect_ratio)
        self._packets = 0

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def _opened(self) -> Any:
        try:
            # a file may be a playlist: it shall lead neither to the network nor to other files
            return av.open(open_input(Path(self.path), LARGEST_FILE), options={"protocol_whitelist": "none"})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise UserError(f"{self.path}: is no picture and no video that can be read ({reason(error)})") from error

    def seek(self, seconds: float) -> None:
        """Go to a frame at or before a time, from which whole frames can be decoded; call it before the first one."""
        start = self._stream.start_time
        if start is None:  # then the frames before it are decoded, too
            return
        wanted = start + int(seconds / self._stream.time_base)
        places = [wanted - int(back / self._stream.time_base) for back in SEARCHED_BACK]
        try:
            place = next((place for place in places if self._begins_by(wanted, place)), places[-1])
            self._container.seek(place, stream=self._stream)
        except av.FFmpegError:  # a file without an index
            return
        self._first, self._sought = float(start * self._stream.time_base), True

    def _begins_by(self, wanted: int, place: int) -> bool:
        """Whether a search for a place leads to a frame that needs no other one, at or before a time, in ticks."""
        self._container.seek(place, stream=self._stream)
        for packet in self._container.demux(self._stream):
            times = [time for time in (packet.pts, packet.dts) if time is not None]
            if packet.is_keyframe or min(times, default=wanted) > wanted:
                return max(times, default=wanted) <= wanted
        return False

    def frames(self) -> Iterator[Image.Image]:
        """Yield the frames in square pixels, RGB, upright; what is damaged is left out.

        Raises:
            UserError: a frame is of an absurd size.
        """
        return (frame.picture() for frame in self.decoded())

    def decoded(self) -> Iterator[VideoFrame]:
        """Yield the frames as they are decoded; what is damaged is left out.

        Raises:
            UserError: a frame is of an absurd size.
        """
        for packet in self._demuxed():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged = True
                continue
            yield from map(self._checked, frames)
        self.damaged = self.damaged or (not self._sought and self._share_seen() < WHOLE)

    def _demuxed(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux(self._stream):
                self._packets += packet.dts is not None  # the last one only flushes the decoder
                yield packet
        except av.FFmpegError as error:
            self.damaged, self.reason = True, reason(error)

    def _share_seen(self) -> float:
        if self.count:
            return self._packets / self.count
        declared = _declared_seconds(self._stream)
        if not declared or self._first is None:
            return 1
        return (self._first + self.times[-1] + float(1 / self.rate)) / declared

    def _checked(self, frame: Any) -> VideoFrame:
        decoded = VideoFrame(frame, self._since_first(frame.time), self._pixel_aspect)
        width, height = decoded.size
        if max(width * height, frame.width * frame.height) > MAX_PIXELS:
            raise UserError(f"{self.path}: declares {width} x {height} pixels, refused")
        self.times.append(decoded.time)
        return decoded

    def _since_first(self, time: float | None) -> float:
        """Seconds from the first frame; one step after the last one where the file does not say, goes back or leaps."""
        if self._first is None and not self.times:
            self._first = time
        if not self.times:
            return 0.0 if time is None or self._first is None else float(time - self._first)
        last, step = self.times[-1], float(1 / self.rate)
        if time is None or self._first is None:
            return last + step
        seconds = float(time - self._first)
        return seconds if 0 < seconds - last < LONGEST_GAP else last + step


def _shown(frame: Any) -> tuple[int, int, int, int]:
    """How a frame is turned or mirrored when it is shown: its matrix a b c d, with x' = a x + c y and y' = b x + d y.

    All are -1, 0 or 1; a frame that states another turn than by right angles is taken as it is stored.
    """
    if not (matrix := frame.side_data.get("DISPLAYMATRIX")):
        return UPRIGHT
    a, b, _, c, d = np.sign(np.frombuffer(matrix, np.int32)[:5]).tolist()
    return (a, b, c, d) if (a and d and not (b or c)) or (b and c and not (a or d)) else UPRIGHT


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the still picture that a file of sound or video carries as its cover."""
    return av.stream.Disposition.attached_pic in stream.disposition


def _declared_seconds(stream: Any) -> float | None:
    """How long the pictures last, or until when; None where a file does not say: the sound may last longer."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    stated = DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    return 3600 * int(stated[1]) + 60 * int(stated[2]) + float(stated[3]) if stated else None


def _likely_rate(rate: Fraction | None) -> Fraction:
    if rate is None or not LIKELY_RATES[0] <= rate <= LIKELY_RATES[1]:
        return USUAL_RATE
    return Fraction(rate).limit_denominator(1001)  # keeps 30000/1001; encoders know no larger numbers


def _likely_aspect(aspect: Fraction | None) -> Fraction:
    """How many times as wide as tall a pixel is; 1 where a file states nothing, or nothing that is likely."""
    return aspect if aspect is not None and Fraction(1, 4) <= aspect <= 4 else Fraction(1)


def reason(error: Exception) -> str:
    """Why something could not be read, in FFmpeg's or the system's words."""
    if isinstance(error, av.error.ExitError):  # FFmpeg was told to wait no longer
        return "no data came in time"
    return getattr(error, "strerror", None) or str(error)
