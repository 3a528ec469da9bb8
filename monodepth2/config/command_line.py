"""The command lines: flags generated from the classes of this room; `--config` reads values of them from a file."""

import argparse
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from monodepth2.config.config_file import read_config
from monodepth2.config.declare import Checked, Kind, option_type, suggestion
from monodepth2.config.options import Options
from monodepth2.config.recipes import RECIPES, recipe_beside
from monodepth2.config.scripts import USED_BY, belong_to, check_used
from monodepth2.errors import UserError

UNTOUCHED = object()
CONFIG, RECIPE, WORD = "config", "recipe", "word"  # what a command line may hold beside the options of its class


def _nothing(value: Any, stated: Mapping[str, Any]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Positional:
    """What a command takes without a flag: short for an option; several words where the option takes several.

    Attributes:
        option: its name.
        metavar: its name in the help.
        help: what it is.
        implies: further options by their names, of its value and of what flags and file state, which wins over them.
    """

    option: str
    metavar: str
    help: str
    implies: Callable[[Any, Mapping[str, Any]], dict[str, Any]] = _nothing


def parse(
    arguments: Sequence[str] | None = None,
    description: str | None = None,
    command: str | None = None,
    **face: Any,
) -> Options:
    """Return the options of training and scoring, as `parse_as` does.

    Args:
        arguments: in place of `sys.argv`.
        description: for the help.
        command: as `parse_as` takes it.
        face: what else `parse_as` takes.
    """
    return parse_as(Options, arguments, description, command, **face)


def parse_as(
    kind: type[Kind],
    arguments: Sequence[str] | None = None,
    description: str | None = None,
    command: str | None = None,
    *,
    program: str | None = None,
    examples: Sequence[str] = (),
    positional: Positional | None = None,
) -> Kind:
    """Return the options of a command line (`sys.argv` by default); a mistake ends the program with exit code 2.

    What is not on the command line is taken from the file of `--config`, where there is one.

    Args:
        kind: class of the options.
        arguments: in place of `sys.argv`.
        description: for the help.
        command: its name. One in `USED_BY` shows and takes only the flags that are listed there.
        program: how it is started (default: the script's name).
        examples: for the help.
        positional: what may stand without a flag.
    """
    shown = USED_BY.get(command or "")
    recipes: Mapping[str, Mapping[str, Any]] = RECIPES if command == "train" else {}
    parser = build_parser(kind, description, shown)
    parser.prog = program or parser.prog
    parser.usage = f"%(prog)s {f'[{positional.metavar}] ' if positional else ''}[--FLAG VALUE ...]"
    parser.epilog = "\n  ".join(("examples:", *examples)) if examples else None
    parser.add_argument(
        f"--{CONFIG}", type=Path, metavar="FILE", help="YAML file of these flags, `name: value`; the command line wins"
    )
    if recipes:
        about = "a set of these flags by its name, each to be replaced by the flag itself; docs/training.md lists them"
        parser.add_argument(f"--{RECIPE}", choices=list(recipes), help=about, default=UNTOUCHED)
    if positional:
        _add_positional(parser, kind, positional)
    # argparse fills in the defaults of what a namespace lacks: here nothing
    untouched = dict.fromkeys((*(item.name for item in fields(kind)), CONFIG, RECIPE, WORD), UNTOUCHED)
    found, unknown = parser.parse_known_args(arguments, argparse.Namespace(**untouched))
    if unknown:
        _end_on_unknown(parser, unknown, shown or [item.name for item in fields(kind)])
    stated = {name: value for name, value in vars(found).items() if value is not UNTOUCHED}
    recipe = stated.get(RECIPE)
    try:
        resolved = _resolved(dict(stated), kind, positional, recipes)
        if command in USED_BY:
            check_used(resolved, command)
        return kind.stated(resolved)
    except UserError as error:
        of_recipe = [f"--{name}" for name in recipes.get(recipe or "", {}) if name not in stated]
        named = [flag for flag in of_recipe if re.search(rf"{flag}\b", str(error))]
        _end(f"{error} (--recipe {recipe} sets {', '.join(named)})" if named else str(error))


def _resolved(
    found: dict[str, Any],
    kind: type[Checked],
    positional: Positional | None,
    recipes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The options that flags, the positional, the file and the recipe state: the earlier of these wins."""
    path, word, recipe = (found.pop(name, None) for name in (CONFIG, WORD, RECIPE))
    stated = {**(read_config(path, kind) if path else {}), **found}
    if recipe:
        stated = {**recipe_beside(recipes[recipe], stated), **stated}
    if not positional or word in (None, []):
        return stated
    if positional.option in found:
        raise UserError(f"{positional.metavar} is short for --{positional.option}: drop one of the two")
    stated[positional.option] = word
    known = {item.name for item in fields(kind)}  # several commands share a positional, not all that it implies
    implied = positional.implies(word, stated)
    return {**{name: value for name, value in implied.items() if name in known}, **stated}


def _end(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _end_on_unknown(parser: argparse.ArgumentParser, words: Sequence[str], shown: Collection[str]) -> NoReturn:
    flags = [word.partition("=")[0] for word in words if word.startswith("-")]
    if not flags:
        parser.error(f"{words[0]!r} belongs to no flag")
    names = [flag.removeprefix("--") for flag in flags]
    if of_training := [name for name in names if name in (*USED_BY["train"], RECIPE)]:
        _end(belong_to("train", of_training, parser.prog))
    parser.error(f"unknown flag {flags[0]}{suggestion(flags[0], [f'--{name}' for name in (*shown, CONFIG)])}")


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, instead of after all flags."""

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith("?") else ";"
        _end(f"{message.removeprefix('argument ')}{end} {self.prog} --help lists all flags")


def build_parser(
    kind: type[Checked] = Options, description: str | None = None, shown: Collection[str] | None = None
) -> argparse.ArgumentParser:
    """Return the parser that knows every option of a class, in groups; its help shows all or those named."""
    parser = _Parser(description=description, formatter_class=_HelpFormatter)
    # before Python 3.14 argparse takes -5.3e-05 for a flag
    parser._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
    groups = {name: parser.add_argument_group(f"{name}: {about}") for name, about in kind.groups.items()}
    for item in fields(kind):
        metadata = dict(item.metadata)
        group = groups[metadata.pop("group")]
        if shown is not None and item.name not in shown:
            metadata["help"] = argparse.SUPPRESS
            metadata.pop("choices", None)  # that the flag is refused is said, not what its values are
        group.add_argument(f"--{item.name}", default=item.default, **_argument(item, metadata))
    return parser


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Appends the default to each help text, but where there is none or the text says it in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, (), UNTOUCHED) or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def _add_positional(parser: argparse.ArgumentParser, kind: type[Checked], positional: Positional) -> None:
    item = next(item for item in fields(kind) if item.name == positional.option)
    parser.add_argument(
        WORD,
        nargs="*" if isinstance(item.default, tuple) else "?",
        type=option_type(item),
        default=UNTOUCHED,
        metavar=positional.metavar,
        help=positional.help,
    )


def _argument(item: Any, metadata: dict[str, Any]) -> dict[str, Any]:
    kind = option_type(item)
    if kind is bool:
        return {"action": "store_true", **metadata}
    if isinstance(item.default, tuple):
        metadata.setdefault("nargs", "+")
    return {"type": kind, **metadata}
