"""Runs, found by their names."""

from pathlib import Path

from monodepth2.checkpoints.networks import weights_folder
from monodepth2.config.tools import run_names
from monodepth2.errors import UserError, nearest

NAMED = 5  # runs that a message names


def newest_weights(name: str, log_dir: Path) -> Path:
    """Return the folder of the newest checkpoint of a run, and say in a line which one that is.

    Args:
        name: of the run, its `--model_name`.
        log_dir: where it lies.

    Raises:
        UserError: there is no such run, or it has no checkpoint yet.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(f"--run {name}: is a path; give the name of a run, or --load_weights_folder {name}")
    log_dir = log_dir.expanduser()
    folder = log_dir / name
    if not folder.is_dir():
        raise UserError(f"--run {name}: {log_dir} holds no run of this name{_others(name, log_dir)}")
    weights = weights_folder(folder)
    if not (weights / "encoder.pth").is_file():
        raise UserError(f"--run {name}: there is no checkpoint in {folder} yet")
    return weights


def _others(name: str, log_dir: Path) -> str:
    """What a message says of the runs that there are."""
    names = run_names(log_dir)
    if not names:
        return ", nor any other; name another --log_dir"
    more = " and others" if len(names) > NAMED else ""
    return (
        nearest(name, names) or f"; it holds {', '.join(names[:NAMED])}{more}: name one of them, or another --log_dir"
    )
