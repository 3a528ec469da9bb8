"""The folder that a run writes to: `<log_dir>/<model_name>`."""

import shutil

from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.event_log import EventLog
from monodepth2.output_paths import check_output_folder


def check_run_folder(options: Options) -> None:
    """Find out before the work that its results can be written, and would not replace older ones unasked.

    Raises:
        UserError: they cannot, or would.
    """
    if not options.overwrite and any(options.models_folder.glob("weights_*")):
        raise UserError(
            f"{options.models_folder} holds the checkpoints of an older run: "
            "choose another --model_name, or add --overwrite to replace them"
        )
    check_output_folder("log_dir", options.models_folder)


def open_run_folder(options: Options) -> EventLog:
    """Prepare the folder of a run, without what an older one left in it."""
    _clear_run_folder(options)
    options.models_folder.mkdir(parents=True, exist_ok=True)
    (options.models_folder / "opt.json").write_text(options.to_json())
    return EventLog(options.run_folder, options)


def _clear_run_folder(options: Options) -> None:
    """Remove the checkpoints and events of an older run: the new one's would mix with them."""
    for weights in options.models_folder.glob("weights_*"):
        shutil.rmtree(weights)
    for events in options.run_folder.glob("*/events.out.tfevents.*"):
        events.unlink()
