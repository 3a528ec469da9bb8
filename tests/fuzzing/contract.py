"""What a reader must do with a hostile file: read it, or refuse it in one line, soon, with little memory.

`.pth` files go through `torch.load` with `weights_only`: nothing in them is executed, what is damaged or of another
kind is refused in one line, and the tensors of an archive take no more memory than their file. PyTorch does not promise
more: a pickle that is made for it can fill the memory, take long, or end the process. Such pickles are left out (see
`fuzzing.attacks.BEYOND_TORCH`); damage by chance does not make them.
"""

import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fuzzing.readers import Reader
from monodepth2.errors import UserError

MOST_SECONDS = 60.0  # on the slowest machine; work that grows without bounds takes far longer
MOST_GROWTH = 300.0  # MiB, of what is refused
MOST_GROWTH_OF_GOOD = 1200.0  # a picture of as many pixels as are allowed, if it is one, takes its place in memory
MOST_WARNINGS = 2
LONGEST_MESSAGE = 1000
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class ViolationError(AssertionError):
    """A reader did what it must not."""


@dataclass(frozen=True)
class Outcome:
    """What a reader did.

    Attributes:
        refusal: its message, None where it read the file.
        seconds: of the processor that it took, which do not depend on what else the machine does.
        growth: of the memory in use, at its largest, in MiB; 0 where the system does not tell.
    """

    refusal: str | None
    seconds: float
    growth: float


def read_hostile(reader: Reader, path: Path, canary: Path) -> Outcome:
    """Have a file read.

    Args:
        reader: of the file.
        path: of the file.
        canary: what code in the file would leave behind.

    Raises:
        ViolationError: the reader broke the contract.
    """
    refusal, before, started = None, _memory_before(), time.process_time()
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", append=True)
            reader.read(path)
    except UserError as error:
        refusal = str(error)
    except (Exception, SystemExit) as error:
        raise ViolationError(f"{type(error).__name__} {str(error)[:300]}") from error
    outcome = Outcome(refusal, time.process_time() - started, max(0.0, _memory("VmHWM") - before))
    _check(outcome, len(warned), reader, path, canary)
    return outcome


def _check(outcome: Outcome, warned: int, reader: Reader, path: Path, canary: Path) -> None:
    if canary.exists():
        raise ViolationError("code in the file was run")
    if outcome.seconds > MOST_SECONDS:
        raise ViolationError(f"took {outcome.seconds:.1f} s")
    if outcome.growth > (MOST_GROWTH_OF_GOOD if outcome.refusal is None else MOST_GROWTH):
        raise ViolationError(f"took {outcome.growth:.0f} MiB")
    if warned > MOST_WARNINGS:
        raise ViolationError(f"{warned} warnings")
    message = outcome.refusal
    if message is not None:
        if len(message.splitlines()) != 1 or not message.isprintable() or len(message) > LONGEST_MESSAGE:
            raise ViolationError(f"a message of more than one short line: {message[:300]!r}")
        if str(path) not in message and (reader.called is None or reader.called not in message):
            raise ViolationError(f"a message that does not name the file: {message}")


def _memory_before() -> float:
    """Memory in use; from now on its peak is counted anew, where the system knows how."""
    with suppress(OSError):
        RESET.write_text("5")
    return _memory("VmHWM")


def _memory(name: str) -> float:
    if not STATUS.exists():
        return 0.0
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
