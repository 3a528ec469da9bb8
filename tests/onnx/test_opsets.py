"""Files for runtimes of every age: they state what they are, and say what the checkpoint says."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from exports import traced_once
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.config import Options
from monodepth2.config.tools import ExportOptions
from monodepth2.errors import UserError
from monodepth2.method.geometry import transform_from_parameters
from monodepth2.odometry.network import load_motion_network
from monodepth2.onnx.export import export
from monodepth2.onnx.graphs import transforms_of_any_batch
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.network import OnnxDepthNetwork
from monodepth2.onnx.older_opsets import to_older_opset
from trees import write_checkpoint

CPU = torch.device("cpu")
CLOSE = {"rtol": 1e-3, "atol": 1e-5}  # recipe weights amplify rounding errors
EXPORTS = pytest.mark.slow(reason="exports a network")
EXPORTED = pytest.mark.slow(reason="two networks are exported for these tests")
NEWEST = min(onnx.defs.onnx_opset_version(), 28)  # later ones may not be known to onnxruntime yet
IR_VERSIONS = {11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8}  # that came with each opset


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose pose network looks at all frames, so that it splits its input."""
    options = {"pose_model_type": "shared", "pose_model_input": "all"}
    models = tmp_path_factory.mktemp("run") / "models"
    (folder := models / "weights_0").parent.mkdir()
    (models / "opt.json").write_text(Options(height=64, width=96, **options).to_json())
    return write_checkpoint(folder, **options)


@pytest.fixture(scope="module")
def files(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Depth of any size and pose, in the opset that is written by default and in the oldest."""
    folder = tmp_path_factory.mktemp("files")
    with traced_once():
        return {
            f"{network}{opset}": exported(weights, folder / f"{network}{opset}.onnx", network=network, opset=opset)
            for network in ("depth", "pose")
            for opset in (18, 11)
        }


def exported(weights: Path, output: Path, **how: Any) -> Path:
    """A file for pictures of any size."""
    sizes = {"dynamic_batch": True, "dynamic_size": True}
    return export(ExportOptions(load_weights_folder=weights, output=output, **sizes, **how)).path


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def run(content: bytes | str | Path, image: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: image}), strict=True))


def channels(network: str) -> int:
    return 3 if network == "depth" else 9


def depths(weights: Path, image: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return 1 / load_depth_network(weights, CPU)(torch.from_numpy(image)).numpy()


@EXPORTED
@pytest.mark.parametrize("network", ["depth", "pose"])
@pytest.mark.parametrize("opset", [12, 13, 14, 17])
def test_the_opsets_between_say_the_same(network: str, opset: int, files: dict[str, Path]) -> None:
    model = onnx.load(files[f"{network}18"])
    to_older_opset(model, opset)
    onnx.checker.check_model(model, full_check=True)
    image = pictures(2, channels(network), 64, 128)
    expected = run(files[f"{network}18"], image)
    for name, found in run(model.SerializeToString(), image).items():
        np.testing.assert_allclose(found, expected[name], **CLOSE)


@EXPORTED
def test_the_file_states_its_opset_and_the_format_that_came_with_it(files: dict[str, Path]) -> None:
    for name, path in files.items():
        model, opset = onnx.load(path), int(name[-2:])
        assert [(item.domain, item.version) for item in model.opset_import] == [("", opset)]
        assert model.ir_version == IR_VERSIONS[opset]


@EXPORTED
def test_old_files_hold_no_operator_that_old_runtimes_lack(files: dict[str, Path]) -> None:
    used = {node.op_type for name in ("depth11", "pose11") for node in onnx.load(files[name]).graph.node}
    assert not used & {"Pad", "Reciprocal", "Split", "Unsqueeze", "Constant"}


@EXPORTED
def test_the_oldest_gives_the_depths_of_the_checkpoint(weights: Path, files: dict[str, Path]) -> None:
    for shape in ((1, 3, 64, 96), (2, 3, 96, 64), (1, 3, 64, 160)):
        image = pictures(*shape)
        np.testing.assert_allclose(run(files["depth11"], image)["depth"], depths(weights, image), **CLOSE)


@EXPORTED
def test_the_oldest_is_read_by_the_other_scripts(weights: Path, files: dict[str, Path]) -> None:
    image = pictures(2, 3, 64, 96)
    found = OnnxDepthNetwork(files["depth11"], CPU)(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(1 / found, depths(weights, image), **CLOSE)


@EXPORTS
def test_half_precision_in_an_old_opset(weights: Path, tmp_path: Path) -> None:
    path = export(
        ExportOptions(load_weights_folder=weights, output=tmp_path / "h.onnx", opset=13, precision="fp16")
    ).path
    assert path.stat().st_size < 30e6
    image = pictures(1, 3, 64, 96)
    np.testing.assert_allclose(run(path, image)["depth"], depths(weights, image), rtol=5e-2)


@EXPORTS
def test_the_newest_opset(weights: Path, tmp_path: Path) -> None:
    path = export(ExportOptions(load_weights_folder=weights, output=tmp_path / "n.onnx", opset=NEWEST)).path
    assert onnx.load(path).opset_import[0].version == NEWEST


@EXPORTED
def test_outputs_of_any_size_and_batch_have_no_fixed_size(files: dict[str, Path]) -> None:
    for name in ("depth18", "depth11"):
        session = onnxruntime.InferenceSession(files[name], providers=["CPUExecutionProvider"])
        for output in session.get_outputs():
            assert [type(side) for side in output.shape] == [str, int, str, str], (name, output.name)
    for name in ("pose18", "pose11"):
        session = onnxruntime.InferenceSession(files[name], providers=["CPUExecutionProvider"])
        assert all(isinstance(output.shape[0], str) for output in session.get_outputs())


@EXPORTED
def test_onnxruntime_runs_other_sizes_without_a_warning(files: dict[str, Path]) -> None:
    program = (
        "import sys, numpy, onnxruntime\n"
        "for path, channels in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])\n"
        "    name = session.get_inputs()[0].name\n"
        "    session.run(None, {name: numpy.zeros((2, int(channels), 64, 160), numpy.float32)})\n"
    )
    given = [part for name, path in files.items() for part in (str(path), str(channels(name[:-2])))]
    done = subprocess.run([sys.executable, "-c", program, *given], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@EXPORTED
@pytest.mark.parametrize("name", ["depth18", "depth11", "pose18", "pose11"])
@pytest.mark.parametrize("fixed", [True, False])
def test_opencv_says_the_same(name: str, fixed: bool, weights: Path, files: dict[str, Path], tmp_path: Path) -> None:
    path = files[name]
    if fixed:
        model = onnx.load(path)
        for value in (*model.graph.input, *model.graph.output):
            for dim, side in zip(value.type.tensor_type.shape.dim, (1, None, 64, 96), strict=False):
                if dim.dim_param:
                    dim.dim_value = side
        onnx.save(model, path := tmp_path / "fixed.onnx")
    network = cv2.dnn.readNetFromONNX(str(path))
    for height, width in ((64, 96),) if fixed else ((64, 96), (96, 64)):
        image = pictures(1, channels(name[:-2]), height, width)
        expected = run(files[name], image)
        network.setInput(image)
        for key, found in zip(expected, network.forward(list(expected)), strict=True):
            np.testing.assert_allclose(found, expected[key], **CLOSE)


def test_transforms_are_those_of_the_geometry() -> None:
    generator = torch.Generator().manual_seed(0)
    axisangles, translations = torch.randn(2, 5, 2, 3, generator=generator)
    axisangles[0] = 0
    expected = torch.stack([transform_from_parameters(axisangles[:, n], translations[:, n]) for n in range(2)], 1)
    torch.testing.assert_close(transforms_of_any_batch(axisangles, translations), expected)


@EXPORTED
@pytest.mark.parametrize("name", ["pose18", "pose11"])
def test_motions_are_those_of_the_checkpoint(name: str, weights: Path, files: dict[str, Path]) -> None:
    frames = pictures(2, 9, 64, 128)
    model = load_motion_network(weights, CPU).model
    images = {frame: torch.from_numpy(frames[:, 3 * n : 3 * n + 3]) for n, frame in enumerate((0, -1, 1))}
    with torch.no_grad():
        motions = model.motions(images)
    found = run(files[name], frames)
    for n, frame in enumerate((-1, 1)):
        motion = motions[frame]
        expected = {"axisangle": motion.axisangle, "translation": motion.translation}
        expected["transform"] = transform_from_parameters(motion.axisangle, motion.translation)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key][:, n], value, rtol=1e-4, atol=1e-6)
    stated = {item.key: item.value for item in onnx.load(files[name]).metadata_props}
    assert stated["monodepth2.frames"] == "[0, -1, 1]"


@EXPORTED
def test_metadata_of_older_and_newer_versions_are_read(files: dict[str, Path]) -> None:
    properties = {item.key: item.value for item in onnx.load(files["depth18"]).metadata_props}
    expected = Metadata.from_properties(properties, "here")
    assert Metadata.from_properties({**properties, "monodepth2.weather": "[", "other": "{"}, "here") == expected
    for added in ("baseline", "fit", "cameras", "metric_scale", "supervision"):
        del properties[f"monodepth2.{added}"]
    expected = replace(expected, baseline=Metadata.baseline, fit=None, cameras=None, supervision=None)
    assert Metadata.from_properties(properties, "here") == expected
    del properties["monodepth2.height"]
    with pytest.raises(UserError, match=r"here: its metadata are damaged \(height"):
        Metadata.from_properties(properties, "here")


@EXPORTS
@pytest.mark.parametrize("opset", [11, 17])
def test_backbones_of_timm_in_old_operators(opset: int, tmp_path: Path) -> None:
    """mobilenetv3 has HardSwish, which opset 11 does not know, and norms that hold an activation."""
    kinds = {"encoder": "mobilenetv3_small_050", "decoder": "small", "pose_model_type": "posecnn"}
    folder = write_checkpoint(tmp_path / "weights_0", **kinds)
    options = ExportOptions(
        load_weights_folder=folder, output=tmp_path / "depth.onnx", opset=opset, dynamic_size=opset == 17
    )
    path = export(options).path  # which compares it with the checkpoint
    assert onnx.load(path).opset_import[0].version == opset
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert ("HardSwish" in operators) == (opset >= 14)
    assert OnnxDepthNetwork(path, CPU)(torch.rand(1, 3, 64, 96)).shape == (1, 1, 64, 96)


@EXPORTS
def test_hr_decoders_in_the_oldest_and_newest_operators(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights_0", decoder="hr", encoder="resnet10t", pose_model_type="posecnn")
    image = pictures(1, 3, 64, 128)
    with traced_once():
        for opset in (11, 23):
            path = exported(folder, tmp_path / f"depth{opset}.onnx", opset=opset)  # compared with the checkpoint
            expected = run(path, image)
            np.testing.assert_allclose(expected["depth"], depths(folder, image), **CLOSE)
            network = cv2.dnn.readNetFromONNX(str(path))
            network.setInput(image)
            np.testing.assert_allclose(network.forward("disp"), expected["disp"], **CLOSE)
