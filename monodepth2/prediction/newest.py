"""The newest frame of a stream while the network works on an earlier one."""

import threading
import time
from collections.abc import Callable, Iterator

from monodepth2.files.streams import StreamReader
from monodepth2.files.videos import VideoFrame

LOOKS = 0.1  # seconds between two looks at whether to stop
FAREWELL = 1.0  # seconds that a thread has to end in; one that waits for data ends later, or with the process


class NewestFrames:
    """Within its context, a thread reads a stream; who asks for a frame gets the last one that came.

    Args:
        reader: of the stream; it is closed by the thread.

    Attributes:
        dropped: how many frames nobody asked for in time.
    """

    def __init__(self, reader: StreamReader) -> None:
        self.dropped = 0
        self._reader = reader
        self._changed = threading.Condition()
        self._newest: tuple[VideoFrame, float] | None = None
        self._is_over = False
        self._error: Exception | None = None
        # a daemon: a stream that sends nothing shall not keep the process
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "NewestFrames":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join(FAREWELL)

    def frames(self, is_enough: Callable[[], bool]) -> Iterator[tuple[VideoFrame, float]]:
        """Yield the newest frame, and when it came in seconds after the first, until it is enough or there are none.

        Raises:
            UserError: as `StreamReader.decoded`.
        """
        first = None
        while (newest := self._next(is_enough)) is not None:
            frame, came = newest
            first = came if first is None else first
            yield frame, came - first

    def _next(self, is_enough: Callable[[], bool]) -> tuple[VideoFrame, float] | None:
        with self._changed:
            while not is_enough():
                if self._newest is not None:
                    newest, self._newest = self._newest, None
                    return newest
                if self._error:
                    raise self._error
                if self._is_over:
                    return None
                self._changed.wait(LOOKS)
        return None

    def _read(self) -> None:
        try:
            with self._reader:
                for frame in self._reader.decoded():
                    if self._is_over:
                        break
                    with self._changed:
                        self.dropped += self._newest is not None
                        self._newest = frame, time.monotonic()
                        self._changed.notify()
        except Exception as error:  # for who asks for frames
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify()
