"""What a run was made with: command, versions, machine, git, data. Kept in `run.json`, an entry for every start."""

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from monodepth2 import __version__
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.files.input_files import read_json
from monodepth2.files.output_paths import write_whole

PACKAGES = ("torchvision", "numpy", "pillow")
MOST_BYTES = 1 << 24
PROBED = 256  # pictures whose sizes make up a data set's fingerprint: all would be slow to ask for on a network


def record_start(
    options: Options, step: int, data: dict[str, str], resumed: bool, report: Callable[[str], None]
) -> None:
    """Add an entry for a start to a run's record, or begin the record.

    Args:
        options: of the run.
        step: steps taken before.
        data: words that tell data sets apart.
        resumed: the run goes on, and so does its record.
        report: told if the data are others than at the start before.

    Raises:
        UserError: it cannot be written, or what is there cannot be read.
    """
    path = options.run_folder / "run.json"
    entries = _read(path) if resumed else []
    if entries and isinstance(entries[-1], dict) and _differs(entries[-1].get("data"), data):
        report("pictures or cameras have changed since this run was started last: it goes on with the new ones")
    entries.append({**program_facts(), "step": step, "data": data, "options": asdict(options)})
    write_whole(path, json.dumps(entries, indent=2, default=str), synced=True)


def _differs(before: Any, data: dict[str, str]) -> bool:
    """Whether data are others than those on record; earlier versions recorded less of them."""
    return not isinstance(before, dict) or {**data, **before} != data


def program_facts() -> dict[str, Any]:
    """The command, the versions, the machine and the state of the program's own files."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join([sys.executable, *sys.argv]),
        "folder": os.getcwd(),
        "versions": {
            "monodepth2": __version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            **{name: _version(name) for name in PACKAGES},
            "cuda": torch.version.cuda if torch.cuda.is_available() else None,
            "cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None,
        },
        "machine": {
            "system": platform.platform(),
            "processor": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
            "devices": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())],
        },
        "git": _git_state(Path(__file__).parents[2]),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # under another name, or without a record of its own
        return None


def data_fingerprint(picture: Callable[[int], Path], count: int) -> str:
    """A word for the contents of a data set: the sizes of some of its `count` pictures, evenly chosen."""
    chosen = map(picture, range(0, count, max(1, count // PROBED)))
    sizes = [f"{path.name} {path.stat().st_size if path.is_file() else 'missing'}" for path in chosen]
    return hashlib.sha256("\n".join(sizes).encode()).hexdigest()[:16]


def _read(path: Path) -> list[Any]:
    try:
        entries = read_json(path, MOST_BYTES)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable record of a run; move it away, and resume again") from error
    if not isinstance(entries, list):
        raise UserError(f"{path}: not a record of a run; move it away, and resume again")
    return entries


def _git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and changed files of the program, None where it was installed without its history."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout

    if not (folder / ".git").exists():
        return None
    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": git("status", "--porcelain").splitlines()}
    except (OSError, subprocess.SubprocessError):
        return None
