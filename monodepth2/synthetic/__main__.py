"""`python -m monodepth2.synthetic OUTPUT` renders a synthetic data set in KITTI raw's layout."""

from monodepth2.config.command_line import parse_as
from monodepth2.config.making import STREET_FOLDER, SyntheticOptions
from monodepth2.errors import run_script
from monodepth2.synthetic.run import run


def main(arguments: list[str] | None = None) -> int:
    """Render as the command line says."""
    program = "python -m monodepth2.synthetic"
    return run(parse_as(SyntheticOptions, arguments, __doc__, program=program, positional=STREET_FOLDER))


if __name__ == "__main__":
    run_script(main)
