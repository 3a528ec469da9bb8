"""Train depth and motion from video: `python train.py --data_path ...`; the same as `monodepth2 train`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Train as the command line says."""
    return start("train")


if __name__ == "__main__":
    run_script(main)
