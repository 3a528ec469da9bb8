"""Every family of backbones through the whole program: a step of training, a checkpoint, prediction, export."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batches import batch
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import ExportOptions, Options
from monodepth2.method.model import MonodepthModel
from monodepth2.onnx.export import export
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.training.step import TrainingStep

CPU = torch.device("cpu")
FAMILIES = ("convnext_atto", "hrnet_w18_small", "mobilenetv3_small_050", "mobilenetv4_conv_small_035",
            "efficientnet_b0", "regnety_002", "edgenext_xx_small", "resnet10t", "efficientformerv2_s0")  # fmt: skip


@pytest.mark.slow(reason="nine networks are exported")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_trained_saved_predicted_with_and_exported(name: str, tmp_path: Path) -> None:
    options = Options(height=64, width=64, encoder=name, decoder="small", pose_model_type="posecnn", scales=(0, 1),
                      weights_init="scratch")  # fmt: skip
    model = MonodepthModel(options)
    # without biases: those before a batch norm have no gradient
    before = {key: value.clone() for key, value in model.encoder.named_parameters() if value.dim() > 1}
    learn = TrainingStep(model, options, CPU)
    for _ in range(3):  # some begin with branches that say nothing, and pass no gradient on
        assert learn(batch(height=64, width=64)).loss.isfinite()
    after = dict(model.encoder.named_parameters())
    moved = sum(not torch.equal(value, after[key]) for key, value in before.items())
    assert moved > 0.8 * len(before), "the gradient reaches the encoder, but where its branches begin at nothing"
    folder = tmp_path / "weights_0"
    save_checkpoint(folder, model, learn.optimizer, options)
    assert load_depth_network(folder, CPU).encoder.name == name
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    expected = DepthPredictor.from_checkpoint(folder, "cpu").predict(picture).disp
    model.eval()
    with torch.no_grad():
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
        own = model.depth(model.encoder(image))[0][0, 0]
    assert expected == pytest.approx((0.01 + 9.99 * own).numpy(), rel=1e-4)
    path = export(ExportOptions(load_weights_folder=folder, output=tmp_path / "depth.onnx")).path
    assert DepthPredictor.from_checkpoint(path, "cpu").predict(picture).disp == pytest.approx(expected, rel=1e-3)
