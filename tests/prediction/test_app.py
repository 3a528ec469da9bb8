"""The page to try a network on: what stands behind its buttons, and that it can be built."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from plyfile import PlyData

from clips import drive, write_clip
from monodepth2.config import AppOptions
from monodepth2.errors import UserError
from monodepth2.files.videos import VideoReader
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction.app import (
    SECONDS_KEPT,
    _fresh,
    build,
    picture_results,
    predictor_of,
    settings_of,
    video_result,
)
from monodepth2.prediction.predictor import DepthPredictor
from trees import changed_weights, linked


@pytest.fixture(scope="module")
def predictor(checkpoint) -> DepthPredictor:
    return DepthPredictor.from_checkpoint(checkpoint(), "cpu")


def test_a_picture_gives_disparity_depth_and_points(predictor: DepthPredictor, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    Image.fromarray(drive(0, 1, 0)[0]).save(tmp_path / "street.png")
    colours, cloud, files = picture_results(predictor, settings_of(predictor), str(tmp_path / "street.png"), tmp_path)
    expected = predictor.predict(tmp_path / "street.png")
    np.testing.assert_array_equal(colours, coloured_disparity(expected.disp))
    depth, ply = files
    np.testing.assert_array_equal(np.load(depth), expected.depth)
    vertices = PlyData.read(ply)["vertex"]
    shown = trimesh.load(cloud).geometry
    (points,) = shown.values()
    np.testing.assert_allclose(points.vertices, np.stack([vertices["x"], -vertices["y"], -vertices["z"]], 1), rtol=1e-5)
    np.testing.assert_array_equal(points.colors[:, 0], vertices["red"])
    assert picture_results(predictor, settings_of(predictor), None, tmp_path) == (None, None, None)


def test_a_picture_of_sky_alone_gives_its_disparity_and_no_points(checkpoint, tmp_path: Path) -> None:
    far = DepthPredictor.from_checkpoint(checkpoint(), "cpu")
    for name, parameter in far.network.depth.named_parameters():
        if name == "decoder.10.conv.bias":  # of the head of the finest scale
            torch.nn.init.constant_(parameter, -50)
    Image.fromarray(drive(0, 1, 0)[0]).save(tmp_path / "sky.png")
    colours, cloud, (depth, ply) = picture_results(far, settings_of(far), str(tmp_path / "sky.png"), tmp_path)
    assert colours.shape == (*np.load(depth).shape, 3)
    assert cloud is None
    assert len(PlyData.read(ply)["vertex"].data) == 0


def test_a_video_comes_back_beside_its_disparity(predictor: DepthPredictor, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", drive(0, 3, 0.4))
    results = tmp_path / "results"
    for name, age in (("old", 2 * SECONDS_KEPT), ("new", 0)):
        (results / name).mkdir(parents=True)
        os.utime(results / name, (time.time() - age,) * 2)
    beside = video_result(predictor, settings_of(predictor), str(clip), results)
    with VideoReader(Path(beside)) as reader:
        assert [frame.size for frame in reader.frames()] == [(320, 96)] * 3
    assert {path.name for path in results.iterdir()} == {"new", Path(beside).parent.name}


def test_requests_at_once_remove_old_results_together(tmp_path: Path) -> None:
    for n in range(300):
        (tmp_path / f"old_{n}").mkdir()
        os.utime(tmp_path / f"old_{n}", (time.time() - 2 * SECONDS_KEPT,) * 2)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(_fresh, [tmp_path] * 8))
    assert len(set(made)) == 8
    assert set(tmp_path.iterdir()) == set(made)


def test_metres_are_said_only_where_they_are_known(predictor: DepthPredictor, checkpoint) -> None:
    assert (settings_of(predictor).factor, settings_of(predictor).unit) == (1.0, "network units")
    rig = settings_of(DepthPredictor.from_checkpoint(checkpoint(use_stereo=True, frame_ids=(0,)), "cpu"))
    assert (rig.factor, rig.unit) == (pytest.approx(5.4), "metres")


def test_weights_that_state_no_size_are_told_theirs(checkpoint, tmp_path: Path) -> None:
    size = ("height", "width")
    folder = linked(checkpoint(), tmp_path / "weights")
    changed_weights(folder, lambda state: {key: value for key, value in state.items() if key not in size})
    told = predictor_of(AppOptions(load_weights_folder=folder, device="cpu", height=64, width=96))
    assert (told.height, told.width) == (64, 96)


def test_the_page_can_be_built(predictor: DepthPredictor, tmp_path: Path) -> None:
    gradio = pytest.importorskip("gradio")
    page = build(predictor, tmp_path)
    labels = {getattr(block, "label", None) for block in page.blocks.values()}
    assert {"picture", "disparity", "video", "beside its disparity"} <= labels
    assert not page.analytics_enabled
    shown = [block for block in page.blocks.values() if isinstance(block, gradio.Image | gradio.Video)]
    assert len(shown) == 4
    assert all("share" not in block.buttons for block in shown)  # sends a picture to the Hugging Face hub
    (tmp_path / "broken.png").write_bytes(b"no picture")
    show = next(entry.fn for entry in page.fns.values() if entry.fn)
    with pytest.raises(gradio.Error, match=r"^'broken\.png: is not a JPEG"):
        show(str(tmp_path / "broken.png"))


def test_a_port_that_is_none_is_refused(checkpoint) -> None:
    with pytest.raises(UserError, match="--port 0: a port is a number from 1"):
        AppOptions(load_weights_folder=checkpoint(), port=0)
