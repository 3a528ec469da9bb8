import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import write_clip
from monodepth2.config import PredictOptions
from monodepth2.errors import UserError
from monodepth2.files.output_paths import whole_file
from monodepth2.files.videos import VideoReader
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction import from_video
from monodepth2.prediction.outputs import Settings
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.prediction.run import predict
from monodepth2.prediction.steady import Steadiness
from monodepth2.prediction.video import VideoWriter
from scripts import in_process

RATE = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def weights(checkpoint) -> Path:
    return checkpoint()


def frame(index: int, height: int = 48, width: int = 80) -> np.ndarray:
    """A soft picture that slides."""
    x = np.arange(width) + 3 * index
    y = np.arange(height)[:, None]
    waves = [np.sin(x / 9) + np.cos(y / 7), np.cos(x / 13 + y / 11), np.sin(y / 8 - x / 17)]
    return (127 + 60 * np.stack(np.broadcast_arrays(*waves), -1)).astype(np.uint8)


def write_video(path: Path, count: int = 7, height: int = 48, width: int = 80) -> Path:
    return write_clip(path, (frame(index, height, width) for index in range(count)), RATE, options={"crf": "10"})


def read_video(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [np.asarray(picture) for picture in reader.frames()]


@pytest.fixture
def options(weights: Path, tmp_path: Path) -> PredictOptions:
    video = write_video(tmp_path / "my drive.mp4")
    return PredictOptions(image_path=video, load_weights_folder=weights, no_cuda=True, batch_size=3)


def test_the_last_line_says_where_the_video_is(
    options: PredictOptions, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert predict(options) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == f"files are in {tmp_path / 'predictions'}, beside the input; --output_dir names another folder"
    assert list((tmp_path / "predictions").iterdir())


def test_a_video_is_joined_with_its_disparity(options: PredictOptions, weights: Path, tmp_path: Path) -> None:
    assert predict(options) == 0
    out = tmp_path / "predictions/my drive_side_by_side.mp4"
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    with VideoReader(out) as reader:
        assert reader.rate == RATE
        assert reader.count == 7
    joined, given = read_video(out), read_video(tmp_path / "my drive.mp4")
    assert len(joined) == 7
    predictor, steady = DepthPredictor.from_checkpoint(weights, "cpu"), Steadiness(stabilise=False)
    settings = Settings(1, "", 0.1, 100, "magma", 1)
    for index, (shown, original) in enumerate(zip(joined, given, strict=True)):
        assert shown.shape == (48, 160, 3)
        distances = [np.abs(shown[:, :80].astype(float) - other).mean() for other in given]
        own = distances.pop(index)
        assert own < min(distances) / 2  # the encoder costs less than half of a frame's motion
        prediction, told = steady.follow(predictor.predict(original), settings, float(index / RATE))
        colours = coloured_disparity(prediction.disp, limits=told.limits)
        assert np.abs(shown[:, 80:].astype(float) - colours).mean() < 20  # chroma at half the size


def test_single_frames_are_numbered(options: PredictOptions, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict(replace_outputs(options, "depth_npy", "color", output_dir=out)) == 0
    expected = {f"my drive_{i:06d}_{end}" for i in range(7) for end in ("depth.npy", "disp.jpeg")}
    assert {path.name for path in out.iterdir()} == expected
    predictor = DepthPredictor.from_checkpoint(weights, "cpu")
    for index, picture in enumerate(read_video(tmp_path / "my drive.mp4")):
        depth = np.load(out / f"my drive_{index:06d}_depth.npy")
        np.testing.assert_allclose(depth, predictor.predict(picture).depth, rtol=1e-4)


def replace_outputs(options: PredictOptions, *outputs: str, **others) -> PredictOptions:
    return PredictOptions(**{**vars(options), "outputs": outputs, **others})


def test_frames_need_names_of_their_own(options: PredictOptions, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"put {name} into it"):
        predict(replace_outputs(options, "color", output_pattern="frame"))
    with pytest.raises(UserError, match="is an input and would be overwritten"):
        predict(replace_outputs(options, output_dir=tmp_path, output_pattern="{stem}"))


@pytest.mark.parametrize(("height", "width", "shape"), [(48, 80, (48, 160)), (30, 90, (60, 90)), (90, 50, (90, 100))])
def test_both_parts_stay_large_on_a_screen(
    height: int, width: int, shape: tuple[int, int], options: PredictOptions, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "other.mp4", 2, height, width)
    predict(replace_outputs(options, image_path=video))
    assert read_video(tmp_path / "predictions/other_side_by_side.mp4")[0].shape[:2] == shape


def test_the_depth_of_every_frame_is_written_only_when_asked_for(options: PredictOptions, tmp_path: Path) -> None:
    video = write_video(tmp_path / "short.mp4", 2)
    scaled = {"image_path": video, "pred_depth_scale_factor": 2.0}
    asked = ("side_by_side", "depth_npy")
    with pytest.raises(UserError, match=rf"changes nothing of side_by_side: add .* e\.g\. --outputs {' '.join(asked)}"):
        predict(replace_outputs(options, **scaled))
    predict(replace_outputs(options, *asked, **scaled))
    names = sorted(path.name for path in (tmp_path / "predictions").iterdir())
    assert names == ["short_000000_depth.npy", "short_000001_depth.npy", "short_side_by_side.mp4"]


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_written_frames_come_back_in_their_colours(encoder: str, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", RATE, encoder) as writer:
        for index in range(5):
            writer.add(frame(index, 47, 81))
        writer.add(frame(5, 94, 162))  # some videos change their size
    found = read_video(tmp_path / "a.mp4")
    assert [picture.shape for picture in found] == [(48, 82, 3)] * 6  # encoders need even sizes
    for index in range(5):
        assert np.abs(found[index][:47, :81].astype(float) - frame(index, 47, 81)).mean() < 5


def test_a_size_that_no_encoder_takes_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="takes no frames of 20000 x 2"),
        whole_file(tmp_path / "a.mp4") as partial,
        VideoWriter(partial, RATE) as writer,
    ):
        writer.add(np.zeros((2, 20000, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_frames_of_a_turned_camera_are_upright(tmp_path: Path) -> None:
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV writes no rotation")
    # to be shown turned clockwise, as phones write portraits
    write_clip(tmp_path / "a.mp4", [frame(index) for index in range(3)], turned=-90)
    found = read_video(tmp_path / "a.mp4")[0]
    assert found.shape == (80, 48, 3)
    assert np.abs(found.astype(float) - np.rot90(frame(0), -1)).mean() < 5


def test_what_is_no_video_is_told_in_one_line(options: PredictOptions, tmp_path: Path) -> None:
    whole = (tmp_path / "my drive.mp4").read_bytes()
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    for name, content in (("notes.txt", b"hello\n" * 99), ("empty.mp4", b""), ("noise.mkv", whole[::-1])):
        (tmp_path / name).write_bytes(content)
    for name in ("notes.txt", "empty.mp4", "noise.mkv", "sound.wav"):
        with pytest.raises(UserError, match=f"{name}: is no picture") as caught:
            predict(replace_outputs(options, image_path=tmp_path / name))
        assert len(str(caught.value).splitlines()) == 1


def test_of_a_video_that_was_cut_off_the_rest_is_kept(
    options: PredictOptions, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    video = write_video(tmp_path / "cut.mp4", 40)
    content = video.read_bytes()
    video.write_bytes(content[: len(content) * 2 // 3])
    assert predict(replace_outputs(options, image_path=video)) == 1
    assert "cut.mp4: is damaged or cut off" in capsys.readouterr().err
    assert 5 < len(read_video(tmp_path / "predictions/cut_side_by_side.mp4")) < 40


def test_ctrl_c_keeps_what_is_done(options: PredictOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the fourth of twelve frames is joined to the video, and others are being predicted."""
    video, joined = write_video(tmp_path / "long.mp4", 12), []

    class Interrupted(VideoWriter):
        def add(self, rgb_hw3: np.ndarray, time: float | None = None) -> None:
            super().add(rgb_hw3, time)
            joined.append(time)
            if len(joined) == 4:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(from_video, "VideoWriter", Interrupted)
    where = ("--image_path", video, "--load_weights_folder", options.load_weights_folder)
    done = in_process("predict", *where, "--no_cuda", "--batch_size", 2, "--outputs", "side_by_side", "disp_npy")
    assert done.returncode == 130
    assert "stopped by SIGINT" in done.stdout
    assert not done.stderr
    out = tmp_path / "predictions"
    assert not list(out.glob(".*"))
    assert len(read_video(out / "long_side_by_side.mp4")) == 4
    arrays = sorted(out.glob("*.npy"))
    assert 4 <= len(arrays) < 12
    assert all(np.load(path).shape == (1, 1, 64, 96) for path in arrays)
