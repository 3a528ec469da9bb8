"""The command lines: flags generated from the classes of `monodepth2/config`."""

import argparse
import sys
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any, NoReturn, TypeVar

from monodepth2.config import USED_BY, Checked, Options, check_used, option_type
from monodepth2.errors import UserError

_UNTOUCHED = object()
Kind = TypeVar("Kind", bound=Checked)


def parse(arguments: Sequence[str] | None = None, description: str | None = None, script: str | None = None) -> Options:
    """Return the options of training and scoring, as `parse_as` does.

    Args:
        arguments: in place of `sys.argv`.
        description: for the help.
        script: a key of `USED_BY`, which then refuses what it does not use; its help leaves that out.
    """
    options = parse_as(Options, arguments, description, USED_BY[script] if script else None)
    if script:
        try:
            check_used(options, script)
        except UserError as error:
            _end(error)
    return options


def parse_as(
    kind: type[Kind],
    arguments: Sequence[str] | None = None,
    description: str | None = None,
    shown: Collection[str] | None = None,
) -> Kind:
    """Return the options of a command line (`sys.argv` by default); a mistake ends the program with exit code 2.

    Args:
        kind: class of the options.
        arguments: in place of `sys.argv`.
        description: for the help.
        shown: names of the options that the help shows (default: all).
    """
    parser = build_parser(kind, description, shown)
    # argparse fills in the defaults of what a namespace lacks: here nothing
    untouched = argparse.Namespace(**dict.fromkeys((item.name for item in fields(kind)), _UNTOUCHED))
    values = vars(parser.parse_args(arguments, untouched))
    values = {name: value for name, value in values.items() if value is not _UNTOUCHED}
    try:
        options = kind(**values)
    except UserError as error:
        _end(error)
    object.__setattr__(options, "given", frozenset(values))
    return options


def _end(error: UserError) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


def build_parser(
    kind: type[Checked] = Options, description: str | None = None, shown: Collection[str] | None = None
) -> argparse.ArgumentParser:
    """Return the parser that knows every option of a class, in groups; its help shows all or those named."""
    parser = argparse.ArgumentParser(description=description, formatter_class=_HelpFormatter)
    groups = {name: parser.add_argument_group(f"{name}: {about}") for name, about in kind.groups.items()}
    for item in fields(kind):
        metadata = dict(item.metadata)
        group = groups[metadata.pop("group")]
        if shown is not None and item.name not in shown:
            metadata["help"] = argparse.SUPPRESS
        group.add_argument(f"--{item.name}", default=item.default, **_argument(item, metadata))
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
