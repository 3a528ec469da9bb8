"""Options in a YAML file, one `name: value` for each: read for `--config`, and left by a training."""

import os
from collections.abc import Collection
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from monodepth2.config.declare import Checked, option_type, suggestion
from monodepth2.config.option_checks import EVALUATION_SPLITS, TRAINING_SPLITS
from monodepth2.errors import UserError, shown
from monodepth2.files.text import read_text

MOST_BYTES = 1 << 14
NAMES_OR_FOLDERS = {"split": TRAINING_SPLITS, "eval_split": EVALUATION_SPLITS}
NULL = "tag:yaml.org,2002:null"
AnyOptions = TypeVar("AnyOptions", bound=Checked)


def read_config(path: Path, kind: type[Checked]) -> dict[str, Any]:
    """Return the options that a file states, in their types; nothing in it is executed.

    Values are read as the command line reads its words: YAML alone would turn `2011_09_26` into a number and `on` into
    true. Paths are relative to the working directory.

    Raises:
        UserError: the file cannot be read, or states no option, or no value of it; the message names the line.
    """
    import yaml  # imported here: --help does not need it

    path = path.expanduser()
    try:
        root = yaml.compose(read_text(path, MOST_BYTES), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, UserError):
            raise UserError(f"--config {error}") from error
        raise UserError(f"--config {path}: {_reason(error)}") from error
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"--config {path}: states no options; write a line `name: value` for each")
    known = {item.name: item for item in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in root.value:
        where = f"--config {path}, line {key.start_mark.line + 1}"
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name == "recipe":
            raise UserError(f"{where}: --recipe belongs on the command line; or state its flags, each with its value")
        if name not in known:
            raise UserError(f"{where}: there is no option {shown(name)}{suggestion(name, known)}")
        if name in values:
            raise UserError(f"{where}: {name} is stated twice")
        values[name] = _value(known[name], value, f"{where}: {name}")
    return values


def _value(item: Field[Any], node: Any, where: str) -> Any:
    kind = option_type(item)
    if not isinstance(item.default, tuple):
        return _one(kind, node, where)
    nodes = node.value if node.id == "sequence" else [node]
    return tuple(_one(kind, one, where) for one in nodes)


def _one(kind: type, node: Any, where: str) -> Any:
    if node.id != "scalar":
        raise UserError(f"{where} takes one value; write {where.rpartition(' ')[2]}: value")
    if node.tag == NULL:
        raise UserError(f"{where} has no value; leave the line out for the default")
    if kind is bool:
        if node.value.lower() not in ("true", "false"):
            raise UserError(f"{where} is {shown(node.value)}; write true or false")
        return node.value.lower() == "true"
    try:
        return kind(node.value)
    except ValueError as error:
        raise UserError(
            f"{where} is {shown(node.value)}, which is no {'whole number' if kind is int else 'number'}"
        ) from error


def _reason(error: Exception) -> str:
    """What is wrong with a YAML file, in one line."""
    mark = getattr(error, "problem_mark", None)
    place = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark else ""
    return f"is no YAML file{place}; write a line `name: value` for each option"


def config_text(options: Checked, without: Collection[str] = ()) -> str:
    """Return the file from which `read_config` reads the options again: those given, or other than their defaults.

    Paths are written as absolute ones, so that the file serves from any folder.

    Args:
        options: to be written.
        without: names of options to leave out.
    """
    import yaml

    names = [item.name for item in fields(options) if item.name not in without and options.is_given(item.name)]
    values = {name: _plain(name, getattr(options, name)) for name in names}
    stated = {name: value for name, value in values.items() if value is not None}
    return yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, default_flow_style=False)


def with_absolute_paths(options: AnyOptions) -> AnyOptions:
    """Return the options with absolute paths, so that their record serves from any folder."""
    values = {item.name: getattr(options, item.name) for item in fields(options)}
    places = {name: one for name, one in values.items() if isinstance(one, Path) or name in NAMES_OR_FOLDERS}
    return replace(options, **{name: type(one)(_plain(name, one)) for name, one in places.items()})


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Path) or (name in NAMES_OR_FOLDERS and value not in NAMES_OR_FOLDERS[name]):
        return os.path.abspath(os.path.expanduser(value))
    return list(value) if isinstance(value, tuple) else value
