"""Pages of the site that are made of other files: the README, the changelog, measurements, and every flag."""

import re
from dataclasses import fields
from pathlib import Path

import mkdocs_gen_files

from monodepth2.command.table import COMMANDS
from monodepth2.config import USED_BY
from monodepth2.config.command_line import build_parser

ROOT = Path(__file__).parents[2]
MOVED = {"CHANGELOG.md": "changes.md", "benchmarks/README.md": "measurements.md"}


def page(name: str, text: str) -> None:
    """Write a page of the site."""
    with mkdocs_gen_files.open(name, "w") as file:
        file.write(text)


def from_root(path: str) -> str:
    """A file of the root as a page: links into `docs/` and to other such files are those of the site."""
    text = (ROOT / path).read_text().replace("](docs/", "](")
    for old, new in MOVED.items():
        text = text.replace(f"]({old})", f"]({new})")
    return text


def flags() -> str:
    """Every flag of every command, with its help text and default."""
    parts = ["# Every flag", "Generated from the program. A flag that belongs to another command is refused."]
    for name, command in COMMANDS.items():
        parts += [f"## {name}", f"{command.about[:1].upper()}{command.about[1:]}.", "| flag | default | what it does |"]
        parts[-1] += "\n|---|---|---|"
        shown = USED_BY.get(name)
        actions = {action.dest: action for action in build_parser(command.options)._actions}
        for item in fields(command.options):
            if item.name in actions and (shown is None or item.name in shown):
                action = actions[item.name]
                default = "" if action.default in (None, (), False) else f"`{_plain(action.default)}`"
                about = re.sub(r"([|<>])", r"\\\1", action.help or "")
                parts[-1] += f"\n| `--{item.name}` | {default} | {about} |"
    return "\n\n".join(parts) + "\n"


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value).replace(str(ROOT), ".")


page("index.md", from_root("README.md"))
page("changes.md", from_root("CHANGELOG.md"))
page("measurements.md", from_root("benchmarks/README.md"))
page("flags.md", flags())
