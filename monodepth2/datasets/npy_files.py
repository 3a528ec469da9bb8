"""The insides of `.npy` files: headers, and lists of arrays as NumPy pickles them.

The unpickler knows arrays and nothing else. Nothing in such a file is executed: a name that is not one of NumPy's own
building blocks is refused.
"""

import pickle
from typing import IO, Any

import numpy as np

_NDARRAY = object()  # stands for the class in a pickle, which must not call it


def read_array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a `.npy` file: shape, Fortran order, type.

    Raises:
        ValueError: it is damaged.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return read(file)
    except Exception as error:  # bad headers raise many kinds
        raise ValueError(f"a damaged header: {error}") from error


def read_pickled_arrays(file: IO[bytes]) -> np.ndarray:
    """Return the one-dimensional array of objects that a pickle holds; what its items are is left to the caller.

    Raises:
        pickle.UnpicklingError: it holds something else, or is damaged.
        MemoryError, EOFError: it is damaged.
    """
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
