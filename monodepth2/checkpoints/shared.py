"""Networks as they are shared: a folder of safetensors files with 2019's keys, and `config.json` with what else counts.

Every network has a file of its own, `<network>.safetensors`. `config.json` holds the entries that 2019's `.pth` files
have beside their tensors: size, depth range, rig, cameras and fit in those of `encoder`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from monodepth2.config import NETWORKS
from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input, read_json
from monodepth2.files.output_paths import write_whole
from monodepth2.files.weight_files import LARGEST_FILE
from monodepth2.runtime.extras import require_packages

CONFIG, ENDING = "config.json", ".safetensors"
FORMAT = 1  # of config.json; a change that earlier versions would read wrongly gets the next number
LARGEST_CONFIG = 1 << 20  # bytes
LIBRARY = "monodepth2"
_ENTRIES = (bool, int, float, str, list, type(None))


def write_shared(folder: Path, states: Mapping[str, Mapping[str, Any]]) -> None:
    """Write networks as files that are shared.

    Args:
        folder: that exists.
        states: a state dict for each network: tensors, and entries beside them that JSON knows.

    Raises:
        UserError: a file cannot be written, or the safetensors package is missing.
    """
    require_packages("hub", "models that are shared", "safetensors")
    from safetensors.torch import save

    entries = {}
    for name, state in states.items():
        tensors = {key: value.contiguous() for key, value in state.items() if isinstance(value, Tensor)}
        entries[name] = {key: value for key, value in state.items() if not isinstance(value, Tensor)}
        # not save_file, whose files nobody else may read
        write_whole(folder / f"{name}{ENDING}", save(tensors, metadata={"format": "pt"}))
    config = {"library_name": LIBRARY, "format": FORMAT, "networks": entries}
    write_whole(folder / CONFIG, json.dumps(config, indent=2))


def read_config(path: Path) -> dict[str, dict[str, Any]]:
    """Return what a `config.json` says: for each network the entries beside its tensors.

    Whether their values can be used is for those to check who read them from `.pth` files, too.

    Raises:
        UserError: the file is missing or unusable, or is of a later version or of another program.
    """
    try:
        config = read_json(path, LARGEST_CONFIG)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"{path}: cannot be read as JSON ({reason}); take another copy of it") from error
    if not isinstance(config, dict) or config.get("library_name") != LIBRARY:
        raise UserError(f"{path}: is not of a model of this program; name a model that `monodepth2 push` has made")
    if config.get("format") != FORMAT:
        raise UserError(
            f"{path}: is of format {config.get('format')!r:.20}, and this version reads {FORMAT}: update it"
        )
    networks = config.get("networks")
    if not isinstance(networks, dict) or not all(_is_network(*item) for item in networks.items()):
        raise UserError(f"{path}: its networks cannot be used; take another copy of it")
    return networks


def read_shared(path: Path) -> dict[str, Any]:
    """Read a network: its tensors, and its entries in the `config.json` beside it.

    Args:
        path: of the `.safetensors` file.

    Returns:
        The state dict that its `.pth` file would hold.

    Raises:
        UserError: a file is missing, too large, damaged or not what it should be, or the safetensors package is
            missing.
    """
    require_packages("hub", f"models like {path.parent}", "safetensors")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    entries = read_config(path.parent / CONFIG)
    if path.stem not in entries:
        raise UserError(f"{path}: {CONFIG} does not name this network; take another copy of the folder")
    try:
        with open_input(path, LARGEST_FILE):  # what is not a plain file, or too large, is not even mapped
            return {**load_file(path), **entries[path.stem]}
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; take another copy of the folder") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or first_line(error)})") from error
    except SafetensorError as error:
        raise UserError(f"{path}: not a safetensors file, or damaged ({first_line(error)})") from error


def _is_network(name: str, entries: Any) -> bool:
    return (
        name in NETWORKS
        and isinstance(entries, dict)
        and all(isinstance(value, _ENTRIES) for value in entries.values())
    )
