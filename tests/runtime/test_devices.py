from dataclasses import replace

import pytest
import torch

from batches import batch
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.method.losses import Objective
from monodepth2.method.model import MonodepthModel
from monodepth2.method.view_synthesis import ViewSynthesis
from monodepth2.runtime.devices import pick_device
from recipe import fill

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_cpu_can_always_be_asked_for() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device(no_cuda=True).type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_absent_device_is_refused() -> None:
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UserError, match=f"--device {name}: this PyTorch sees no such device"):
            pick_device(name)


@needs_cuda
@pytest.mark.gpu
@pytest.mark.parametrize("variant", [{}, {"use_stereo": True}, {"pose_model_type": "posecnn", "v1_multiscale": True}])
def test_a_step_on_the_gpu_equals_one_on_the_cpu(variant: dict) -> None:
    options = Options(height=64, width=96, **variant)
    given = batch(sources=options.source_ids, height=64, width=96)
    found = {}
    for name in ("cpu", "cuda"):
        device = torch.device(name)
        model = MonodepthModel(options).to(device)
        for child, network in model.networks.items():
            fill(child, network)
        prepared = given.prepared(device)
        predictions = model(prepared)
        objective = replace(Objective.from_options(options), tie_break=False)
        losses = objective(prepared, predictions, ViewSynthesis.from_options(options)(prepared, predictions))
        losses.total.backward()
        found[name] = (losses.total.item(), model.depth.decoder[0].conv.conv.weight.grad.norm().item())
    assert found["cuda"][0] == pytest.approx(found["cpu"][0], rel=1e-3)
    assert found["cuda"][1] == pytest.approx(found["cpu"][1], rel=3e-2)
