import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from monodepth2.checkpoints.named import resolve_weights
from monodepth2.config import PredictOptions
from monodepth2.config.predict import OUTPUTS
from monodepth2.errors import UserError
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction.outputs import KINDS
from monodepth2.prediction.predictor import DepthPrediction, DepthPredictor
from monodepth2.prediction.run import predict
from places import ROOT
from scripts import HANGS


@pytest.fixture(scope="module")
def weights(checkpoint) -> Path:
    return checkpoint()


@pytest.fixture(scope="module")
def stereo_weights(checkpoint) -> Path:
    return checkpoint(use_stereo=True, seed=1)


def picture(seed: int = 0, height: int = 45, width: int = 120) -> Image.Image:
    """A picture of soft blobs."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of different sizes, with names as people give them."""
    made = tmp_path / "my pictures"
    made.mkdir()
    for seed, (name, width) in enumerate({"a b.png": 120, "straße 1.PNG": 90, "z{stem}.png": 64}.items()):
        picture(seed, width=width).save(made / name)
    return made


@pytest.fixture
def options(weights: Path, folder: Path) -> PredictOptions:
    return PredictOptions(image_path=folder, load_weights_folder=weights, no_cuda=True, batch_size=2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def by_library(weights: Path, path: Path, **how) -> DepthPrediction:
    return DepthPredictor.from_checkpoint(weights, "cpu").predict(path, **how)


def test_a_folder_gives_2019s_files(options: PredictOptions, folder: Path, weights: Path) -> None:
    assert predict(options) == 0
    stems = ["a b", "straße 1", "z{stem}"]
    assert names(folder / "predictions") == sorted(f"{s}_disp{e}" for s in stems for e in (".npy", ".jpeg"))
    for path in folder.glob("*.png"):
        expected = by_library(weights, path)
        disp = np.load(folder / f"predictions/{path.stem}_disp.npy")
        assert (disp.shape, disp.dtype) == ((1, 1, 64, 96), np.float32)
        np.testing.assert_allclose(disp[0, 0], expected.network_disp, rtol=1e-4)
        with Image.open(folder / f"predictions/{path.stem}_disp.jpeg") as colour:
            assert colour.size == expected.picture.size
            difference = np.asarray(colour).astype(float) - coloured_disparity(expected.disp)
            assert np.abs(difference).mean() < 4


def test_every_kind_of_output_holds_the_librarys_values(options: PredictOptions, folder: Path, weights: Path) -> None:
    path, out = folder / "a b.png", folder / "out"
    factor, outputs = 2.5, tuple(kind for kind in OUTPUTS if kind != "rrd")  # which needs a large package
    assert predict(replace(options, image_path=path, outputs=outputs, output_dir=out, pred_depth_scale_factor=2.5)) == 0
    expected = by_library(weights, path)
    depth = np.load(out / "a b_depth.npy")
    assert (depth.shape, depth.dtype) == ((45, 120), np.float32)
    np.testing.assert_allclose(depth, factor * expected.depth, rtol=1e-6)
    with Image.open(out / "a b_depth.png") as image:
        assert image.mode.startswith("I;16")
        np.testing.assert_allclose(np.asarray(image) / 256, np.clip(depth, None, 65535 / 256), rtol=0, atol=0.51 / 256)
        assert image.text["Meaning"] == "depth in metres"
    with Image.open(out / "a b_disp.png") as image:
        steps = float(image.text["Steps"])
        assert steps == 6553.5  # the nearest depth is 0.1
        np.testing.assert_allclose(np.asarray(image) / steps, expected.disp, rtol=0, atol=0.51 / steps)
    with Image.open(out / "a b_side_by_side.jpeg") as image:
        assert image.size == (120, 90)  # wide: one above the other
        top = np.asarray(image)[:45].astype(float)
        assert np.abs(top - np.asarray(expected.picture)).mean() < 4


def test_points_lie_on_the_rays_of_their_pixels(options: PredictOptions, folder: Path, weights: Path) -> None:
    path = folder / "a b.png"
    predict(replace(options, image_path=path, outputs=("ply",), focal_length=0.8, min_depth=0.9, max_depth=1.0))
    cloud = PlyData.read(folder / "predictions/a b_points.ply")
    assert not cloud.text
    assert cloud.byte_order == "<"
    assert "x right, y down, z forward, in network units" in cloud.comments[0]
    points = cloud["vertex"]
    network = DepthPredictor.from_checkpoint(weights, "cpu", 0.9, 1.0).predict(path)
    near = network.depth < 0.99
    assert 0 < near.sum() < near.size  # some are as far as can be, and left out
    column = 0.8 * 120 * points["x"] / points["z"] + 60
    row = 0.8 * 120 * points["y"] / points["z"] + 22.5
    rows, columns = np.nonzero(near)
    np.testing.assert_allclose(column, columns, atol=1e-3)
    np.testing.assert_allclose(row, rows, atol=1e-3)
    np.testing.assert_allclose(points["z"], network.depth[near], rtol=1e-6)
    colours = np.stack([points["red"], points["green"], points["blue"]], -1)
    np.testing.assert_array_equal(colours, np.asarray(network.picture)[near])


def test_a_16_bit_zero_never_happens_by_accident(tmp_path: Path) -> None:
    from monodepth2.prediction.outputs import Settings, write_output

    near = DepthPrediction(picture(), np.full((64, 96), 1e4, np.float32))
    write_output(tmp_path / "a.png", "depth_png", near, Settings(1, "metres", 1e-4, 1e4, "magma", 1))
    far = DepthPrediction(picture(), np.full((64, 96), 1e-4, np.float32))
    write_output(tmp_path / "b.png", "depth_png", far, Settings(1, "metres", 1e-4, 1e4, "magma", 1))
    assert np.unique(Image.open(tmp_path / "a.png")).tolist() == [1]
    assert np.unique(Image.open(tmp_path / "b.png")).tolist() == [65535]


def test_every_kind_is_named_written_and_offered() -> None:
    assert set(OUTPUTS) == set(KINDS)
    assert len({(kind.word, kind.ending) for kind in KINDS.values()}) == len(KINDS)


def test_depths_of_stereo_trained_networks_are_metres(
    options: PredictOptions, folder: Path, stereo_weights: Path
) -> None:
    predict(replace(options, load_weights_folder=stereo_weights, pred_metric_depth=True, post_process=True))
    assert "a b_disp.npy" not in names(folder / "predictions")
    expected = by_library(stereo_weights, folder / "a b.png", post_process=True)
    depth = np.load(folder / "predictions/a b_depth.npy")
    np.testing.assert_allclose(depth, 5.4 * expected.depth, rtol=1e-4)
    np.testing.assert_allclose(depth, expected.metric_depth, rtol=1e-4)


def test_a_network_without_scale_gives_no_metres(options: PredictOptions) -> None:
    with pytest.raises(UserError, match="give --pred_depth_scale_factor instead"):
        predict(replace(options, pred_metric_depth=True))


def test_a_network_with_metres_of_its_own_takes_no_baseline(options: PredictOptions, checkpoint) -> None:
    told = replace(options, load_weights_folder=checkpoint(depth_supervision=0.1), pred_metric_depth=True)
    with pytest.raises(UserError, match=r"--baseline 0\.3 is a rig's, .* metres of its own, 1 per unit"):
        predict(replace(told, baseline=0.3))


def test_a_turned_camera_changes_nothing(options: PredictOptions, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = picture(3, height=80, width=50)
    upright.save(folder / "a.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(folder / "b.png", exif=exif)
    for name in "ab":
        predict(replace(options, image_path=folder / f"{name}.png", outputs=("depth_npy",)))
    depths = [np.load(folder / f"predictions/{name}_depth.npy") for name in "ab"]
    assert depths[0].shape == (80, 50)
    np.testing.assert_array_equal(*depths)


def test_an_unreadable_picture_is_named_and_the_others_predicted(
    options: PredictOptions, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    (folder / "b.jpg").write_bytes(b"no picture")
    assert predict(options) == 1
    assert len(names(folder / "predictions")) == 6
    error = capsys.readouterr().err
    assert f"left out: {folder / 'b.jpg'}: is not a" in error
    assert "1 of 4 pictures could not be read" in error


def test_a_second_run_leaves_its_outputs_out(
    options: PredictOptions, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    beside = replace(options, output_dir=folder, outputs=("color", "disp_png", "side_by_side"))
    assert predict(beside) == 0
    before = names(folder)
    assert len(before) == 3 + 9
    capsys.readouterr()
    assert predict(replace(beside, output_pattern="again_{stem}_{kind}", outputs=("color",))) == 0
    assert "9 pictures left out: predictions of an earlier run" in capsys.readouterr().out
    assert len(names(folder)) == 3 + 9 + 3
    assert predict(options) == 0
    assert predict(options) == 0
    assert len(names(folder / "predictions")) == 6
    with pytest.raises(UserError, match=r"holds no pictures .* but 3 that were predicted"):
        predict(replace(options, image_path=folder / "predictions"))


def test_the_mask_of_a_drive_is_no_picture(
    options: PredictOptions, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    picture(4).convert("L").save(folder / "mask.png")
    assert predict(options) == 0
    assert "mask.png left out" in capsys.readouterr().out
    assert len(names(folder / "predictions")) == 6
    predict(replace(options, image_path=folder / "mask.png"))  # unless it is asked for by its name
    assert len(names(folder / "predictions")) == 8


def test_an_input_is_never_overwritten(options: PredictOptions, folder: Path, tmp_path: Path) -> None:
    picture(4).save(folder / "photo.jpeg")
    picture(5).save(folder / "a b_disp.jpeg")  # named like an output, but nobody's
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/photo.jpeg").symlink_to(folder / "photo.jpeg")
    plain = replace(options, output_pattern="{stem}", outputs=("color",))
    for mistaken in (
        replace(plain, output_dir=folder),
        replace(plain, output_dir=tmp_path / "link"),
        replace(plain, output_dir=tmp_path / "other"),
        replace(options, output_dir=folder),
        replace(options, output_dir=folder, ext="png"),
        replace(plain, output_dir=folder, image_path=folder / "photo.jpeg"),
    ):
        with pytest.raises(UserError, match="is an input and would be overwritten"):
            predict(mistaken)
    with pytest.raises(UserError, match=r"holds pictures that are read, .*: put {kind} into --output_pattern"):
        predict(replace(options, output_pattern="{stem}_x", outputs=("color",), output_dir=tmp_path / "link"))
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_two_inputs_never_share_an_output(options: PredictOptions, folder: Path) -> None:
    picture(4).save(folder / "a b.bmp")
    with pytest.raises(UserError, match=r"a b\.bmp and a b\.png would both become a b_disp\.npy; put {name} into it"):
        predict(options)
    assert not (folder / "predictions").exists()
    assert predict(replace(options, output_pattern="{kind}-{name}")) == 0
    assert {"disp-a b.bmp.npy", "disp-a b.png.npy"} < set(names(folder / "predictions"))
    with pytest.raises(UserError, match=r"disp_npy and depth_npy would both become a b\.png\.npy; put {kind} into it"):
        predict(replace(options, output_pattern="{name}", ext="png", outputs=("disp_npy", "depth_npy")))


def test_an_ending_chooses(options: PredictOptions, folder: Path) -> None:
    picture(4).save(folder / "c.JPG")
    for ext in ("jpg", ".JPG"):
        predict(replace(options, ext=ext, output_dir=folder / ext))
        assert names(folder / ext) == ["c_disp.jpeg", "c_disp.npy"]
    with pytest.raises(UserError, match=r"holds no pictures \(\.gif\)"):
        predict(replace(options, ext="gif"))


def test_what_cannot_be_written_is_told_and_leaves_nothing(
    options: PredictOptions, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/deeper"):
        with pytest.raises(UserError, match=r"--output_dir .*: cannot be written"):
            predict(replace(options, output_dir=place))
    blocked = folder / "predictions/a b_disp.npy"
    blocked.mkdir(parents=True)
    with pytest.raises(UserError, match=r"a b_disp\.npy: cannot be written"):
        predict(options)
    assert not list(blocked.parent.glob(".*"))


def test_a_run_named_as_a_published_model_is_meant(tmp_path: Path) -> None:
    (tmp_path / "drive/models").mkdir(parents=True)
    with pytest.raises(UserError, match=r"holds a run of this name: did you mean --run drive\?"):
        resolve_weights(None, "drive", log_dir=tmp_path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"image_path": Path("gone")}, "no such file or folder"),
        ({"colormap": "mauve"}, "knows no such colours"),
        ({"outputs": ("color",), "pred_depth_scale_factor": 2.0}, "--pred_depth_scale_factor changes nothing of color"),
        ({"load_weights_folder": Path("gone")}, "no such folder"),
        ({"load_weights_folder": None, "model_name": "mono_64x64"}, "is no published model"),
    ],
)
def test_a_mistake_is_found_before_the_work(flags: dict, words: str, options: PredictOptions, folder: Path) -> None:
    with pytest.raises(UserError, match=words):
        predict(replace(options, **flags))
    assert not (folder / "predictions").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"output_pattern": "../{stem}"}, "must be a file's name"),
        ({"output_pattern": ".."}, "must be a file's name"),
        ({"output_pattern": "{stem}_{frame}"}, "knows only {stem}, {name} and {kind}"),
        ({"output_pattern": "{stem.__class__}"}, "knows only"),
        ({"output_pattern": "{stem:>9999999999}"}, "knows only"),
        ({"output_pattern": "{stem"}, "write e.g. {stem}_{kind}"),
        ({"image_path": None}, "--image_path is missing"),
        ({"outputs": ("depth",)}, "choose from disp_npy"),
        ({"model_name": "mono_640x192"}, "one of --load_weights_folder"),
        ({"focal_length": 0.0}, "must be positive"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_contradictory_options_are_refused(flags: dict, words: str, options: PredictOptions) -> None:
    with pytest.raises(UserError, match=words):
        replace(options, **flags)


@pytest.mark.slow(reason="starts the script")
def test_the_script_predicts(folder: Path, weights: Path) -> None:
    """In a process of its own."""
    command = [sys.executable, "predict.py", "--no_cuda", "--image_path", str(folder), "--ext", "png"]
    command += ["--load_weights_folder", str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    assert "pictures predicted: 3" in done.stdout
    assert len(names(folder / "predictions")) == 6
