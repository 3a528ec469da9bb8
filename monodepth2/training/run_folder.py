"""The folder that a run writes to: `<log_dir>/<model_name>`."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from monodepth2.checkpoints.folder import write_text
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_folder
from monodepth2.training.event_log import EventLog
from monodepth2.training.run_checkpoints import ResumePoint, clear_for_resume, remove_all

try:
    import fcntl
except ImportError:  # a system that has no such locks
    fcntl = None  # type: ignore[assignment]

PATIENCE = 120.0  # seconds for a process that was told to end, and whose job has been started again already


class RunLock:
    """Keeps a run's folder to one process; it ends with the process, however that ends.

    Args:
        folder: of the run.
        report: told of waiting.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder, self.report = folder, report
        self._file: BinaryIO | None = None

    def take(self) -> None:
        """Wait for the folder, where there is one, to be free, and keep it.

        Raises:
            UserError: another process goes on writing into it, or it cannot be written.
        """
        if self._file or fcntl is None or not self.folder.is_dir() or not os.access(self.folder, os.W_OK):
            return
        try:
            file = (self.folder / ".lock").open("wb")
        except OSError as error:
            raise UserError(f"--log_dir {self.folder}: cannot be written ({error.strerror})") from error
        deadline, told = time.monotonic() + PATIENCE, False
        while not self._locked(file):
            if time.monotonic() > deadline:
                raise UserError(f"{self.folder}: another process trains this run: end it, or use another --model_name")
            if not told:
                self.report(f"waiting for another process that trains {self.folder}")
            told = True
            time.sleep(0.5)
        self._file = file

    def release(self) -> None:
        """Let others have the folder."""
        if self._file:
            self._file.close()
            self._file = None

    @staticmethod
    def _locked(file: BinaryIO) -> bool:
        """Lock a file; of this kind of lock, loader processes hold none after their parent's end."""
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # the file system has no locks
            return True
        return True


def check_run_folder(options: Options) -> None:
    """Find out before the work that a run's results can be written, and would not replace older ones unasked.

    Raises:
        UserError: they cannot, or would.
    """
    if options.resume == "never" and not options.overwrite and any(options.models_folder.glob("weights_*")):
        raise UserError(
            f"{options.models_folder} holds the checkpoints of an older run: add --resume to go on with it, "
            "choose another --model_name, or add --overwrite to replace them"
        )
    check_output_folder("log_dir", options.models_folder)


def open_run_folder(
    options: Options, resumed: ResumePoint | None, lock: RunLock, report: Callable[[str], None]
) -> EventLog:
    """Prepare the folder of a run: a new one's without what an older one left, a resumed one's to go on in.

    Raises:
        UserError: it cannot be written.
    """
    try:
        options.models_folder.mkdir(parents=True, exist_ok=True)
        lock.take()
        if resumed:
            clear_for_resume(resumed, options.models_folder)
        else:
            _clear(options)
    except OSError as error:
        raise UserError(f"--log_dir {options.models_folder}: cannot be written ({error.strerror or error})") from error
    write_text(options.models_folder / "opt.json", options.to_json())
    return EventLog(options.run_folder, options, resumed.step if resumed else 0, report)


def _clear(options: Options) -> None:
    """Remove the checkpoints and events of an older run: the new one's would mix with them."""
    remove_all(options.models_folder)
    (options.run_folder / "wrong_batch.pt").unlink(missing_ok=True)
    for events in options.run_folder.glob("*/events.out.tfevents.*"):
        events.unlink()
