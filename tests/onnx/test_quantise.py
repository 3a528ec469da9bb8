"""Depth networks in 8 bits: smaller, close to the float32 network, refused where they are not."""

import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from exports import traced_once
from monodepth2.config import ExportOptions
from monodepth2.errors import UserError
from monodepth2.files.picture_opening import MARK
from monodepth2.onnx.export import export
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.network import OnnxDepthNetwork, _largest_tensor
from monodepth2.onnx.quantise import calibration_pictures, find_calibration
from trees import write_checkpoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "weights_0"
    return write_checkpoint(folder, encoder="lcnet_050", decoder="small", pose_model_type="posecnn")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for n in range(12):
        small = Image.fromarray(random.integers(0, 256, (6, 9, 3), np.uint8))
        small.resize((120, 80), Image.Resampling.BICUBIC).save(folder / f"{n}.png")
    return folder


def options(weights: Path, output: Path, **changes: object) -> ExportOptions:
    return ExportOptions(load_weights_folder=weights, output=output, **changes)


def test_masks_depth_and_predictions_are_not_calibrated_on(pictures: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pictures, tmp_path / "drive"))
    (folder / "depth").mkdir()
    for name in ("mask.png", "._0.jpg", "depth/0.png"):
        (folder / name).write_bytes((pictures / "0.png").read_bytes())
    Image.new("RGB", (120, 80)).save(folder / "0_disp.jpeg", comment=MARK)
    metadata = Metadata("test", "depth", 64, 96, 32, 1, False, False, "fp32", "mono", False, 0.1, 100.0)
    found = find_calibration(folder)
    assert {path.parent for path in found} == {folder}
    assert len(calibration_pictures(found, metadata)) == len(found) == 12


def test_a_folder_that_cannot_be_calibrated_on_is_told_before_the_export(pictures: Path, tmp_path: Path) -> None:
    """Also before weights are looked for, which here are none."""
    (tmp_path / "few").mkdir()
    shutil.copy(pictures / "0.png", tmp_path / "few")
    for name, message in (("typo", "no such folder"), ("few", "holds 1 picture; give at least 8")):
        with pytest.raises(UserError, match=f"--calibration {tmp_path / name}: {message}"):
            export(options(tmp_path / "none", tmp_path / "int8.onnx", precision="int8", calibration=tmp_path / name))


def test_weights_in_8_bits_are_no_tensor_made_of_pictures() -> None:
    """A small picture makes smaller tensors than the weights are, which a file holds as they are."""
    numpy_helper, helper, kind = onnx.numpy_helper, onnx.helper, onnx.TensorProto.FLOAT
    constants = {"w": np.ones((64, 3, 3, 3), np.int8), "s": np.float32(0.1), "z": np.int8(0)}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["weights"]),
        helper.make_node("Conv", ["image", "weights"], ["found"]),
    ]
    shapes = [helper.make_tensor_value_info(name, kind, shape) for name, shape in (("image", None), ("found", None))]
    shapes[0] = helper.make_tensor_value_info("image", kind, (1, 3, 4, 4))
    graph = helper.make_graph(
        nodes,
        "small",
        shapes[:1],
        shapes[1:],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    assert _largest_tensor(helper.make_model(graph), (1, 3, 4, 4)) == 64 * 2 * 2


def test_onnxruntime_is_told_to_report_nothing() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.slow(reason="exports and quantises")
def test_int8_is_smaller_close_and_read_like_any_other(weights: Path, pictures: Path, tmp_path: Path) -> None:
    with traced_once():
        plain = export(options(weights, tmp_path / "plain.onnx"))
        small = export(options(weights, tmp_path / "int8.onnx", precision="int8", calibration=pictures, tolerance=0.5))
        # what changes depth too much is not written
        with pytest.raises(UserError, match=r"changes depth by .* more than --tolerance 1e-06"):
            export(options(weights, tmp_path / "bad.onnx", precision="int8", calibration=pictures, tolerance=1e-6))
    assert not (tmp_path / "bad.onnx").exists()
    assert small.path.stat().st_size < 0.5 * plain.path.stat().st_size
    assert "int8, calibrated on 9 pictures" in small.report()
    networks = [OnnxDepthNetwork(one.path, torch.device("cpu")) for one in (plain, small)]
    assert networks[1].metadata.precision == "int8"
    image = torch.from_numpy(np.asarray(Image.open(pictures / "0.png").resize((96, 64)), np.float32) / 255)
    ours, theirs = (network(image.permute(2, 0, 1)[None]) for network in networks)
    assert (theirs / ours - 1).abs().mean() < 0.1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"precision": "int8"}, "belong together"),
        ({"calibration": Path("x")}, "belong together"),
        ({"precision": "int8", "calibration": Path("x"), "dynamic_size": True}, "fixed size"),
        ({"precision": "int8", "calibration": Path("x"), "opset": 11}, "needs 13 or later"),
    ],
)
def test_flags_that_do_not_go_together(changes: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        options(Path("weights"), Path("x.onnx"), **changes)
