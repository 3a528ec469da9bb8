"""What Ctrl-C and a scheduler's SIGTERM do to a run and to its loader processes."""

import signal
import threading
from types import FrameType
from typing import Any

SECONDS_OF_GRACE = 30  # a run that was told to end should have saved within these


class StopRequest:
    """Within its context, Ctrl-C and SIGTERM are noted instead of ending the process; a second one ends it at once.

    Args:
        launched: whether a launcher has started this process. It hands on the signals that it gets, so that a
            scheduler's signal comes twice; the second one changes nothing then.

    Attributes:
        received: the signal, None so far.
    """

    def __init__(self, launched: bool = False) -> None:
        self.launched = launched
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        # Python handles signals in the main thread only: in another thread nothing is changed
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = signal.Signals(number)
        if not self.launched:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def start_worker(_: int) -> None:
    """Prepare a loader process: terminals and schedulers signal the whole group, but only the main process answers.

    After a SIGTERM a worker has `SECONDS_OF_GRACE` left: Python sends one on exit to workers that outlive their
    loader, and waits for them without limit.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):  # systems without it end a process on SIGTERM without asking it
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(SECONDS_OF_GRACE))
