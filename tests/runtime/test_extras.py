"""Packages that only some commands need."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from monodepth2.config import AppOptions, ExportOptions, Options, PredictOptions, PrepareOptions
from monodepth2.datasets.depth_files import read_depth_map
from monodepth2.errors import UserError
from monodepth2.onnx.export import export
from monodepth2.prediction.app import run as show_page
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.prediction.run import predict
from monodepth2.prepare.run import run as prepare
from monodepth2.runtime import extras
from monodepth2.training.trainer import Trainer


def predict_from(name: str, *outputs: str) -> Callable[[Path, Path], object]:
    """What predicts from a picture, or from a file that is none, with the given outputs."""

    def call(folder: Path, weights: Path) -> object:
        Image.new("RGB", (96, 64)).save(folder / "a.png")
        (folder / "a.mp4").write_bytes(b"no picture")
        return predict(PredictOptions(image_path=folder / name, load_weights_folder=weights, outputs=outputs))

    return call


# extra, what is said to need it, its packages, and a call that needs them
CALLS: dict[str, tuple[str, str, str, Callable[[Path, Path], object]]] = {
    "app": (
        *("app", "pages to try a network", "gradio, trimesh, av, plyfile"),
        lambda _, weights: show_page(AppOptions(load_weights_folder=weights)),
    ),
    "export": (
        *("onnx", ".onnx files", "onnx, onnxruntime, onnxscript"),
        lambda _, weights: export(ExportOptions(load_weights_folder=weights)),
    ),
    "exr": ("exr", ".exr files", "OpenEXR", lambda folder, _: read_depth_map(folder / "a.exr")),
    "hub": (
        *("hub", "models of the hub like somebody/drive", "huggingface_hub, safetensors"),
        lambda *_: DepthPredictor.from_pretrained("somebody/drive", "cpu"),
    ),
    "onnx": (
        *("onnx", ".onnx files", "onnx, onnxruntime"),
        lambda folder, _: DepthPredictor.from_checkpoint(folder / "model.onnx", "cpu"),
    ),
    "points": ("predict", "point clouds", "plyfile", predict_from("a.png", "ply")),
    "prepare": (
        *("prepare", "videos", "av, cv2"),
        lambda folder, _: prepare(PrepareOptions(sources=(folder / "a.mp4",), output=folder / "drive")),
    ),
    "recording": ("rerun", "recordings for rerun", "rerun", predict_from("a.png", "rrd")),
    "video": ("predict", "videos and streams", "av", predict_from("a.mp4", "color")),
    "wandb": (
        *("wandb", "runs with --wandb", "wandb"),
        lambda folder, _: Trainer(Options(wandb=True, data_path=folder, log_dir=folder, device="cpu")),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    name: str, checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra, purpose, packages, call = CALLS[name]
    for package in packages.split(", "):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    message = rf"^{re.escape(purpose)} need {packages}: pip install --editable '.*\[{extra}\]'$"
    with pytest.raises(UserError, match=message):
        call(tmp_path, checkpoint())


def test_the_command_that_installs_an_extra_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "o'neil's code"
    clone.mkdir()
    (clone / "pyproject.toml").touch()
    monkeypatch.setattr(extras, "__file__", str(clone / "monodepth2/runtime/extras.py"))
    assert shlex.split(extras.installation("prepare")) == ["pip", "install", "--editable", f"{clone}[prepare]"]


def test_no_extra_is_sought_on_pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project is not there, and anybody could take its name."""
    monkeypatch.setattr(extras, "__file__", str(tmp_path / "site-packages/monodepth2/runtime/extras.py"))
    assert extras.installation("prepare") == "pip install '.[prepare]' in the clone of the project"
