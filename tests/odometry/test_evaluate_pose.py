import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from figures import recipe_model
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.poses import read_poses
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import chained, from_first, steps, write_poses
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.view_synthesis import ViewSynthesis
from monodepth2.odometry.evaluation import evaluate_odometry
from monodepth2.odometry.metrics import odometry_figures
from monodepth2.odometry.plots import draw_trajectory
from monodepth2.odometry.run import run as score_and_write
from places import ROOT
from scripts import HANGS
from trajectory import trajectory
from trees import changed_weights, write_checkpoint

FRAMES = 18  # 17 steps, one more than a batch
TRAINED = Options(height=64, width=96)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An odometry tree: a texture that moves, and a true path of 10 m per frame; never write into it."""
    root = tmp_path_factory.mktemp("odometry")
    pictures = root / "sequences/03/image_2"
    pictures.mkdir(parents=True)
    (root / "poses").mkdir()
    texture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 30, 3), np.uint8)).resize((320, 80))
    for frame in range(FRAMES):
        texture.crop((5 * frame, frame // 3, 5 * frame + 128, frame // 3 + 64)).save(pictures / f"{frame:06d}.png")
    poses, _ = trajectory(seed=4, frames=FRAMES)
    poses[:, :3, 3] *= 12
    write_poses(root / "poses/03.txt", poses)
    return root


@pytest.fixture
def split(tmp_path: Path) -> Path:
    return list_frames(tmp_path / "split", [f"3 {frame} l" for frame in range(FRAMES - 1)])


def list_frames(folder: Path, lines: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "test_files.txt").write_text("\n".join(lines))
    return folder


def save(folder: Path, model: MonodepthModel, options: Options) -> Path:
    save_checkpoint(folder, model, torch.optim.Adam(model.parameters()), options)
    return folder


@pytest.fixture(scope="module")
def weights(checkpoint) -> Path:
    """A mono checkpoint of the default kind; never write into it."""
    return checkpoint(pose_model_type="separate_resnet")


@pytest.fixture
def options(drive: Path, split: Path) -> Options:
    return Options(data_path=drive, png=True, eval_split=str(split), no_cuda=True, num_workers=0)


@pytest.mark.slow(reason="starts the script")
def test_the_script_writes_poses_figures_and_a_plot(options: Options, checkpoint, tmp_path: Path) -> None:
    """In a process of its own, with backbones of timm."""
    weights = checkpoint(
        encoder="resnet10t", pose_encoder="test_resnet", decoder="small", pose_model_type="separate_resnet"
    )
    out = tmp_path / "out/of/it"
    flags = ["--load_weights_folder", str(weights), "--eval_out_dir", str(out), "--num_workers", "2"]
    words = flags_of(options, *flags, "--output_json", str(tmp_path / "figures.json"))
    command = [sys.executable, str(ROOT / "evaluate_pose.py"), *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=HANGS)
    assert run.returncode == 0, run.stderr
    result = evaluate_odometry(replace(options, load_weights_folder=weights))
    poses = read_poses(out / "03.txt")
    np.testing.assert_allclose(poses, result.predicted, atol=1e-6)
    np.testing.assert_array_equal(poses[0], np.eye(4))
    with Image.open(out / "03.png") as plot:
        assert plot.size[0] > 1000
        assert len(plot.convert("RGB").getcolors(1 << 24) or ()) > 50
    assert result.text() in run.stdout
    assert re.search(r" 100 m +\d +\d+\.\d{3} +\d+\.\d{3}\n", run.stdout)
    assert re.search(r" 800 m +0 +n/a +n/a\n", run.stdout)
    values = json.loads((tmp_path / "figures.json").read_text())
    truth = from_first(read_poses(options.data_path / "poses/03.txt"))
    figures = odometry_figures(truth, result.predicted, metric=False)
    assert len(values["snippet_ate"]["errors_m"]) == FRAMES - 1
    assert values["snippet_ate"]["mean_m"] == pytest.approx(figures.snippets.mean(), rel=1e-4)
    assert values["ate"]["sim3"]["rmse_m"] == pytest.approx(figures.ate_sim3, rel=1e-4)
    assert values["ate"]["se3"] is None
    assert values["kitti"]["scaled_by"] == values["ate"]["sim3"]["scale"]
    assert values["kitti"]["t_err_percent"] == pytest.approx((figures.segments.means() or (0,))[0], rel=1e-4)
    assert values["kitti"]["per_length"][0]["number"] == figures.segments.count(100) > 0
    assert values["kitti"]["per_length"][-1] == {
        "length_m": 800, "number": 0, "t_err_percent": None, "r_err_deg_per_100m": None
    }  # fmt: skip


@pytest.mark.parametrize("pose_model_input", ["pairs", "all"])
@pytest.mark.parametrize("pose_model_type", ["separate_resnet", "shared", "posecnn"])
def test_motions_are_those_that_training_warps_with(
    pose_model_type: str, pose_model_input: str, options: Options, split: Path, tmp_path: Path
) -> None:
    pairs = pose_model_input == "pairs"
    trained = replace(
        TRAINED,
        pose_model_type=pose_model_type,
        pose_model_input=pose_model_input,
        frame_ids=(0, 1) if pairs else (0, -1, 1),
        dataset="kitti_odom",
        split=str(split),
        data_path=options.data_path,
        png=True,
    )
    model = recipe_model(trained, 0).eval()
    result = evaluate_odometry(replace(options, load_weights_folder=save(tmp_path / "weights", model, trained)))
    shutil.rmtree(tmp_path / "weights")
    assert result.network == f"{pose_model_type} on {'pairs' if pairs else 'frames 0 -1 1'}"
    targets = range(0 if pairs else 1, FRAMES - 1)
    forward, backward = training_transforms(trained, model, targets)
    expected = forward if pairs else np.concatenate([np.linalg.inv(backward[:1]), forward])
    np.testing.assert_allclose(steps(result.predicted), expected, atol=3e-6)
    np.testing.assert_allclose(result.predicted, chained(expected), atol=1e-4)


@torch.no_grad()
def training_transforms(options: Options, model: MonodepthModel, targets: range) -> tuple[np.ndarray, np.ndarray]:
    """`source_T_target` of the training step for the frames after and before the targets."""
    data_set = MonoDataset.from_options(options, [SplitLine("3", frame, "l") for frame in targets], augment=False)
    batch = stack([data_set.sample(index) for index in range(len(targets))]).prepared(torch.device("cpu"))
    source_T_target = ViewSynthesis.from_options(options)(batch, model(batch)).source_T_target[0]
    return source_T_target[1].double().numpy(), source_T_target.get(-1, source_T_target[1]).double().numpy()


def test_a_stereo_network_claims_metres(options: Options, weights: Path, tmp_path: Path) -> None:
    stereo = Path(shutil.copytree(weights, tmp_path / "stereo"))
    changed_weights(stereo, lambda state: {**state, "use_stereo": True})
    mono = evaluate_odometry(replace(options, load_weights_folder=weights))
    metric = evaluate_odometry(replace(options, load_weights_folder=stereo))
    shutil.rmtree(stereo)
    assert metric.metric
    assert not mono.metric
    np.testing.assert_allclose(metric.predicted[:, :3, 3], 5.4 * mono.predicted[:, :3, 3], rtol=1e-12)
    assert metric.figures
    assert mono.figures
    assert metric.figures.ate == metric.figures.ate_se3 > metric.figures.ate_sim3
    assert metric.figures.ate_sim3 == pytest.approx(mono.figures.ate_sim3)
    assert mono.figures.sim3.scale == pytest.approx(5.4 * metric.figures.sim3.scale)
    assert metric.figures.segments.means() != mono.figures.segments.means()
    assert json.loads(metric.to_json())["ate"]["se3"]["rmse_m"] == metric.figures.ate_se3
    assert "after SE(3)" in metric.text()
    assert "after SE(3)" not in mono.text()
    assert "after Sim(3), which takes it from the truth" in mono.text()
    forced = evaluate_odometry(replace(options, load_weights_folder=weights, eval_stereo=True))
    np.testing.assert_array_equal(forced.predicted, metric.predicted)
    assert "no scale, 5.4 is arbitrary" in forced.text()
    narrow = evaluate_odometry(replace(options, load_weights_folder=weights, eval_stereo=True, baseline=0.3))
    assert narrow.factor == pytest.approx(3)
    assert "no scale, 3 is arbitrary" in narrow.text()


def test_a_part_of_a_drive_starts_at_its_own_first_pose(options: Options, weights: Path, tmp_path: Path) -> None:
    part = list_frames(tmp_path / "part", ["03 14 l", "03 15 l", "03 16 l"])
    options = replace(options, load_weights_folder=weights)
    whole, found = evaluate_odometry(options), evaluate_odometry(replace(options, eval_split=str(part)))
    np.testing.assert_allclose(steps(found.predicted), steps(whole.predicted)[14:], atol=1e-6)
    assert whole.truth is not None
    assert found.truth is not None
    np.testing.assert_allclose(found.truth, from_first(whole.truth[14:]), atol=1e-6)
    assert "m holds no segment of 100 m" in found.text()
    assert "t_err %" not in found.text()
    assert "t_err %" in whole.text()


def test_without_the_truth_poses_are_predicted_all_the_same(options: Options, weights: Path, tmp_path: Path) -> None:
    data_path = Path(shutil.copytree(options.data_path, tmp_path / "untold"))
    shutil.rmtree(data_path / "poses")
    asked = replace(options, data_path=data_path, load_weights_folder=weights)
    with pytest.raises(UserError, match=r"poses/03\.txt: no such file"):
        evaluate_odometry(asked)
    result = evaluate_odometry(replace(asked, no_eval=True, eval_out_dir=tmp_path))
    assert len(result.predicted) == FRAMES
    assert "ATE" not in result.text()
    assert "ate" not in json.loads(result.to_json())
    draw_trajectory(tmp_path / "plot.png", result)
    with Image.open(tmp_path / "plot.png") as plot:
        assert plot.size[0] > 500


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["3 0 l", "3 2 l"], "line 2: '3 2 l' does not follow '3 0 l'"),
        (["3 1 l", "3 0 l"], "line 2: '3 0 l' does not follow '3 1 l'"),
        (["3 0 l", "4 1 l"], "line 2: '4 1 l' is of another drive"),
        (["3 0 l", "3 1 r"], "line 2: '3 1 r' is of the other camera"),
        (["2011_09_26/drive 0 l"], "pictures in missing folders"),
        (["3 16 l", "3 17 l"], r"neighbour frames \+1 missing .*000018\.png"),
        (["4 0 l"], "pictures in missing folders"),
    ],
)
def test_splits_that_are_no_drive_are_refused(
    lines: list[str], message: str, options: Options, weights: Path, tmp_path: Path
) -> None:
    asked = replace(options, load_weights_folder=weights, eval_split=str(list_frames(tmp_path / "bad", lines)))
    with pytest.raises(UserError, match=message):
        evaluate_odometry(asked)


def test_other_mistakes_are_named(options: Options, weights: Path, tmp_path: Path, monkeypatch) -> None:
    asked = replace(options, load_weights_folder=weights)
    mistakes = {
        "--load_weights_folder is missing": replace(asked, load_weights_folder=None),
        r"--eval_split eigen, line 2: .* use odom_<number>": replace(asked, eval_split="eigen"),
        r"--no_eval leaves nothing to do": replace(asked, no_eval=True),
        r"either --eval_mono .* or --eval_stereo": replace(asked, eval_mono=True, eval_stereo=True),
        r"--data_path .*nowhere: no such folder": replace(asked, data_path=tmp_path / "nowhere"),
        r"no such folder": replace(asked, load_weights_folder=tmp_path / "nowhere"),
    }
    for message, wrong in mistakes.items():
        with pytest.raises(UserError, match=message):
            evaluate_odometry(wrong)
    far = write_checkpoint(tmp_path / "models/weights_0", pose_model_type="posecnn", pose_model_input="all")
    gaps = replace(TRAINED, pose_model_type="posecnn", pose_model_input="all", frame_gap=(2, 3))
    (tmp_path / "models/opt.json").write_text(gaps.to_json())
    with pytest.raises(UserError, match="on frames 0 -2 2 and knows no motion between neighbours"):
        evaluate_odometry(replace(asked, load_weights_folder=far))
    data_path = Path(shutil.copytree(options.data_path, tmp_path / "short"))
    poses = data_path / "poses/03.txt"
    poses.write_text("".join(poses.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match=r"poses/03\.txt holds 17 poses, the split needs 18 \(up to frame 17\)"):
        evaluate_odometry(replace(asked, data_path=data_path))
    shutil.copy(options.data_path / "poses/03.txt", poses)
    (data_path / "sequences/03/image_2/000009.png").write_bytes(b"no picture")
    monkeypatch.setattr("monodepth2.config.options.available_cores", lambda: 2)  # no more threads than cores
    for workers in (1, 2):
        with pytest.raises(UserError, match=r"000009\.png: is not a JPEG, PNG, .* picture"):
            evaluate_odometry(replace(asked, data_path=data_path, num_workers=workers))


def test_weights_that_give_no_numbers_are_refused(options: Options, weights: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(weights, tmp_path / "broken"))
    changed_weights(broken, lambda state: {key: torch.full_like(w, torch.nan) for key, w in state.items()}, "pose.pth")
    with pytest.raises(UserError, match="broken: its predictions are not finite"):
        evaluate_odometry(replace(options, load_weights_folder=broken))
    shutil.rmtree(broken)


def test_outputs_that_cannot_be_written_are_found_before_the_work(options: Options, weights: Path) -> None:
    asked = replace(options, load_weights_folder=weights)
    with pytest.raises(UserError, match=r"--output_json no/such/folder\.json: cannot be written"):
        score_and_write(replace(asked, output_json=Path("no/such/folder.json")))
    with pytest.raises(UserError, match="holds the true poses"):
        score_and_write(replace(asked, eval_out_dir=options.data_path / "poses"))


def flags_of(options: Options, *more: str) -> list[str]:
    where = ["--eval_split", options.eval_split, "--data_path", str(options.data_path), "--png"]
    return [*where, "--no_cuda", "--num_workers", "0", *more]
