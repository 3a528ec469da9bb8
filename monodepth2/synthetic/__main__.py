"""`python -m monodepth2.synthetic OUTPUT` renders a synthetic data set in KITTI raw's layout."""

import argparse
from pathlib import Path

from monodepth2.errors import run_script
from monodepth2.synthetic.drive import DriveSettings, write_synthetic_drive
from monodepth2.synthetic.street import PATHS


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, render, and say where the result lies."""
    default = DriveSettings()
    parser = argparse.ArgumentParser(prog="python -m monodepth2.synthetic", description=__doc__)
    parser.add_argument("output", type=Path, help="folder to make; it must be new or empty")
    parser.add_argument("--drives", type=int, default=default.drives, help="streets; the last is held out for tests")
    parser.add_argument("--frames", type=int, default=default.frames_per_drive, help="stereo frames of each drive")
    parser.add_argument("--width", type=int, default=default.width, help="of the pictures, in pixels")
    parser.add_argument("--height", type=int, default=default.height, help="of the pictures, in pixels")
    parser.add_argument("--seed", type=int, default=default.seed, help="other seeds give other streets")
    parser.add_argument("--png", action="store_true", help="lossless pictures instead of KITTI's usual JPEG")
    parser.add_argument("--path", choices=tuple(PATHS), default=default.path, help=_means(PATHS))
    parser.add_argument(
        "--intrinsics",
        type=float,
        nargs=4,
        default=default.intrinsics,
        metavar=("FX", "FY", "CX", "CY"),
        help="of the camera, as shares of the picture's width and height (default: KITTI's 0.58 1.92 0.5 0.5)",
    )
    options = parser.parse_args(arguments)
    settings = DriveSettings(
        drives=options.drives,
        frames_per_drive=options.frames,
        width=options.width,
        height=options.height,
        seed=options.seed,
        extension=".png" if options.png else ".jpg",
        path=options.path,
        intrinsics=tuple(options.intrinsics),
    )
    written = write_synthetic_drive(options.output, settings, progress=True)
    print(
        f"{options.output}: {'written' if written else 'already there'}; its split lies in {options.output / 'split'}"
    )


def _means(meanings: dict[str, str]) -> str:
    return "; ".join(f"{name}: {meaning}" for name, meaning in meanings.items())


if __name__ == "__main__":
    run_script(main)
