"""The entry point: finds the command, reads its flags, runs it. It imports nothing heavy before that."""

import sys
from collections.abc import Sequence
from importlib import import_module

from monodepth2 import __version__
from monodepth2.command.table import COMMANDS
from monodepth2.config import Checked, parse_as, started_as
from monodepth2.errors import UserError, nearest, run_script
from monodepth2.runtime.tuning import tune_process


def entry() -> None:
    """Run what `monodepth2` was told, and exit with its code."""
    run_script(main)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: the command and its flags, in place of `sys.argv`.

    Raises:
        UserError: there is no such command, or it ended on a mistake.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0 if words else 2
    if words[0] == "--version":
        print(f"monodepth2 {__version__}")
        return 0
    if words[0] not in COMMANDS:
        what = "flag" if words[0].startswith("-") else "command"
        known = ("--help", "--version") if what == "flag" else COMMANDS
        raise UserError(
            f"unknown {what} {words[0]}{nearest(words[0], known) or ';'} monodepth2 --help lists all commands"
        )
    return start(words[0], words[1:])


def start(name: str, arguments: Sequence[str] | None = None) -> int:
    """Read the flags of a command, run it, and return its exit code; a mistake in the flags ends the program.

    Args:
        name: of the command.
        arguments: in place of `sys.argv`.

    Raises:
        UserError: the command ended on a mistake.
    """
    command, program = COMMANDS[name], started_as(name)
    examples = [f"{program} {example}" for example in command.examples]
    about = f"{command.about}\n\n{command.exits}".rstrip()
    options: Checked = parse_as(
        command.options, arguments, about, name, program=program, examples=examples, positional=command.positional
    )
    tune_process(getattr(options, "deterministic", False))
    # torch is imported only now: --help and a mistyped flag answer at once
    module, _, function = command.function.partition(":")
    return getattr(import_module(module), function)(options)


def overview() -> str:
    """The help on all commands."""
    lines = [f"  {command.name:<12} {command.about}" for command in COMMANDS.values()]
    head = (
        "usage: monodepth2 COMMAND ...",
        "",
        "Depth from video alone: train, score and use networks.",
        "",
        "commands:",
    )
    end = ("", "monodepth2 COMMAND --help lists the flags of a command, with examples.")
    return "\n".join((*head, *lines, *end))
