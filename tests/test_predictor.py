import numpy as np
import pytest
import torch

from monodepth2.checkpoint import DepthNetwork
from monodepth2.networks import DepthDecoder, ResnetEncoder
from monodepth2.predictor import DepthPredictor, flip_post_process
from recipe import fill


@pytest.fixture(scope="module")
def predictor() -> DepthPredictor:
    encoder = ResnetEncoder(18)
    depth = DepthDecoder(encoder.num_ch_enc)
    fill("encoder", encoder)
    fill("depth", depth)
    network = DepthNetwork(encoder, depth, height=64, width=96, use_stereo=False).eval()
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
    other = DepthNetwork(network.encoder, network.depth, 64, 96, use_stereo=False, min_depth=1, max_depth=2).eval()
    nearer = DepthPredictor(other, predictor.device).disparities(images)
    torch.testing.assert_close((nearer - 0.5) / 0.5, (disp - 0.01) / 9.99, rtol=0, atol=1e-5)


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
