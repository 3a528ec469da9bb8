import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from monodepth2.config import Options
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import Protocol, evaluate_depth_map, mean_metrics
from monodepth2.evaluation.protocol import protocol_of
from monodepth2.evaluation.regions import Region
from monodepth2.evaluation.report import json_report, text_report
from monodepth2.evaluation.scoring import evaluate, evaluate_all
from monodepth2.evaluation.sinks import DisparityFile, PictureFolder
from monodepth2.files.fit import STRETCH
from monodepth2.files.output_paths import whole_file
from places import ROOT
from predictions import disparities
from scene import DATE, DRIVE
from scripts import HANGS

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


def _pictures(options: Options) -> list[Path]:
    layout = KittiRaw(options.data_path, ".png")
    return [layout.picture_path(SplitLine.parse(line)) for line in LINES]


def test_figures_are_those_of_the_predictions_one_by_one(options: Options, weights: Path) -> None:
    result = evaluate(options)
    layout = KittiRaw(options.data_path, ".png")
    truth = [layout.depth(SplitLine.parse(line), forward=True) for line in LINES]
    pairs = zip(disparities(weights, _pictures(options)), truth, strict=True)
    assert list(result.scores) == [evaluate_depth_map(disp, gt, Protocol()) for disp, gt in pairs]
    assert [str(line) for line in result.lines] == LINES
    assert result.mean == mean_metrics([score.metrics for score in result.scores])
    ratios = np.array([score.ratio for score in result.scores])
    assert result.ratio_statistics == pytest.approx((np.median(ratios), np.std(ratios) / np.median(ratios)))


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no more threads than cores."""
    monkeypatch.setattr("monodepth2.config.options.available_cores", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_workers_change_nothing(options: Options) -> None:
    one, two = (replace(options, num_workers=workers) for workers in (1, 2))
    assert (one.threads, two.threads) == (1, 2)
    assert evaluate(two) == evaluate(one)


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


def test_a_folder_named_eigen_is_not_the_eigen_list(options: Options, tmp_path: Path) -> None:
    (mine := tmp_path / "eigen").mkdir()
    (mine / "test_files.txt").write_text("".join(f"{line}\n" for line in LINES))
    with pytest.raises(UserError, match=r"scores the eigen list on eigen_benchmark, not --eval_split .*/eigen: drop"):
        evaluate(replace(options, eval_split=str(mine), eval_eigen_to_benchmark=True))


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


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("workers", [1, 2])
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


def test_metres_of_a_rig_are_a_networks_own(options: Options, checkpoint) -> None:
    own = replace(options, eval_mono=False, align="none")
    taught = evaluate(replace(own, load_weights_folder=checkpoint(use_stereo=True)))
    assert taught.protocol.factor == 5.4
    assert not taught.notes
    alone = evaluate(own)
    assert alone.protocol.factor == 1
    assert "does not know metres" in alone.notes[0]


def test_one_checkpoint_is_scored_by_the_rules_of_several(options: Options) -> None:
    """A factor that is given counts at its default, too."""
    values = {item.name: getattr(options, item.name) for item in fields(options)}
    scaled = {"eval_mono": False, "eval_stereo": True, "pred_depth_scale_factor": 1.0}
    given = Options.stated({name: one for name, one in values.items() if options.is_given(name)} | scaled)
    (found,) = evaluate_all(given).results
    assert evaluate(given).protocol == found.protocol
    assert found.protocol.factor == 1


def test_checkpoints_are_compared_on_what_all_have_scored(options: Options, checkpoint, tmp_path: Path) -> None:
    """One that sees the middle of pictures has no figures of an image whose truth lies at the borders."""
    truth = np.zeros((3, 94, 311), np.float32)
    truth[:2, 60, 150:160] = 9
    truth[2, 60, 20:30] = 9
    for n, line in enumerate(LINES):
        np.save(tmp_path / f"{line.split()[1]}.npy", truth[n])
    crop = checkpoint(fit="crop")
    scored = evaluate_all(replace(options, gt_path=tmp_path, crop="none", compare=(str(crop),)))
    whole, middle = scored.results
    assert len(whole.lines) == len(middle.lines) == 2
    assert "1 image left out, as another checkpoint has no figures of it" in whole.notes
    assert middle.pixels.masked == 10
    assert "difference to" in text_report(scored.results)
    assert not any("pixels" in note for result in scored.results for note in result.notes)
    truth[0, 60, 20:25] = 9  # of an image that both score
    np.save(tmp_path / f"{LINES[0].split()[1]}.npy", truth[0])
    apart = evaluate_all(replace(options, gt_path=tmp_path, crop="none", compare=(str(crop),))).results
    for result, pixels in zip(apart, (25, 20), strict=True):
        assert f"scored on {pixels} pixels, and not on the same ones" in result.notes[-1]
    for name in ("2", "3"):
        (tmp_path / f"{name}.npy").unlink()
    with pytest.raises(UserError, match="10 are masked"):
        evaluate(replace(options, gt_path=tmp_path, crop="none", load_weights_folder=crop))


def test_a_comparison_states_each_factor(options: Options, checkpoint) -> None:
    rig = checkpoint(use_stereo=True, baseline=0.3)
    both = evaluate_all(replace(options, eval_mono=False, eval_stereo=True, compare=(str(rig),))).results
    first, other = (result.name for result in both)
    assert f"depths times: {first} 5.4, {other} 3" in text_report(both)


def test_a_disparity_of_zero_nearly_everywhere_has_no_median(options: Options, tmp_path: Path) -> None:
    disps = np.ones((3, 94, 311), np.float32)
    disps[1, 48:] = 0  # most of the part that is scored, and less than half of the map
    np.save(tmp_path / "disps.npy", disps)
    with pytest.raises(UserError, match=f"'{LINES[1]}': the disparity of half of its scored pixels is 0"):
        evaluate(replace(options, load_weights_folder=None, ext_disp_to_eval=tmp_path / "disps.npy"))


def test_saved_disparities_are_those_of_the_network_and_say_what_they_show(
    options: Options, weights, checkpoint, tmp_path
):
    saved = replace(options, save_pred_disps=True, eval_out_dir=tmp_path / "out", no_eval=True, eval_mono=False)
    said, *_ = evaluate_all(saved).messages
    assert "--fit crop" not in said
    (path,) = (tmp_path / "out").glob("disps_*.npy")
    np.testing.assert_array_equal(np.load(path), disparities(weights, _pictures(options)))
    said, *_ = evaluate_all(replace(saved, load_weights_folder=checkpoint(fit="crop"))).messages
    assert "the part of each picture that the network sees" in said


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """Let no file grow larger, as on a disk that has no more room."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    with whole_file(path) as partial, partial.open("wb") as file:
        yield file


def test_a_full_disk_is_told_and_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    disp = np.random.default_rng(0).random((64, 96), np.float32)
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    refused = pytest.raises(UserError, match=r"first\.npy: .*too large")
    with refused, full_after(300), opened(first) as file, opened(second):
        DisparityFile(first, file, 1, STRETCH).write(0, disp)
    pictures = PictureFolder(tmp_path, [SplitLine("d", 0, "l")])
    with pytest.raises(UserError, match="too large"), full_after(300):
        pictures.write(0, disp)
    assert not list(tmp_path.iterdir())
