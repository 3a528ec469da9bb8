"""The checkpoints of a run: which there are, which one a run goes on from, which are removed."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from monodepth2.checkpoint import STATE, trained_options
from monodepth2.checkpoint_folder import PARTIAL, Manifest, check_files, read_manifest
from monodepth2.config import Options
from monodepth2.errors import UserError

BETWEEN_EPOCHS = "weights_step_"  # before the number of steps taken
ALWAYS_KEPT = 2  # should the newest be damaged, the one before it is there
# what may change without making a run another one: where things lie, what is written, for how long it goes on, what
# only a run's beginning reads; a split is told by its lines
FREE = {"data_path", "log_dir", "cache_dir", "device", "no_cuda", "num_workers", "num_epochs", "deterministic"}
FREE |= {"weights_init", "pretrained_weights", "split"}
FREE_GROUPS = {"loading", "logging", "evaluation"}


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on.

    Attributes:
        folder: the checkpoint.
        step: steps taken when it was written.
        damaged: newer folders that cannot be used.
    """

    folder: Path
    step: int
    damaged: tuple[Path, ...]


def find_resume_point(options: Options, report: Callable[[str], None]) -> ResumePoint | None:
    """Return the newest checkpoint of a run that is whole, every byte checked; None where the run is to start.

    Args:
        options: of the run that is to go on.
        report: told of every checkpoint that is damaged.

    Raises:
        UserError: there is none and must be one, all are damaged, or the run had other options.
    """
    if options.resume == "never":
        return None
    found = _newest_first(options.models_folder)
    if not found:
        if options.resume == "auto":
            return None
        raise UserError(f"--resume: there is no checkpoint in {options.models_folder}; to start a run, drop --resume")
    _check_same_run(options)
    damaged: list[Path] = []
    for folder, manifest in found:
        try:
            if isinstance(manifest, UserError):
                raise manifest
            if f"{STATE}.pth" not in manifest.files:
                raise UserError(f"{folder}: holds weights, but no state to go on from")
            check_files(folder, manifest)
        except UserError as error:
            damaged.append(folder)
            report(f"not resumed from a damaged checkpoint: {error}")
        else:
            return ResumePoint(folder, manifest.step, tuple(damaged))
    raise UserError(
        f"--resume: no checkpoint in {options.models_folder} is whole: start another run from the weights that can "
        "be read (--load_weights_folder, another --model_name), or begin anew with --overwrite"
    )


def clear_for_resume(point: ResumePoint, models_folder: Path) -> None:
    """Set damaged checkpoints aside, as `damaged_...`, and remove what a killed process was writing."""
    for folder in point.damaged:
        aside, n = folder.with_name(f"damaged_{folder.name}"), 1
        while aside.exists():
            aside, n = folder.with_name(f"damaged_{n}_{folder.name}"), n + 1
        os.rename(folder, aside)
    for partial in models_folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(partial)


def remove_old(models_folder: Path, most: int | None, at_end: bool = False) -> None:
    """Remove the checkpoints that a run need not keep.

    Args:
        models_folder: of the run.
        most: newest ones to keep; None keeps all that end an epoch, and the others among the newest two.
        at_end: the run is complete: nothing goes on from between its epochs any more.
    """
    whole = [folder for folder, manifest in _newest_first(models_folder) if isinstance(manifest, Manifest)]
    passing = [folder for folder in whole if folder.name.startswith(BETWEEN_EPOCHS)]
    if at_end:
        old = passing
    elif most is None:
        old = [folder for folder in whole[ALWAYS_KEPT:] if folder in passing]
    else:
        old = whole[most:]
    for folder in old:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a checkpoint so that a process killed meanwhile leaves none that looks whole."""
    leaving = folder.with_name(PARTIAL + folder.name)
    os.rename(folder, leaving)
    shutil.rmtree(leaving)


def _newest_first(models_folder: Path) -> list[tuple[Path, Manifest | UserError]]:
    """The checkpoints of a run with their manifests, or with what is wrong with them: these come first."""
    found: list[tuple[Path, Manifest | UserError]] = []
    for folder in models_folder.glob("weights_*"):
        try:
            found.append((folder, read_manifest(folder)))
        except UserError as error:
            found.append((folder, error))
    return sorted(found, key=lambda pair: (isinstance(pair[1], Manifest), -getattr(pair[1], "step", 0)))


def _check_same_run(options: Options) -> None:
    """Refuse to go on with options that would make another run of it."""
    before = trained_options(options.models_folder / "weights")
    if before is None:
        raise UserError(f"--resume: {options.models_folder} has no opt.json that says how the run was started")
    kept = [
        item.name for item in fields(Options) if item.name not in FREE and item.metadata["group"] not in FREE_GROUPS
    ]
    other = [name for name in kept if getattr(options, name) != getattr(before, name)]
    if other:
        listed = ", ".join(
            f"--{name} {_told(getattr(before, name))} (now {_told(getattr(options, name))})" for name in other
        )
        raise UserError(
            f"--resume: {options.models_folder.parent} was started with {listed}: give the same flags, "
            "or start a run of another --model_name"
        )


def _told(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
