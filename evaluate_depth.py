"""Score checkpoints: `python evaluate_depth.py --load_weights_folder ... --eval_mono --data_path ...`."""

from monodepth2.errors import run_script
from monodepth2.files.output_paths import check_output_file, whole_file
from monodepth2.runtime.process import tune_process
from options import parse


def main() -> None:
    """Score as the command line says."""
    options = parse(description=__doc__, script="evaluate_depth.py")
    for flag, path in (("output_json", options.output_json), ("html_report", options.html_report)):
        if path:
            check_output_file(flag, path)
    tune_process()
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.evaluation import evaluate_all
    from monodepth2.evaluation.page import write_page
    from monodepth2.evaluation.report import json_report, text_report

    run = evaluate_all(options)
    if run.results:
        print(text_report(run.results))
    for message in run.messages:
        print(message)
    if options.output_json and run.results:
        with whole_file(options.output_json.expanduser()) as partial:
            partial.write_text(json_report(run.results) + "\n")
        print(f"figures are in {options.output_json}")
    if options.html_report and run.results:
        write_page(options.html_report.expanduser(), run.results, options)
        print(f"the page of figures and pictures is {options.html_report}")


if __name__ == "__main__":
    run_script(main)
