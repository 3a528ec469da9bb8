"""Files of PyTorch weights, read as hostile.

They are read here rather than by `torch.load`: with `weights_only`, too, a file of a few bytes can make it fill the
memory or end the process. What a file may hold are tensors, numbers, texts, None, and tuples, lists and dictionaries
of them; tensors come out on the CPU.

Two formats hold them, both as a pickle of everything but the tensors' numbers: today's is a zip archive, uncompressed,
of the pickle and a member per storage; that of 2019 is the pickle between others, then one storage after the other.
"""

import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import torch
from torch import Tensor

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import open_input
from monodepth2.files.plain_pickles import PlainUnpickler, latin1

LARGEST_FILE = 4 << 30
_ZIP = b"PK\x03\x04"
_MAGIC_2019 = (0x1950A86A20F9469CFC6C, 1001)
_COUNT = struct.Struct("<q")  # of the numbers of a storage, before them
_TYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}

Storage = Tensor  # the numbers of one or more tensors, (n,)


def read_weights(path: Path, remedy: str) -> dict[str, Any]:
    """Read a `.pth` file, of today's or of 2019's format, executing nothing in it.

    Args:
        path: the file.
        remedy: what to do if there is none, for the message.

    Raises:
        UserError: the file is missing, too large, or not a file of PyTorch weights.
    """
    try:
        with open_input(path, LARGEST_FILE) as file:
            state = _read_zip(file) if file.peek(4)[:4] == _ZIP else _read_2019(file)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; {remedy}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or first_line(error)})") from error
    except Exception as error:  # zipfile raises many kinds for bad bytes
        raise UserError(f"{path}: not a file of PyTorch weights ({first_line(error)})") from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise UserError(f"{path}: holds no state dict")
    return state


def misfits(state: Mapping[str, Any], expected: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the expected tensors that a state dict lacks, or has in another shape.

    Batch counters may be missing: 2019's earliest versions of PyTorch wrote none.
    """
    wrong = [key for key, value in expected.items() if getattr(state.get(key), "shape", None) != value.shape]
    return [key for key in wrong if key in state or not key.endswith("num_batches_tracked")]


def _tensor(storage: Storage, start: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """What a pickle calls to make a tensor; what follows, of gradients, is of no use."""
    most = max(len(storage), 1)
    last = start + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if all(size) else 0
    if min((start, *size, *stride)) < 0 or last >= most or math.prod(size) > most:
        raise pickle.UnpicklingError("a tensor that is larger than its storage")
    return storage.as_strided(size, stride, start)


def _parameter(tensor: Tensor, *_: Any) -> Tensor:
    """The same of a parameter, which is read as a tensor."""
    return tensor


def _ordered_dict() -> OrderedDict[str, Any]:
    return OrderedDict()


class _StateUnpickler(PlainUnpickler):
    """Reads a state dict.

    Args:
        file: the pickle.
        storage: returns the storage of a type, key and number of elements.
    """

    known = {  # noqa: RUF012
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("collections", "OrderedDict"): _ordered_dict,
        ("_codecs", "encode"): latin1,
        **{("torch", f"{name}Storage"): dtype for name, dtype in _TYPES.items()},
    }

    def __init__(self, file: IO[bytes], storage: Callable[[torch.dtype, str, int], Storage]) -> None:
        super().__init__(file)
        self._storage = storage

    def persistent_load(self, pid: Any) -> Storage:
        """Find a storage by what the pickle calls it; the device that it was on does not matter."""
        kind, dtype, key, _, count, *view = pid
        if (
            kind != "storage"
            or not isinstance(dtype, torch.dtype)
            or not isinstance(key, str)
            or view not in ([], [None])
        ):
            raise pickle.UnpicklingError("a pickle that refers to something other than storages")
        return self._storage(dtype, key, count)

    def build(self, target: Any, state: Any) -> None:
        """Leave out the versions of modules that PyTorch attaches to a state dict."""
        if not isinstance(target, OrderedDict):
            super().build(target, state)


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        _require_uncompressed(archive, file.seek(0, 2))
        folder = archive.namelist()[0].partition("/")[0]
        storages: dict[str, Storage] = {}

        def storage(dtype: torch.dtype, key: str, count: int) -> Storage:
            if key not in storages:
                member = archive.getinfo(f"{folder}/data/{key}")
                with archive.open(member) as content:
                    storages[key] = _read_numbers(content, dtype, count, member.file_size)
            return _required_type(storages[key], dtype)

        if f"{folder}/byteorder" in archive.namelist() and archive.read(f"{folder}/byteorder") != b"little":
            raise ValueError("of a machine with another order of bytes")
        with archive.open(f"{folder}/data.pkl") as content:
            return _StateUnpickler(content, storage).load()


def _require_uncompressed(archive: zipfile.ZipFile, size: int) -> None:
    """Check that the members together are no larger than their file: neither compressed nor laid over one another."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("a compressed archive")
    if not members or sum(member.file_size for member in members) > size:
        raise ValueError("an archive whose members are larger than itself")


def _read_2019(file: BinaryIO) -> Any:
    size = file.seek(0, 2)
    file.seek(0)
    storages: dict[str, Storage] = {}

    def storage(dtype: torch.dtype, key: str, count: int) -> Storage:
        if key not in storages:
            taken = sum(other.nbytes for other in storages.values())
            storages[key] = _empty(dtype, count, size - taken)
        return _required_type(storages[key], dtype)

    def load() -> Any:
        return _StateUnpickler(file, storage).load()

    if (load(), load()) != _MAGIC_2019:
        raise ValueError("of an unknown format")
    load()  # what machine it was written on
    state = load()
    for key in load():
        (count,) = _COUNT.unpack(file.read(_COUNT.size))
        _read_into(storages.pop(key), file, count)
    if storages:
        raise ValueError("storages are missing")
    return state


def _required_type(storage: Storage, dtype: torch.dtype) -> Storage:
    if storage.dtype != dtype:
        raise ValueError("a storage of two types")
    return storage


def _read_numbers(file: IO[bytes], dtype: torch.dtype, count: int, size: int) -> Storage:
    storage = _empty(dtype, count, size)
    if storage.nbytes != size:
        raise ValueError(f"{count} numbers in {size:,} bytes")
    _read_into(storage, file, count)
    return storage


def _empty(dtype: torch.dtype, count: int, most_bytes: int) -> Storage:
    if type(count) is not int or not 0 <= count * dtype.itemsize <= most_bytes:
        raise ValueError("a storage larger than its file")
    return torch.empty(count, dtype=dtype)


def _read_into(storage: Storage, file: Any, count: int) -> None:
    if count != len(storage) or file.readinto(storage.view(torch.uint8).numpy().data) != storage.nbytes:
        raise ValueError("a storage that ends too early")
