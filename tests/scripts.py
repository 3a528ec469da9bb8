"""The project's scripts, run as their command lines would run them, but in the process of the test.

A start of Python and torch costs seconds of processor time; a call of `main` costs none. What a process itself does
(its exit, signals, output that nobody reads) is tested by the few tests that start one.
"""

import importlib
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest import mock

import pytest

from monodepth2.command import main as command
from monodepth2.errors import run_script

HANGS = 600.0  # seconds after which a process that should have ended is given up, however slow the machine


def in_process(script: str, *arguments: object) -> "CompletedProcess[str]":
    """Call `main` of a script, e.g. "train", as it is called with these arguments.

    Output of loader processes is not in what is returned.
    """
    return _called(importlib.import_module(script).main, f"{script}.py", *arguments)


def monodepth2(*arguments: object) -> "CompletedProcess[str]":
    """Call the entry point with a command and its flags."""
    return _called(command.main, "monodepth2", *arguments)


def _called(main: Callable[[], int], *arguments: object) -> "CompletedProcess[str]":
    words = [*map(str, arguments)]
    output, errors = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(output),
        redirect_stderr(errors),
        mock.patch.object(sys, "argv", words),
        # must be called before torch is imported, which it is here
        mock.patch.object(command, "tune_process"),
        pytest.raises(SystemExit) as end,
    ):
        run_script(main)
    return CompletedProcess(words, int(end.value.code or 0), output.getvalue(), errors.getvalue())
