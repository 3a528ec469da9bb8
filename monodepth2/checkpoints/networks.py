"""Checkpoints in 2019's layout: a folder of plain state dicts, one file per network, and the optimizer's."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.folder import read_manifest, write_folder
from monodepth2.checkpoints.kinds import backbone_of
from monodepth2.checkpoints.shared import CONFIG, ENDING, read_shared
from monodepth2.config import Options
from monodepth2.errors import UserError, tell
from monodepth2.files.weight_files import misfits, plain_state, read_weights
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import TimmEncoder

OPTIMIZER = "adam"
STATE = "state"
MEAN = "ema"  # the folder of a checkpoint that holds the mean of the weights, as a checkpoint of its own
OF_A_RUN = re.compile(r"weights_(?:step_)?(\d+)", re.ASCII)  # other folders are copies that a user has made
REMEDY = "name the folder that holds encoder.pth, depth.pth, ..."
# for training, which alone has these flags
WITHOUT_IT = " (to start without one of the networks, leave it out of --models_to_load)"
ITS_FLAGS = (
    "; check --num_layers, --encoder, --decoder, --scales, --pose_model_type and --pose_model_input, or shorten "
    "--models_to_load"
)


def save_checkpoint(
    folder: Path,
    model: MonodepthModel,
    optimizer: torch.optim.Optimizer,
    options: Options,
    step: int = 0,
    state: Mapping[str, Any] | None = None,
    facts: TrainingFacts | None = None,
    mean: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write a checkpoint folder, whole or not at all.

    It holds `<network>.pth` for every network and `adam.pth`; `encoder.pth` also holds size, kind and facts of the
    training. Beside these files of 2019 lie `state.pth`, where there is a state, and the manifest of all of them.

    Args:
        folder: to be made; it may exist if it is empty.
        model: whose networks are written.
        optimizer: an Adam.
        options: of the run.
        step: of the run.
        state: what else a run needs to go on (see `RunState`): tensors, numbers, strings and containers of them.
        facts: what predictions depend on (default: what the options say).
        mean: files of networks (see `network_files`) with the mean of the weights, for the folder `MEAN` in it.

    Raises:
        UserError: it cannot be written.
    """
    states = network_files(model, options, facts)
    states[f"{OPTIMIZER}.pth"] = optimizer.state_dict()
    if state is not None:
        states[f"{STATE}.pth"] = dict(state)
    states |= {f"{MEAN}/{name}": dict(one) for name, one in (mean or {}).items()}
    write_folder(folder, states, step)


def network_files(
    model: MonodepthModel, options: Options, facts: TrainingFacts | None = None
) -> dict[str, dict[str, Any]]:
    """Return the state dicts of a checkpoint's networks by file name, with what else these files hold."""
    states = {f"{name}.pth": dict(network.state_dict()) for name, network in model.networks.items()}
    states["encoder.pth"] |= {"height": options.height, "width": options.width}
    for name, network in model.networks.items():
        if isinstance(network, TimmEncoder):
            states[f"{name}.pth"] |= network.entries
    states["encoder.pth"] |= (facts or TrainingFacts.of(options)).to_state()
    return states


def load_networks(
    model: MonodepthModel, folder: Path, names: Sequence[str], missing: str = "", misfit: str = ""
) -> list[str]:
    """Load the named networks that the model has; return the names loaded.

    Args:
        model: whose networks are filled.
        folder: of the checkpoint.
        names: of the networks.
        missing: further advice where there is no file, in flags that the user's script has.
        misfit: advice where a file is of another network, likewise.

    Raises:
        UserError: the folder or a file is missing, unreadable, or does not fit the model.
    """
    folder = weights_folder(folder)
    wanted = [name for name in model.networks if name in names]
    for name in wanted:
        path = network_file(folder, name)
        network, state = model.networks[name], read_network(path, REMEDY + missing)
        _check_backbone(network, state, path, misfit)
        load_state(network, state, path, misfit)
    return wanted


def _check_backbone(network: nn.Module, state: dict[str, Any], path: Path, advice: str) -> None:
    """Refuse the weights of another backbone: its tensors may have the same shapes, and it would see badly by them."""
    found, wanted = backbone_of(state, path), network.name if isinstance(network, TimmEncoder) else None
    if (found and found[0]) != wanted:
        theirs, ours = (f"timm's {name}" if name else "a ResNet of 2019" for name in (found and found[0], wanted))
        raise UserError(f"{path}: holds the weights of {theirs}, and the network is {ours}{advice}")


def read_network(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """Read a network's state dict, and say in a line what other programs had put around it.

    Args:
        path: of its `.pth` file, or of its `.safetensors` file in a folder that is shared.
        remedy: what to do where there is no `.pth` file.

    Raises:
        UserError: as `read_weights` and `read_shared`.
    """
    if path.suffix == ENDING:
        return read_shared(path)
    state, done = plain_state(read_weights(path, remedy))
    if done:
        tell(f"{path}: read {done}")
    return state


def network_file(folder: Path, name: str) -> Path:
    """Return the path of a network's file: `<name>.pth`, or `<name>.safetensors` where the folder is a shared one."""
    path, shared = folder / f"{name}.pth", folder / f"{name}{ENDING}"
    is_shared = shared.is_file() or (folder / CONFIG).is_file()
    return shared if is_shared and not path.exists() else path


def holds_network(folder: Path, name: str) -> bool:
    """Whether a folder has a file of the network, of either kind."""
    return network_file(folder, name).is_file()


def weights_folder(folder: Path) -> Path:
    """Return the folder with `~` expanded; of a run's folder, or the `models` in it, the newest checkpoint.

    Raises:
        UserError: it does not exist, or is a file.
    """
    folder = folder.expanduser()
    if folder.is_file():
        raise UserError(f"--load_weights_folder {folder}: is a file, but the folder with the .pth files is needed")
    if not folder.is_dir():
        raise UserError(f"--load_weights_folder {folder}: no such folder")
    if holds_network(folder, "encoder"):
        return folder
    checkpoints = [path for place in (folder, folder / "models") for path in place.glob("weights_*") if path.is_dir()]
    if not checkpoints:
        return folder
    newest = max(checkpoints, key=_age_of)
    which = f"the newest of {len(checkpoints)} checkpoints" if len(checkpoints) > 1 else "its only checkpoint"
    tell(f"{folder}: {which} is taken, {newest.name}")
    return newest


def _age_of(checkpoint: Path) -> tuple[bool, int, float, int]:
    """How new a checkpoint of a run is: by its step; without a manifest, as in 2019, by its time, then its number.

    Programs that copy or unpack a run do not all keep the times of its files.
    """
    own, encoder = OF_A_RUN.fullmatch(checkpoint.name), checkpoint / "encoder.pth"
    try:
        step = read_manifest(checkpoint).step
    except UserError:
        step = -1
    written = encoder.stat().st_mtime if encoder.is_file() else 0.0
    return own is not None, step, written, int(own[1]) if own else -1


def load_state(network: nn.Module, state: dict[str, Any], path: Path, advice: str = "") -> None:
    """Load a network's tensors; entries that the network does not know are ignored, as in 2019.

    Raises:
        UserError: tensors are missing or of another shape.
    """
    expected = network.state_dict()
    if wrong := misfits(state, expected):
        shape = getattr(state.get(wrong[0]), "shape", None)
        found = "missing" if shape is None else list(shape)
        raise UserError(
            f"{path}: {len(wrong)} of {len(expected)} tensors do not fit the network, e.g. {wrong[0]} "
            f"should be {list(expected[wrong[0]].shape)} and is {found}{advice}"
        )
    network.load_state_dict({key: state.get(key, value) for key, value in expected.items()})
