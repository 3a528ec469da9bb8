"""The insides of `.npy` files, read as hostile: headers, and lists of arrays as NumPy pickles them.

Nothing in such a file is executed, and NumPy's own way of filling a pickled array is not used: it believes the shape
that the file states.
"""

import math
import pickle
import struct
from typing import IO, Any

import numpy as np

from monodepth2.files.plain_pickles import PlainUnpickler, latin1

MOST_HEADER_BYTES = 10_000  # NumPy's own limit, for which it first reads all that a file declares
_LENGTHS = {(1, 0): struct.Struct("<H"), (2, 0): struct.Struct("<I"), (3, 0): struct.Struct("<I")}
_NDARRAY = object()  # stands for the class in a pickle, which must not call it


def read_array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a `.npy` file: shape, Fortran order, type.

    Raises:
        ValueError: it is damaged.
    """
    try:
        start = file.tell()
        version = np.lib.format.read_magic(file)
        length = _LENGTHS[version]
        if length.unpack(file.read(length.size))[0] > MOST_HEADER_BYTES:
            raise ValueError("it is too long")
        file.seek(start + np.lib.format.MAGIC_LEN)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return read(file)
    except Exception as error:  # bad headers raise many kinds
        raise ValueError(f"a damaged header: {type(error).__name__}") from error


def require_size(shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> None:
    """Check that an array is exactly as large as it says.

    Args:
        shape: as stated.
        dtype: likewise.
        size: bytes that there are.

    Raises:
        ValueError: it is not.
    """
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"an array of another size than its {size:,} bytes")


def read_pickled_arrays(file: IO[bytes]) -> list[np.ndarray]:
    """Return the arrays of a pickled one-dimensional array of arrays.

    Raises:
        pickle.UnpicklingError: it holds something else, or is damaged.
        EOFError: it ends too early.
        ValueError: an array is not as large as it says.
    """
    outer = _ArrayUnpickler(file).load()
    if not isinstance(outer, _PickledArray) or not isinstance(outer.content, list):
        raise pickle.UnpicklingError("data is not a list of arrays")
    if outer.shape != (len(outer.content),) or not all(isinstance(item, _PickledArray) for item in outer.content):
        raise pickle.UnpicklingError("data is not a list of arrays")
    return [item.array() for item in outer.content]


class _PickledType:
    """A type in a pickle.

    Args:
        code: NumPy's, without the order of bytes.
    """

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f4", "f8", "O8", "u2", "i4", "i8"):
            raise pickle.UnpicklingError("a pickled array of an unknown type")
        self.dtype = np.dtype(code)

    def set(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray:
    """An array in a pickle: of numbers as bytes, or of objects as a list."""

    def __init__(self, kind: object, *_: object) -> None:
        if kind is not _NDARRAY:
            raise pickle.UnpicklingError("a pickle that is not one of arrays")
        self.shape: tuple[int, ...] = ()
        self.content: Any = None

    def set(self, state: Any) -> None:
        _, self.shape, self._type, self._fortran_order, self.content = state
        if not isinstance(self._type, _PickledType) or not all(type(side) is int for side in self.shape):
            raise pickle.UnpicklingError("a pickled array of an unknown form")

    def array(self) -> np.ndarray:
        if not isinstance(self.content, bytes) or self._type.dtype.hasobject:
            raise pickle.UnpicklingError("data is not a list of arrays of numbers")
        require_size(self.shape, self._type.dtype, len(self.content))
        values = np.frombuffer(self.content, self._type.dtype)
        return values.reshape(self.shape, order="F" if self._fortran_order else "C")


class _ArrayUnpickler(PlainUnpickler):
    known = {  # noqa: RUF012
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): _PickledType,
        ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
        ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
        ("_codecs", "encode"): latin1,
    }

    def build(self, target: Any, state: Any) -> None:
        if not isinstance(target, (_PickledArray, _PickledType)):
            super().build(target, state)
        target.set(state)
