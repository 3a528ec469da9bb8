"""The command lines: flags generated from the classes of `monodepth2/config`."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from monodepth2.config import Checked, Options, option_type
from monodepth2.errors import UserError

Kind = TypeVar("Kind", bound=Checked)


def parse(arguments: Sequence[str] | None = None, description: str | None = None) -> Options:
    """Return the options of training and scoring, as `parse_as` does."""
    return parse_as(Options, arguments, description)


def parse_as(kind: type[Kind], arguments: Sequence[str] | None = None, description: str | None = None) -> Kind:
    """Return the options of a command line (`sys.argv` by default); a mistake ends the program with exit code 2."""
    parser = build_parser(kind, description)
    values = vars(parser.parse_args(arguments))
    try:
        return kind(**values)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


def build_parser(kind: type[Checked] = Options, description: str | None = None) -> argparse.ArgumentParser:
    """Return the parser that knows every option of a class, in groups."""
    parser = argparse.ArgumentParser(description=description, formatter_class=_HelpFormatter)
    groups = {name: parser.add_argument_group(f"{name}: {about}") for name, about in kind.groups.items()}
    for item in fields(kind):
        metadata = dict(item.metadata)
        groups[metadata.pop("group")].add_argument(f"--{item.name}", default=item.default, **_argument(item, metadata))
    return parser


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Appends the default to each help text, but where there is none or the text says it in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, ()) or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def _argument(item: Any, metadata: dict[str, Any]) -> dict[str, Any]:
    kind = option_type(item)
    if kind is bool:
        return {"action": "store_true", **metadata}
    if isinstance(item.default, tuple):
        metadata.setdefault("nargs", "+")
    return {"type": kind, **metadata}
