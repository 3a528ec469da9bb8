"""The insides of `.npy` files, read as hostile: headers, and lists of arrays as NumPy pickles them.

Nothing in such a file is executed, and NumPy's own way of filling a pickled array is not used: it believes the shape
that the file states.
"""

import math
import os
import pickle
import pickletools
import struct
from typing import IO, Any

import numpy as np

MOST_HEADER_BYTES = 10_000  # NumPy's own limit, for which it first reads all that a file declares
_LENGTHS = {(1, 0): struct.Struct("<H"), (2, 0): struct.Struct("<I"), (3, 0): struct.Struct("<I")}
LARGEST_FRAME = 1 << 20  # pickle writes frames of 64 KiB, and what is larger outside of them
# of protocols 0 to 4, those that a list of arrays needs: no dictionary, no object of another class
_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
    *("TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
)


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


def mapped_array(file: IO[bytes]) -> np.ndarray:
    """Map the array of a `.npy` file into memory, from the header at which the file stands.

    Raises:
        ValueError: it is damaged, empty or pickled.
    """
    shape, fortran_order, dtype = read_array_header(file)
    start = file.tell()
    size = os.fstat(file.fileno()).st_size - start
    if dtype.hasobject or not size:  # of nothing, a header may state sides that no array has
        raise ValueError("an array of objects, or of nothing")
    require_size(shape, dtype, size)
    return np.memmap(file, dtype, "r", start, shape, "F" if fortran_order else "C")


def read_pickled_arrays(file: IO[bytes]) -> list[np.ndarray]:
    """Return the arrays of a pickled one-dimensional array of arrays.

    Args:
        file: at the start of the pickle; it must be seekable.

    Raises:
        pickle.UnpicklingError: it holds something else, or is damaged.
    """
    try:
        start = file.tell()
        _require_opcodes(file)
        file.seek(start)
        outer = _ArrayUnpickler(file).load()
        if outer.shape != (len(outer.content),):
            raise pickle.UnpicklingError("data is not a list of arrays")
        return [item.array() for item in outer.content]
    except pickle.UnpicklingError:
        raise
    except AttributeError as error:  # of something other than arrays
        raise pickle.UnpicklingError("data is not a list of arrays of numbers") from error
    except Exception as error:  # bad opcodes raise many kinds
        raise pickle.UnpicklingError(f"a damaged pickle ({type(error).__name__})") from error


def _require_opcodes(file: IO[bytes]) -> None:
    """Check the opcodes of a pickle before it is loaded: the loader would allocate what frames and memos declare."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f"a pickle that uses {opcode.name}")
        most = {"PUT": count, "LONG_BINPUT": count, "FRAME": LARGEST_FRAME}.get(opcode.name)
        if most is not None and not 0 <= (argument or 0) <= most:
            raise pickle.UnpicklingError(f"a pickle with {opcode.name} {argument:,}")


class _Array:
    """Stands for an array in a pickle: one of numbers as bytes, or one of such arrays as a list."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.type, self.fortran_order, self.content = state

    def array(self) -> np.ndarray:
        if not isinstance(self.content, bytes):
            raise pickle.UnpicklingError("data is not a list of arrays of numbers")
        require_size(self.shape, self.type.dtype, len(self.content))
        values = np.frombuffer(self.content, self.type.dtype)
        return values.reshape(self.shape, order="F" if self.fortran_order else "C")


class _Type:
    """Stands for the type of an array in a pickle."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f4", "f8", "O8", "u2", "i4", "i8"):
            raise pickle.UnpicklingError("a pickled array of an unknown type")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


def _latin1(text: str, encoding: str) -> bytes:
    """Stands for `_codecs.encode`, with which pickles of protocol 2 spell bytes; there are slow encodings."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r:.20}")
    return text.encode("latin1")


_KNOWN = {
    "numpy.ndarray": None,
    "numpy.dtype": _Type,
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "_codecs.encode": _latin1,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Loads stand-ins, and nothing else; `_require_opcodes` comes before it."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up what a pickle asks for."""
        wanted = f"{module}.{name}"
        if wanted not in _KNOWN:
            raise pickle.UnpicklingError(f"a pickle that asks for {wanted!r:.80}")
        return _KNOWN[wanted]
