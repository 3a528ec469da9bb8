"""Packages that only some commands need."""

import shlex
from pathlib import Path

import pytest

from monodepth2.runtime import extras


def test_the_command_that_installs_an_extra_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "o'neil's code"
    clone.mkdir()
    (clone / "pyproject.toml").touch()
    monkeypatch.setattr(extras, "__file__", str(clone / "monodepth2/runtime/extras.py"))
    assert shlex.split(extras.installation("prepare")) == ["pip", "install", "--editable", f"{clone}[prepare]"]
