"""Backbones of timm as encoders: feature maps, weights, and whole models."""

import re
from pathlib import Path

import pytest
import timm
import torch

from batches import batch
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.networks import ITS_FLAGS, load_networks, read_network, save_checkpoint
from monodepth2.config import ExportOptions, Options
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import TimmEncoder
from monodepth2.method.stages import Batch
from monodepth2.odometry.network import load_motion_network
from monodepth2.onnx.graphs import load_graph

CPU = torch.device("cpu")
FAMILIES = ("mobilenetv3_small_050", "edgenext_xx_small", "lcnet_050", "mobilenetv4_conv_small_035", "ghostnet_100",
            "efficientnet_b0", "regnety_002", "resnet10t", "vgg11", "mambaout_femto")  # fmt: skip
SMALL = "lcnet_050"
ONE_SIZE = "efficientformerv2_s0"
SIZE = (64, 96)


def check_loaded_says_the_same(model: MonodepthModel, folder: Path, made: Batch) -> None:
    """The networks of a checkpoint predict what those do that were saved there."""
    with torch.no_grad():
        expected = model(made)
        depth = load_depth_network(folder, CPU)
        disp = depth.depth(depth.encoder(made.color_aug[0]))[0]
        motions = load_motion_network(folder, CPU).model.motions(made.color_aug)
    torch.testing.assert_close(disp, expected.disps[0])
    torch.testing.assert_close(motions[1].axisangle, expected.poses[1].axisangle)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gives_five_maps(name: str) -> None:
    encoder = TimmEncoder(name, SIZE)
    maps = encoder(torch.rand(2, 3, 64, 96))
    assert [tuple(m.shape[2:]) for m in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [m.shape[1] for m in maps] == list(encoder.num_ch_enc)
    sum(m.mean() for m in maps).backward()
    first = next(encoder.encoder.parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [(64, 96), (96, 64)])
def test_a_backbone_for_one_size_is_made_for_the_runs(size: tuple[int, int]) -> None:
    height, width = size
    encoder = TimmEncoder(ONE_SIZE, size)
    maps = encoder(torch.rand(2, 3, height, width))
    assert [tuple(m.shape[2:]) for m in maps] == [(height >> k, width >> k) for k in range(1, 6)]
    assert encoder.only_size == size
    assert TimmEncoder(SMALL, size).only_size is None


def test_both_networks_may_have_a_backbone_for_one_size(tmp_path: Path) -> None:
    options = Options(height=96, width=64, encoder=ONE_SIZE, pose_encoder=ONE_SIZE, decoder="small")
    model = MonodepthModel(options).eval()
    save_checkpoint(tmp_path / "weights_0", model, torch.optim.Adam(model.parameters()), options)
    check_loaded_says_the_same(model, tmp_path / "weights_0", batch(height=96, width=64))
    for flags in ({"dynamic_size": True}, {"height": 64}, {"network": "pose", "width": 128}):
        with pytest.raises(UserError, match=f"{ONE_SIZE} was trained for pictures of 64x96 and takes no others"):
            load_graph(tmp_path / "weights_0", ExportOptions(load_weights_folder=tmp_path / "weights_0", **flags))


def test_a_backbone_that_begins_at_a_quarter_gets_a_stem() -> None:
    assert TimmEncoder("edgenext_xx_small", SIZE).has_stem
    assert not TimmEncoder(SMALL, SIZE).has_stem


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet10", "did you mean"),
        ("nonsense", "has no such network; name a backbone"),
        ("vit_tiny_patch16_224", "of a picture of 192x640 are 12x40, .* of the picture's size are needed; name"),
        ("nest_tiny", "gives no feature maps .* only handles square inputs"),
    ],
)
def test_what_is_no_such_backbone_is_refused(name: str, told: str) -> None:
    for options, flag in ((Options(encoder=name), "--encoder"), (Options(pose_encoder=name), "--pose_encoder")):
        with pytest.raises(UserError, match=f"^{flag} {name}: .*{told}"):
            MonodepthModel(options)


def test_pictures_come_in_the_backbones_own_colours() -> None:
    encoder = TimmEncoder(SMALL, SIZE, 2).eval()
    config = timm.get_pretrained_cfg(SMALL)
    images = torch.rand(1, 6, 64, 64)
    mean, std = (torch.tensor(values).repeat(2).view(1, 6, 1, 1) for values in (config.mean, config.std))
    for ours, theirs in zip(encoder(images), encoder.encoder((images - mean) / std), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_imagenet_weights_of_a_file_reach_pairs_of_pictures(tmp_path: Path) -> None:
    whole = timm.create_model(SMALL)
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    encoder = TimmEncoder(SMALL, SIZE, 2).eval()
    encoder.load_imagenet(tmp_path / "weights.pth")
    single = TimmEncoder(SMALL, SIZE).eval()
    single.load_imagenet(tmp_path / "weights.pth")
    image = torch.rand(1, 3, 64, 64)
    for pair, one in zip(encoder(image.repeat(1, 2, 1, 1)), single(image), strict=True):
        torch.testing.assert_close(pair, one, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(single.encoder.conv_stem.weight, whole.conv_stem.weight)


def test_a_file_is_the_depth_networks(tmp_path: Path) -> None:
    whole = timm.create_model(SMALL)
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    options = Options(encoder=SMALL, pose_encoder="test_resnet", pretrained_weights=tmp_path / "weights.pth")
    model = MonodepthModel(options)
    assert model.load_imagenet(options) == ["test_resnet"]
    torch.testing.assert_close(model.encoder.encoder.conv_stem.weight, whole.conv_stem.weight)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.pth: no such file$"):
        TimmEncoder(SMALL, SIZE).load_imagenet(tmp_path / "none.pth")
    torch.save(timm.create_model("mobilenetv3_small_050").state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=f"not the weights of timm's {SMALL}"):
        TimmEncoder(SMALL, SIZE).load_imagenet(tmp_path / "other.pth")
    torch.save(timm.create_model(ONE_SIZE).state_dict(), tmp_path / "size.pth")
    with pytest.raises(UserError, match="are for pictures of 224x224 and do not fit those of 96x64; train at that"):
        TimmEncoder(ONE_SIZE, SIZE).load_imagenet(tmp_path / "size.pth")
    whole = timm.create_model(SMALL).state_dict()
    statistics = {name: tensor for name, tensor in whole.items() if "running" in name}
    for lacking in (
        {},
        {f"backbone.{name}": tensor for name, tensor in whole.items()},
        dict([*whole.items()][:20]),
        {name: tensor for name, tensor in whole.items() if name not in statistics},
    ):
        torch.save(lacking, tmp_path / "lacking.pth")
        with pytest.raises(UserError, match=r"lacking\.pth: not the weights of .*\((it holds no|it lacks \d+) tensors"):
            TimmEncoder(SMALL, SIZE).load_imagenet(tmp_path / "lacking.pth")
    (tmp_path / "damaged.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match=rf"damaged\.safetensors: not the weights of timm's {SMALL}"):
        TimmEncoder(SMALL, SIZE).load_imagenet(tmp_path / "damaged.safetensors")


def test_a_checkpoint_tells_its_backbones(tmp_path: Path) -> None:
    options = Options(height=64, width=96, encoder=SMALL, pose_encoder="mobilenetv3_small_050", decoder="small")
    model = MonodepthModel(options).eval()
    optimizer = torch.optim.Adam(model.parameters())
    save_checkpoint(tmp_path / "weights_0", model, optimizer, options)
    state = read_network(tmp_path / "weights_0/encoder.pth")
    assert (state["backbone"], state["timm"], state["images"]) == (SMALL, timm.__version__, 1)
    assert next(model.depth.parameters()).shape[0] == 128
    check_loaded_says_the_same(model, tmp_path / "weights_0", batch(height=64, width=96))


def test_a_checkpoint_keeps_the_colours_of_its_backbone(tmp_path: Path) -> None:
    """Another version of timm may expect other ones; checkpoints of earlier versions of this program have none."""
    options = Options(height=64, width=96, encoder=SMALL, poses="known")
    model = MonodepthModel(options).eval()
    model.encoder.mean.fill_(0.25)
    save_checkpoint(tmp_path / "weights_0", model, torch.optim.Adam(model.parameters()), options)
    network = load_depth_network(tmp_path / "weights_0", torch.device("cpu"))
    assert network.encoder.mean.flatten().tolist() == [0.25] * 3
    state = torch.load(tmp_path / "weights_0/encoder.pth")
    torch.save({name: value for name, value in state.items() if name != "mean"}, tmp_path / "weights_0/encoder.pth")
    (tmp_path / "weights_0/manifest.json").unlink()
    network = load_depth_network(tmp_path / "weights_0", torch.device("cpu"))
    assert network.encoder.mean.flatten().tolist() == pytest.approx(timm.get_pretrained_cfg(SMALL).mean)


@pytest.mark.parametrize(("trained", "flag"), [("resnet18", None), (None, "resnet18")])
def test_weights_of_a_backbone_with_like_shapes_are_refused(trained: str | None, flag: str | None, tmp_path) -> None:
    """timm's ResNet-18 takes pictures in other colours than 2019's, and has all of its tensors."""
    given, wanted = (Options(height=64, width=96, poses="known", encoder=name) for name in (trained, flag))
    model = MonodepthModel(given)
    save_checkpoint(tmp_path / "weights_0", model, torch.optim.Adam(model.parameters()), given)
    names = {"resnet18": "timm's resnet18", None: "a ResNet of 2019"}
    told = f"holds the weights of {names[trained]}, and the network is {names[flag]}; check --num_layers, --encoder"
    with pytest.raises(UserError, match=re.escape(told)):
        load_networks(MonodepthModel(wanted), tmp_path / "weights_0", ("encoder", "depth"), misfit=ITS_FLAGS)


def test_the_pose_network_is_small_by_default_and_2019s_without_a_backbone() -> None:
    assert Options(encoder=SMALL).pose_backbone == "resnet10t"
    assert Options().pose_backbone is None


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"encoder": SMALL, "grad_checkpointing": True}, "--grad_checkpointing works with"),
        ({"pose_encoder": SMALL, "pose_model_type": "posecnn"}, "--pose_model_type posecnn has none"),
    ],
)
def test_flags_that_contradict_each_other(flags: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Options(**flags)
