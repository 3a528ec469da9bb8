"""Metres of a network that knows none, by the height of the camera."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from clips import write_clip
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import PredictOptions
from monodepth2.datasets.cameras import KITTI_INTRINSICS, Camera
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit
from monodepth2.prediction.ground_scale import scale_of_input
from monodepth2.prediction.inputs import find_input
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.prediction.run import settings_of
from monodepth2.synthetic import camera, make_street, render
from scripts import in_process

SIZE = (96, 64)  # of the network's input
UNIT = 8.0  # metres of the network's unit
HEIGHT = 1.65
ASSUMED = Camera.of_square_pixels(0.866, (331, 100), "assumed: 60° wide")


class Plane:
    """What a network would be that sees nothing but level ground, of pictures of a camera."""

    width, height = SIZE
    min_depth, max_depth = 0.01, 100.0

    def __init__(self, shown: Camera, facts: TrainingFacts) -> None:
        self.shown, self.facts = shown, facts

    def __call__(self, image_b3hw: Tensor, /) -> Tensor:
        rows = (torch.arange(SIZE[1]) / SIZE[1] - self.shown.cy) / self.shown.fy
        disp = (rows * UNIT / HEIGHT).clamp(min=0.01)
        return disp[None, None, :, None].expand(len(image_b3hw), 1, SIZE[1], SIZE[0])


def scale(folder: Path, facts: TrainingFacts, shown: Camera, **more: object) -> float:
    options = PredictOptions(image_path=folder, model_name="any", camera_height=HEIGHT, **more)
    predictor = DepthPredictor(Plane(shown, facts), torch.device("cpu"))
    return scale_of_input(options, predictor, find_input(folder)).factor


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for n in range(40):
        Image.new("RGB", (331, 100), (n, 0, 0)).save(tmp_path / f"{n}.png")
    return tmp_path


@pytest.mark.parametrize("fit", [STRETCH, Fit("crop"), Fit("crop", 1.0)])
def test_the_camera_is_the_checkpoints_as_its_pictures_are_fitted(fit: Fit, pictures: Path) -> None:
    whole = KITTI_INTRINSICS
    shown = whole.cropped(fit.box((331, 100), SIZE), (331, 100))
    found = scale(pictures, TrainingFacts(cameras=(whole,), fit=fit), shown)
    assert found == pytest.approx(UNIT, rel=0.02)


def test_a_flag_states_another_camera(pictures: Path) -> None:
    shown = Camera(0.8, 0.8 * 331 / 100)
    assert scale(pictures, TrainingFacts(), shown, focal_length=0.8) == pytest.approx(UNIT, rel=0.02)


def test_a_video_is_looked_at_too(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", [np.full((96, 320, 3), 5 * n, np.uint8) for n in range(25)])
    facts = TrainingFacts(cameras=(KITTI_INTRINSICS,))
    options = PredictOptions(image_path=tmp_path / "v.mp4", model_name="any", camera_height=HEIGHT)
    predictor = DepthPredictor(Plane(KITTI_INTRINSICS, facts), torch.device("cpu"))
    found = scale_of_input(options, predictor, find_input(tmp_path / "v.mp4"))
    assert found.looked_at == found.found == 25
    assert found.factor == pytest.approx(UNIT, rel=0.02)


@pytest.mark.parametrize(
    ("facts", "shown", "words"),
    [
        (TrainingFacts(), KITTI_INTRINSICS, "does not state its camera; give --focal_length"),
        (
            TrainingFacts(cameras=(Camera(0.8, 0.8), KITTI_INTRINSICS)),
            KITTI_INTRINSICS,
            "was trained with 2 different cameras",
        ),
        (TrainingFacts(cameras=(Camera(0.8, 1.4),)), KITTI_INTRINSICS, "of another shape"),
        (TrainingFacts(cameras=(KITTI_INTRINSICS,)), Camera(0.58, 1.92, cy=2), "none of 32 pictures looked at shows"),
    ],
)
def test_what_tells_no_scale_is_refused(facts: TrainingFacts, shown: Camera, words: str, pictures: Path) -> None:
    with pytest.raises(UserError, match=words):
        scale(pictures, facts, shown)


def test_a_scale_by_an_assumed_camera_is_warned_of(pictures: Path, capsys) -> None:
    for more, warned in (({}, True), ({"focal_length": 0.866}, False)):
        assert scale(pictures, TrainingFacts(cameras=(ASSUMED,)), ASSUMED, **more) == pytest.approx(UNIT, rel=0.02)
        told = "nothing states the camera that the network was trained with (assumed: 60° wide)"
        assert (told in capsys.readouterr().err) == warned
    learnt = replace(ASSUMED, source=f"learnt, uncertain by 2%; begun at fx 0.7 ({ASSUMED.source})")
    assert scale(pictures, TrainingFacts(cameras=(learnt,)), learnt) == pytest.approx(UNIT, rel=0.02)
    assert "nothing states" not in capsys.readouterr().err


def test_pictures_that_cannot_be_read_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"0\.png: "):
        scale(tmp_path, TrainingFacts(cameras=(KITTI_INTRINSICS,)), KITTI_INTRINSICS)


def test_the_script_says_why_there_is_no_scale(checkpoint, pictures: Path, tmp_path: Path) -> None:
    flags = ("--load_weights_folder", checkpoint(), "--image_path", pictures, "--output_dir", tmp_path / "out")
    done = in_process("predict", *flags, "--device", "cpu", "--camera_height", HEIGHT, "--focal_length", 0.58)
    assert done.returncode == 2
    assert "--camera_height 1.65: none of 32 pictures looked at shows level ground" in done.stderr
    assert not (tmp_path / "out").exists(), "nothing is written without a scale"
    done = in_process("predict", *flags, "--device", "cpu", "--camera_height", HEIGHT, "--outputs", "color")
    assert done.returncode == 2
    assert "--camera_height changes nothing of color" in done.stderr


def test_the_scale_is_told_and_what_is_written_is_in_metres(pictures: Path, capsys) -> None:
    facts = TrainingFacts(cameras=(KITTI_INTRINSICS,))
    options = PredictOptions(image_path=pictures, model_name="any", camera_height=HEIGHT)
    predictor = DepthPredictor(Plane(KITTI_INTRINSICS, facts), torch.device("cpu"))
    settings = settings_of(options, predictor, find_input(pictures))
    assert (settings.unit, settings.factor) == ("metres", pytest.approx(UNIT, rel=0.02))
    assert "the ground was found in 32 of 32 pictures" in capsys.readouterr().err


@pytest.mark.parametrize("other", [{"pred_metric_depth": True}, {"pred_depth_scale_factor": 2.0}, {"baseline": 0.5}])
def test_two_scales_contradict_each_other(other: dict) -> None:
    with pytest.raises(UserError, match="--camera_height and --"):
        PredictOptions(image_path=Path(), model_name="any", camera_height=1.5, **other)


def test_disparities_of_the_street_are_scored_in_metres(tmp_path: Path) -> None:
    (tmp_path / "drive/depth").mkdir(parents=True)
    disps = []
    for n, frame in enumerate((5, 30, 40)):
        image, depth = render(make_street(5, 90), frame, camera(192, 64))
        Image.fromarray(image).save(tmp_path / f"drive/{n}.png")
        np.save(tmp_path / f"drive/depth/{n}.npy", np.where(np.isfinite(depth), depth, 0).astype(np.float32))
        disps.append(UNIT / np.minimum(depth, 1e4))
    np.save(tmp_path / "disps.npy", np.array(disps, np.float32))
    flags = ("--dataset", "folder", "--data_path", tmp_path / "drive", "--ext_disp_to_eval", tmp_path / "disps.npy")
    own = ("--intrinsics", 0.58, 1.92, 0.5, 0.5, "--device", "cpu", "--output_json", tmp_path / "figures.json")
    done = in_process("evaluate_depth", *flags, *own, "--camera_height", HEIGHT)
    assert done.returncode == 0, done.stderr
    assert "one scale, by the camera's height above the ground" in done.stdout
    assert "ground was found in 3 of 3 pictures" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["protocol"]["align"] == "ground"
    assert figures["protocol"]["factor"] == pytest.approx(UNIT, rel=0.02)
    assert (figures["ground"]["found"], figures["ground"]["factor"]) == (3, figures["protocol"]["factor"])
    assert 0 <= figures["ground"]["spread"] < 0.05
    assert figures["mean"]["abs_rel"] < 0.02
    flat = tmp_path / "flat.npy"
    np.save(flat, np.ones_like(disps, np.float32))
    compared = in_process("evaluate_depth", *flags[:-1], flat, *own, "--camera_height", HEIGHT)
    assert compared.returncode == 2
    assert "flat.npy: --camera_height 1.65: none of 3 pictures looked at shows level ground" in compared.stderr
    assert "give --align none --pred_depth_scale_factor METRES_PER_UNIT instead" in compared.stderr
    assert "100%" not in compared.stderr, "no network has been scored before"
    unknown = in_process("evaluate_depth", *flags, *own[5:], "--camera_height", HEIGHT)
    assert unknown.returncode == 2
    assert "--camera_height: the camera of '. 0 l' is only assumed (assumed: 60° wide" in unknown.stderr
    for other in (
        ("--eval_mono",),
        ("--align", "none"),
        ("--disable_median_scaling",),
        ("--pred_depth_scale_factor", 2),
    ):
        refused = in_process("evaluate_depth", *flags, *own, "--camera_height", HEIGHT, *other)
        assert refused.returncode == 2
        assert "--camera_height and --" in refused.stderr
