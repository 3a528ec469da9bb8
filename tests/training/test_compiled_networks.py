"""Networks as `--compile` has them: the compiler's code says what the networks say as they are written, as exactly."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn.utils import get_total_norm

from batches import batch
from monodepth2.config import Options
from monodepth2.method.cpu_kernels import BatchNorm
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks.depth_decoder import Conv3x3, ConvBlock, double, stated_by
from monodepth2.training.step import TrainingStep

CPU = torch.device("cpu")
ROUNDING = 1e-5  # of gradients in float32 from those in float64, as one vector


@pytest.fixture(autouse=True)
def _nothing_is_compiled_yet() -> Iterator[None]:
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


@pytest.mark.slow(reason="the compiler follows three networks")
def test_whole_networks_compile_without_a_break() -> None:
    """Those of 2019: in the compiler's graphs, without code. What is only looked at goes uncompiled."""
    torch.manual_seed(0)
    options = Options(height=64, width=96, pose_model_type="posecnn", compile=True)
    model, given = MonodepthModel(options), batch(height=64, width=96)
    expected = model(given)
    step = TrainingStep(model, options, CPU)
    assert all(network._compiled_call_impl for network in model.networks.values())
    step.predict(given)
    assert not counters["stats"]
    for network in model.networks.values():
        network.compile(dynamic=False, fullgraph=True, backend="eager")
    found = model(given)
    assert counters["stats"]["unique_graphs"] == len(model.networks)
    for one, other in zip(found.tensors, expected.tensors, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.slow(reason="the compiler writes code")
def test_compiled_batch_norms_sum_in_float64() -> None:
    """Of numbers far from zero, of which sums in float32 lose the digits that count."""
    torch.manual_seed(0)
    pictures, gradient = 1000 + torch.randn(2, 8, 16, 24), torch.randn(2, 8, 16, 24)
    norm = BatchNorm(8)
    nn.init.uniform_(norm.weight, 0.5, 2)
    exact = deepcopy(norm).double()
    norm.compile(dynamic=False)
    for found, expected in zip(normed(norm, pictures, gradient), normed(exact, pictures, gradient), strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    assert counters["stats"]["unique_graphs"] == 1


def normed(norm: nn.BatchNorm2d, pictures: Tensor, gradient: Tensor) -> list[Tensor]:
    """What a batch norm says, its gradients, and its running statistics."""
    given = pictures.to(norm.weight.dtype).requires_grad_()
    said = norm(given)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gradients = torch.autograd.grad(said, (given, norm.weight, norm.bias), gradient.to(said.dtype))
    return [said.detach(), *gradients, norm.running_mean, norm.running_var]


class Layers(nn.Module):
    """A block of an encoder, a stage of the decoder, and a head: the code of whole networks takes minutes to write."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1), BatchNorm(8)
        self.before, self.after, self.head = ConvBlock(8, 8), ConvBlock(16, 8), Conv3x3(8, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(x)) + x)
        return stated_by(self.head, self.after(torch.cat([double(self.before(x)), skip], 1)))


@pytest.mark.slow(reason="the compiler writes code: half a minute")
def test_the_compilers_code_is_as_exact() -> None:
    torch.manual_seed(0)
    plain, maps = Layers(), (torch.randn(2, 8, 16, 24), torch.randn(2, 8, 32, 48))
    exact, compiled = deepcopy(plain).double(), deepcopy(plain)
    compiled.compile(dynamic=False, fullgraph=True)
    (said, *gradients), *others = (spoken(layers, maps) for layers in (exact, plain, compiled))
    assert counters["stats"]["unique_graphs"] == 1
    for one, *found in others:
        torch.testing.assert_close(one.double(), said, rtol=1e-5, atol=1e-6)
        apart = [(ours - theirs).norm() for ours, theirs in zip(found, gradients, strict=True)]
        assert torch.stack(apart).norm() < ROUNDING * get_total_norm(gradients)
    for tracked, wanted in zip(compiled.buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(tracked.to(wanted.dtype), wanted, rtol=1e-5, atol=1e-6)


def spoken(layers: Layers, maps: tuple[Tensor, Tensor]) -> list[Tensor]:
    """What layers say, and the gradients of its squares."""
    said = layers(*(given.to(layers.conv.weight.dtype) for given in maps))
    return [said.detach(), *torch.autograd.grad(said.square().sum(), list(layers.parameters()))]
