"""What `--compile` compiles, and the compiler that it needs."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from monodepth2.errors import UserError

Function = Callable[..., Any]
Compiler = Callable[[Function], Function]


def uncompiled(function: Function) -> Function:
    """Return a function as it is."""
    return function


def compiled(function: Function) -> Function:
    """Return a function that is compiled for the shapes it meets: those of a training are always the same few."""
    return torch.compile(function, dynamic=False)


def without_compiled() -> AbstractContextManager[object]:
    """Return a context in which compiled functions run uncompiled: a rare use is not worth another compilation."""
    return torch.compiler.set_stance("force_eager")


def check_compiler(device: torch.device) -> None:
    """Check before the work that `torch.compile` has the compiler that it needs; for a GPU it compiles the launchers.

    Raises:
        UserError: there is none.
    """
    of_device = {"cpu": ("C++", "CXX", ("g++", "clang++")), "cuda": ("C", "CC", ("gcc", "clang"))}
    if device.type not in of_device or (device.type == "cuda" and os.name == "nt"):  # there Triton brings its own
        return
    language, variable, usual = of_device[device.type]
    names = (os.environ[variable],) if variable in os.environ else usual
    if not any(shutil.which(name) for name in names):
        raise UserError(f"--compile needs a {language} compiler ({' or '.join(names)}): install one, or drop --compile")
