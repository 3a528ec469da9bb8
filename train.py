"""Train depth and motion from video: `python train.py --data_path ...`."""

from monodepth2.errors import run_script
from monodepth2.runtime.process import tune_process
from options import parse


def main() -> int:
    """Train as the command line says."""
    options = parse(description=__doc__)
    tune_process(options.deterministic)
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.training.trainer import Trainer

    return Trainer(options).train()


if __name__ == "__main__":
    run_script(main)
