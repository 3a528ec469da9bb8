"""What `monodepth2 pseudo_label` does: another model's disparities of all pictures that a training has as targets.

Legend of shapes: h w pixels.
"""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from monodepth2.config import PseudoLabelOptions
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.pseudo_labels import RECORD, PseudoLabelFolder, is_older
from monodepth2.datasets.training_lines import training_lines
from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import read_json
from monodepth2.files.output_paths import make_output_folder, whole_file, write_whole
from monodepth2.files.pictures import PictureError, read_pyramid
from monodepth2.onnx.depth_model import DepthModel
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.signals import StopRequest

LARGEST = float(np.finfo(np.float16).max)
MOST_EMPTY = 10  # labels at the beginning before the model, not the pictures, is taken to be the cause


class NothingKnown(PictureError):
    """A picture of which a model says nothing."""


def run(options: PseudoLabelOptions) -> int:
    """Make the labels that are not there yet; return the exit code, 128 + the signal that ended the work early.

    Raises:
        UserError: model, data set or folder cannot be used, or the folder's labels are another model's.
    """
    assert options.onnx
    assert options.output
    lines = training_lines(options.training())
    layout, targets = lines.layout, list(dict.fromkeys(lines.all))
    SampleFrames(layout, (0,)).check(targets)
    device = pick_device(options.device, options.no_cuda)
    model = DepthModel(options.onnx, device, options.input_size, options.output_name)
    folder = PseudoLabelFolder(make_output_folder("output", options.output), pictures=layout.root)
    record, facts = folder.root / RECORD, _facts(options, model, layout.root)
    _check_record(record, facts)
    _check_foreign(record)
    left = [picture for picture in map(layout.picture_path, targets) if not _is_made(folder.place(picture), picture)]
    there = len(targets) - len(left)
    made, silent = 0, 0
    empty: dict[Path, str] = {}
    with StopRequest() as stop:
        for picture in tqdm(left, desc=model.path.name, unit="picture", disable=None):
            if stop.received:
                break
            try:
                label_hw = _label(picture, model, options)
            except PictureError as error:
                empty[picture] = first_line(error)
                silent += isinstance(error, NothingKnown)
                if silent == MOST_EMPTY and made + there == 0:
                    break
                continue
            _keep_record(record, facts)
            _write(label_hw, folder.place(picture), picture)
            made += 1
    if stop.received and made + len(empty) < len(left):
        print(f"stopped by {stop.received.name} with {len(left) - made:,} labels left: the same command goes on")
        return 128 + stop.received
    if empty and made + there == 0:
        raise UserError(f"none of the first {len(empty)} pictures got a label; the first: {next(iter(empty.values()))}")
    for picture in empty:  # so that a training finds a label of every picture, of which nothing is known here
        _write(np.full((model.height, model.width), np.nan, np.float16), folder.place(picture), picture)
    if empty:
        first = next(iter(empty.values()))
        print(f"{len(empty):,} labels are empty, and nothing is learnt from them, the first: {first}")
    print(f"{made:,} labels made, {there:,} were there; train with --pseudo_labels {shlex.quote(str(folder.root))}")
    return 0


def _check_foreign(record: Path) -> None:
    """Refuse a folder that holds something, and no record: it may be known depth, which labels would replace.

    Raises:
        UserError: it is such a folder.
    """
    if not record.exists() and any(path.name[0] != "." for path in record.parent.iterdir()):
        raise UserError(f"--output {record.parent}: is not empty, and no {RECORD} states what made it: give another "
                        "folder, so that nothing is replaced")  # fmt: skip


def _is_made(place: Path, picture: Path) -> bool:
    """Whether a picture's label is there, and was made of the picture as it is now."""
    label = place / f"{picture.stem}.npy"
    return label.is_file() and not is_older(label, picture)


def label_of(map_hw: np.ndarray, output_is: str) -> np.ndarray:
    """Turn what a model says into a label: disparity by its median deviation from the median, at least 1, float16.

    A training leaves scale and shift aside, so that nothing is lost but digits. What is no number, or as a depth not
    positive, is no number in the label, either.

    Args:
        map_hw: disparity or depth of any scale and shift.
        output_is: which of the two, "disparity" or "depth".

    Raises:
        ValueError: the map holds nothing known.
    """
    values_hw = map_hw.astype(np.float64)
    known_hw = np.isfinite(values_hw)
    if output_is == "depth":
        known_hw &= values_hw > 0
        values_hw = 1 / np.where(known_hw, values_hw, 1)
    if not known_hw.any():
        raise ValueError("nothing known")
    known = values_hw[known_hw]
    deviations = np.abs(known - np.median(known))
    # the median, as a single depth near 0 would move the mean, and leave few steps to all others
    deviation = np.median(deviations) or deviations.mean() or 1.0
    label_hw = np.minimum((values_hw - known.min()) / deviation + 1, LARGEST)
    return np.where(known_hw, label_hw, np.nan).astype(np.float16)


def _label(picture: Path, model: DepthModel, options: PseudoLabelOptions) -> np.ndarray:
    """The label of a picture.

    Raises:
        PictureError: it cannot be decoded, or the model says nothing of it.
    """
    (pixels_hw3,) = read_pyramid(picture, 0, model.width, model.height)
    mean, std = options.colours
    map_hw = model((pixels_hw3 / 255 - np.array(mean)) / np.array(std))
    try:
        return label_of(map_hw, options.output_is or "disparity")
    except ValueError as error:
        raise NothingKnown(picture, f"{model.path.name} says nothing of it that could be {options.output_is}; if other "
                           "pictures fail, too, check --output_is and --normalise") from error  # fmt: skip


def _write(label_hw: np.ndarray, place: Path, picture: Path) -> None:
    make_output_folder("output", place)
    with whole_file(place / f"{picture.stem}.npy") as partial, partial.open("wb") as file:
        np.save(file, label_hw)


def _facts(options: PseudoLabelOptions, model: DepthModel, root: Path) -> dict[str, Any]:
    mean, std = options.colours
    return {
        "data_path": str(root.resolve()),  # other data sets have pictures of the same names
        "model": model.path.name,
        "sha256": hashlib.sha256(model.content).hexdigest(),
        "input_size": [model.height, model.width],
        "output": model.output,
        "output_is": options.output_is,
        "mean": list(mean),
        "std": list(std),
    }


def _keep_record(path: Path, facts: dict[str, Any]) -> None:
    """Note how the labels of a folder are made, beside the first of them."""
    if not path.exists():
        write_whole(path, json.dumps(facts, indent=2) + "\n")


def _check_record(path: Path, facts: dict[str, Any]) -> None:
    """Compare with how the labels that are there were made.

    Raises:
        UserError: in another way.
    """
    if not path.exists():
        return
    try:
        before = read_json(path)
        differs = [name for name, value in facts.items() if before.get(name) != value]
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: damaged; give another --output, or remove that folder's labels") from error
    if differs:
        raise UserError(f"{path}: the labels there were made with another {' and '.join(differs)}: give another "
                        "--output, or remove them")  # fmt: skip
