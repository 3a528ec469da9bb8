"""The checkpoints of a run: which there are, which one a run goes on from, which are removed."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from monodepth2.checkpoints.folder import PARTIAL, Manifest, check_files, read_manifest
from monodepth2.checkpoints.networks import OF_A_RUN, STATE
from monodepth2.checkpoints.records import recorded_options
from monodepth2.config import Options
from monodepth2.errors import UserError, shown

BETWEEN_EPOCHS = "weights_step_"  # before the number of steps taken
ALWAYS_KEPT = 2  # should the newest be damaged, the one before it is there
# options that only the beginning of a run reads
BEGINNING = ("weights_init", "pretrained_weights", "load_weights_folder", "models_to_load")
# options that may change when a run goes on: where things lie, how long it takes, what it reports, and what only its
# beginning reads; a split is known by its lines, whatever its name
FREE = {"data_path", "log_dir", "cache_dir", "pseudo_labels", "model_name", "split", "num_epochs"}
FREE |= {"device", "no_cuda", "num_workers", "deterministic", *BEGINNING}
FREE_GROUPS = {"logging", "checkpoints", "evaluation"}


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on.

    Attributes:
        folder: the checkpoint.
        step: steps taken when it was written.
        damaged: newer folders that cannot be used.
        begun: the options that only the run's beginning has read, as they were then.
    """

    folder: Path
    step: int
    damaged: tuple[Path, ...]
    begun: Mapping[str, Any] = field(default_factory=dict)


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
    begun = _check_same_run(options)
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
            return ResumePoint(folder, manifest.step, tuple(damaged), begun)
    raise UserError(
        f"--resume: no checkpoint in {options.models_folder} is whole and holds a state: start another run from the "
        "weights that can be read (--load_weights_folder, another --model_name), or begin anew with --overwrite"
    )


def clear_for_resume(point: ResumePoint, models_folder: Path) -> None:
    """Set damaged checkpoints aside, as `damaged_...`, and remove what a killed process was writing.

    Raises:
        OSError: the folder cannot be written.
    """
    for folder in point.damaged:
        aside, n = folder.with_name(f"damaged_{folder.name}"), 1
        while aside.exists():
            aside, n = folder.with_name(f"damaged_{n}_{folder.name}"), n + 1
        os.rename(folder, aside)
    _remove_partial(models_folder)


def remove_all(models_folder: Path) -> None:
    """Remove all checkpoints of a run: first their names, so that a process killed meanwhile leaves no half of them.

    Raises:
        OSError: one cannot be removed.
    """
    _remove_partial(models_folder)
    _remove([*_own(models_folder), *models_folder.glob("damaged_*weights_*")], models_folder)


def remove_old(models_folder: Path, most: int | None, at_end: bool = False) -> None:
    """Remove the checkpoints that a run need not keep; the newest two are kept whatever they are.

    Args:
        models_folder: of the run.
        most: checkpoints of an epoch to keep, the newest; None keeps them all.
        at_end: whether the run is complete: once its last epoch is saved, it needs no checkpoint between epochs.

    Raises:
        OSError: one cannot be removed.
    """
    whole = [folder for folder, manifest in _newest_first(models_folder) if isinstance(manifest, Manifest)]
    passing = [folder for folder in whole if folder.name.startswith(BETWEEN_EPOCHS)]
    epochs = [folder for folder in whole if folder not in passing]
    if at_end and whole and whole[0] in epochs:
        old = passing + epochs[most:] if most else passing
    else:
        old = [folder for folder in (*passing, *(epochs[most:] if most else ())) if folder in whole[ALWAYS_KEPT:]]
    if old:
        _remove(old, models_folder)


def _remove(folders: Sequence[Path], models_folder: Path) -> None:
    for folder in folders:
        os.rename(folder, folder.with_name(PARTIAL + folder.name))
    _remove_partial(models_folder)


def _remove_partial(models_folder: Path) -> None:
    for left in (*models_folder.glob(f"{PARTIAL}*"), *models_folder.glob(".*.partial")):  # of `whole_file`, too
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def _own(models_folder: Path) -> list[Path]:
    """The folders of a run's checkpoints: those named by a run, no links and nothing that a user put there."""
    named = [folder for folder in models_folder.glob("weights_*") if OF_A_RUN.fullmatch(folder.name)]
    return [folder for folder in named if folder.is_dir() and not folder.is_symlink()]


def _newest_first(models_folder: Path) -> list[tuple[Path, Manifest | UserError]]:
    """The checkpoints of a run with their manifests, or with what is wrong with them: these come first."""
    whole: list[tuple[Path, Manifest]] = []
    damaged: list[tuple[Path, UserError]] = []
    for folder in _own(models_folder):
        try:
            whole.append((folder, read_manifest(folder)))
        except UserError as error:
            damaged.append((folder, error))
    # of the same step an epoch's checkpoint counts, in whatever order the folder lists them: it ends a complete run
    return [*damaged, *sorted(whole, key=lambda pair: (-pair[1].step, pair[0].name.startswith(BETWEEN_EPOCHS)))]


def _check_same_run(options: Options) -> dict[str, Any]:
    """Refuse to go on with options that would make another run of it; return those that its beginning has read."""
    before = recorded_options(options.models_folder)
    if before is None:
        raise UserError(f"--resume: {options.models_folder} has no opt.json that says how the run was started")
    if listed := flags_apart(before, options):
        raise UserError(
            f"--resume: {options.models_folder.parent} was started with {listed}: give the same flags, e.g. by "
            f"--config {options.models_folder / 'config.yaml'}, or start a run of another --model_name"
        )
    return {name: getattr(before, name) for name in BEGINNING}


def flags_apart(before: Options, options: Options, also: Sequence[str] = ()) -> str:
    """Name the options that differ, of those that make a run another one and those in `also`; empty where none does."""
    kept = [
        item.name
        for item in fields(Options)
        if item.name in also or (item.name not in FREE and item.metadata["group"] not in FREE_GROUPS)
    ]
    other = [name for name in kept if getattr(options, name) != getattr(before, name)]
    if options.learns_pseudo_labels != before.learns_pseudo_labels:  # where they lie does not matter
        other.append("pseudo_labels")
    if options.augment_crop and (options.cache_dir is None) != (before.cache_dir is None):
        other.append("cache_dir")  # parts cut out of cached pictures are less sharp
    return ", ".join(f"--{name} {_told(getattr(before, name))} (now {_told(getattr(options, name))})" for name in other)


def _told(value: Any) -> str:
    if value in (None, ()):
        return "not given"
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if text.isprintable() else shown(text)
