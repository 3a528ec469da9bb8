"""The folder that a run writes to: `<log_dir>/<model_name>`."""

import shutil
from collections.abc import Callable

from monodepth2.checkpoint_folder import PARTIAL
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.event_log import EventLog
from monodepth2.output_paths import check_output_folder, whole_file
from monodepth2.run_checkpoints import ResumePoint, clear_for_resume


def check_run_folder(options: Options) -> None:
    """Find out before the work that a new run's results can be written, and would not replace older ones unasked.

    Raises:
        UserError: they cannot, or would.
    """
    if not options.overwrite and any(options.models_folder.glob("weights_*")):
        raise UserError(
            f"{options.models_folder} holds the checkpoints of an older run: add --resume to go on with it, "
            "choose another --model_name, or add --overwrite to replace them"
        )
    check_output_folder("log_dir", options.models_folder)


def open_run_folder(options: Options, resumed: ResumePoint | None, report: Callable[[str], None]) -> EventLog:
    """Prepare the folder of a run: a new one's without what an older one left, a resumed one's to go on in.

    Raises:
        UserError: it cannot be written.
    """
    if resumed:
        clear_for_resume(resumed, options.models_folder)
    else:
        _clear(options)
    try:
        options.models_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--log_dir {options.models_folder}: cannot be made ({error.strerror})") from error
    with whole_file(options.models_folder / "opt.json") as file:
        file.write_text(options.to_json())
    return EventLog(options.run_folder, options, resumed.step if resumed else 0, report)


def _clear(options: Options) -> None:
    """Remove the checkpoints and events of an older run: the new one's would mix with them."""
    for weights in (*options.models_folder.glob("weights_*"), *options.models_folder.glob(f"{PARTIAL}*")):
        shutil.rmtree(weights)
    for events in options.run_folder.glob("*/events.out.tfevents.*"):
        events.unlink()
