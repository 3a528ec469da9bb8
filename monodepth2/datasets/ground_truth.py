"""Stored ground truth of a split: `gt_depths.npz`, array `data`.

Maps of different sizes do not fit into one array: the 2019 program stored them as an array of objects, which NumPy
pickles. Such files are read by an unpickler that knows arrays and nothing else, so that nothing in them is executed.
"""

import pickle
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from monodepth2.errors import UserError

FILE_NAME = "gt_depths.npz"
MOST_BYTES = 8 << 30  # 697 maps of 1242 x 375 in float32 are 1.2 GiB
_NDARRAY = object()  # stands for the class in a pickle, which must not call it
_REMEDY = "move the file away to make ground truth from the scans"


def read_ground_truth(path: Path, count: int) -> Sequence[np.ndarray]:
    """Read depth maps in metres, 0 where unknown: one float32 map (h, w) per line of the split.

    Args:
        path: an archive written by `np.savez` or `np.savez_compressed`, also one of 2019.
        count: lines of the split.

    Raises:
        UserError: the file is no such archive, or its maps do not belong to the split.
    """
    maps = _read_array(path)
    if maps.dtype != object and maps.ndim != 3:
        raise UserError(f"{path}: data has shape {maps.shape}, expected (n, h, w); {_REMEDY}")
    if len(maps) != count:
        raise UserError(f"{path}: holds {len(maps)} maps, but the split has {count} lines; {_REMEDY}")
    return [_checked(depth, path) for depth in maps]


def _checked(depth: Any, path: Path) -> np.ndarray:
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind not in "fiu":
        raise UserError(f"{path}: data holds something other than depth maps (h, w); {_REMEDY}")
    if not np.isfinite(depth).all():
        raise UserError(f"{path}: holds depths that are not finite; {_REMEDY}")
    return depth.astype(np.float32, copy=False)


def _read_array(path: Path) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo("data.npy").file_size
            if size > MOST_BYTES:
                raise UserError(f"{path}: data takes {size:,} bytes, refused; {_REMEDY}")
            with archive.open("data.npy") as file:
                return _read_npy(file)
    except KeyError as error:
        raise UserError(f"{path}: holds no array 'data'; {_REMEDY}") from error
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: {error}, refused; {_REMEDY}") from error
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: not a readable .npz archive ({error}); {_REMEDY}") from error


def _read_npy(file: IO[bytes]) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        return _read_objects(file)
    if np.prod(shape, dtype=float) * dtype.itemsize > MOST_BYTES:
        raise ValueError(f"an array of shape {shape}")
    return np.frombuffer(file.read(), dtype=dtype).reshape(shape, order="F" if fortran_order else "C")


def _read_objects(file: IO[bytes]) -> np.ndarray:
    try:
        maps = _ArrayUnpickler(file).load()
    except (pickle.UnpicklingError, MemoryError, EOFError):
        raise
    except Exception as error:  # bad opcodes raise many kinds
        raise pickle.UnpicklingError(f"a damaged list of arrays ({error})") from error
    if not isinstance(maps, np.ndarray) or maps.dtype != object or maps.ndim != 1:
        raise pickle.UnpicklingError("data is not a list of arrays")
    return maps


def _empty_array(kind: object, shape: tuple[int, ...], _: bytes) -> np.ndarray:
    """What NumPy's pickles call to start an array, which its state then fills."""
    if kind is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError("a pickle that is not one of arrays")
    return np.ndarray((0,), dtype=np.int8)


def _plain_dtype(code: str, *_: object) -> np.dtype[Any]:
    if code not in ("f4", "f8", "O8", "u2", "i4", "i8"):
        raise pickle.UnpicklingError(f"a pickled array of type {code!r}")
    return np.dtype(code)


def _latin1(text: str, _: str) -> bytes:
    """How Python 2's protocol spells bytes."""
    return text.encode("latin1")


class _ArrayUnpickler(pickle.Unpickler):
    """Builds numeric arrays and arrays of them; any other name in the stream is refused."""

    KNOWN = {  # noqa: RUF012
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): _plain_dtype,
        ("numpy.core.multiarray", "_reconstruct"): _empty_array,
        ("numpy._core.multiarray", "_reconstruct"): _empty_array,
        ("_codecs", "encode"): _latin1,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up among the known ones."""
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"a pickle that asks for {module}.{name}")
        return self.KNOWN[module, name]
