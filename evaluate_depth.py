"""Score a checkpoint: `python evaluate_depth.py --load_weights_folder ... --eval_mono --data_path ...`."""

import os
from pathlib import Path

from monodepth2.errors import UserError, run_script
from monodepth2.threads import wait_for_threads_asleep
from options import parse


def main() -> None:
    """Score as the command line says."""
    options = parse(description=__doc__)
    if options.output_json:
        _check_output(options.output_json)
    wait_for_threads_asleep()
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.evaluation import evaluate

    result = evaluate(options)
    print(result.report())
    if options.output_json:
        options.output_json.write_text(result.to_json() + "\n")
        print(f"figures are in {options.output_json}")


def _check_output(path: Path) -> None:
    """Find out before the work, not after it, that the figures cannot be written."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"--output_json {path}: cannot be written; give a file in an existing, writable folder")


if __name__ == "__main__":
    run_script(main)
