from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.checkpoints.depth_network import DepthNetwork
from monodepth2.errors import UserError
from monodepth2.files.pictures import PictureError
from monodepth2.method.networks import DepthDecoder, ResnetEncoder
from monodepth2.prediction.predictor import DepthPrediction, DepthPredictor, flip_post_process
from monodepth2.runtime.threads import ahead, map_ahead
from recipe import fill


@pytest.fixture(scope="module")
def predictor() -> DepthPredictor:
    encoder = ResnetEncoder(18)
    depth = DepthDecoder(encoder.num_ch_enc)
    fill("encoder", encoder)
    fill("depth", depth)
    network = DepthNetwork(encoder, depth, height=64, width=96).eval()
    return DepthPredictor(network, torch.device("cpu"))


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_bytes_and_floats_are_the_same_picture(predictor: DepthPredictor, images: torch.Tensor) -> None:
    disp = predictor.disparities(images)
    assert disp.shape == (3, 64, 96)
    assert disp.dtype == torch.float32
    assert torch.equal(disp, predictor.disparities(images.float() / 255))


def test_disparity_is_scaled_to_the_range_of_depths(predictor: DepthPredictor, images: torch.Tensor) -> None:
    disp = predictor.disparities(images)
    assert disp.min() >= 0.01
    assert disp.max() <= 10
    network = predictor.network
    other = DepthNetwork(network.encoder, network.depth, 64, 96, min_depth=1, max_depth=2).eval()
    nearer = DepthPredictor(other, predictor.device).disparities(images)
    torch.testing.assert_close((nearer - 0.5) / 0.5, (disp - 0.01) / 9.99, rtol=0, atol=1e-5)


def test_bf16_predicts_nearly_the_same(predictor: DepthPredictor, images: torch.Tensor) -> None:
    disp = predictor.disparities(images)
    coarse = DepthPredictor(predictor.network, predictor.device, "bf16").disparities(images)
    assert coarse.dtype == torch.float32
    # weights of formulas amplify rounding as no trained ones do
    assert 1e-5 < (coarse / disp - 1).abs().mean() < 0.08


def test_numbers_that_the_device_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--precision fp16 needs CUDA"):
        DepthPredictor.from_checkpoint(tmp_path, "cpu", precision="fp16")
    with pytest.raises(UserError, match=r"--precision bf16.*model.onnx has numbers of its own; drop --precision"):
        DepthPredictor.from_checkpoint(tmp_path / "model.onnx", "cpu", precision="bf16")


def test_pictures_do_not_influence_each_other(predictor: DepthPredictor, images: torch.Tensor) -> None:
    torch.testing.assert_close(
        predictor.disparities(images)[1:2], predictor.disparities(images[1:2]), rtol=1e-4, atol=1e-5
    )


def test_post_processing_commutes_with_mirroring(predictor: DepthPredictor, images: torch.Tensor) -> None:
    disp = predictor.disparities(images, post_process=True)
    mirrored = predictor.disparities(images.flip(-1), post_process=True)
    torch.testing.assert_close(mirrored, disp.flip(-1), rtol=1e-4, atol=1e-5)
    plain, back = predictor.disparities(images), predictor.disparities(images.flip(-1)).flip(-1)
    assert torch.equal(disp, flip_post_process(plain, back))


def test_post_processing_takes_each_border_from_the_prediction_that_saw_it() -> None:
    first, second = torch.full((1, 2, 201), 2.0), torch.full((1, 2, 201), 6.0)
    blended = flip_post_process(first, second)[0, 0].numpy()
    x = np.linspace(0, 1, 201)
    np.testing.assert_allclose(blended[x <= 0.05], 6, rtol=1e-6)
    np.testing.assert_allclose(blended[x >= 0.95], 2, rtol=1e-6)
    np.testing.assert_allclose(blended[(x > 0.101) & (x < 0.899)], 4, rtol=1e-6)
    assert blended[15] == pytest.approx(5)  # x = 0.075: half of the way


def test_a_wrong_size_is_refused(predictor: DepthPredictor) -> None:
    with pytest.raises(ValueError, match=r"resize them to \(b, 3, 64, 96\)"):
        predictor.disparities(torch.zeros(1, 3, 64, 64))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Pictures of different sizes."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (50 + n, 90 - 7 * n, 3), dtype=np.uint8) for n in range(7)]


def assert_same(found: DepthPrediction, expected: DepthPrediction) -> None:
    np.testing.assert_array_equal(found.picture, expected.picture)
    np.testing.assert_allclose(found.disp, expected.disp, rtol=1e-4)


def test_a_file_an_image_and_an_array_are_the_same_picture(
    predictor: DepthPredictor, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    expected = predictor.predict(pictures[2])
    assert expected.disp.shape == expected.depth.shape == pictures[2].shape[:2]
    assert expected.network_disp.shape == (64, 96)
    np.testing.assert_allclose(expected.depth * expected.disp, 1, rtol=1e-6)
    Image.fromarray(pictures[2]).save(tmp_path / "a.png")
    for image in (Image.fromarray(pictures[2]), tmp_path / "a.png", str(tmp_path / "a.png")):
        assert_same(predictor.predict(image), expected)


def test_a_picture_of_the_networks_size_is_predicted_as_it_is(predictor: DepthPredictor, images: torch.Tensor) -> None:
    found = predictor.predict(images[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(found.disp, predictor.disparities(images[:1])[0], rtol=1e-5)


def test_metres_need_a_network_with_a_scale(predictor: DepthPredictor, pictures: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="knows no metres"):
        _ = predictor.predict(pictures[0]).metric_depth


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_many_pictures_are_predicted_as_one_by_one(
    batch_size: int, predictor: DepthPredictor, pictures: list[np.ndarray]
) -> None:
    found = list(predictor.predict_all(iter(pictures), batch_size, post_process=True))
    for one, picture in zip(found, pictures, strict=True):
        assert_same(one, predictor.predict(picture, post_process=True))


def test_pictures_are_taken_as_they_are_needed(predictor: DepthPredictor, pictures: list[np.ndarray]) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield pictures[0]

    predictions = predictor.predict_all(endless(), batch_size=2)
    for _ in range(5):
        next(predictions)
    assert taken <= 6 + 2 * 2 + 1  # three batches, and two ahead


def test_an_unreadable_file_stops_or_is_stepped_over(predictor: DepthPredictor, pictures: list[np.ndarray]) -> None:
    mixed = [pictures[0], Path("gone.png"), pictures[1], pictures[2]]
    predictions = predictor.predict_all(mixed, batch_size=3)
    assert_same(next(predictions), predictor.predict(pictures[0]))
    with pytest.raises(PictureError, match=r"gone\.png: no such file"):
        next(predictions)
    results = list(predictor.try_all(mixed, batch_size=3))
    assert isinstance(results[1], PictureError)
    for index, picture in ((0, pictures[0]), (2, pictures[1]), (3, pictures[2])):
        assert_same(results[index], predictor.predict(picture))
    assert all(isinstance(result, PictureError) for result in predictor.try_all([Path("gone.png")] * 3))


def test_predictions_that_are_not_finite_are_refused(predictor: DepthPredictor, pictures: list[np.ndarray]) -> None:
    network = predictor.network
    broken = DepthNetwork(network.encoder, network.depth, 64, 96, min_depth=float("nan")).eval()
    with pytest.raises(UserError, match="not finite"):
        DepthPredictor(broken, predictor.device).predict(pictures[0])


def test_work_ahead_keeps_order_and_stays_near() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    for results in (map_ahead(lambda n: n, numbers(), 4), ahead(numbers(), 4)):
        for expected, found in zip(range(100), results, strict=True):
            assert found == expected
            assert len(taken) <= expected + 6
        taken.clear()


def test_an_error_ahead_is_raised_in_its_turn() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    for results in (ahead(failing(), 3), map_ahead(lambda n: 1 // n, [1, 0], 3)):
        assert next(results) == 1
        with pytest.raises((KeyError, ZeroDivisionError)):
            next(results)
