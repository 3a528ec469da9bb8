"""The figures of 2019, reproduced."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from check import check_case
from monodepth2.config import Options
from monodepth2.datasets.layouts import KittiRaw
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.networks import DepthDecoder, PoseCNN, PoseDecoder, ResnetEncoder

HERE = Path(__file__).parent


def read(name: str) -> dict:
    return json.loads((HERE / name).read_text())


@pytest.mark.parametrize("name", read("losses.json"))
def test_losses_poses_gradients_and_masks(name: str, golden_scene: Path) -> None:
    assert check_case(name, read("losses.json")[name], golden_scene).share <= 1


def test_compiled_networks_are_as_exact(golden_scene: Path) -> None:
    """The case whose gradients the compiler's own batch norm would miss."""
    case = read("losses.json")["stereo"]
    assert check_case("stereo, compiled", {**case, "flags": [*case["flags"], "--compile"]}, golden_scene).share <= 1


@pytest.mark.parametrize("name", read("evaluation.json"))
def test_evaluation(name: str, golden_scene: Path) -> None:
    assert check_case(name, read("evaluation.json")[name], golden_scene).share <= 1


def test_odometry(tmp_path: Path) -> None:
    assert check_case("odometry", read("odometry.json"), tmp_path).share <= 1


@pytest.mark.parametrize("named", [False, True])
def test_check_takes_odometry_with_and_without_names(named: bool, tmp_path: Path) -> None:
    case = read("odometry.json")
    (tmp_path / "good.json").write_text(json.dumps({"drive": case} if named else case))
    case["ate_mean"] *= 1 + 1e-8
    (tmp_path / "wrong.json").write_text(json.dumps({"drive": case} if named else case))
    command = [sys.executable, str(HERE / "check.py"), str(tmp_path / "good.json")]
    good = subprocess.run(command, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout
    assert f"ok   {'drive' if named else 'good'}" in good.stdout
    wrong = subprocess.run([*command, str(tmp_path / "wrong.json")], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert f"FAIL {'drive' if named else 'wrong'}" in wrong.stdout


@pytest.mark.parametrize("wrong", [1.001, float("nan")])
def test_check_notices_a_wrong_figure(wrong: float, tmp_path: Path) -> None:
    case = read("losses.json")["stereo"]
    case["eval"]["loss"] *= wrong
    (tmp_path / "cases.json").write_text(json.dumps({"wrong": case}))
    command = [sys.executable, str(HERE / "check.py"), str(tmp_path / "cases.json")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "FAIL wrong" in run.stdout
    assert "eval/loss" in run.stdout


@pytest.mark.parametrize("name", ["plain", "mirrored"])
def test_sample(name: str, golden_scene: Path) -> None:
    facts = read("dataset.json")[name]
    frames = (0, -1, 1, "s")
    line = SplitLine.parse(facts["line"])
    levels = dict.fromkeys(frames, (0, 1, 2, 3))
    data_set = MonoDataset(KittiRaw(golden_scene, ".png"), [line], frames, levels, facts["height"], facts["width"])
    sample = data_set.sample(0, mirrored=facts["mirrored"])
    for frame in frames:
        for level, picture in sample.color[frame].items():
            expected = facts["color"][f"{frame}/{level}"]
            assert list(picture.shape) == expected["shape"]
            assert picture[:, 2, 3:6].tolist() == expected["pixels_255"]
            assert picture.double().mean().item() / 255 == pytest.approx(expected["mean"], rel=1e-6)
        assert torch.equal(sample.color_aug[frame], sample.color[frame][0])
    for level, K in sample.K.items():
        np.testing.assert_allclose(K, facts["K"][str(level)], rtol=1e-6)
    np.testing.assert_allclose(sample.stereo_T, facts["stereo_T"], rtol=1e-6)
    depth = data_set.depth(0, facts["mirrored"])
    assert depth is not None
    truth = facts["depth_gt"]
    assert list(depth.shape) == truth["shape"]
    assert int((depth > 0).sum()) == truth["count"]
    assert depth.double().sum().item() == pytest.approx(truth["total"], rel=1e-9)
    column = (depth[0].double().sum(0) * torch.arange(depth.shape[-1])).sum() / depth.double().sum()
    assert column.item() == pytest.approx(truth["column_of_mass"], rel=1e-9)


def test_state_dicts() -> None:
    channels = ResnetEncoder(18).num_ch_enc
    networks = {
        "encoder_18": ResnetEncoder(18),
        "encoder_50": ResnetEncoder(50),
        "depth_18": DepthDecoder(channels),
        "pose_encoder_18": ResnetEncoder(18, num_input_images=2),
        "pose_18_pairs": PoseDecoder(512, num_feature_sets=1, num_motions=2),
        "pose_18_shared": PoseDecoder(512, num_feature_sets=2, num_motions=1),
        "posecnn_pairs": PoseCNN(2),
        "posecnn_all_3": PoseCNN(3),
        "predictive_mask_18_two_sources": DepthDecoder(channels, out_channels=2),
    }
    contract = read("state_dicts.json")
    assert set(networks) == set(contract)
    for name, network in networks.items():
        found = [(key, list(value.shape)) for key, value in network.state_dict().items()]
        assert found == list(contract[name].items()), name


def test_partial_scales_keep_the_order_of_the_heads() -> None:
    decoder = DepthDecoder(ResnetEncoder(18).num_ch_enc, scales=(2, 0))
    assert decoder.state_dict()["decoder.10.conv.weight"].shape[1] == 64
    assert decoder.state_dict()["decoder.11.conv.weight"].shape[1] == 16


def test_defaults_are_those_of_2019() -> None:
    options = Options()
    assert replace(options, frame_ids=(0,), use_stereo=True).loaded_ids == (0, "s")
