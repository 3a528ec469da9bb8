"""`python -m monodepth2.demo FOLDER`: render a street, train on it, score before and after, export, write a page."""

import argparse
from pathlib import Path

from monodepth2.errors import run_script
from monodepth2.runtime.process import tune_process


def main() -> int:
    """Run the demo as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m monodepth2.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="receives the drive, the run and index.html")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the rendered drives")
    parser.add_argument("--frames", type=int, default=90, help="frames of each drive")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other streets")
    args = parser.parse_args()
    tune_process()
    from monodepth2.demo.run import run_demo

    return run_demo(args.folder, args.epochs, args.frames, args.seed)


if __name__ == "__main__":
    run_script(main)
