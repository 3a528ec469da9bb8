"""README and docs: links lead somewhere, commands and flags exist."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from monodepth2.command.table import COMMANDS
from monodepth2.config import SCRIPTS
from monodepth2.config.command_line import build_parser
from places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def heading_names(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name) if name else page
        assert there.exists(), target
        assert not anchor or anchor in heading_names(there), target


def test_flags_of_the_site_are_held_together() -> None:
    html = runpy.run_path(str(ROOT / "docs/site/flags.py"))["on_page_content"]("<p>--a <code>x --no_cuda 1</code></p>")
    assert html == '<p>--a <code>x <span class="flag">--no_cuda</span> 1</code></p>'


def commands_of(page: Path) -> list[list[str]]:
    """Commands of the project that a page shows, each with its flags."""
    lines, fenced = [], False
    for line in page.read_text().replace("\\\n", " ").splitlines():  # a command may go on in the next line
        if line.startswith("```"):
            fenced = not fenced
        elif fenced and line.startswith(("monodepth2 ", "python ", "torchrun ")):
            lines.append(line)
    scripts = {script: name for name, script in SCRIPTS.items()}
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for n, word in enumerate(words):
            if word == "monodepth2" and n + 1 < len(words) and words[n + 1] in COMMANDS:
                found.append(words[n + 1 :])
            elif word in scripts:
                found.append([scripts[word], *words[n + 1 :]])
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_of_the_commands_exist(page: Path) -> None:
    for name, *words in commands_of(page):
        known = build_parser(COMMANDS[name].options)._option_string_actions
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"{name}: {word}"


def test_the_readme_shows_commands() -> None:
    assert {"prepare", "train", "predict", "export"} <= {words[0] for words in commands_of(ROOT / "README.md")}


@pytest.mark.slow(reason="builds the site")
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "--learn_intrinsics" in (tmp_path / "flags/index.html").read_text()
    assert "disp_to_depth" in (tmp_path / "api/index.html").read_text()


def examples() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/contributing.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", examples(), ids=["layout", "encoder", "loss"])
def test_examples_for_contributors_run(example: str) -> None:
    exec(compile(example, "docs/contributing.md", "exec"), {"__name__": "example"})  # its asserts are the test
