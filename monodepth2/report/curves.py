"""The losses of a run by step, from its event files."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

Curve = list[tuple[int, float]]
LARGEST_READ = 1 << 16  # bytes; what is larger is a picture


def read_curves(run_folder: Path) -> dict[str, Curve]:
    """Return the (step, loss) pairs of training and validation, as TensorBoard shows them; none where there are none.

    A run that was resumed has a file for each start. What an earlier process had logged beyond the step where the next
    one began does not count.

    Raises:
        OSError: a file cannot be read.
    """
    return {mode: _curve(sorted((run_folder / mode).glob("events.out.tfevents.*"))) for mode in ("train", "val")}


def _curve(files: list[Path]) -> Curve:
    """The losses of files in the order of their starts, which their names tell."""
    losses: dict[int, float] = {}
    for event in (event for path in files for event in _events(path)):
        if event.session_log.status == SessionLog.START:
            losses = {step: loss for step, loss in losses.items() if step < event.step}
        for value in event.summary.value:
            if value.tag == "loss":
                losses[event.step] = value.simple_value
    return sorted(losses.items())


def _events(path: Path) -> Iterator[Event]:
    """The small events of a file, up to where it is damaged or was cut off.

    TensorBoard's own reader computes the checksums of all pictures in Python, which takes a minute for a long run.
    """
    with path.open("rb") as file:
        while len(header := file.read(12)) == 12:  # the length and its checksum
            length = int.from_bytes(header[:8], "little")
            if length > LARGEST_READ:
                file.seek(length + 4, 1)
                continue
            try:
                yield Event.FromString(file.read(length))
            except DecodeError:
                return
            file.seek(4, 1)  # the record's checksum
