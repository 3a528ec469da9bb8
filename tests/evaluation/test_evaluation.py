import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monodepth2.config import Options
from monodepth2.datasets.layouts import KittiRaw
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.evaluation import evaluate, predict_split, protocol_of
from monodepth2.evaluation.metrics import Protocol, evaluate_depth_map, mean_metrics
from monodepth2.evaluation.regions import Region
from monodepth2.evaluation.report import json_report, text_report
from scene import DATE, DRIVE
from scripts import HANGS, in_process

ROOT = Path(__file__).parents[2]
LINES = [f"{DRIVE} {frame} l" for frame in (2, 3, 5)]


@pytest.fixture(scope="module")
def weights(checkpoint) -> Path:
    return checkpoint()


@pytest.fixture
def options(weights: Path, small_scene: Path, tmp_path: Path) -> Options:
    split = tmp_path / "split"
    split.mkdir()
    (split / "test_files.txt").write_text("\n".join(LINES))
    return Options(
        data_path=small_scene,
        png=True,
        load_weights_folder=weights,
        eval_split=str(split),
        eval_mono=True,
        no_cuda=True,
        num_workers=0,
    )


def test_figures_are_those_of_the_predictions_one_by_one(options: Options) -> None:
    result = evaluate(options)
    layout = KittiRaw(options.data_path, ".png")
    truth = [layout.depth(SplitLine.parse(line), forward=True) for line in LINES]
    pairs = zip(predict_split(options), truth, strict=True)
    assert list(result.scores) == [evaluate_depth_map(disp, gt, Protocol()) for disp, gt in pairs]
    assert [str(line) for line in result.lines] == LINES
    assert result.mean == mean_metrics([score.metrics for score in result.scores])
    ratios = np.array([score.ratio for score in result.scores])
    assert result.ratio_statistics == pytest.approx((np.median(ratios), np.std(ratios) / np.median(ratios)))


def test_workers_change_nothing(options: Options) -> None:
    assert evaluate(replace(options, num_workers=2)) == evaluate(options)


def test_stored_ground_truth_wins_over_the_scans(options: Options) -> None:
    layout = KittiRaw(options.data_path, ".png")
    maps = np.stack([layout.depth(SplitLine.parse(line), forward=True) for line in LINES])
    from_scans = evaluate(options)
    np.savez_compressed(Path(options.eval_split) / "gt_depths.npz", data=maps)
    assert evaluate(options).scores == from_scans.scores
    maps[1] = 0
    np.savez_compressed(Path(options.eval_split) / "gt_depths.npz", data=maps)
    result = evaluate(options)
    assert [str(line) for line in result.skipped] == [LINES[1]]
    assert result.scores == (from_scans.scores[0], from_scans.scores[2])
    assert "1 image skipped" in text_report([result])
    np.savez_compressed(Path(options.eval_split) / "gt_depths.npz", data=0 * maps)
    with pytest.raises(UserError, match="none of the 3 images"):
        evaluate(options)


def test_json_holds_mean_and_every_image(options: Options) -> None:
    result = evaluate(options)
    values = json.loads(json_report([result]))
    assert values["mean"] == result.mean._asdict()
    assert [image["line"] for image in values["images"]] == LINES
    assert values["images"][2]["rmse"] == result.scores[2].metrics.rmse
    assert values["images"][2]["ratio"] == result.scores[2].ratio
    assert values["ratios"]["median"] == result.ratio_statistics[0]
    assert values["protocol"] == {
        "crop": "garg", "cap": [0.001, 80], "clamped_to": [0.001, 80], "factor": 1, "align": "median", "metrics": []
    }  # fmt: skip


def test_the_report_names_the_worst_images(options: Options) -> None:
    result = evaluate(options)
    worst = max(zip(result.scores, result.lines, strict=True), key=lambda pair: pair[0].metrics.abs_rel)[1]
    lines = text_report([result]).splitlines()
    assert lines[lines.index("worst images by abs_rel:") + 1].endswith(str(worst))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"eval_mono": True}, Protocol(factor=1, align="median")),
        ({"eval_stereo": True}, Protocol(factor=5.4, align="none")),
        (
            {"eval_mono": True, "disable_median_scaling": True, "pred_depth_scale_factor": 3.0},
            Protocol(factor=3, align="none"),
        ),
        (
            {"eval_mono": True, "eval_split": "eigen_benchmark"},
            Protocol(Region("none", None), factor=1, align="median"),
        ),
    ],
)
def test_protocols(flags: dict, expected: Protocol) -> None:
    assert protocol_of(Options(**flags)) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, "either --eval_mono"),
        ({"eval_mono": True, "eval_stereo": True}, "either --eval_mono"),
        ({"eval_mono": True, "eval_split": "odom_9"}, "no ground truth of depth"),
        ({"eval_mono": True}, "--load_weights_folder is missing"),
        ({"eval_mono": True, "no_eval": True}, "ask for no figures"),
        ({"eval_mono": True, "eval_split": "benchmark"}, "ask for no figures"),
        ({"eval_mono": True, "eval_split": ".", "eval_eigen_to_benchmark": True}, "drop one of them"),
    ],
)
def test_contradictions_are_refused(flags: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        evaluate(Options(**flags))


def test_split_of_the_improved_ground_truth_is_not_scored_on_scans(options: Options) -> None:
    with pytest.raises(UserError, match="--dataset kitti_depth"):
        evaluate(replace(options, eval_split="eigen_benchmark"))


def test_everything_missing_is_reported_at_once(options: Options, small_copy: Path) -> None:
    (small_copy / DRIVE / "image_02/data/0000000003.png").unlink()
    (small_copy / DATE / "calib_cam_to_cam.txt").write_text("nothing")
    with pytest.raises(UserError) as caught:
        evaluate(replace(options, data_path=small_copy))
    text = str(caught.value)
    assert "0000000003.png" in text
    assert "calib_cam_to_cam.txt" in text


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("name", ["image_02/data/0000000003.png", "velodyne_points/data/0000000003.bin"])
def test_a_damaged_file_is_named_in_one_line(name: str, workers: int, options: Options, small_copy: Path) -> None:
    path = small_copy / DRIVE / name
    path.write_bytes(path.read_bytes()[:1001])
    with pytest.raises(UserError) as caught:
        evaluate(replace(options, data_path=small_copy, num_workers=workers))
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def flags_of(options: Options, *more: str) -> list[str]:
    where = ["--data_path", str(options.data_path), "--png", "--eval_split", options.eval_split]
    what = ["--load_weights_folder", str(options.load_weights_folder)]
    return [*where, *what, "--no_cuda", "--num_workers", "0", *more]


@pytest.mark.slow(reason="starts the script")
def test_the_script_prints_and_writes_figures(options: Options, tmp_path: Path) -> None:
    """In a process of its own."""
    more = flags_of(options, "--eval_stereo", "--post_process", "--output_json", str(tmp_path / "figures.json"))
    command = [sys.executable, str(ROOT / "evaluate_depth.py"), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    expected = evaluate(replace(options, eval_mono=False, eval_stereo=True, post_process=True))
    values = json.loads((tmp_path / "figures.json").read_text())
    assert values["mean"] == pytest.approx(expected.mean._asdict(), rel=1e-4)
    assert values["ratios"] is None
    assert f"{expected.mean.abs_rel:.3f}" in done.stdout


def test_the_script_ends_with_one_line_on_a_mistake(options: Options, tmp_path: Path) -> None:
    for flags, message in (
        (("--eval_mono", "--output_json", str(tmp_path / "gone/figures.json")), "--output_json"),
        (("--eval_mono", "--load_weights_folder", str(tmp_path / "gone")), "no such folder"),
    ):
        done = in_process("evaluate_depth", *flags_of(options, *flags))
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_given_factor_wins_over_the_rigs() -> None:
    assert protocol_of(Options(eval_stereo=True, pred_depth_scale_factor=2.0)).factor == 2


def test_a_folder_named_after_the_improved_truth_is_scored_like_it(tmp_path: Path) -> None:
    (tmp_path / "eigen_benchmark").mkdir()
    for folder, crop in ((tmp_path / "eigen_benchmark", "none"), (tmp_path, "garg")):
        assert protocol_of(Options(eval_mono=True, eval_split=str(folder))).region.crop == crop


def test_ground_truth_is_that_of_the_lines_own_camera(small_scene: Path) -> None:
    layout = KittiRaw(small_scene, ".png")
    left, right = (layout.depth(SplitLine(DRIVE, 3, side), forward=True) for side in "lr")
    assert not np.array_equal(left, right)
    known = layout.depth(SplitLine(DRIVE, 3, "r")) > 0
    np.testing.assert_array_equal(right > 0, known)
