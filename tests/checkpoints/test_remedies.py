"""What a message advises, the script that prints it can be told."""

import re
from pathlib import Path

import pytest
import torch

from monodepth2.checkpoints.networks import ITS_FLAGS, WITHOUT_IT, load_networks
from monodepth2.config import ExportOptions, Options, PredictOptions
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.odometry.network import load_motion_network
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.runtime.processes import Processes
from monodepth2.training.beginning import Beginning
from monodepth2.training.run_checkpoints import ResumePoint
from options import build_parser
from trees import changed_weights, write_checkpoint

SMALL = Options(height=64, width=96, weights_init="scratch")
CPU = torch.device("cpu")


def flags_of(text: str) -> set[str]:
    return set(re.findall(r"--\w+", text))


def test_tools_advise_no_flag_of_training(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights_0")
    misfitting = {"encoder.layer1.0.conv1.weight": torch.zeros(1)}
    changed_weights(folder, lambda state: state | misfitting, "pose_encoder.pth")
    with pytest.raises(UserError, match="do not fit the network") as misfit:
        load_motion_network(folder, CPU)
    (folder / "depth.pth").unlink()
    with pytest.raises(UserError, match=r"depth\.pth: no such file; name the folder") as missing:
        DepthPredictor.from_checkpoint(folder, CPU)
    for options in (ExportOptions, PredictOptions):
        known = flags_of(build_parser(options).format_help())
        assert flags_of(str(misfit.value)) | flags_of(str(missing.value)) <= known


def test_training_advises_its_own_flags(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights_0")
    (folder / "depth.pth").unlink()
    model = MonodepthModel(SMALL)
    with pytest.raises(UserError, match=r"depth\.pth: no such file; .*--models_to_load") as missing:
        load_networks(model, folder, ("depth",), missing=WITHOUT_IT, misfit=ITS_FLAGS)
    with pytest.raises(UserError, match=r"depth\.pth: no such file") as resumed:
        Beginning.of_checkpoint(SMALL, Processes(), CPU, [], ResumePoint(folder, 0, ()))
    assert "--models_to_load" not in str(resumed.value), "which going on does not read"
    known = flags_of(build_parser(Options).format_help())
    assert flags_of(str(missing.value)) | flags_of(ITS_FLAGS) <= known
