import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, pad

from monodepth2.method.losses.photometric import Target
from monodepth2.method.losses.reprojection import (
    automasked_minimum,
    combine_sources,
    mask_regularisation,
    min_reprojection,
    tie_break_noise,
)
from monodepth2.method.losses.smoothness import edge_aware_smoothness


def image(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ssim_term_of_an_image_with_itself_is_zero() -> None:
    x = image(0, 2, 3, 12, 16)
    assert Target.of(x).ssim_term(x).abs().max() < 1e-9
    assert Target.of(x).photometric_error(x).abs().max() < 1e-9


def test_ssim_term_of_one_window_by_hand() -> None:
    x, y = image(1, 3, 3).numpy(), image(2, 3, 3).numpy()
    c1, c2 = 0.01**2, 0.03**2
    cov = (x * y).mean() - x.mean() * y.mean()
    ssim = (2 * x.mean() * y.mean() + c1) * (2 * cov + c2)
    ssim /= (x.mean() ** 2 + y.mean() ** 2 + c1) * (x.var() + y.var() + c2)
    found = Target.of(torch.from_numpy(x)[None, None]).ssim_term(torch.from_numpy(y)[None, None])
    assert found[0, 0, 1, 1].item() == pytest.approx(np.clip((1 - ssim) / 2, 0, 1))


def test_windows_at_the_border_see_the_reflected_image() -> None:
    x, y = image(3, 1, 1, 6, 7), image(4, 1, 1, 6, 7)
    padded = Target.of(pad(x, (1, 1, 1, 1), "reflect")).ssim_term(pad(y, (1, 1, 1, 1), "reflect"))
    torch.testing.assert_close(Target.of(x).ssim_term(y), padded[..., 1:-1, 1:-1])


def test_photometric_error_weighs_ssim_and_l1() -> None:
    x, y = image(5, 1, 3, 8, 8), image(6, 1, 3, 8, 8)
    expected = 0.85 * Target.of(x).ssim_term(y).mean(1) + 0.15 * (x - y).abs().mean(1)
    torch.testing.assert_close(Target.of(x).photometric_error(y), expected)
    torch.testing.assert_close(Target.of(x, ssim=False).photometric_error(y), (x - y).abs().mean(1))


def test_target_statistics_serve_every_source() -> None:
    x, sources = image(7, 2, 3, 8, 8), image(8, 2, 4, 3, 8, 8)
    together = Target.of(x.unsqueeze(1)).photometric_error(sources)
    for n in range(4):
        torch.testing.assert_close(together[:, n], Target.of(x).photometric_error(sources[:, n]))


def test_photometric_error_gradient() -> None:
    x, y = image(9, 1, 3, 5, 6), image(10, 1, 3, 5, 6).requires_grad_()
    assert torch.autograd.gradcheck(Target.of(x).photometric_error, y)


def test_minimum_and_average_over_sources() -> None:
    errors = torch.tensor([[3.0, 1.0], [2.0, 4.0]]).view(1, 2, 1, 2)
    assert min_reprojection(combine_sources(errors, average=False)).tolist() == [[[2, 1]]]
    assert min_reprojection(combine_sources(errors, average=True)).tolist() == [[[2.5, 2.5]]]


def test_automask_takes_the_smaller_and_gives_ties_to_the_unwarped_source() -> None:
    reprojection = torch.tensor([0.1, 0.5, 0.3]).view(1, 1, 1, 3)
    identity = torch.tensor([0.2, 0.4, 0.3]).view(1, 1, 1, 3)
    minimum, automask = automasked_minimum(reprojection, identity)
    assert minimum.flatten().tolist() == pytest.approx([0.1, 0.4, 0.3])
    assert automask.flatten().tolist() == [1, 0, 0]


def test_tie_break_noise_has_its_size() -> None:
    torch.manual_seed(0)
    noise = tie_break_noise(torch.zeros(100_000))
    assert noise.std().item() == pytest.approx(1e-5, rel=0.02)
    assert abs(noise.mean().item()) < 1e-7


def test_mask_regularisation_of_a_half_open_mask() -> None:
    assert mask_regularisation(torch.full((1, 2, 3, 3), 0.5)).item() == pytest.approx(0.2 * np.log(2))


def test_smoothness_of_a_ramp() -> None:
    disp = torch.arange(1.0, 9).repeat(4, 1)[None, None]  # slope 1, mean 4.5
    flat = torch.full((1, 3, 4, 8), 0.5)
    assert edge_aware_smoothness(disp, flat).item() == pytest.approx(1 / 4.5, rel=1e-5)
    edges = torch.arange(8.0).repeat(1, 3, 4, 1) * 2  # an image gradient of 2 everywhere along x
    assert edge_aware_smoothness(disp, edges).item() == pytest.approx(np.exp(-2) / 4.5, rel=1e-5)


def test_smoothness_does_not_depend_on_the_scale_of_disparity() -> None:
    disp, picture = image(11, 2, 1, 8, 8) + 0.1, image(12, 2, 3, 8, 8)
    assert edge_aware_smoothness(7 * disp, picture).item() == pytest.approx(
        edge_aware_smoothness(disp, picture).item(), rel=1e-5
    )


def test_window_mean_is_the_mean_of_nine() -> None:
    x = image(13, 1, 1, 5, 5)
    assert Target.of(x).mean[0, 0, 2, 2].item() == pytest.approx(avg_pool2d(x[..., 1:4, 1:4], 3).item())
