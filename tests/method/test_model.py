from dataclasses import replace
from functools import partial

import pytest
import torch

from batches import batch
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.method.geometry import disp_to_depth
from monodepth2.method.losses import Objective
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import ResnetEncoder, imagenet_weights
from monodepth2.method.view_synthesis import ViewSynthesis
from recipe import fill

SMALL = {"height": 64, "width": 96, "batch_size": 2}


DEEP = pytest.mark.slow(reason="hundreds of megabytes of weights; a variant below has 50 layers, too")


@pytest.mark.parametrize("num_layers", [18, *(pytest.param(deep, marks=DEEP) for deep in (34, 50, 101, 152))])
def test_every_resnet_trains_with_a_pose_network(num_layers: int) -> None:
    step(Options(**SMALL, num_layers=num_layers))


@pytest.mark.parametrize(
    "variant",
    [
        {"pose_model_type": "posecnn", "use_stereo": True},
        {"pose_model_type": "shared", "use_stereo": True},
        {"pose_model_type": "shared", "pose_model_input": "all"},
        {"pose_model_type": "shared", "predictive_mask": True, "disable_automasking": True, "use_stereo": True},
        {"pose_model_input": "all", "frame_ids": (0, -2, -1, 1)},
        {"pose_model_type": "posecnn", "pose_model_input": "all", "frame_ids": (0, -2, -1, 1), "use_stereo": True},
        {"frame_ids": (0, 1), "v1_multiscale": True},
        {"frame_ids": (0, 2), "pose_model_input": "all"},
        {"frame_ids": (0,), "use_stereo": True, "pose_model_type": "shared"},
        {"scales": (1, 3)},
        {"scales": (2,), "v1_multiscale": True},
        {
            "num_layers": 50,
            "pose_model_type": "shared",
            "predictive_mask": True,
            "disable_automasking": True,
            "avg_reprojection": True,
        },
    ],
)
def test_variants_reach_every_parameter(variant: dict) -> None:
    step(Options(**SMALL, **variant))


def test_the_motion_in_time_needs_no_other_cameras_picture() -> None:
    """As reports ask for it, of networks that encode all frames, too."""
    options = Options(**SMALL, pose_model_type="shared", use_stereo=True)
    model = MonodepthModel(options).eval()
    images = batch(sources=options.source_ids, height=64, width=96).color_aug
    with torch.no_grad():
        expected = model.motions(images)
        found = model.motions({frame: image for frame, image in images.items() if frame != "s"})
    for source, pose in expected.items():
        torch.testing.assert_close(found[source].translation, pose.translation)


def step(options: Options) -> None:
    """One step's gradient is finite and reaches all but the classifiers and the decoder below the finest scale."""
    torch.manual_seed(0)
    model = MonodepthModel(options)
    given = batch(sources=options.source_ids, height=64, width=96)
    seen = model(given)
    losses = Objective.from_options(options)(given, seen, ViewSynthesis.from_options(options)(given, seen))
    largest = {}

    def note(name: str, parameter: torch.Tensor) -> None:
        largest[name] = parameter.grad.abs().max()  # not a number where one of them is none
        parameter.grad = None  # all together are as large as the networks

    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(partial(note, name))
    losses.total.backward()
    for name, _ in model.named_parameters():
        unread = [f"depth.decoder.{block}." for block in range(10 - 2 * min(options.scales), 10)]
        if ".fc." not in name and not name.startswith(tuple(unread)):
            assert name in largest, name
            assert largest[name].isfinite(), name
            assert largest[name] > 0, name


@pytest.mark.parametrize("decoder", ["2019", "small", "hr"])
def test_networks_that_are_told_motion_begin_at_usual_depths(decoder: str) -> None:
    told = [
        ({"poses": "known"}, 15),
        ({"poses": "tracked"}, 4),
        ({"depth_supervision": 1.0, "max_depth": 10.0}, 1),
    ]
    for flags, expected in told:
        options = Options(decoder=decoder, encoder="lcnet_050", **flags)
        model = MonodepthModel(options).eval()
        disps = model.depth(model.encoder(torch.rand(1, 3, 64, 96)))
        for disp in disps.values():
            _, depth = disp_to_depth(disp, options.min_depth, options.max_depth)
            assert depth.median().item() == pytest.approx(expected, rel=0.3)
    assert Options().start_depth is None
    assert Options(poses="known", use_stereo=True).start_depth is None


def test_children_are_in_the_order_of_2019() -> None:
    options = Options(**SMALL, predictive_mask=True, disable_automasking=True)
    assert list(MonodepthModel(options).networks) == ["encoder", "depth", "pose_encoder", "pose", "predictive_mask"]


def test_pairs_enter_in_temporal_order() -> None:
    options = Options(**SMALL)
    model = MonodepthModel(options).eval()
    for name, network in model.networks.items():
        fill(name, network)
    given = batch(height=64, width=96)
    poses = model(given).poses
    # swapping target and source makes the pair (-1, 0) the pair (0, 1)
    swapped = replace(given, color_aug={0: given.color_aug[-1], 1: given.color_aug[0], -1: given.color_aug[1]})
    torch.testing.assert_close(poses[-1].axisangle, model(swapped).poses[1].axisangle)
    assert poses[-1].invert
    assert not poses[1].invert


def test_imagenet_weights_from_a_local_file(tmp_path) -> None:
    torch.manual_seed(1)
    weights = ResnetEncoder(18).encoder.state_dict()
    torch.save(weights, tmp_path / "resnet18.pth")
    options = Options(**SMALL, pretrained_weights=tmp_path / "resnet18.pth")
    model = MonodepthModel(options)
    model.load_imagenet(options)
    torch.testing.assert_close(model.encoder.encoder.conv1.weight.data, weights["conv1.weight"])
    stacked = model.pose_encoder.encoder.conv1.weight
    assert stacked.shape == (64, 6, 7, 7)
    torch.testing.assert_close(stacked[:, 3:].data, weights["conv1.weight"] / 2)
    image = torch.rand(1, 3, 64, 64)
    of_one, of_two = model.encoder.eval()(image), model.pose_encoder.eval()(image.repeat(1, 2, 1, 1))
    torch.testing.assert_close(of_two[-1], of_one[-1], rtol=1e-4, atol=1e-4)


def test_imagenet_weights_of_another_resnet_are_refused(tmp_path) -> None:
    torch.save(ResnetEncoder(34).encoder.state_dict(), tmp_path / "resnet34.pth")
    with pytest.raises(UserError, match="not the weights of a torchvision resnet50"):
        imagenet_weights(50, tmp_path / "resnet34.pth")
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"junk\.pth"):
        imagenet_weights(18, tmp_path / "junk.pth")
    with pytest.raises(UserError, match="no such file"):
        imagenet_weights(18, tmp_path / "absent.pth")


def test_a_failed_download_names_the_remedies(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens on the discard port
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"--weights_init scratch.*--pretrained_weights FILE"):
        imagenet_weights(18)
