"""Weights by what people call them: a folder or an `.onnx` file, a run, a model that is published or on the hub."""

import os
from pathlib import Path

from monodepth2.checkpoints.hub import pulled_model
from monodepth2.checkpoints.networks import weights_folder
from monodepth2.checkpoints.published import MD5_SUMS, likely_name, published_model
from monodepth2.config import Options
from monodepth2.config.hub_names import is_hub_name
from monodepth2.config.tools import run_names
from monodepth2.errors import UserError, nearest, shown

NAMED = 5  # runs that a message names


def resolve_weights(
    folder: Path | None, model_name: str | None, run: str | None = None, log_dir: Path = Options.log_dir
) -> Path:
    """Return the weights folder that is named in one of three ways, or the `.onnx` file.

    Args:
        folder: of `--load_weights_folder`; of a run's, the newest checkpoint is taken.
        model_name: of a published model, or of one on the hub.
        run: whose newest checkpoint is taken.
        log_dir: where that run lies.

    Raises:
        UserError: what is named cannot be had.
    """
    if folder is not None:
        folder = folder.expanduser()
        return weights_folder(folder) if folder.is_dir() else folder
    if run is not None:
        return newest_weights(run, log_dir)
    assert model_name is not None  # the options see to that
    if is_hub_name(model_name):
        if Path(model_name).is_dir():
            raise UserError(
                f"--model_name {model_name} would be of the hub, and a folder of this name is here: give it as "
                f"--load_weights_folder {model_name}"
            )
        return pulled_model(model_name)
    if model_name not in MD5_SUMS and model_name in run_names(log_dir.expanduser()):
        raise UserError(
            f"--model_name {model_name} is no published model, but {log_dir} holds a run of this name: did you mean "
            f"--run {model_name}?"
        )
    return published_model(model_name)


def weights_of(options: Options) -> Path:
    """Return the weights that a scoring script was given: a folder, an `.onnx` file, or those of a name.

    Raises:
        UserError: none is given, several are, or what is named cannot be had.
    """
    if options.run is not None:
        for name in ("load_weights_folder", "model_name"):
            if options.is_given(name):
                raise UserError(f"--run contradicts --{name} {getattr(options, name)}: drop one of them")
    elif "log_dir" in options.given:  # options of a training, scored from Python, hold it too
        raise UserError(f"--log_dir {options.log_dir}: is where --run NAME is looked for; add it, or drop --log_dir")
    # for training --model_name is the name of a run, here that of a model, published in 2019 or on the hub
    elif options.load_weights_folder is not None and options.is_given("model_name"):
        raise UserError(f"--load_weights_folder contradicts --model_name {options.model_name}: drop one of them")
    elif options.load_weights_folder is None and options.model_name == Options.model_name:
        raise UserError(
            "--load_weights_folder is missing: name the folder that holds encoder.pth, depth.pth, ..., "
            "or a training with --run, or a published model with --model_name, e.g. mono_640x192"
        )
    return resolve_weights(options.load_weights_folder, options.model_name, options.run, options.log_dir)


def resolve_reference(reference: str) -> Path:
    """Return the path that a word stands for: a weights folder, an `.onnx` file, or the name of a published model.

    What exists under that path wins over a published name; of a run's folder the newest checkpoint is taken.

    Raises:
        UserError: it is none of the three, or the published model cannot be had.
    """
    path = Path(os.path.expanduser(reference))
    if path.is_dir():
        return weights_folder(path)
    if path.is_file() and path.suffix == ".onnx":
        return path
    if reference in MD5_SUMS:
        return published_model(reference)
    raise UserError(f"{shown(reference)} is no folder, no .onnx file and no published model; {likely_name(reference)}")


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
