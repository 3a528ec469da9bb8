"""The camera that point clouds are made with: given, the checkpoint's own, or KITTI's."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import PredictOptions
from monodepth2.datasets.cameras import Camera
from monodepth2.files.fit import Fit
from monodepth2.prediction.cameras import camera_of_points, unknown_shape
from monodepth2.prediction.run import predict
from trees import changed_weights, linked

OWN = Camera(0.9, 1.4, 0.45, 0.55, source="camera.json")


@pytest.mark.parametrize(
    ("given", "cameras", "taken", "words"),
    [
        (None, (OWN,), OWN, r"fx 0\.9 fy 1\.4 cx 0\.45 cy 0\.55 of the size \(camera\.json\)"),
        (None, (replace(OWN, source="cam.txt"), OWN), OWN, "the checkpoint's camera"),  # alike
        (
            None,
            (OWN, replace(OWN, fx=0.8)),
            0.58,
            "trained on 2 different cameras: KITTI's focal length is taken, 0.58",
        ),
        (
            None,
            (replace(OWN, fx=0.92), replace(OWN, cx=0.46), replace(OWN, fx=0.91)),
            replace(OWN, fx=0.91),
            "3 cameras, which",
        ),
        (None, (), 0.58, "does not say its camera: KITTI's focal length is taken, 0.58"),
        (0.7, (OWN,), 0.7, "0.7 of the width .given by --focal_length"),
    ],
)
def test_the_camera_is_chosen_and_told(given: float | None, cameras: tuple, taken: object, words: str) -> None:
    camera, sentence = camera_of_points(given, TrainingFacts(cameras=cameras))
    assert camera == taken
    assert re.search(words, sentence)


def test_points_lie_on_the_rays_of_the_checkpoints_camera(
    checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = linked(checkpoint(), tmp_path / "weights")
    changed_weights(weights, lambda state: {**state, "cameras": [OWN.to_plain()]})
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((90, 60), Image.Resampling.BICUBIC).save(tmp_path / "a.png")
    options = PredictOptions(
        image_path=str(tmp_path / "a.png"), load_weights_folder=weights, no_cuda=True, outputs=("ply",)
    )
    assert predict(options) == 0
    told = capsys.readouterr()
    assert "taken to be of the checkpoint's camera, fx 0.9" in told.out
    assert "another shape" not in told.err
    cloud = PlyData.read(tmp_path / "predictions/a_points.ply")
    assert "focal length 81 (x) 84 (y) pixels" in cloud.comments[1]
    assert "principal point 40.5 33;" in cloud.comments[2]
    points = cloud["vertex"]
    assert len(points["z"]) == 60 * 90
    rows, columns = np.mgrid[:60, :90].reshape(2, -1)
    np.testing.assert_allclose(0.9 * 90 * points["x"] / points["z"] + 0.45 * 90, columns, atol=1e-3)
    np.testing.assert_allclose(1.4 * 60 * points["y"] / points["z"] + 0.55 * 60, rows, atol=1e-3)
    predict(replace(options, outputs=("color",)))
    assert "ply:" not in capsys.readouterr().out


def test_pictures_of_another_shape_are_told_of(checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = linked(checkpoint(), tmp_path / "weights")
    changed_weights(weights, lambda state: {**state, "cameras": [OWN.to_plain()]})
    Image.new("RGB", (90, 90)).save(tmp_path / "a.png")
    predict(PredictOptions(image_path=tmp_path / "a.png", load_weights_folder=weights, no_cuda=True, outputs=("ply",)))
    told = capsys.readouterr().err
    assert "pictures of 90 x 90 are of another shape" in told
    assert "are 1.00 times as wide as high, and the network has learnt from pictures that are 1.56 times" in told
    known = TrainingFacts(cameras=(OWN,))
    assert unknown_shape(known, (90, 60)) is unknown_shape(known, (90, 52)) is None
    assert unknown_shape(replace(known, cameras=()), (90, 90)) is None, "nothing is known"
    assert unknown_shape(replace(known, fit=Fit("crop", 0.5)), (90, 90)) is None, "nothing is squeezed"
