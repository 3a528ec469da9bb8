"""What passes from frame to frame: colours that move slowly, a scale that does not flicker, cuts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clips import write_clip
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.pages.colours import disparity_limits
from monodepth2.prediction.job import Job
from monodepth2.prediction.naming import Naming
from monodepth2.prediction.outputs import Settings
from monodepth2.prediction.predictor import DepthPrediction, DepthPredictor
from monodepth2.prediction.steady import Steadiness
from monodepth2.runtime.signals import StopRequest

SETTINGS = Settings(1, "network units", 0.1, 100, "magma", 0.58)
STEP = 0.04  # seconds between frames
STREET, TUNNEL = (Image.new("RGB", (96, 64), (grey, grey, grey)) for grey in (150, 40))


def disparity(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 64 * 96, dtype=np.float32).reshape(64, 96)


def of(disp_hw: np.ndarray, picture: Image.Image = STREET) -> DepthPrediction:
    return DepthPrediction(picture, disp_hw)


def limits(steady: Steadiness, prediction: DepthPrediction, time: float) -> tuple[float, float]:
    found = steady.follow(prediction, SETTINGS, time)[1].limits
    assert found
    return found


def test_colours_move_slowly_and_arrive() -> None:
    near, far = disparity(0.5, 1.5), disparity(0.1, 0.2)
    steady = Steadiness(stabilise=False)
    assert limits(steady, of(near), 0) == pytest.approx(disparity_limits(near))
    low, high = limits(steady, of(far), STEP)
    assert 0.45 < low < 0.5
    assert 1.3 < high < disparity_limits(near)[1]
    for index in range(2, 200):
        last = limits(steady, of(far), index * STEP)
    assert last == pytest.approx(disparity_limits(far), abs=1e-3)


def test_colours_follow_the_clock_and_not_the_number_of_frames() -> None:
    found = []
    for step in (0.04, 0.4):
        steady = Steadiness(stabilise=False)
        limits(steady, of(disparity(0.5, 1.5)), 0)
        for time in np.arange(step, 0.81, step):
            last = limits(steady, of(disparity(0.1, 0.2)), time)
        found.append(last)
    assert found[0] == pytest.approx(found[1])


def test_a_cut_is_followed_at_once() -> None:
    near, far = disparity(0.5, 1.5), disparity(0.1, 0.2)
    steady = Steadiness(stabilise=True)
    for index in range(5):
        limits(steady, of(near), index * STEP)
    prediction, settings = steady.follow(of(far, TUNNEL), SETTINGS, 5 * STEP)
    assert settings.limits == pytest.approx(disparity_limits(far))
    np.testing.assert_array_equal(prediction.network_disp, far)  # the scale starts anew, too


def test_frames_far_apart_are_not_all_cuts() -> None:
    """As of a stream whose network takes half a second for a frame: each is as different from the last as usual."""
    noise = np.random.default_rng(0)
    steady = Steadiness(stabilise=False)
    for index in range(40):
        picture = Image.fromarray(noise.integers(0, 256, (18, 32), dtype=np.uint8)).convert("RGB").resize((320, 180))
        last = limits(steady, of(disparity(0.1, 1.5 if index % 2 else 1.0), picture), index / 2)
    # at a cut they would be the frame's own
    assert last[1] < 0.95 * disparity_limits(disparity(0.1, 1.5))[1]


def test_a_flickering_scale_is_taken_out_and_a_slow_change_stays() -> None:
    flicker = np.exp(np.random.default_rng(0).normal(0, 0.2, 120))
    flicker[0] = 1
    slow = np.linspace(1, 1.5, 120)
    scene, steady, found = disparity(0.1, 1), Steadiness(stabilise=True), []
    for index in range(120):
        disp = (scene * flicker[index] * slow[index]).astype(np.float32)
        prediction, settings = steady.follow(of(disp), SETTINGS, index * STEP)
        found.append(np.median(prediction.network_disp / scene))
        # what is as far as can be stays so, which point clouds leave out
        assert settings.max_depth == pytest.approx(100 * disp[0, 0] / prediction.network_disp[0, 0], rel=1e-5)
    change = np.abs(np.diff(np.log(found)))
    assert change.max() < 0.05
    assert change.mean() < np.abs(np.diff(np.log(flicker))).mean() / 10
    assert np.mean(found[-20:]) == pytest.approx(np.mean(slow[-40:-20]), rel=0.1)  # late by about a second


class Flickering:
    """A network whose scale changes from frame to frame."""

    height, width = 64, 96
    min_depth, max_depth, facts = 0.1, 100.0, TrainingFacts()

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image_b3hw: torch.Tensor, /) -> torch.Tensor:
        self.calls += 1
        scale = 1.5 if self.calls % 2 else 1.0
        return scale * (0.2 + image_b3hw.mean(1, keepdim=True))


@pytest.mark.parametrize("stabilise", [False, True])
def test_the_files_of_a_video_have_the_steady_scale(stabilise: bool, tmp_path: Path) -> None:
    from monodepth2.prediction.from_video import predict_video

    write_clip(tmp_path / "a.mp4", [np.asarray(STREET)] * 12, 25)
    predictor = DepthPredictor(Flickering(), torch.device("cpu"))
    job = Job(predictor, Naming(tmp_path, "{stem}_{kind}"), ("disp_npy",), True, SETTINGS, 1, False, stabilise)
    assert predict_video(tmp_path / "a.mp4", job, StopRequest()).done == 12
    scales = [np.load(path).mean() for path in sorted(tmp_path.glob("*.npy"))]
    change = np.abs(np.diff(np.log(scales)))
    assert change.max() < 0.04 if stabilise else change.min() > 0.35
