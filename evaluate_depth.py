"""Score checkpoints: `python evaluate_depth.py --load_weights_folder ... --eval_mono --data_path ...`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Score as the command line says."""
    return start("evaluate")


if __name__ == "__main__":
    run_script(main)
