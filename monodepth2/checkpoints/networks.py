"""Checkpoints in 2019's layout: a folder of plain state dicts, one file per network, and the optimizer's."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.folder import write_folder
from monodepth2.checkpoints.shared import CONFIG, ENDING, read_shared
from monodepth2.checkpoints.undrawn import Undrawn
from monodepth2.config import Options, options_from_json
from monodepth2.errors import UserError, tell
from monodepth2.files.pictures import LARGEST_SIDE
from monodepth2.files.text import read_text
from monodepth2.files.weight_files import misfits, plain_state, read_weights
from monodepth2.method.geometry import disp_to_depth
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import DECODERS, HR, Decoder, Encoder, ResnetEncoder, TimmEncoder, make_decoder

OPTIMIZER = "adam"
STATE = "state"
MEAN = "ema"  # the folder of a checkpoint that holds the mean of the weights, as a checkpoint of its own
MOST_IMAGES = 64  # that a pose network sees at once
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

    It holds `<network>.pth` for every network and `adam.pth`; `encoder.pth` also holds size, kind and
    facts of the training.
    Beside these files of 2019 lie `state.pth`, where there is a state, and the manifest of all of them.

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
    states["encoder.pth"] |= {"height": options.height, "width": options.width, "use_stereo": options.use_stereo}
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
        load_state(model.networks[name], read_network(path, REMEDY + missing), path, misfit)
    return wanted


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


def _age_of(checkpoint: Path) -> tuple[float, str]:
    """When a checkpoint was written, by the state of its encoder, which copying by most programs keeps."""
    encoder = checkpoint / "encoder.pth"
    return (encoder.stat().st_mtime if encoder.is_file() else 0.0, checkpoint.name)


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


class DepthNetwork(nn.Module):
    """Encoder and decoder of a checkpoint as one function from image to disparity.

    Attributes:
        height: input height of the checkpoint.
        width: input width of the checkpoint.
        use_stereo: whether it was trained with stereo pairs, so that its depths have a known scale.
        min_depth: nearest depth that it expresses, in its own unit.
        max_depth: farthest.
        facts: what else is known of its training.
    """

    def __init__(
        self,
        encoder: Encoder,
        depth: Decoder,
        height: int,
        width: int,
        use_stereo: bool,
        min_depth: float = 0.1,
        max_depth: float = 100.0,
        facts: TrainingFacts | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.depth = encoder, depth
        self.height, self.width, self.use_stereo = height, width, use_stereo
        self.min_depth, self.max_depth = min_depth, max_depth
        self.facts = facts or TrainingFacts()

    def forward(self, image_b3hw: Tensor) -> Tensor:
        """Return the scaled disparity (1 / depth) of images in [0, 1], at the finest scale there is, b1hw."""
        disps = self.depth(self.encoder(image_b3hw))
        return disp_to_depth(disps[min(disps)], self.min_depth, self.max_depth)[0]


def load_depth_network(
    folder: Path,
    device: torch.device,
    min_depth: float | None = None,
    max_depth: float | None = None,
    height: int | None = None,
    width: int | None = None,
) -> DepthNetwork:
    """Load the depth network of a checkpoint folder; its ResNet and scales are read off the tensors.

    Args:
        folder: holds `encoder.pth` and `depth.pth`.
        device: where the network is to run.
        min_depth: nearest depth that it expresses; by default as it was trained.
        max_depth: farthest.
        height: of its pictures, where `encoder.pth` does not state it.
        width: likewise.

    Raises:
        UserError: the folder or its files are missing or unusable.
    """
    folder = weights_folder(folder)
    encoder_path, depth_path = network_file(folder, "encoder"), network_file(folder, "depth")
    encoder_state, depth_state = read_network(encoder_path), read_network(depth_path)
    encoder = load_encoder(encoder_state, encoder_path)
    kind, scales = kind_of_decoder(depth_state, depth_path)
    with Undrawn():
        depth = make_decoder(kind, encoder.num_ch_enc, scales)
    load_state(depth, depth_state, depth_path)
    height, width = input_size(encoder_state, encoder_path, height, width)
    facts = trained_facts(encoder_state, folder)
    nearest = facts.min_depth if min_depth is None else min_depth
    farthest = facts.max_depth if max_depth is None else max_depth
    if nearest >= farthest:
        trained = f"{folder} was trained with --min_depth {facts.min_depth:g} --max_depth {facts.max_depth:g}"
        raise UserError(f"a nearest depth of {nearest:g} and a farthest of {farthest:g} are no range; {trained}")
    network = DepthNetwork(
        encoder,
        depth,
        height,
        width,
        trained_on_stereo(encoder_state, encoder_path),
        nearest,
        farthest,
        facts,
    )
    return network.eval().to(device)


def load_encoder(state: dict[str, Any], path: Path) -> Encoder:
    """Build the encoder that a state dict belongs to, and load it.

    Raises:
        UserError: it belongs to none, or tensors are missing.
    """
    backbone = backbone_of(state, path)
    with Undrawn():
        encoder = TimmEncoder(backbone[0]) if backbone else ResnetEncoder(num_layers(state, path))
    load_state(encoder, state, path)
    return encoder


def backbone_of(state: dict[str, Any], path: Path) -> tuple[str, int] | None:
    """Return the name of a state dict's backbone in timm, and how many pictures it sees; None for 2019's ResNets.

    Raises:
        UserError: the entries that say so cannot be used.
    """
    if "backbone" not in state:
        return None
    name, images = state["backbone"], state.get("images")
    if not isinstance(name, str) or not isinstance(images, int) or not 1 <= images <= MOST_IMAGES:
        raise UserError(f"{path}: its backbone cannot be used; take another copy of the file")
    return name, images


def num_layers(state: dict[str, Any], path: Path) -> int:
    """Tell the ResNet of a state dict by the number of blocks in its third layer and by its kind of block.

    Raises:
        UserError: it is none of 18, 34, 50, 101 or 152 layers.
    """
    blocks = len({key.split(".")[2] for key in state if key.startswith("encoder.layer3.")})
    bottleneck = "encoder.layer1.0.conv3.weight" in state
    known = {(2, False): 18, (6, False): 34, (6, True): 50, (23, True): 101, (36, True): 152}
    if (blocks, bottleneck) not in known:
        raise UserError(f"{path}: not the encoder of a known ResNet (18, 34, 50, 101, 152 layers)")
    return known[blocks, bottleneck]


def input_size(
    encoder_state: dict[str, Any], path: Path, height: int | None = None, width: int | None = None
) -> tuple[int, int]:
    """Return the (height, width) that `encoder.pth` states; those given where it states neither.

    Raises:
        UserError: it states none that the networks can take, or none at all, and none is given.
    """
    if encoder_state.get("height") is None and encoder_state.get("width") is None:
        if height is None or width is None:
            raise UserError(
                f"{path}: does not state the size of the network's pictures; give the size that it was trained with: "
                "--height and --width"
            )
        encoder_state = {"height": height, "width": width}
    height, width = (encoder_state.get(key) for key in ("height", "width"))
    if (
        not (isinstance(height, int) and isinstance(width, int))
        or not 64 <= min(height, width) <= max(height, width) <= LARGEST_SIDE
        or (height | width) % 32
    ):
        raise UserError(f"{path}: states no usable input size (height {height!r:.20}, width {width!r:.20})")
    return height, width


def trained_on_stereo(encoder_state: dict[str, Any], path: Path) -> bool:
    """Whether `encoder.pth` says that it was trained with stereo pairs; one that says nothing was not.

    Raises:
        UserError: what it says cannot be used.
    """
    use_stereo = encoder_state.get("use_stereo", False)
    if not isinstance(use_stereo, int):
        raise UserError(f"{path}: its use_stereo is neither true nor false; take another copy of the file")
    return bool(use_stereo)


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
        UserError: the record is there but unusable.
    """
    if not TrainingFacts.in_state(encoder_state):
        return TrainingFacts.of(trained_options(folder) or Options())
    facts = TrainingFacts.from_state(encoder_state, network_file(folder, "encoder"))
    with suppress(UserError):  # earlier versions wrote what else was learnt from into the record alone
        if trained := trained_options(folder):
            return facts.after(TrainingFacts.of(trained))
    return facts


def kind_of_decoder(state: dict[str, Any], path: Path) -> tuple[str, tuple[int, ...]]:
    """Tell the kind of a depth decoder (as `--decoder` names it) and its scales by its tensors.

    Raises:
        UserError: it is none.
    """
    if hr := tuple(scale for scale in range(4) if f"heads.{scale}.conv.weight" in state):
        return HR, hr
    first = state.get("decoder.0.conv.conv.weight")
    known = {channels[-1]: kind for kind, channels in DECODERS.items()}
    kind = known.get(len(first) if isinstance(first, Tensor) and first.dim() else 0, "2019")
    return kind, _scales(state, DECODERS[kind], path)


def _scales(state: dict[str, Any], channels: Sequence[int], path: Path) -> tuple[int, ...]:
    """Tell the scales by the input channels of the heads, which follow the ten blocks."""
    by_channels = {channels[scale]: scale for scale in range(4)}
    heads: list[int] = []
    while (weight := state.get(f"decoder.{10 + len(heads)}.conv.weight")) is not None and len(heads) < 4:
        inputs = weight.shape[1] if isinstance(weight, Tensor) and weight.dim() == 4 else None
        if inputs not in by_channels:
            raise UserError(f"{path}: head {len(heads)} is not one of a depth decoder")
        heads.append(by_channels[inputs])
    if not heads:
        raise UserError(f"{path}: holds no depth decoder")
    return tuple(heads)
