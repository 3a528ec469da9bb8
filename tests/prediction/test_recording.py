"""Recordings for rerun's viewer, read back with its own reader: pictures, depths and cameras at their times."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clips import drive, write_clip
from monodepth2.config import PredictOptions
from monodepth2.files.videos import VideoReader
from monodepth2.method.depth_maps import at_picture_size
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.prediction.run import predict


def read(path: Path) -> dict[str, list[dict]]:
    """The rows of each entity of a recording, in the order of their times."""
    chunk = pytest.importorskip("rerun.chunk")
    rows: dict[str, list[dict]] = {}
    for part in chunk.RrdReader(str(path)).stream():
        rows.setdefault(part.entity_path, []).extend(part.to_record_batch().to_pylist())
    return {entity: sorted(found, key=time_of) for entity, found in rows.items()}


def time_of(row: dict) -> float:
    return row["time"].total_seconds() if row.get("time") is not None else 0.0


def depth_of(row: dict) -> np.ndarray:
    shape = row["DepthImage:format"][0]
    values = np.array(row["DepthImage:buffer"][0], np.uint8).tobytes()
    return np.frombuffer(values, np.float32).reshape(shape["height"], shape["width"])


def test_a_video_is_recorded_frame_by_frame(checkpoint, tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    pictures = drive(0, 5, 0.4)  # 160 x 96
    video, weights = write_clip(tmp_path / "a.mp4", pictures, rate=10), checkpoint()
    options = PredictOptions(
        image_path=str(video), load_weights_folder=weights, no_cuda=True, outputs=("rrd",), focal_length=0.9,
        batch_size=2, pred_depth_scale_factor=2.0, max_depth=20.0,
    )  # fmt: skip
    assert predict(options) == 0
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["a_scene.rrd"]
    rows = read(tmp_path / "predictions/a_scene.rrd")
    assert [time_of(row) for row in rows["/camera/depth"]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    predictor = DepthPredictor.from_checkpoint(weights, "cpu", max_depth=20.0)
    with VideoReader(video) as reader:
        frames = [frame.copy() for frame in reader.frames()]
    for row, shown, frame in zip(rows["/camera/depth"], rows["/camera/picture"], frames, strict=True):
        expected = 2 / at_picture_size(predictor.predict(frame).network_disp, 58, 96)  # no wider than the network's map
        near = expected < 0.99 * 40
        np.testing.assert_allclose(depth_of(row)[near], expected[near], rtol=1e-4)
        assert not depth_of(row)[~near].any()
        with Image.open(io.BytesIO(bytes(shown["EncodedImage:blob"][0]))) as image:
            assert np.abs(np.asarray(image, float) - np.asarray(frame.resize((96, 58)))).mean() < 6
    for row in rows["/camera"]:
        assert row["Pinhole:resolution"][0] == [96, 58]
        assert row["Pinhole:image_from_camera"][0] == pytest.approx([86.4, 0, 0, 0, 86.4, 0, 48, 29, 1])  # by columns


def test_a_picture_is_recorded_alone(checkpoint, tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    Image.fromarray(drive(0, 1, 0)[0][:64, :96]).save(tmp_path / "a.png")
    weights = checkpoint()
    options = PredictOptions(
        image_path=str(tmp_path / "a.png"), load_weights_folder=weights, no_cuda=True, outputs=("rrd",)
    )
    assert predict(options) == 0
    (row,) = read(tmp_path / "predictions/a_scene.rrd")["/camera/depth"]
    expected = DepthPredictor.from_checkpoint(weights, "cpu").predict(tmp_path / "a.png").depth
    near = expected < 99
    np.testing.assert_allclose(depth_of(row)[near], expected[near], rtol=1e-5)
    assert not depth_of(row)[~near].any()
