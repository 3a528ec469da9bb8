import math

import pytest
import torch

from monodepth2.method.geometry import (
    backproject,
    disp_to_depth,
    inverse_intrinsics,
    project,
    rotation_from_axisangle,
    sampling_grid,
    transform_from_parameters,
)

K = torch.tensor([[[100.0, 0, 31.5, 0], [0, 90, 15.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]]], dtype=torch.float64)


def axisangles(seed: int = 0) -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_disp_to_depth_spans_the_range() -> None:
    scaled, depth = disp_to_depth(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64), 0.1, 100)
    torch.testing.assert_close(depth[[0, 2]], torch.tensor([100.0, 0.1], dtype=torch.float64))
    assert scaled[1].item() == pytest.approx(0.01 + 9.99 / 2)


def test_rodrigues_is_the_matrix_exponential() -> None:
    v = axisangles()
    o = torch.zeros_like(v[:, 0])
    cross = torch.stack([o, -v[:, 2], v[:, 1], v[:, 2], o, -v[:, 0], -v[:, 1], v[:, 0], o], 1).view(-1, 3, 3)
    torch.testing.assert_close(rotation_from_axisangle(v), torch.matrix_exp(cross), rtol=0, atol=1e-6)


def test_zero_rotation_is_the_identity_with_finite_gradient() -> None:
    v = torch.zeros(1, 3, requires_grad=True)
    rotation = rotation_from_axisangle(v)
    rotation.sum().backward()
    assert torch.equal(rotation[0].detach(), torch.eye(3))
    assert v.grad is not None
    assert v.grad.isfinite().all()


def test_rotation_gradient() -> None:
    v = axisangles(1).requires_grad_()
    assert torch.autograd.gradcheck(rotation_from_axisangle, v)


def test_transform_rotates_then_translates() -> None:
    quarter = torch.tensor([[0.0, 0.0, math.pi / 2]], dtype=torch.float64)
    shift = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    point = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    moved = transform_from_parameters(quarter, shift)[0] @ point
    torch.testing.assert_close(moved, torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64), atol=1e-6, rtol=0)


def test_inverse_undoes_the_transform() -> None:
    v, t = axisangles(2), axisangles(3)
    both = transform_from_parameters(v, t) @ transform_from_parameters(v, t, invert=True)
    torch.testing.assert_close(both, torch.eye(4, dtype=torch.float64).expand(8, 4, 4), atol=1e-6, rtol=0)


def test_inverse_intrinsics() -> None:
    torch.testing.assert_close(inverse_intrinsics(K) @ K, torch.eye(4, dtype=torch.float64)[None])


def test_backproject_puts_the_principal_point_on_the_axis() -> None:
    centred = K.clone()
    centred[:, 0, 2], centred[:, 1, 2] = 3, 2
    points = backproject(torch.full((1, 1, 5, 7), 4.0, dtype=torch.float64), inverse_intrinsics(centred))
    middle = points[0].view(3, 5, 7)
    assert middle[:, 2, 3].tolist() == [0, 0, 4]
    assert middle[0, 2, 4].item() == pytest.approx(4 / 100)
    assert middle[1, 3, 3].item() == pytest.approx(4 / 90)


def test_projecting_backprojected_pixels_returns_them() -> None:
    depth = 1 + torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pixels = project(backproject(depth, inverse_intrinsics(K)), K, torch.eye(4, dtype=torch.float64)[None])
    grid = pixels[0].view(2, 32, 64)
    expected = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(32.0), indexing="xy")).double()
    torch.testing.assert_close(grid, expected, atol=1e-4, rtol=0)  # the division by z + 1e-7


def test_sideways_translation_moves_pixels_by_focal_length_times_baseline_over_depth() -> None:
    transform = torch.eye(4, dtype=torch.float64)[None].clone()
    transform[0, 0, 3] = -0.5
    depth = torch.full((1, 1, 32, 64), 10.0, dtype=torch.float64)
    pixels = project(backproject(depth, inverse_intrinsics(K)), K, transform)[0].view(2, 32, 64)
    torch.testing.assert_close(pixels[0, 0], torch.arange(64.0).double() - 100 * 0.5 / 10, atol=1e-5, rtol=0)


def test_what_drives_straight_ahead_shows_no_focal_length_and_what_turns_does() -> None:
    """Why a wrong camera costs so little on straight roads (docs/results.md): depth is free, and takes it up."""
    depth = 2 + 20 * torch.rand(1, 1, 6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    own, other = (torch.eye(4, dtype=torch.float64)[None].clone() for _ in range(2))
    own[0, :2, :3] = torch.tensor([[6.0, 0, 4], [0, 7, 3]])
    other[0, :2, :3] = torch.tensor([[9.0, 0, 4], [0, 4, 3]])
    turn, none = torch.tensor([[0.0, 0.1, 0]]).double(), torch.zeros(1, 3).double()
    ahead = torch.tensor([[0.0, 0, 1]]).double()
    seen = {
        (name, camera): project(backproject(depth, inverse_intrinsics(K)), K, transform_from_parameters(motion, ahead))
        for name, motion in (("straight", none), ("turning", turn))
        for camera, K in (("own", own), ("other", other))
    }
    torch.testing.assert_close(seen["straight", "own"], seen["straight", "other"], rtol=1e-6, atol=1e-6)
    assert (seen["turning", "own"] - seen["turning", "other"]).abs().max() > 0.2


def test_sampling_grid_puts_border_pixels_at_plus_and_minus_one() -> None:
    corners = torch.tensor([[[0.0, 63.0], [0.0, 31.0]]])
    assert sampling_grid(corners, 32, 64).tolist() == [[[-1, -1], [1, 1]]]
