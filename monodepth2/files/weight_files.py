"""Files of PyTorch weights, read without trust in them.

`torch.load` reads them with `weights_only`, which executes nothing. It does not promise more: a file that somebody made
for it can fill the memory, take long, or end the process.
"""

import zipfile
from collections.abc import Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input

LARGEST_FILE = 4 << 30
CONTAINERS = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
PREFIXES = ("module.", "_orig_mod.")
COUNTERS = ("total_ops", "total_params")
COLOURS = ("mean", "std")  # of the pictures that a backbone of timm expects
MOST_DEPTH = 32  # of containers within containers; a state dict has a handful
_ZIP = b"PK\x03\x04"
_START_OF_2019 = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."  # PyTorch's magic number, pickled
_PLAIN = (type(None), bool, int, float, str, bytes, dict, list, tuple)


def read_weights(path: Path, remedy: str) -> dict[str, Any]:
    """Read a `.pth` file, of today's or of 2019's format, executing nothing in it.

    Args:
        path: the file.
        remedy: what to do if there is none, for the message.

    Returns:
        Tensors on the CPU, numbers, texts, bytes, None, and containers of them, by name.

    Raises:
        UserError: the file is missing, too large, damaged, or not a file of PyTorch weights.
    """
    try:
        with open_input(path, LARGEST_FILE) as file:
            _require_format(file)
            state = torch.load(file, map_location="cpu", weights_only=True)
        _require_plain(state)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; {remedy}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or first_line(error)})") from error
    except Exception as error:  # zipfile and torch.load raise many kinds for bad bytes
        raise UserError(f"{path}: not a file of PyTorch weights, or damaged ({_reason(error)})") from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise UserError(f"{path}: holds no state dict")
    return {key: value.detach() if isinstance(value, nn.Parameter) else value for key, value in state.items()}


def plain_state(state: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a network's state dict without what other programs put around it, and what was done, for people.

    Trainers wrap it in a container beside epoch and loss, DataParallel and `torch.compile` write a prefix before every
    tensor, counters of operations leave tensors of their own. Numbers beside the container, such as a size, are kept.
    """
    plain, done = dict(state), []
    while container := next((name for name in CONTAINERS if isinstance(plain.get(name), dict)), None):
        facts = {key: value for key, value in plain.items() if isinstance(value, (bool, int, float, str))}
        plain = facts | {str(key): value for key, value in plain[container].items()}
        done.append(f"taken out of '{container}'")
    counters = [key for key in plain if key.rpartition(".")[2] in COUNTERS]
    if counters:
        plain = {key: value for key, value in plain.items() if key not in counters}
        done.append(f"without {len(counters)} counters of operations")
    while prefix := next((prefix for prefix in PREFIXES if _all_tensors_begin_with(prefix, plain)), None):
        plain = {key.removeprefix(prefix): value for key, value in plain.items()}
        done.append(f"without the prefix '{prefix}'")
    return plain, ", ".join(done)


def _all_tensors_begin_with(prefix: str, state: Mapping[str, Any]) -> bool:
    names = [key for key, value in state.items() if isinstance(value, Tensor)]
    return bool(names) and all(name.startswith(prefix) for name in names)


def misfits(state: Mapping[str, Any], expected: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the expected tensors that a state dict lacks, or has in another shape.

    Batch counters may be missing: 2019's earliest versions of PyTorch wrote none. So may the
    mean and deviation of colours that a backbone of timm expects: earlier versions of this program did not keep them.
    """
    wrong = [key for key, value in expected.items() if getattr(state.get(key), "shape", None) != value.shape]
    return [key for key in wrong if key in state or not (key in COLOURS or key.endswith("num_batches_tracked"))]


def _require_format(file: BufferedReader) -> None:
    """Check what `torch.load` does not: sizes before they are allocated, and an archive's checksums."""
    start = file.peek(len(_START_OF_2019))
    if not start.startswith(_ZIP):
        if not start.startswith(_START_OF_2019):
            raise ValueError("of an unknown format")
        return
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("a compressed archive")
        if sum(member.file_size for member in members) > size:
            raise ValueError("an archive whose members are larger than itself")
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} does not match its checksum")
    file.seek(0)


def _require_plain(state: Any) -> None:
    """Check that there is nothing but what a state dict holds; `torch.load` knows more, for which nobody is prepared.

    Containers that lie very deep are refused, too: recursive functions could not walk through them.
    """
    level = [state]
    for _ in range(MOST_DEPTH):
        if strange := [value for value in level if not isinstance(value, _PLAIN) and not _is_plain_tensor(value)]:
            raise ValueError(f"it holds a {type(strange[0]).__name__} of a kind that weights have no use for")
        level = list({id(child): child for parent in level for child in _children(parent)}.values())
        if not level:
            return
    raise ValueError("containers within containers without end")


def _is_plain_tensor(value: Any) -> bool:
    return (
        type(value) in (Tensor, nn.Parameter)
        and value.layout is torch.strided
        and not (value.is_meta or value.is_quantized or value.is_nested)
    )


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def _reason(error: Exception) -> str:
    """What is wrong with a file, without PyTorch's advice to load it in an unsafe way."""
    if not isinstance(error, UnpicklingError):
        return first_line(error)
    return first_line(ValueError(str(error).rpartition("WeightsUnpickler error:")[2].split(". ")[0]))
