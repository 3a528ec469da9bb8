"""`python -m monodepth2.demo FOLDER`: render a street, train on it, score before and after, export, write a page."""

from monodepth2.config.command_line import parse_as
from monodepth2.config.making import DEMO_FOLDER, DemoOptions
from monodepth2.errors import run_script
from monodepth2.runtime.tuning import tune_process


def main() -> int:
    """Run the demo as the command line says."""
    options = parse_as(DemoOptions, description=__doc__, program="python -m monodepth2.demo", positional=DEMO_FOLDER)
    tune_process()
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.demo.run import run

    return run(options)


if __name__ == "__main__":
    run_script(main)
