import torch

from batches import H, W, batch, predictions, still, synthesis
from monodepth2.method.stages import Predictions, RelativePose


def test_identity_warp_returns_the_source() -> None:
    given = batch()
    views = synthesis()(given, predictions({-1: still(), 1: still()}))
    for warped in views.warped.values():
        for n, source in enumerate((-1, 1)):
            torch.testing.assert_close(warped[:, n], given.color[source][0], atol=2e-4, rtol=0)


def test_places_that_are_not_numbers_spoil_gradients_and_nothing_else() -> None:
    """PyTorch's sampling on the CPU would write out of its bounds in the backward pass, which ends the process."""
    given, pose = batch(height=96, width=320), still()
    pose.translation[:] = torch.nan
    pose.translation.requires_grad_()
    views = synthesis((-1,))(given, predictions({-1: pose}, height=96, width=320))
    views.warped[0].sum().backward()
    assert pose.translation.grad is not None
    assert pose.translation.grad.isnan().any()


def test_v1_multiscale_warps_each_scale_at_its_own_size() -> None:
    given = batch()
    views = synthesis(own_resolution=True)(given, predictions({-1: still(), 1: still()}))
    for scale, warped in views.warped.items():
        torch.testing.assert_close(warped[:, 0], given.color[-1][scale], atol=2e-4, rtol=0)


def test_stereo_parallax_shifts_by_whole_pixels() -> None:
    given = batch(sources=("s",))
    # depth at which the baseline of 0.1 moves a picture by exactly 4 pixels
    depth = 0.58 * W * 0.1 / 4
    sigmoid = (1 / depth - 0.01) / (10 - 0.01)
    seen = Predictions({0: torch.full((2, 1, H, W), sigmoid)}, {})
    warped = synthesis(sources=("s",))(given, seen).warped[0][:, 0]
    source = given.color["s"][0]
    # a left target finds its point 4 pixels further left in the right picture, a right one further right
    torch.testing.assert_close(warped[0, :, :, 4:], source[0, :, :, :-4], atol=1e-3, rtol=0)
    torch.testing.assert_close(warped[1, :, :, :-4], source[1, :, :, 4:], atol=1e-3, rtol=0)
    # what lies outside repeats the border
    torch.testing.assert_close(warped[0, :, :, 0], source[0, :, :, 0])


def test_a_negative_frame_is_inverted() -> None:
    motion = torch.tensor([[0.1, -0.2, 0.3]]).repeat(2, 1)
    poses = {-1: RelativePose(motion, motion, invert=True), 1: RelativePose(motion, motion, invert=False)}
    transforms = synthesis()(batch(), predictions(poses)).source_T_target[0]
    torch.testing.assert_close(transforms[-1] @ transforms[1], torch.eye(4).repeat(2, 1, 1), atol=1e-6, rtol=0)


def test_posecnn_translation_is_in_units_of_mean_depth_but_stereo_is_not() -> None:
    pose = RelativePose(torch.zeros(2, 3), torch.tensor([[0.0, 0, 1.0]]).repeat(2, 1), invert=False)
    given = batch(sources=(1, "s"))
    seen = predictions({1: pose})
    views = synthesis(sources=(1, "s"), scaled_translation=True)(given, seen)
    for scale, depth in views.depths.items():
        expected = (1 / depth).mean((1, 2, 3))
        torch.testing.assert_close(views.source_T_target[scale][1][:, 2, 3], expected)
        torch.testing.assert_close(views.source_T_target[scale]["s"], given.stereo_T)


def test_gradient_of_the_warp_in_float64() -> None:
    h, w = 6, 8
    given = batch(dtype=torch.float64, height=h, width=w, sources=(1,))

    def warp(disp, axisangle, translation):
        pose = RelativePose(axisangle, translation, invert=True)
        return synthesis(sources=(1,))(given, Predictions({0: disp}, {1: pose})).warped[0]

    generator = torch.Generator().manual_seed(5)
    disp = (0.3 + 0.1 * torch.rand(2, 1, h, w, generator=generator, dtype=torch.float64)).requires_grad_()
    axisangle = (0.01 * torch.rand(2, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    translation = (0.01 * torch.rand(2, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(warp, (disp, axisangle, translation), eps=1e-7, atol=1e-4)
