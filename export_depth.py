"""Export a checkpoint as a checked ONNX file: `python export_depth.py --load_weights_folder ... --output x.onnx`."""

from monodepth2.config.tools import ExportOptions
from monodepth2.errors import run_script
from monodepth2.runtime.process import tune_process
from options import parse_as


def main() -> None:
    """Export as the command line says."""
    options = parse_as(ExportOptions, description=__doc__)
    tune_process()
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.onnx import export

    print(export(options).report())


if __name__ == "__main__":
    run_script(main)
