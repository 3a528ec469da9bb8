"""What `monodepth2 push` does: weights, facts and a card in a folder, which goes to the Hugging Face hub."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from monodepth2.checkpoints.depth_network import DepthNetwork, load_depth_network
from monodepth2.checkpoints.hub import PACKAGES, hub_errors, is_shared_model
from monodepth2.checkpoints.named import resolve_weights
from monodepth2.checkpoints.networks import holds_network, network_file, read_network
from monodepth2.checkpoints.shared import CONFIG, ENDING, write_shared
from monodepth2.config import Options, PushOptions
from monodepth2.errors import UserError
from monodepth2.files.output_paths import whole_folder, write_whole
from monodepth2.odometry.network import FRAMES, options_of_pose_network, stated_frames
from monodepth2.runtime.extras import require_packages
from monodepth2.sharing.card import card

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
ATTRIBUTES = ".gitattributes"  # that the hub itself writes into every new model
BACKBONE = ("backbone", "timm", "images")  # entries of a network of timm


def run(options: PushOptions) -> int:
    """Share a checkpoint's networks as the options say; return the exit code.

    Raises:
        UserError: the checkpoint cannot be used, the folder cannot be written, or the hub takes nothing.
    """
    require_packages("hub", "models that are shared", *PACKAGES)
    if options.output:
        folder = options.output.expanduser()
        write_model(folder, options)
        print(f"the model is in {folder}; DepthPredictor.from_pretrained reads it, and so does --load_weights_folder")
        return 0
    assert options.repository
    with tempfile.TemporaryDirectory() as temporary:
        write_model(Path(temporary) / "model", options)
        address = _upload(Path(temporary) / "model", options.repository, options.private)
    print(f"the model is at {address}", f"to use it: --model_name {options.repository}", sep="\n")
    return 0


def write_model(folder: Path, options: PushOptions) -> None:
    """Write what is shared of a checkpoint into a new folder, whole or not at all.

    Raises:
        UserError: the checkpoint cannot be used, or the folder exists or cannot be written.
    """
    if folder.exists():
        raise UserError(f"--output {folder}: exists already; name a new folder")
    weights = resolve_weights(options.load_weights_folder, None, options.run, options.log_dir)
    network = load_depth_network(weights, torch.device("cpu"), height=options.height, width=options.width)
    try:
        with whole_folder(folder) as partial:
            write_shared(partial, _states(weights, network))
            write_whole(partial / CARD, card(weights, network, options.repository, options.license))
    except OSError as error:
        raise UserError(f"--output {folder}: cannot be written ({error.strerror or error})") from error


def _states(weights: Path, network: DepthNetwork) -> dict[str, dict[str, Any]]:
    """The networks of a checkpoint; what an old one does not state of itself is stated with them."""
    states = {
        name: _known(read_network(network_file(weights, name)))
        for name in Options.models_to_load
        if holds_network(weights, name)
    }
    states["encoder"] |= {"height": network.height, "width": network.width, **network.facts.to_state()}
    if "pose" in states and (frames := stated_frames(weights, read_network(network_file(weights, "pose")))):
        options_of_pose_network(weights, states["encoder"])  # refuses what another run states
        states["pose"] |= {FRAMES: frames}
    return states


def _known(state: dict[str, Any]) -> dict[str, Any]:
    """Tensors, and what tells a network of timm; whatever else a file holds is not made public."""
    return {
        key: value
        for key, value in state.items()
        if isinstance(value, torch.Tensor) or (key in BACKBONE and isinstance(value, (str, int)))
    }


def _upload(folder: Path, repository: str, private: bool) -> str:
    """Send a folder to the hub; return the model's address.

    Raises:
        UserError: the hub takes nothing, or has a model of this name that is not to be replaced.
    """
    from huggingface_hub import HfApi

    with hub_errors(repository):
        api = HfApi(library_name="monodepth2")
        _check_replaceable(api, repository, private)
        made = api.create_repo(repository, private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id,
            folder_path=folder,
            commit_message="Weights and card of monodepth2",
            delete_patterns=f"*{ENDING}",  # a network that this model has no more
        )
    return str(made)


def _check_replaceable(api: "HfApi", repository: str, private: bool) -> None:
    """Refuse to send to a model that others see, where that is not wanted, and to one of another program."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = api.model_info(repository)
    except RepositoryNotFoundError:  # or the hub does not let this user see it; making it says which
        return
    if private and not found.private:
        raise UserError(
            f"--private: the model {repository} is there already and is public; make it private in its settings at "
            "the hub, or give a new name"
        )
    files = {file.rfilename for file in found.siblings or ()} - {ATTRIBUTES}
    if files and not (CONFIG in files and is_shared_model(repository)):
        raise UserError(
            f"{repository}: holds files that are not of `monodepth2 push`, which would be replaced; give a new name, "
            "or remove them at the hub"
        )
