"""Optional packages, which only some scripts or outputs need."""

import shlex
from importlib.util import find_spec
from pathlib import Path

from monodepth2.errors import UserError


def require_packages(extra: str, purpose: str, *names: str) -> None:
    """Check that the packages of an extra are installed.

    Raises:
        UserError: one is not; the message says how to install it.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise UserError(f"{purpose} need {', '.join(missing)}: {installation(extra)}")


def installation(extra: str) -> str:
    """The command that installs an extra from the clone of the project; PyPI has no package of it."""
    clone = Path(__file__).parents[2]
    if (clone / "pyproject.toml").is_file():
        return f"pip install --editable {shlex.quote(f'{clone}[{extra}]')}"
    return f"pip install '.[{extra}]' in the clone of the project"
