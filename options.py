"""The command line: flags generated from `monodepth2/config.py`."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from monodepth2.config import GROUPS, Options, option_type
from monodepth2.errors import UserError


def parse(arguments: Sequence[str] | None = None, description: str | None = None) -> Options:
    """Return the options of a command line (`sys.argv` by default); a mistake ends the program with exit code 2."""
    parser = build_parser(description)
    values = vars(parser.parse_args(arguments))
    try:
        return Options(**values)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


def build_parser(description: str | None = None) -> argparse.ArgumentParser:
    """Return the parser that knows every option, in groups."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    groups = {name: parser.add_argument_group(f"{name}: {about}") for name, about in GROUPS.items()}
    for item in fields(Options):
        metadata = dict(item.metadata)
        groups[metadata.pop("group")].add_argument(f"--{item.name}", default=item.default, **_argument(item, metadata))
    return parser


def _argument(item: Any, metadata: dict[str, Any]) -> dict[str, Any]:
    kind = option_type(item)
    if kind is bool:
        return {"action": "store_true", **metadata}
    if isinstance(item.default, tuple):
        metadata["nargs"] = "+"
    return {"type": kind, **metadata}
