"""HR-Depth's decoder: which maps its outputs see, what its fusion computes, and its checkpoints."""

from itertools import combinations
from pathlib import Path

import pytest
import torch
from torch import Tensor

from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.kinds import kind_of_decoder
from monodepth2.checkpoints.networks import read_network, save_checkpoint
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import DECODERS, HrDecoder, make_decoder
from monodepth2.method.networks.hr_decoder import Fusion

CPU = torch.device("cpu")
CHANNELS = [8, 12, 16, 20, 24]
SUBSETS = [scales for count in range(1, 5) for scales in combinations((3, 2, 1, 0), count)]


def features(channels: list[int] = CHANNELS) -> list[Tensor]:
    """The five maps of two pictures of 96 x 64."""
    torch.manual_seed(0)
    return [torch.randn(2, c, 32 >> n, 48 >> n, requires_grad=True) for n, c in enumerate(channels)]


@pytest.mark.parametrize("scales", SUBSETS, ids=str)
def test_every_choice_of_scales_has_its_maps_and_no_parameter_too_many(scales: tuple[int, ...]) -> None:
    decoder = HrDecoder(CHANNELS, scales, out_channels=2)
    outputs = decoder(features())
    assert {scale: tuple(out.shape) for scale, out in outputs.items()} == {
        scale: (2, 2, 64 >> scale, 96 >> scale) for scale in scales
    }
    sum(out.sum() for out in outputs.values()).backward()
    unread = [name for name, weights in decoder.named_parameters() if weights.grad is None]
    assert not unread


@pytest.mark.parametrize("scale", range(4))
def test_a_map_sees_the_encoder_from_its_own_size_down(scale: int) -> None:
    given = features()
    HrDecoder(CHANNELS)(given)[scale].sum().backward()
    seen = [feature.grad is not None and bool(feature.grad.abs().sum() > 0) for feature in given]
    assert seen == [row >= scale - 1 for row in range(5)]


def test_a_node_joins_its_row_with_the_one_below() -> None:
    """Row 2 and column 2 of the grid, written out."""
    decoder, (*_, x2, x3, x4) = HrDecoder(CHANNELS, (3,)), features()

    def doubled(name: str, x: Tensor) -> Tensor:
        return decoder.below[name](x).repeat_interleave(2, 2).repeat_interleave(2, 3)

    x31 = decoder.join["31"](torch.cat([x3, doubled("31", x4)], 1))
    x21 = decoder.join["21"](torch.cat([x2, doubled("21", x3)], 1))
    x22 = decoder.join["22"](torch.cat([x2, x21, doubled("22", x31)], 1))
    torch.testing.assert_close(decoder(features())[3], torch.sigmoid(decoder.heads["3"](x22)))


def test_fusion_weighs_channels_by_the_means_of_all() -> None:
    fusion = Fusion(32, 4)
    x = torch.randn(2, 32, 5, 7)
    hidden = torch.relu(x.mean((2, 3)) @ fusion.squeeze.weight[..., 0, 0].T + fusion.squeeze.bias)
    weights = torch.sigmoid(hidden @ fusion.excite.weight[..., 0, 0].T + fusion.excite.bias)
    mixed = torch.einsum("bchw,bc,oc->bohw", x, weights, fusion.mix.weight[..., 0, 0])
    expected = torch.nn.functional.elu(mixed + fusion.mix.bias[:, None, None])
    torch.testing.assert_close(fusion(x), expected)


def test_checkpointing_changes_no_gradient() -> None:
    torch.manual_seed(1)
    decoder, found = HrDecoder(CHANNELS), []
    for checkpointing in (False, True):
        decoder.checkpointing = checkpointing
        decoder.zero_grad()
        sum(out.square().sum() for out in decoder(features()).values()).backward()
        found.append([weights.grad.clone() for weights in decoder.parameters() if weights.grad is not None])
    for kept, computed in zip(*found, strict=True):
        torch.testing.assert_close(kept, computed)


def test_compiled_it_says_the_same() -> None:
    """In the compiler's graphs and decompositions; that its code is that of its graphs takes minutes to see."""
    torch.manual_seed(1)
    decoder, given, found = HrDecoder(CHANNELS, (3,)), features(), []
    for compiled in (False, True):
        if compiled:
            decoder.compile(dynamic=False, fullgraph=True, backend="aot_eager_decomp_partition")
        outputs = decoder(given)
        gradients = torch.autograd.grad(sum(out.square().sum() for out in outputs.values()), decoder.parameters())
        found.append([*outputs.values(), *gradients])
    for written, computed in zip(*found, strict=True):
        torch.testing.assert_close(written, computed, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("encoder", "scales"), [(None, (0, 1, 2, 3)), ("lcnet_050", (2, 0))])
def test_a_checkpoint_tells_its_decoder(encoder: str | None, scales: tuple[int, ...], tmp_path: Path) -> None:
    options = Options(height=64, width=96, encoder=encoder, decoder="hr", scales=scales, pose_model_type="posecnn")
    model = MonodepthModel(options).eval()
    save_checkpoint(tmp_path / "weights_0", model, torch.optim.Adam(model.parameters()), options)
    image = torch.rand(1, 3, 64, 96)
    network = load_depth_network(tmp_path / "weights_0", CPU)
    assert isinstance(network.depth, HrDecoder)
    with torch.no_grad():
        expected, found = (net.depth(net.encoder(image)) for net in (model, network))
    assert set(found) == set(scales)
    for scale in scales:
        assert torch.equal(found[scale], expected[scale])


def test_each_kind_of_decoder_is_told_by_its_tensors(tmp_path: Path) -> None:
    for kind in (*DECODERS, "hr"):
        assert kind_of_decoder(make_decoder(kind, CHANNELS, (0, 2)).state_dict(), tmp_path) == (kind, (0, 2))
    with pytest.raises(UserError, match="holds no depth decoder"):
        kind_of_decoder({"heads.7.conv.weight": torch.zeros(1)}, tmp_path)


def test_a_predictive_mask_has_the_same_decoder(tmp_path: Path) -> None:
    options = Options(height=64, width=96, decoder="hr", predictive_mask=True, disable_automasking=True)
    model = MonodepthModel(options)
    assert isinstance(model.predictive_mask, HrDecoder)
    assert model.predictive_mask.heads["0"].conv.out_channels == 2
    save_checkpoint(tmp_path / "weights_0", model, torch.optim.Adam(model.parameters()), options)
    assert any(key.startswith("heads.") for key in read_network(tmp_path / "weights_0/predictive_mask.pth"))
