"""What `evaluate_depth.py` does: score, print the figures, write what the options ask for."""

from pathlib import Path

from monodepth2.config import Options
from monodepth2.evaluation.report import json_report, text_report
from monodepth2.evaluation.scoring import evaluate_all
from monodepth2.files.output_paths import check_not_among, check_output_file, write_whole


def run(options: Options) -> int:
    """Score as the options say; return the exit code.

    Raises:
        UserError: as `evaluate_all`, or a file cannot be written; found before the work where it can be.
    """
    _check_outputs(options)
    done = evaluate_all(options)
    if done.results:
        print(text_report(done.results))
    for message in done.messages:
        print(message)
    if options.output_json and done.results:
        write_whole(options.output_json.expanduser(), json_report(done.results) + "\n")
        print(f"figures are in {options.output_json}")
    if options.html_report and done.results:
        from monodepth2.evaluation.page import write_page  # it makes plots, and most scores have no page

        write_page(options.html_report.expanduser(), done.results, options)
        print(f"the page of figures and pictures is {options.html_report}")
    return 0


def _check_outputs(options: Options) -> None:
    """Check that both files can be written, and that neither takes the place of what is scored, or of the other."""
    outputs = {"output_json": options.output_json, "html_report": options.html_report}
    named = {flag: path.expanduser() for flag, path in outputs.items() if path}
    for flag, path in named.items():
        check_output_file(flag, path)
    given = (options.ext_disp_to_eval, options.gt_path, options.load_weights_folder, *options.compare)
    places = [Path(one).expanduser() for one in given if one]
    inputs = [path for place in places for path in (place.iterdir() if place.is_dir() else [place])]
    check_not_among({flag: [path] for flag, path in named.items()}, inputs)
