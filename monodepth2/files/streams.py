"""Cameras and streams from the network, read without trust."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from monodepth2.errors import UserError
from monodepth2.files.videos import WHOLE, VideoFrame, VideoReader, reason

PATIENCE = 10  # seconds without data, after which a stream is given up
# a stream may be a playlist: it shall not lead to files of this machine
PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,rtsp,rtmp,crypto"


class StreamReader(VideoReader):
    """Decodes the frames of a camera or of a stream as they come.

    Args:
        address: of the stream, or a camera's device, which is a path.
        name: what messages call it.

    Attributes:
        is_live: whether the frames are of this moment; others are of a file, which has an end.
        broke_off: why there are no more frames, once all were taken; nothing where a file came to its end.

    Raises:
        UserError: it cannot be opened, or shows no frames.
    """

    no_video = "shows no video; the address of the video itself is needed, not that of a page or a picture"

    def __init__(self, address: str | Path, name: str) -> None:
        self._address = address
        self.broke_off = ""
        super().__init__(name)
        self._stream.thread_type = "SLICE"  # threads for whole frames would hold some back
        has_size = (self._container.size or 0) > 0  # of all its bytes
        self.is_live = self.seconds is None and not has_size

    def _opened(self) -> Any:
        is_camera = isinstance(self._address, Path)
        # over UDP, the usual way, pieces of frames get lost, and many networks let nothing through
        options = {} if is_camera else {"protocol_whitelist": PROTOCOLS, "rtsp_transport": "tcp"}
        form, started = "v4l2" if is_camera else None, time.monotonic()
        try:
            return av.open(str(self._address), format=form, options=options, timeout=PATIENCE)
        except (av.FFmpegError, OSError, ValueError) as error:
            remedy = "is another program using it?" if is_camera else "check the address, and that the stream is on"
            # FFmpeg gives other reasons for having been told to wait no longer
            why = reason(error) if time.monotonic() - started < PATIENCE else f"no answer in {PATIENCE} seconds"
            raise UserError(f"{self.path}: cannot be opened ({why}); {remedy}") from error

    def decoded(self) -> Iterator[VideoFrame]:
        """Yield the frames when it is their time; what is damaged is left out.

        Raises:
            UserError: a frame is of an absurd size.
        """
        started = time.monotonic()
        for frame in super().decoded():
            del self.times[:-1]  # a stream may go on for weeks
            if not self.is_live:  # it comes as fast as the network carries it
                time.sleep(max(0.0, started + frame.time - time.monotonic()))
            yield frame
        if self.is_live or self.reason or self._share_seen() < WHOLE:
            self.broke_off = self.reason or "no more data came"
