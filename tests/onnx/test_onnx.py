import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from exports import traced_once
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.networks import load_networks
from monodepth2.config import Options
from monodepth2.config.tools import ExportOptions
from monodepth2.errors import UserError
from monodepth2.evaluation.scoring import evaluate
from monodepth2.method.geometry import transform_from_parameters
from monodepth2.method.model import MonodepthModel
from monodepth2.onnx.export import Exported, export
from monodepth2.onnx.graphs import load_graph
from monodepth2.onnx.network import OnnxDepthNetwork
from monodepth2.prediction.predictor import DepthPredictor
from places import ROOT
from scene import DRIVE
from scripts import in_process
from trees import linked, write_checkpoint

CPU = torch.device("cpu")
CLOSE = {"rtol": 1e-3, "atol": 1e-5}  # recipe weights amplify rounding errors


@pytest.fixture(scope="module")
def weights(checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stereo-trained checkpoint with a depth range of its own, and opt.json beside it."""
    options = {"use_stereo": True, "min_depth": 0.2, "max_depth": 50.0}
    models = tmp_path_factory.mktemp("run") / "models"
    folder = linked(checkpoint(**options), models / "weights_0")
    (models / "opt.json").write_text(Options(height=64, width=96, **options).to_json())
    return folder


@pytest.fixture(scope="module")
def plain(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of fixed batch and size, written by the script; and what that printed."""
    path = tmp_path_factory.mktemp("plain") / "model.onnx"
    flags = ("--load_weights_folder", weights, "--output", path, "--batch_size", "2", "--pred_metric_depth")
    done = in_process("export_depth", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return path, done.stdout


@pytest.fixture(scope="module")
def dynamic(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A file of any batch and size, in a later opset."""
    path = tmp_path_factory.mktemp("dynamic") / "model.onnx"
    return export(
        ExportOptions(load_weights_folder=weights, output=path, dynamic_batch=True, dynamic_size=True, opset=21)
    )


def outputs(path: Path, image: torch.Tensor) -> dict[str, torch.Tensor]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    (given,) = session.get_inputs()
    return dict(zip(names, map(torch.from_numpy, session.run(names, {given.name: image.numpy()})), strict=True))


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def facts(path: Path) -> dict[str, object]:
    return {item.key: json.loads(item.value) for item in onnx.load(path).metadata_props}


def test_image_to_disparity_and_metres(weights: Path, plain: tuple[Path, str]) -> None:
    network = load_depth_network(weights, CPU)
    # black is no special input of the network, which normalises: so must the file
    for image in (pictures(2, 3, 64, 96), torch.zeros(2, 3, 64, 96), torch.ones(2, 3, 64, 96)):
        found = outputs(plain[0], image)
        with torch.no_grad():
            torch.testing.assert_close(found["disp"], network(image), **CLOSE)
        torch.testing.assert_close(found["depth"], 5.4 / found["disp"])
        assert 1 / 50 <= found["disp"].min() <= found["disp"].max() <= 1 / 0.2


def test_the_largest_difference_is_printed(plain: tuple[Path, str]) -> None:
    lines = plain[1].splitlines()
    assert lines[0] == "depth network, 96x64, batch 2, fp32, opset 18"
    assert [line.split()[0] for line in lines[2:4]] == ["disp", "depth"]
    assert all(0 < float(line.split()[1]) < 1e-3 for line in lines[2:4])
    assert lines[-1].endswith(str(plain[0]))


def test_the_file_tells_what_it_is(plain: tuple[Path, str], dynamic: Exported) -> None:
    found = facts(plain[0])
    assert found["monodepth2.program"].startswith("monodepth2 ")
    del found["monodepth2.program"]
    assert found == {
        "monodepth2.format": 1,
        "monodepth2.network": "depth",
        "monodepth2.height": 64,
        "monodepth2.width": 96,
        "monodepth2.size_multiple": 32,
        "monodepth2.batch_size": 2,
        "monodepth2.dynamic_batch": False,
        "monodepth2.dynamic_size": False,
        "monodepth2.precision": "fp32",
        "monodepth2.training": "mono+stereo",
        "monodepth2.use_stereo": True,
        "monodepth2.min_depth": 0.2,
        "monodepth2.max_depth": 50.0,
        "monodepth2.depth_factor": 5.4,
        "monodepth2.depth_unit": "m",
        "monodepth2.pose_model_type": None,
        "monodepth2.frames": None,
        "monodepth2.baseline": 0.54,
        "monodepth2.fit": ["stretch", 0.5],
        "monodepth2.cameras": [],
        "monodepth2.metric_scale": None,
        "monodepth2.supervision": [],
        "monodepth2.learnt_depths": None,
    }
    found = facts(dynamic.path)
    assert (found["monodepth2.depth_factor"], found["monodepth2.depth_unit"]) == (1, "arbitrary")
    assert found["monodepth2.dynamic_batch"]
    assert found["monodepth2.dynamic_size"]


def test_metres_that_were_learnt_are_in_the_file(checkpoint, tmp_path: Path) -> None:
    folder = checkpoint(depth_supervision=0.1)
    options = ExportOptions(load_weights_folder=folder, output=tmp_path / "metres.onnx", pred_metric_depth=True)
    with pytest.raises(UserError, match=r"--baseline 0\.3 is a rig's, .* metres of its own, 1 per unit"):
        export(replace(options, baseline=0.3))
    found = facts(export(options).path)
    told = ("metric_scale", "depth_factor", "depth_unit", "use_stereo")
    assert [found[f"monodepth2.{name}"] for name in told] == [1, 1, "m", False]
    picture = np.zeros((64, 96, 3), np.uint8)
    prediction = DepthPredictor.from_checkpoint(options.output, "cpu").predict(picture)
    np.testing.assert_array_equal(prediction.metric_depth, prediction.depth)
    model = onnx.load(options.output)  # as with --pred_depth_scale_factor 5
    for item in model.metadata_props:
        item.value = {"depth_factor": "5.0", "metric_scale": "null"}.get(item.key.rpartition(".")[2], item.value)
    onnx.save(model, tmp_path / "scaled.onnx")
    prediction = DepthPredictor.from_checkpoint(tmp_path / "scaled.onnx", "cpu").predict(picture)
    np.testing.assert_array_equal(prediction.metric_depth, np.float32(5) * prediction.depth)


def test_metres_are_those_of_the_depths_that_were_learnt(
    weights: Path, plain: tuple[Path, str], tmp_path: Path
) -> None:
    """With other limits the same disparity is another depth."""
    other = {"min_depth": 0.5, "max_depth": 10.0}
    picture = np.zeros((64, 96, 3), np.uint8)
    predictors = [DepthPredictor.from_checkpoint(weights, "cpu", **other)]
    for name, factor in (("other", 1.0), ("scaled", 3.0)):
        options = ExportOptions(load_weights_folder=weights, pred_depth_scale_factor=factor, **other)
        stated = load_graph(weights, options).facts
        model = onnx.load(plain[0])  # as such an export writes it
        for item in model.metadata_props:
            item.value = json.dumps(stated.get(item.key.rpartition(".")[2], json.loads(item.value)))
        onnx.save(model, tmp_path / f"{name}.onnx")
        predictors.append(DepthPredictor.from_checkpoint(tmp_path / f"{name}.onnx", "cpu"))
    for predictor in predictors[:2]:
        facts = predictor.network.facts
        assert (predictor.network.min_depth, facts.min_depth, facts.max_depth) == (0.5, 0.2, 50.0)
        with pytest.raises(ValueError, match=r"its metres are those of depths from 0\.2 to 50 units"):
            _ = predictor.predict(picture).metric_depth
    scaled = predictors[2].predict(picture)  # whoever gives a factor knows what the depths mean
    np.testing.assert_array_equal(scaled.metric_depth, np.float32(3) * scaled.depth)


def test_the_file_stands_alone_and_is_clean(plain: tuple[Path, str], dynamic: Exported) -> None:
    for path, opset in ((plain[0], 18), (dynamic.path, 21)):
        assert [item.name for item in path.parent.iterdir()] == [path.name]
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert [(item.domain, item.version) for item in model.opset_import] == [("", opset)]
        assert len(model.graph.node) < 110
        assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
        names = {tensor.name for tensor in model.graph.initializer}
        assert {"encoder.encoder.conv1.weight", "depth.decoder.10.conv.weight"} <= names
        assert str(ROOT).encode() not in path.read_bytes()  # no lines of source, no paths of the machine
        assert all(value.doc_string for value in (*model.graph.input, *model.graph.output))


def test_any_batch_and_size(weights: Path, dynamic: Exported) -> None:
    network = load_depth_network(weights, CPU)
    for shape in ((5, 3, 64, 96), (1, 3, 96, 64), (2, 3, 64, 160)):
        image = pictures(*shape)
        with torch.no_grad():
            torch.testing.assert_close(outputs(dynamic.path, image)["disp"], network(image), **CLOSE)
    (given,) = onnx.load(dynamic.path).graph.input
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == [
        "batch", 3, "height", "width"
    ]  # fmt: skip


@pytest.mark.slow(reason="exports further networks")
def test_half_precision_inside_and_float32_outside(weights: Path, tmp_path: Path, plain: tuple[Path, str]) -> None:
    result = export(ExportOptions(load_weights_folder=weights, output=tmp_path / "half.onnx", precision="fp16"))
    model = onnx.load(result.path)
    weight_types = {item.data_type for item in model.graph.initializer if item.name.endswith("weight")}
    assert weight_types == {onnx.TensorProto.FLOAT16}
    values = (*model.graph.input, *model.graph.output)
    assert {value.type.tensor_type.elem_type for value in values} == {onnx.TensorProto.FLOAT}
    assert result.path.stat().st_size < 0.51 * plain[0].stat().st_size
    image = pictures(1, 3, 64, 96)
    with torch.no_grad():
        expected = load_depth_network(weights, CPU)(image)
    found = outputs(result.path, image)["disp"]
    assert 1e-5 < ((found - expected).abs() / expected).max() < 5e-2


@pytest.mark.slow(reason="exports further networks")
def test_a_deep_network_without_its_finest_scales(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, num_layers=50, scales=(2, 1), use_stereo=True, frame_ids=(0,))
    result = export(ExportOptions(load_weights_folder=tmp_path, height=96, width=64))
    assert result.path == tmp_path / "depth.onnx"
    image = pictures(1, 3, 96, 64)
    found = outputs(result.path, image)["disp"]
    assert found.shape == (1, 1, 48, 32)
    with torch.no_grad():
        torch.testing.assert_close(found, load_depth_network(tmp_path, CPU)(image), rtol=3e-3, atol=1e-4)
    predictor = DepthPredictor.from_checkpoint(result.path, CPU)
    assert (predictor.height, predictor.width, predictor.network.facts.use_stereo) == (96, 64, True)


@pytest.mark.parametrize("kind", ["posecnn", "separate_resnet"])
@pytest.mark.slow(reason="exports further networks")
def test_pose_networks_of_pairs(kind: str, tmp_path: Path) -> None:
    """One that sees all frames is in test_opsets.py."""
    options = Options(height=64, width=96, pose_model_type=kind)
    write_checkpoint(tmp_path / "weights_0", pose_model_type=kind)
    (tmp_path / "opt.json").write_text(options.to_json())
    result = export(
        ExportOptions(load_weights_folder=tmp_path / "weights_0", network="pose", dynamic_batch=True, dynamic_size=True)
    )
    assert result.path == tmp_path / "weights_0/pose.onnx"
    assert facts(result.path)["monodepth2.frames"] == [0, 1]
    model = MonodepthModel(options).eval()
    load_networks(model, tmp_path / "weights_0", tuple(model.networks))
    images = dict(zip((0, -1, 1), pictures(3, 3, 3, 64, 128), strict=True))
    with torch.no_grad():
        motions = model.motions(images)
    # pairs enter in temporal order, and the model inverts where the target is the later one
    for source, order in {1: (0, 1), -1: (-1, 0)}.items():
        found, motion = outputs(result.path, torch.cat([images[frame] for frame in order], 1)), motions[source]
        expected = {"axisangle": motion.axisangle, "translation": motion.translation}
        expected["transform"] = transform_from_parameters(motion.axisangle, motion.translation)
        for name, value in expected.items():
            torch.testing.assert_close(found[name][:, 0], value, rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match="holds no depth network"):
        OnnxDepthNetwork(result.path, CPU)


def test_the_figures_are_those_of_the_checkpoint(
    weights: Path, plain: tuple[Path, str], small_scene: Path, tmp_path: Path
) -> None:
    (tmp_path / "test_files.txt").write_text("\n".join(f"{DRIVE} {frame} l" for frame in (2, 3, 5)))
    options = Options(
        data_path=small_scene,
        png=True,
        load_weights_folder=weights,
        eval_split=str(tmp_path),
        eval_stereo=True,
        post_process=True,
        min_depth=0.2,
        max_depth=50.0,
        no_cuda=True,
        num_workers=0,
    )
    flags = [f"--{name}" for name in ("png", "eval_stereo", "post_process", "no_cuda")]
    for name in ("data_path", "eval_split", "min_depth", "max_depth", "num_workers"):
        flags += [f"--{name}", str(getattr(options, name))]
    figures = tmp_path / "figures.json"
    done = in_process("evaluate_depth", "--load_weights_folder", plain[0], "--output_json", figures, *flags)
    assert done.returncode == 0, done.stderr
    # three images: the last batch of two is filled up. Single pixels that lie on a share's limit may fall either way:
    # one of an image's 12,000 moves the mean by 3e-5
    assert json.loads(figures.read_text())["mean"] == pytest.approx(
        evaluate(options).mean._asdict(), rel=1e-4, abs=9e-5
    )


def test_one_picture_is_predicted(weights: Path, plain: tuple[Path, str]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (70, 110, 3), dtype=np.uint8)
    found, expected = (DepthPredictor.from_checkpoint(path, CPU).predict(picture) for path in (str(plain[0]), weights))
    assert found.disp.shape == (70, 110)
    np.testing.assert_allclose(found.disp, expected.disp, rtol=1e-3)
    np.testing.assert_allclose(found.metric_depth, 5.4 / found.disp, rtol=1e-6)


def test_built_in_depths_cannot_be_changed(plain: tuple[Path, str]) -> None:
    assert OnnxDepthNetwork(plain[0], CPU, 0.2, 50.0).max_depth == 50
    with pytest.raises(UserError, match=r"from 0.2 to 50 are built in.* pass --min_depth 0.2 --max_depth 50"):
        OnnxDepthNetwork(plain[0], CPU, 0.1, 100.0)


def test_a_failed_export_leaves_what_was_there(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights_0", pose_model_type="posecnn")
    path = tmp_path / "model.onnx"
    path.write_text("precious")
    options = ExportOptions(load_weights_folder=folder, output=path, network="pose")
    with traced_once():
        with pytest.raises(UserError, match=r"axisangle differs .* more than --tolerance 1e-12"):
            export(replace(options, tolerance=1e-12))
        # the graph keeps the weights of before: an infinite checkpoint is refused whatever its graph says
        state = torch.load(folder / "pose.pth", weights_only=True)
        state["pose_conv.bias"][4] = torch.inf
        torch.save(state, folder / "pose.pth")
        with pytest.raises(UserError, match="checkpoint's own translation is not finite"):
            export(options)
    assert path.read_text() == "precious"
    assert {item.name for item in tmp_path.iterdir()} == {"model.onnx", "weights_0"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--opset", "10"), r"--opset 10: give one from 11 to \d+$"),
        (("--opset", "999"), r"--opset 999: give one from 11 to \d+$"),
        (("--output", "gone/model.onnx"), r"--output gone/model.onnx: cannot be written"),
        (("--output", "model.pth"), r"--output model.pth: give a name that ends with .onnx"),
        (("--dynamic_batch", "--batch_size", "2"), "--dynamic_batch contradicts"),
        (("--batch_size", "1025"), "--batch_size 1025: at most 1,024"),
        (("--network", "pose", "--pred_metric_depth"), "--pred_metric_depth is about depths"),
    ],
)
def test_mistakes_are_refused_in_one_line(flags: tuple[str, ...], message: str, weights: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        export(export_options("--load_weights_folder", str(weights), *flags))
    assert "\n" not in str(caught.value)


def export_options(*flags: str) -> ExportOptions:
    from options import build_parser

    return ExportOptions(**vars(build_parser(ExportOptions).parse_args(flags)))


def test_metres_are_refused_where_there_are_none(checkpoint) -> None:
    with pytest.raises(UserError, match=r"trained without stereo.*--pred_depth_scale_factor"):
        export(ExportOptions(load_weights_folder=checkpoint(), pred_metric_depth=True))


def hostile(kind: str, good: bytes) -> bytes:
    if kind == "truncated":
        return good[: len(good) // 2]
    model = onnx.load_model_from_string(good)
    weight = model.graph.initializer[0]
    if kind == "external":
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../../../../etc/passwd")
    elif kind == "foreign":
        del model.metadata_props[:]
    elif kind == "operator":
        model.graph.node[0].domain = "evil"
    elif kind == "cycle":
        model.graph.node[0].input[0] = model.graph.output[0].name
    else:
        name, _, value = kind.partition("=")
        next(item for item in model.metadata_props if item.key == f"monodepth2.{name}").value = value
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "not an .onnx file, or a damaged one"),
        ("external", "weights in other files"),
        ("foreign", "not a file of export_depth.py"),
        ("operator", "operators of 'evil'"),
        ("cycle", "onnxruntime cannot load it"),
        ("format=2", "another version"),
        ("height=1000000000", r"its metadata are damaged \(height"),
        ("width=64", "its metadata contradict its network"),
        ("batch_size=100000", r"its metadata are damaged \(batch_size"),
        ("batch_size=3", "its metadata contradict its network"),
    ],
)
def test_hostile_files_are_refused_in_their_own_words(
    kind: str, message: str, plain: tuple[Path, str], tmp_path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(hostile(kind, plain[0].read_bytes()))
    with pytest.raises(UserError, match=message) as caught:
        DepthPredictor.from_checkpoint(path, CPU)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.onnx: no such file"):
        DepthPredictor.from_checkpoint(tmp_path / "model.onnx", CPU)
