"""Pseudo-labels by models of anybody's making: one that the test makes, and one that this program exported."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from batches import label_error
from monodepth2.config import ExportOptions, Options
from monodepth2.datasets.known import Known
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import Shown
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.onnx import depth_model
from monodepth2.onnx.export import export
from monodepth2.onnx.pseudo_labels import label_of
from monodepth2.prediction.predictor import DepthPredictor
from scripts import monodepth2

SIZE = (32, 48)
FRAMES = 24
Shape = Sequence[int | str]


def write_model(path: Path, inputs: Sequence[Shape] = ((1, 3, *SIZE),), outputs: Sequence[str] = ("map",),
                rank: int = 4, kind: int = 1) -> Path:  # fmt: skip
    """A model that says the red of its first input, as b1hw, bhw or hw."""
    helper = onnx.helper
    numbers = {"start": [0], "end": [1], "axis": [1]}
    constants = [helper.make_tensor(name, onnx.TensorProto.INT64, [1], value) for name, value in numbers.items()]
    nodes = [helper.make_node("Slice", ["image0", "start", "end", "axis"], ["red"])]
    axes = {4: [], 3: [1], 2: [0, 1]}[rank]
    if axes:
        constants.append(helper.make_tensor("axes", onnx.TensorProto.INT64, [len(axes)], axes))
    for name in outputs:
        nodes.append(helper.make_node("Squeeze", ["red", "axes"], [name]) if axes else
                     helper.make_node("Identity", ["red"], [name]))  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info(f"image{n}", kind, shape) for n, shape in enumerate(inputs)],
        [helper.make_tensor_value_info(name, kind, [None] * rank) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A plain drive whose red grows to the right."""
    (tmp_path / "drive").mkdir()
    red = np.tile(np.linspace(20, 230, 96), (64, 1))
    for n in range(FRAMES):
        pixels = np.stack([red + n % 7, 0 * red, 255 - red], -1)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"drive/{n:03d}.png")
    return tmp_path / "drive"


def label(model: Path, drive: Path, *more: object, normalise: str = "none", output_is: str = "disparity"):
    where = ("--dataset", "folder", "--data_path", drive, "--output", drive.parent / "labels", "--device", "cpu")
    how = ("--output_is", output_is, *(("--normalise", normalise) if normalise else ()))
    return monodepth2("pseudo_label", "--onnx", model, *where, *how, *more)


def training(drive: Path) -> Options:
    labels = drive.parent / "labels"
    return Options(dataset="folder", data_path=drive, width=96, height=64, pseudo_labels=labels)


def read(drive: Path, frame: int) -> torch.Tensor:
    known = Known.from_options(training(drive), layout_of(training(drive)))
    return known.parts(Shown(SplitLine(".", frame, "l")), np.float32)["pseudo"][None]


@pytest.mark.parametrize("rank", [4, 3, 2])
def test_what_a_model_says_is_what_a_training_reads(rank: int, drive: Path, tmp_path: Path) -> None:
    done = label(write_model(tmp_path / "red.onnx", rank=rank), drive)
    assert done.returncode == 0, done.stderr
    targets = len(list((tmp_path / "labels").rglob("*.npy")))
    assert f"{targets} labels made, 0 were there" in done.stdout
    assert not (tmp_path / "labels/000.npy").exists(), "the first frame has no neighbour, and so is no target"
    red = torch.linspace(20, 230, 96).expand(1, 1, 64, 96)
    assert label_error(red, read(drive, 5)).item() < 0.03
    assert label_error(red.flip(3), read(drive, 5)).item() > 1


def test_known_depth_is_neither_replaced_nor_taken_for_labels(drive: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    np.save(tmp_path / "labels/003.npy", np.full((64, 96), 7.0))
    done = label(write_model(tmp_path / "red.onnx"), drive)
    assert done.returncode == 2
    assert "labels: is not empty, and no pseudo_labels.json states what made it: give another folder" in done.stderr
    assert os.listdir(tmp_path / "labels") == ["003.npy"]
    assert (np.load(tmp_path / "labels/003.npy") == 7).all()


def test_depth_becomes_disparity(drive: Path, tmp_path: Path) -> None:
    assert label(write_model(tmp_path / "red.onnx"), drive, output_is="depth").returncode == 0
    red = torch.linspace(20, 230, 96).expand(1, 1, 64, 96)
    assert label_error(1 / red, read(drive, 7)).item() < 0.05


def test_pictures_without_a_label_get_an_empty_one(drive: Path, tmp_path: Path) -> None:
    """One that cannot be decoded, and one of which a model of depth says nothing."""
    picture = (drive / "004.png").read_bytes()
    (drive / "004.png").write_bytes(picture[:60] + bytes(200) + picture[260:])
    Image.new("RGB", (96, 64)).save(drive / "005.png")
    done = label(write_model(tmp_path / "red.onnx"), drive, output_is="depth")
    assert done.returncode == 0, done.stderr
    assert "2 labels are empty, and nothing is learnt from them, the first: " in done.stdout
    assert "004.png" in done.stdout
    assert not read(drive, 5).any()
    assert read(drive, 6).all()
    lines = [SplitLine(".", frame, "l") for frame in (3, 4, 5, 6)]
    data_set = MonoDataset.from_options(training(drive), lines, augment=False)
    assert "with pseudo-labels" in data_set.known.check(lines, data_set.frames)[0]


def test_a_model_that_says_nothing_of_any_picture_leaves_no_trace(drive: Path, tmp_path: Path) -> None:
    """So that the right flags find an empty folder."""
    mean_std = ("--mean", 1, 1, 1, "--std", 1, 1, 1)
    done = label(write_model(tmp_path / "red.onnx"), drive, *mean_std, normalise="", output_is="depth")
    assert done.returncode == 2
    assert "none of the first 10 pictures got a label; the first: " in done.stderr
    assert "check --output_is and --normalise" in done.stderr
    assert label(write_model(tmp_path / "red.onnx"), drive).returncode == 0


def test_colours_are_normalised_as_asked(drive: Path, tmp_path: Path) -> None:
    """A mean above some of the reds makes these depths negative, so unknown."""
    mean_std = ("--mean", 0.5, 0.5, 0.5, "--std", 0.25, 0.25, 0.25)
    done = label(write_model(tmp_path / "red.onnx"), drive, *mean_std, normalise="", output_is="depth")
    assert done.returncode == 0, done.stderr
    known = (read(drive, 7) > 0)[0, 0, 30]
    red = torch.linspace(20, 230, 96)
    assert not known[red < 115].any()
    assert known[red > 140].all()


def test_an_open_size_is_asked_for_and_taken(drive: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "red.onnx", [("b", 3, "h", "w")])
    asked = label(model, drive)
    assert asked.returncode == 2
    assert "leaves the size of its input open (b x 3 x h x w): add --input_size H W" in asked.stderr
    assert label(model, drive, "--input_size", 40, 64).returncode == 0
    assert np.load(tmp_path / "labels/005.npy").shape == (40, 64)


def test_what_is_there_stays_and_another_model_is_refused(drive: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "red.onnx")
    assert label(model, drive).returncode == 0
    files = sorted((tmp_path / "labels").glob("*.npy"))
    files[0].unlink()
    before = files[1].stat().st_mtime_ns
    done = label(model, drive)
    assert f"1 labels made, {len(files) - 1} were there" in done.stdout
    assert files[1].stat().st_mtime_ns == before
    other = label(model, drive, output_is="depth")
    assert other.returncode == 2
    assert "the labels there were made with another output_is: give another --output" in other.stderr


def test_pictures_of_the_same_names_are_not_taken_for_those_that_were_labelled(drive: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "red.onnx")
    assert label(model, drive).returncode == 0
    picture = drive / "005.png"
    Image.open(picture).rotate(180).save(picture)
    os.utime(picture, ns=2 * ((tmp_path / "labels/005.npy").stat().st_mtime_ns + 10**9,))
    assert "1 labels made" in label(model, drive).stdout
    drive.rename(tmp_path / "other")
    other = label(model, tmp_path / "other")
    assert other.returncode == 2
    assert "made with another data_path" in other.stderr


def test_an_end_in_the_middle_leaves_whole_files_and_the_same_command_goes_on(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = depth_model.DepthModel.__call__, []

    def ended_after_three(self, pixels):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return whole(self, pixels)

    monkeypatch.setattr(depth_model.DepthModel, "__call__", ended_after_three)
    model = write_model(tmp_path / "red.onnx")
    done = label(model, drive)
    assert done.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM with" in done.stdout
    assert {path.suffix for path in (tmp_path / "labels").iterdir()} == {".npy", ".json"}
    assert len(list((tmp_path / "labels").glob("*.npy"))) == 3
    assert label(model, drive).returncode == 0
    lines = [SplitLine(".", int(path.stem), "l") for path in (tmp_path / "labels").glob("*.npy")]
    data_set = MonoDataset.from_options(training(drive), lines, augment=False)
    assert "with pseudo-labels" in data_set.known.check(lines, data_set.frames)[0]


def test_a_model_that_this_program_exported(drive: Path, tmp_path: Path, checkpoint) -> None:
    weights = checkpoint()
    exported = export(ExportOptions(load_weights_folder=weights, output=tmp_path / "depth.onnx"))
    several = label(exported.path, drive)
    assert several.returncode == 2
    assert "choose one with --output_name" in several.stderr
    assert label(exported.path, drive, "--output_name", "disp").returncode == 0
    prediction = DepthPredictor.from_checkpoint(weights, "cpu").predict(Image.open(drive / "005.png"))
    assert label_error(torch.from_numpy(prediction.disp)[None, None], read(drive, 5)).item() < 0.02


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"inputs": [(1, 3, *SIZE), (1, 3, *SIZE)]}, "has 2 inputs (image0, image1)"),
        ({"inputs": [(1, 4, *SIZE)]}, "is 1 x 4 x 32 x 48; batch x 3 x height x width is needed"),
        ({"inputs": [(2, 3, *SIZE)]}, "takes batches of 2 pictures"),
        ({"kind": 10}, "is tensor(float16); a model of float32 is needed"),
        ({"outputs": ("a", "b")}, "has the outputs a, b; choose one with --output_name"),
    ],
)
def test_models_that_cannot_serve_say_why(values: dict, words: str, drive: Path, tmp_path: Path) -> None:
    done = label(write_model(tmp_path / "model.onnx", **values), drive)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--input_size", "64", "64"), "drop --input_size"),
        (("--output_name", "depth"), "--output_name depth: "),
        (("--mean", "0", "0", "0"), "say which colours the model expects"),
        (("--split", "nowhere"), "--split nowhere"),
    ],
)
def test_flags_that_make_no_sense_are_refused(more: tuple, words: str, drive: Path, tmp_path: Path) -> None:
    done = label(write_model(tmp_path / "model.onnx"), drive, *more)
    assert done.returncode == 2
    assert words in done.stderr


def test_files_that_are_no_model_and_those_that_lean_on_others(drive: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    assert "not an .onnx file" in label(tmp_path / "model.onnx", drive).stderr
    for weights in (tmp_path, tmp_path / "depth.pth"):  # of a run
        assert "export --run NAME --output NAME.onnx makes one" in label(weights, drive).stderr
    whole = onnx.load(write_model(tmp_path / "model.onnx"))
    whole.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    entry = whole.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    assert "weights in other files, which are not read" in label(tmp_path / "model.onnx", drive).stderr


@pytest.mark.parametrize("nearest", [1e-7, 1e-4])
def test_a_depth_near_nothing_costs_the_others_no_digits(nearest: float) -> None:
    depth = np.random.default_rng(0).uniform(2, 80, (48, 160))
    usual = label_of(depth, "depth").astype(np.float64)
    depth[10, 30] = nearest
    found = label_of(depth, "depth").astype(np.float64)
    others = np.arange(depth.size) != 10 * 160 + 30
    assert np.abs(found - usual).ravel()[others].max() < 0.01 * usual.max()


def test_a_label_keeps_far_outliers_and_what_is_no_number() -> None:
    depth = np.array([[1, 2, 4, 1e-30], [np.nan, 0, -3, np.inf]], np.float32)
    found = label_of(depth, "depth").astype(np.float64)
    assert np.isnan(found[1, :3]).all()
    # the median deviation is 3/8: it does not see the outlier, which comes to the largest number that float16 holds
    assert found[0] == pytest.approx([3, 1 + 2 / 3, 1, np.finfo(np.float16).max], rel=1e-3)
    among_many = np.ones((1, 100_000), np.float32)
    among_many[0, 7] = 1e-30
    assert label_of(among_many, "depth")[0, 6:9].tolist() == [1, np.finfo(np.float16).max, 1]
    near = label_of(np.array([[1.0, 2, 4]]), "depth").astype(np.float64)[0]
    assert (near[0] - near[2]) / (near[1] - near[2]) == pytest.approx((1 - 1 / 4) / (1 / 2 - 1 / 4), rel=2e-3)
    with pytest.raises(ValueError, match="nothing known"):
        label_of(np.full((2, 2), np.nan), "disparity")
