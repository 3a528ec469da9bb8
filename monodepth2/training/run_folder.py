"""The folder that a run writes to: `<log_dir>/<model_name>`."""

from collections.abc import Callable
from pathlib import Path

from monodepth2.checkpoints.learnt_cameras import CAMERAS
from monodepth2.config import Options
from monodepth2.config.config_file import config_text, with_absolute_paths
from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_folder, write_whole
from monodepth2.report import FIGURES, PAGE
from monodepth2.runtime.extras import require_packages
from monodepth2.runtime.locks import process_lock, take_lock
from monodepth2.training.event_log import EventLog
from monodepth2.training.run_checkpoints import ResumePoint, clear_for_resume, find_resume_point, remove_all
from monodepth2.training.wandb_mirror import start_wandb

# not in config.yaml: given again with it, they would replace checkpoints unasked
HOW_IT_STARTS = ("resume", "overwrite")
PATIENCE = 120.0  # seconds for a process that was told to end, and whose job has been started again already


class RunLock:
    """Keeps a run's folder to one process; it ends with the process, however that ends.

    Args:
        folder: of the run.
        report: told of waiting.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder, self.report = folder, report
        self._lock = process_lock(folder / ".lock")

    def take(self) -> None:
        """Wait for the folder, where there is one, to be free, and keep it.

        Raises:
            UserError: another process goes on writing into it, or it cannot be written.
        """
        if self._lock.is_locked or not self.folder.is_dir():
            return
        try:
            take_lock(
                self._lock, lambda: self.report(f"waiting for another process that trains {self.folder}"), PATIENCE
            )
        except TimeoutError as error:
            raise UserError(
                f"{self.folder}: another process trains this run: end it, or use another --model_name"
            ) from error
        except OSError as error:
            raise UserError(f"--log_dir {self.folder}: cannot be written ({error.strerror})") from error

    def release(self) -> None:
        """Let others have the folder."""
        self._lock.release()


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
    weights = options.load_weights_folder
    own = options.run_folder.resolve()
    if options.overwrite and weights and weights.expanduser().resolve().is_relative_to(own):
        raise UserError(
            f"--load_weights_folder {weights}: lies in the run that --overwrite replaces, and would be removed before "
            "the new run has saved anything; choose another --model_name, or move the weights elsewhere first"
        )
    check_output_folder("log_dir", options.models_folder)
    if options.wandb:
        require_packages("wandb", "runs with --wandb", "wandb")


def open_run_folder(
    options: Options, resumed: ResumePoint | None, lock: RunLock, report: Callable[[str], None]
) -> EventLog:
    """Prepare the folder of a run: a new one's without what an older one left, a resumed one's to go on in.

    Raises:
        UserError: it cannot be written, or another process has trained the run since this one looked for it.
    """
    try:
        options.models_folder.mkdir(parents=True, exist_ok=True)
        lock.take()
        if resumed:
            clear_for_resume(resumed, options.models_folder)
        else:
            _check_still_new(options, report)
        end_wandb = start_wandb(options) if options.wandb else None  # what it refuses must not cost an older run
        if not resumed:
            _clear(options)
        for about_older_weights in (PAGE, FIGURES):
            (options.run_folder / about_older_weights).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"--log_dir {options.models_folder}: cannot be written ({error.strerror or error})") from error
    write_whole(options.models_folder / "opt.json", with_absolute_paths(options).to_json(), synced=True)
    write_whole(options.models_folder / "config.yaml", config_text(options, HOW_IT_STARTS), synced=True)
    return EventLog(options.run_folder, options, resumed.step if resumed else 0, report, end_wandb)


def _check_still_new(options: Options, report: Callable[[str], None]) -> None:
    """Refuse to begin a run that another process, started at the same time, has begun meanwhile."""
    check_run_folder(options)
    if find_resume_point(options, report):
        raise UserError(
            f"{options.run_folder}: another process has trained this run meanwhile: start again to go on with it"
        )


def _clear(options: Options) -> None:
    """Remove the checkpoints and events of an older run: the new one's would mix with them."""
    remove_all(options.models_folder)
    (options.run_folder / "wrong_batch.pt").unlink(missing_ok=True)
    (options.models_folder / CAMERAS).unlink(missing_ok=True)
    for events in options.run_folder.glob("*/events.out.tfevents.*"):
        events.unlink()
