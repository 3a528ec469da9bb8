"""Pickles of plain things, read as hostile: nothing in them is executed, and they take no more memory than their file.

Legend: what pickles call a global is a name by which they ask for a class or a function.
"""

import pickle
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

MOST_DEPTH = 32  # of containers within containers; a state dict has a handful
# without those that no writer of plain things uses, or that act on whatever lies on the stack
_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
    *("INT", "LONG", "FLOAT", "UNICODE", "LIST", "PUT", "GET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
)
# in Python, undocumented but in every version: the one in C fills memory up to whatever memo index a file names
_Unpickler: Any = pickle._Unpickler


class PlainUnpickler(_Unpickler):
    """Reads numbers, texts, bytes, lists, tuples and dictionaries, and what a subclass knows.

    Attributes:
        known: what each known global, as (module, name), stands for: a function that may be called with whatever
            arguments, or a value.

    Raises (`load`):
        pickle.UnpicklingError: the pickle is damaged, or asks for something else.
        EOFError: the file ends within it.
    """

    known: ClassVar[Mapping[tuple[str, str], Any]] = {}
    dispatch: ClassVar[dict[int, Any]] = {
        code: _Unpickler.dispatch[code] for code in (getattr(pickle, name)[0] for name in _OPCODES)
    }

    def load(self) -> Any:
        """Return what the pickle holds."""
        try:
            value = super().load()
        except (pickle.UnpicklingError, EOFError):
            raise
        except Exception as error:  # bad opcodes raise many kinds
            raise pickle.UnpicklingError(f"a damaged pickle ({type(error).__name__})") from error
        _require_shallow(value)
        return value

    def find_class(self, module: str, name: str) -> Any:
        """Look a global up among the known ones."""
        if (module, name) not in self.known:
            raise pickle.UnpicklingError(f"a pickle that asks for {f'{module}.{name}'!r:.80}")
        return self.known[module, name]

    def build(self, target: Any, state: Any) -> None:
        """Give an object, which the pickle made, its state."""
        raise pickle.UnpicklingError("a pickle that gives a state to what has none")

    def _load_build(self) -> None:
        state = self.stack.pop()
        self.build(self.stack[-1], state)

    def _load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([(key, value)])

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        self._fill(zip(items[::2], items[1::2], strict=True))

    def _fill(self, items: Iterable[tuple[Any, Any]]) -> None:
        target = self.stack[-1]
        for key, value in items:
            # tuples within tuples can be so deep that hashing them ends the process
            if not isinstance(target, dict) or not isinstance(key, (str, int)):
                raise pickle.UnpicklingError(f"a pickle with a {type(key).__name__} for a key")
            target[key] = value

    dispatch[pickle.BUILD[0]] = _load_build
    dispatch[pickle.SETITEM[0]] = _load_setitem
    dispatch[pickle.SETITEMS[0]] = _load_setitems


def latin1(text: str, encoding: str) -> bytes:
    """What `_codecs.encode` stands for, with which pickles of protocol 2 spell bytes.

    Raises:
        ValueError: another encoding; there are slow ones.
    """
    if encoding != "latin1":
        raise ValueError(encoding)
    return text.encode("latin1")


def _require_shallow(value: Any) -> None:
    """Refuse containers that whoever walks through them with a recursive function could not leave."""
    level: list[Any] = [(value,)]
    for _ in range(MOST_DEPTH):
        inside = (child for parent in level for child in _children(parent))
        level = list({id(child): child for child in inside if isinstance(child, (dict, list, tuple))}.values())
        if not level:
            return
    raise pickle.UnpicklingError("a pickle of containers within containers without end")


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
