"""The images: what they copy is there and reaches the build, and the extras that they install exist."""

import re

import pytest

from places import ROOT

tomllib = pytest.importorskip("tomllib")  # since Python 3.11
LINES = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
COPIED = {source for words in LINES if words[0] == "COPY" for source in words[1:-1]}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_what_is_copied_is_there_and_is_all_that_a_build_needs() -> None:
    assert all((ROOT / source).exists() for source in COPIED)
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PROJECT["project"]
    assert {
        "pyproject.toml", project["readme"], *project["license-files"], *wheel["packages"], *wheel["force-include"],
    } == COPIED  # fmt: skip
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_through == COPIED


def test_each_target_declares_what_it_uses_and_installs_extras_that_exist() -> None:
    """Podman's and older Docker's stages do not inherit the arguments of those that they begin with."""
    base, *targets = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    assert [target.split()[2] for target in targets] == ["cpu", "cuda"]
    for target in targets:
        arguments = dict(re.findall(r"^ARG (\w+)=(\S+)", target, flags=re.MULTILINE))
        assert set(re.findall(r"\$(\w+)", target)) == arguments.keys()
        assert set(arguments["EXTRAS"].split(",")) <= PROJECT["project"]["optional-dependencies"].keys()
    minor = re.match(r"python:3\.(\d+)-slim AS base", base)
    assert minor
    assert int(minor[1]) >= int(PROJECT["project"]["requires-python"].removeprefix(">=3."))
