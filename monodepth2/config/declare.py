"""How options are declared, checked and read back: the base of every class in this package.

An option is a field of a frozen dataclass; its metadata are the group and the keywords of
`ArgumentParser.add_argument`, so that a command line can be generated from the class.
"""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from monodepth2.errors import UserError, nearest

Kind = TypeVar("Kind", bound="Checked")
# options of earlier versions, and what has taken their place
EARLIER = {
    "known_poses": "--poses known",
    "tracked_poses": "--poses tracked",
    "encoder_lr_factor": "--encoder_lr RATE",
}


def option(default: Any, group: str, help: str, **argument: Any) -> Any:
    """Declare an option; `argument` are further keywords of `ArgumentParser.add_argument` (choices, metavar)."""
    return field(default=default, metadata={"group": group, "help": help, **argument})


def same_as(owner: type["Checked"], name: str, help: str | None = None, group: str | None = None) -> Any:
    """Declare an option that another class has too: same default, choices and, unless given, help and group."""
    item = next(item for item in fields(owner) if item.name == name)
    own = {"help": help or item.metadata["help"], "group": group or item.metadata["group"]}
    return field(default=item.default, metadata={**item.metadata, **own})


@dataclass(frozen=True)
class Checked:
    """Options whose values are converted to their types on creation, and checked: choices, numbers of values.

    Attributes:
        groups: the groups of options and what they are about, in the order of the help.
        given: the options that a command line named (see `stated`). A copy by `dataclasses.replace` forgets
            them.

    Raises:
        UserError: a value is not one of an option's choices, or it takes another number of values.
    """

    groups: ClassVar[dict[str, str]]
    given: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def stated(cls: type[Kind], values: Mapping[str, Any]) -> Kind:
        """Return options with these values, all of them given: a check may refuse one at its default, too.

        Raises:
            UserError: as the class itself.
        """
        options = cls.__new__(cls)
        object.__setattr__(options, "given", frozenset(values))
        cls.__init__(options, **values)
        return options

    def with_values(self: Kind, values: Mapping[str, Any]) -> Kind:
        """Return the options with other values for some; unlike a copy by `replace`, they remember what was given.

        Raises:
            UserError: as the class itself.
        """
        changed = replace(self, **values)
        object.__setattr__(changed, "given", self.given)
        return changed

    def is_given(self, name: str) -> bool:
        """Whether the command line named an option, with its default, too, or the option differs from its default."""
        return name in self.given or getattr(self, name) != getattr(type(self), name)

    def if_given(self, name: str) -> Any:
        """The value of an option that `is_given`; else None."""
        return getattr(self, name) if self.is_given(name) else None

    def __post_init__(self) -> None:
        for item in fields(self):
            self._check_field(item)

    def _check_field(self, item: Field[Any]) -> None:
        value, choices, count = getattr(self, item.name), item.metadata.get("choices"), item.metadata.get("nargs")
        of_kind = {Path: _usable_path, float: _as_float}.get(option_type(item), lambda one: one)
        if isinstance(item.default, tuple):
            object.__setattr__(self, item.name, tuple(map(of_kind, value)))
        elif value is not None:
            object.__setattr__(self, item.name, of_kind(value))
        for one in value if isinstance(value, (tuple, list)) else (value,):
            if choices and one is not None and one not in choices:
                raise UserError(f"--{item.name} {one}: choose from {', '.join(map(str, choices))}")
        if isinstance(count, int) and len(value) != count and tuple(value) != item.default:
            metavar = item.metadata["metavar"]
            wanted = " ".join(metavar if isinstance(metavar, tuple) else (metavar,) * count)
            raise UserError(f"--{item.name} {' '.join(map(str, value))}: give {wanted}")

    def require_positive(self, *names: str) -> None:
        """Refuse zero, negative and infinite values of these options; None passes."""
        for name in names:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"--{name} {value}: must be positive")

    def require_at_least(self, least: int, *names: str) -> None:
        """Refuse values of these options that are below `least` or infinite; None passes."""
        for name in names:
            value = getattr(self, name)
            if value is not None and not least <= value < float("inf"):
                wanted = "finite" if value == float("inf") else f"at least {least}" if least else "not negative"
                raise UserError(f"--{name} {value}: must be {wanted}")


def _as_float(value: Any) -> Any:
    """Turn a whole number, which Python accepts as a float, into the float that files are to hold."""
    return float(value) if type(value) is int else value


def _usable_path(value: str | Path) -> Path:
    """A path whose `~` can be expanded: a name like `~photo.jpg`, which is nobody's home, is made absolute."""
    is_nobodys = str(value).startswith("~") and os.path.expanduser(value) == str(value)
    return Path(value).absolute() if is_nobodys else Path(value)


def suggestion(name: str, known: Collection[str]) -> str:
    """Return what to say after a name or flag that there is not: what has taken its place, or which is the nearest."""
    now = EARLIER.get(name.removeprefix("--"), "")
    flag = now.partition(" ")[0]
    is_known = flag in known or flag.removeprefix("--") in known
    return f"; {now} has taken its place" if now and is_known else nearest(name, known)


def check_device(no_cuda: bool, device: str) -> None:
    """Refuse 2019's flag and `--device` where they contradict each other.

    Raises:
        UserError: they do.
    """
    if no_cuda and device == "cuda":
        raise UserError("--no_cuda contradicts --device cuda: drop one of them")


def check_input_size(**sizes: int | None) -> None:
    """Check heights or widths of a network's input, by the name of their flag.

    Raises:
        UserError: one is not a multiple of 32, or below 64.
    """
    for name, value in sizes.items():
        if value is None:
            continue
        if value <= 0 or value % 32:
            multiple = max(64, (value + 16) // 32 * 32)
            raise UserError(f"--{name} {value} is not a multiple of 32; the nearest is --{name} {multiple}")
        if value < 64:
            raise UserError(f"--{name} {value}: the networks need at least 64 pixels")


def check_only_scale(options: Checked, name: str, *others: str) -> None:
    """Refuse other flags beside one that says how depths become metres.

    Raises:
        UserError: one of `others` is given beside `name`.
    """
    for other in others:
        if options.is_given(other):
            raise UserError(
                f"--{name} and --{other} both say how depths become metres, or that they do not: drop one of them"
            )


def option_type(item: Field[Any]) -> type:
    """The type of one value of an option: `int` for `tuple[int, ...]`, `Path` for `Path | None`."""
    annotation = item.type
    args = [one for one in getattr(annotation, "__args__", (annotation,)) if isinstance(one, type)]
    found = [one for one in args if one is not type(None)]
    assert len(found) == 1, annotation
    return found[0]


def value_from_json(item: Field[Any], value: Any, source: str, ignored: Any = None) -> Any:
    """The value of one option as read from JSON, in the option's own type; `ignored` is dropped from lists.

    Raises:
        UserError: the value has another type; the message names `source`.
    """
    assert item.default is not MISSING
    kind = option_type(item)
    if value is None and type(None) in getattr(item.type, "__args__", ()):
        return None
    if not isinstance(item.default, tuple):
        return _one_from_json(item, kind, value, source)
    if not isinstance(value, list):
        raise UserError(f"{source}: {item.name} is not usable, it should be a list")
    return tuple(_one_from_json(item, kind, one, source) for one in value if one != ignored)


def _one_from_json(item: Field[Any], kind: type, value: Any, source: str) -> Any:
    written: Any = {Path: str, float: (int, float)}.get(kind, kind)
    fits = isinstance(value, written) and isinstance(value, bool) == (kind is bool)  # true is an int in Python
    too_large = fits and kind is float and abs(value) > sys.float_info.max  # an int may be too large for a float
    if not fits or too_large:
        shown = f"{value!r:.40}" if isinstance(value, (bool, float, str)) else f"of type {type(value).__name__}"
        raise UserError(f"{source}: {item.name} is {shown}, not usable as a {kind.__name__.lower()}")
    return kind(value)


def available_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
