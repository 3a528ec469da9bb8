"""What is recorded of the training that a checkpoint comes from."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from monodepth2.checkpoints.facts import TrainingFacts, trained_on_stereo
from monodepth2.checkpoints.networks import MEAN, network_file
from monodepth2.config import Options, options_from_json
from monodepth2.errors import UserError
from monodepth2.files.text import read_text


def trained_options(folder: Path) -> Options | None:
    """Return the options a checkpoint was trained with, from the `opt.json` of its run; None where there is none.

    Raises:
        UserError: the file is there but unusable.
    """
    return recorded_options(checkpoint_of(folder).parent)


def checkpoint_of(folder: Path) -> Path:
    """Return the folder of a checkpoint, resolved; of the one with the mean of the weights, that which it lies in."""
    checkpoint = folder.expanduser().resolve()
    return checkpoint.parent if checkpoint.name == MEAN else checkpoint


def recorded_options(models_folder: Path) -> Options | None:
    """Return the options of the run whose checkpoints lie in a folder, from its `opt.json`; None where there is none.

    Raises:
        UserError: the file is there but unusable.
    """
    path = models_folder / "opt.json"
    if not path.is_file():
        return None
    return options_from_json(read_text(path), str(path))


def trained_facts(encoder_state: dict[str, Any], folder: Path) -> TrainingFacts:
    """Return what a checkpoint says of its training; an older one's `opt.json` says it, else 2019's defaults hold.

    Raises:
        UserError: the checkpoint's own facts, or the record, are there but unusable.
    """
    path = network_file(folder, "encoder")
    if not TrainingFacts.in_state(encoder_state):
        facts = TrainingFacts.of(trained_options(folder) or Options())
        return replace(facts, use_stereo=trained_on_stereo(encoder_state, path))
    facts = TrainingFacts.from_state(encoder_state, path)
    if "supervision" not in encoder_state:
        with suppress(UserError):  # earlier versions wrote what else was learnt from into the record alone
            return facts.after(TrainingFacts.of(trained_options(folder) or Options()))
    return facts
