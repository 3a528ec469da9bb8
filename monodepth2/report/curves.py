"""The losses of a run by step, from its event files."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from monodepth2.errors import UserError
from monodepth2.files.input_files import open_input

Curve = list[tuple[int, float]]
LARGEST_READ = 1 << 16  # bytes; what is larger is a picture
LARGEST_FILE = 1 << 40


def read_curves(run_folder: Path) -> dict[str, Curve]:
    """Return the (step, loss) pairs of training and validation, as TensorBoard shows them; none where there are none.

    A run that was resumed has a file for each start. What an earlier process had logged beyond the step where the next
    one began does not count.

    Raises:
        UserError: a file cannot be read.
    """
    return {mode: curve_of(sorted((run_folder / mode).glob("events.out.tfevents.*"))) for mode in ("train", "val")}


def curve_of(files: list[Path]) -> Curve:
    """Return the losses in event files, which are in the order of their starts, as their names tell.

    Raises:
        UserError: one cannot be read.
    """
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
    try:
        with open_input(path, LARGEST_FILE) as file:
            while len(header := file.read(12)) == 12:  # the length and its checksum
                length = int.from_bytes(header[:8], "little")
                if not 0 < length < LARGEST_FILE:
                    return
                if length <= LARGEST_READ:
                    yield Event.FromString(file.read(length))
                    length = 0
                file.seek(length + 4, 1)  # and the record's own checksum
    except DecodeError:
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
