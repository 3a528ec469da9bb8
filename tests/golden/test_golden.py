"""The figures of 2019, reproduced."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch

from check import check_case, main
from figures import LAST, Case, case_figures
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.method.networks import DepthDecoder, PoseCNN, PoseDecoder, ResnetEncoder
from scene import DRIVE
from tolerances import BF16, FLOAT32, FLOAT64, REFERENCE

HERE = Path(__file__).parent


def read(name: str) -> dict:
    return json.loads((HERE / name).read_text())


CASES, CASES_64 = read("losses.json"), read("losses64.json")
# those of the networks of "mono" one after the other, as what networks have said is kept for the next case
ALIKE = ("mono", "v1_multiscale", "avg_reprojection", "no_automask", "no_ssim")
IN_TURN = (*ALIKE, *(name for name in CASES_64 if name not in ALIKE))


QUICK = ("mono", "stereo", "posecnn")  # one camera, two cameras, the other pose network
MORE = pytest.mark.slow(reason="eight more cases in float64, of large networks")
ROUNDED = ("mono", "stereo", "shared_encoder", "posecnn_all_frames")  # those with the largest rounding


@dataclass(frozen=True)
class Computed:
    """Our figures of a case in `losses.json`, computed when they are first asked for."""

    name: str
    scene: Path

    @cached_property
    def float64(self) -> Case:
        if self.name not in ALIKE:
            LAST.clear()
        # one case shows that it makes no difference to compute activations again
        flags = ["--grad_checkpointing"] if self.name == "posecnn" else []
        return case_figures(CASES[self.name], self.scene, flags, float64=True, share=self.name in ALIKE)

    @cached_property
    def float32(self) -> Case:
        return case_figures(CASES[self.name], self.scene)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    yield
    LAST.clear()


@pytest.fixture(scope="module")
def computed(request: pytest.FixtureRequest, golden_scene: Path) -> Computed:
    return Computed(request.param, golden_scene)


@pytest.mark.usefixtures("small_blocks_given_back")
@pytest.mark.parametrize(
    "computed", [pytest.param(name, marks=() if name in QUICK else MORE) for name in IN_TURN], indirect=True
)
def test_in_float64_all_is_as_in_2019(computed: Computed) -> None:
    """The proof that this program computes what that of 2019 did: no processor's rounding is in it."""
    case = CASES_64[computed.name]
    assert check_case(computed.name, case, case, computed.float64, FLOAT64) <= 1


@pytest.mark.parametrize("computed", ROUNDED, indirect=True)
@pytest.mark.slow(reason="float32 once more, beside float64")
def test_float32_differs_by_its_rounding(computed: Computed) -> None:
    assert check_case(computed.name, CASES[computed.name], computed.float64, computed.float32, FLOAT32) <= 1


@pytest.mark.parametrize("computed", ROUNDED, indirect=True)
@pytest.mark.slow(reason="float32 once more, beside float64")
def test_float32_is_as_in_2019(computed: Computed) -> None:
    case = CASES[computed.name]
    assert check_case(computed.name, case, case, computed.float32, REFERENCE) <= 1


@pytest.mark.parametrize("computed", ["posecnn_all_frames"], indirect=True)
@pytest.mark.slow(reason="float32 once more, beside float64")
def test_bf16_differs_by_its_rounding(computed: Computed) -> None:
    case = CASES[computed.name]
    found = case_figures(case, computed.scene, ["--precision", "bf16"])
    assert check_case(computed.name, case, computed.float64, found, BF16) <= 1


@pytest.mark.parametrize("name", read("evaluation.json"))
def test_evaluation(name: str, golden_scene: Path) -> None:
    case = read("evaluation.json")[name]
    assert check_case(name, case, case, case_figures(case, golden_scene), REFERENCE) <= 1


@pytest.mark.parametrize("named", [False, True])
def test_check_takes_odometry_with_and_without_names(
    named: bool, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    case = read("odometry.json")
    (tmp_path / "good.json").write_text(json.dumps({"drive": case} if named else case))
    case["ate_mean"] *= 1 + 1e-8
    (tmp_path / "wrong.json").write_text(json.dumps({"drive": case} if named else case))
    assert main([str(tmp_path / "good.json")]) == 0
    assert f"ok   {'drive' if named else 'good'}" in capsys.readouterr().out
    assert main([str(tmp_path / name) for name in ("good.json", "wrong.json")]) == 1
    assert f"FAIL {'drive' if named else 'wrong'}" in capsys.readouterr().out


@pytest.mark.slow(reason="starts the script")
def test_check_runs_as_a_script() -> None:
    command = [sys.executable, str(HERE / "check.py"), str(HERE / "odometry.json")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "all within tolerance" in run.stdout


def test_check_compares_with_the_file_or_with_our_own_float64(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    flags = ["--height", "64", "--width", "96", "--frame_ids", "0", "--use_stereo"]
    case = {**CASES["stereo"], "flags": flags, "frames": 1, "lines": [f"{DRIVE} 0 l"]}  # with figures of another
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"small": case}))
    assert main([str(file), "--against-float64"]) == 0
    assert main([str(file), "--float64"]) == 1
    assert "FAIL small" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [(["--float64", "--compile"], "goes without"), (["--against-float64"], "float32 alone")],
)
def test_check_refuses_what_it_cannot_compare(flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main([str(HERE / "evaluation.json"), *flags])


@pytest.mark.parametrize(
    ("path", "factor"),
    [
        (("eval", "loss"), 1 + 2e-9),
        (("eval", "loss"), math.nan),
        (("eval", "poses", "1", 2, 3), 1 + 2e-9),
        (("train", "loss/3"), 1 + 2e-9),
        (("grad_norm", "depth"), 1 + 2e-9),
        (("automask_fraction", "0"), 1 + 2e-7),
        (("depth_metrics", "da/a1"), 1 + 2e-7),
    ],
)
def test_a_wrong_figure_is_noticed(path: tuple, factor: float, capsys: pytest.CaptureFixture) -> None:
    case = CASES_64["mono"]
    found = deepcopy(case)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] *= factor
    assert check_case("wrong", case, case, case, FLOAT64) == 0
    assert check_case("wrong", case, case, found, FLOAT64) > 1
    assert "/".join(map(str, path)) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["plain", "mirrored"])
def test_sample(name: str, golden_scene: Path) -> None:
    facts = read("dataset.json")[name]
    frames = (0, -1, 1, "s")
    line = SplitLine.parse(facts["line"])
    levels = dict.fromkeys(frames, (0, 1, 2, 3))
    here = SampleFrames(KittiRaw(golden_scene, ".png"), frames)
    data_set = MonoDataset(here, [line], levels, (facts["width"], facts["height"]))
    sample = data_set.sample(0, mirrored=facts["mirrored"])
    for frame in frames:
        for level, picture in sample.color[frame].items():
            expected = facts["color"][f"{frame}/{level}"]
            assert list(picture.permute(2, 0, 1).shape) == expected["shape"]
            assert picture[2, 3:6].T.tolist() == expected["pixels_255"]
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
