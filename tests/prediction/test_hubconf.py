"""`torch.hub.load`: what `hubconf.py` at the root offers."""

from pathlib import Path

import torch

import hubconf
from monodepth2.prediction.predictor import DepthPredictor
from places import ROOT


def test_nothing_else_is_offered() -> None:
    offered = [name for name, value in vars(hubconf).items() if callable(value) and not name.startswith("_")]
    assert offered == ["monodepth2"]


def test_torch_hub_loads_a_model(checkpoint) -> None:
    weights: Path = checkpoint()
    predictor = torch.hub.load(str(ROOT), "monodepth2", str(weights), device="cpu", source="local")
    pictures = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    expected = DepthPredictor.from_checkpoint(weights, "cpu").disparities(pictures)
    assert torch.equal(predictor.disparities(pictures), expected)
