"""What `train.py` does: train, and say at the end what to do with what there is."""

from monodepth2.config import Options
from monodepth2.training.told import next_steps
from monodepth2.training.trainer import Trainer


def run(options: Options) -> int:
    """Train as the options say; return the exit code.

    Raises:
        UserError: as `Trainer`.
    """
    trainer = Trainer(options)
    code = trainer.train()
    if code == 0 and trainer.processes.is_main:
        data = trainer.data
        steps = next_steps(options, data.val_set.picture(0), data.facts.baseline)
        print(f"weights are in {options.last_weights}", "what to do with them, for example:", *steps, sep="\n")
    return code
