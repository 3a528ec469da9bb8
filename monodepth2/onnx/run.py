"""What `export_depth.py` does."""

from monodepth2.config import ExportOptions
from monodepth2.onnx.export import export


def run(options: ExportOptions) -> int:
    """Export as the options say, and print what was written; return the exit code.

    Raises:
        UserError: as `export`.
    """
    print(export(options).report())
    return 0
