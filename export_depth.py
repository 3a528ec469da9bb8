"""Export a checkpoint as a checked ONNX file: `python export_depth.py --load_weights_folder ... --output x.onnx`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Export as the command line says."""
    return start("export")


if __name__ == "__main__":
    run_script(main)
