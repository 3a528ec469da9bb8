"""Everything `evaluate_depth.py` does besides scoring one checkpoint on one split."""

import json
import re
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

from chromium import chromium, in_browser_test
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import Options
from monodepth2.datasets.kitti_layouts import KittiRaw, KittiTest
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import eigen_to_benchmark_positions
from monodepth2.errors import UserError
from monodepth2.evaluation.bootstrap import mean_interval
from monodepth2.evaluation.page import write_page
from monodepth2.evaluation.report import json_report, text_report
from monodepth2.evaluation.scoring import evaluate, evaluate_all
from monodepth2.method.depth_maps import STEREO_SCALE_FACTOR, resize_bilinear
from predictions import disparities
from scene import DRIVE
from scripts import in_process
from trees import changed_weights, linked, write_benchmark_pictures, write_improved_truth, write_odometry_sequence

LINES = [f"{DRIVE} {frame} l" for frame in (2, 3, 5)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory, checkpoint) -> Path:
    return linked(checkpoint(), tmp_path_factory.mktemp("run_a") / "models/weights_1")


@pytest.fixture(scope="module")
def others(tmp_path_factory, checkpoint) -> dict[str, Path]:
    """Networks of another depth, of fewer scales, and trained with stereo pairs."""
    folder = tmp_path_factory.mktemp("others")
    kinds = {"deep": {"num_layers": 34}, "coarse": {"scales": (2, 1)}, "stereo": {"use_stereo": True, "seed": 1}}
    return {name: linked(checkpoint(**options), folder / name) for name, options in kinds.items()}


@pytest.fixture
def options(weights: Path, small_scene: Path, tmp_path: Path) -> Options:
    (tmp_path / "split").mkdir()
    (tmp_path / "split/test_files.txt").write_text("\n".join(LINES))
    return Options(
        data_path=small_scene,
        png=True,
        load_weights_folder=weights,
        eval_split=str(tmp_path / "split"),
        eval_mono=True,
        no_cuda=True,
        num_workers=0,
    )


def _pictures(options: Options) -> list[Path]:
    layout = KittiRaw(options.data_path, ".png")
    return [layout.picture_path(SplitLine.parse(line)) for line in LINES]


def test_saved_disparities_score_as_the_network_that_made_them(options: Options, weights, tmp_path: Path) -> None:
    run = evaluate_all(replace(options, save_pred_disps=True, eval_out_dir=tmp_path / "out"))
    saved = tmp_path / "out/disps_split_split.npy"
    assert str(saved) in " ".join(run.messages)
    np.testing.assert_array_equal(np.load(saved), disparities(weights, _pictures(options)))
    external = replace(options, load_weights_folder=None, ext_disp_to_eval=saved)
    assert evaluate(external).scores == run.results[0].scores
    with_channel = np.load(saved)[:, None].astype(np.float64)
    np.save(tmp_path / "channel.npy", with_channel)
    assert evaluate(replace(external, ext_disp_to_eval=tmp_path / "channel.npy")).scores == run.results[0].scores


def test_disparities_are_saved_beside_the_weights_by_default(options: Options, checkpoint, tmp_path: Path) -> None:
    folder = linked(checkpoint(), tmp_path / "weights")
    evaluate_all(replace(options, load_weights_folder=folder, save_pred_disps=True, no_eval=True))
    assert np.load(folder / "disps_split_split.npy").shape == (3, 64, 96)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((2, 4, 6), np.float32), "holds 2 disparity maps, expected 3"),
        (np.ones((3, 4), np.float32), r"an array \(3, 4\) of float32, expected numbers"),
        (np.full((3, 4, 6), np.nan, np.float32), "row 0 is no map"),
        (np.array([Path("a"), Path("b"), Path("c")]), "asks for 'pathlib"),
        (np.array([np.ones((2, 3)), np.ones(4), np.ones((2, 2))], dtype=object), "row 1 is no map"),
        (-np.ones((3, 4, 6), np.float32), "row 0 holds disparities that are not positive"),
        (np.zeros((3, 4, 6), np.float32), "row 0 holds disparities that are not positive"),
        (np.array(["a", "b", "c"]), r"an array \(3,\) of <U1"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(rows: np.ndarray, message: str, options: Options, tmp_path: Path):
    np.save(tmp_path / "disps.npy", rows, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        evaluate(replace(options, load_weights_folder=None, ext_disp_to_eval=tmp_path / "disps.npy"))


def test_maps_of_different_sizes_are_scored_each_at_its_own(options: Options, weights, tmp_path: Path) -> None:
    maps = disparities(weights, _pictures(options))
    mixed = np.empty(3, dtype=object)
    mixed[:] = [maps[0], resize_bilinear(maps[1], 128, 192), maps[2]]
    np.save(tmp_path / "disps.npy", mixed, allow_pickle=True)
    external = evaluate(replace(options, load_weights_folder=None, ext_disp_to_eval=tmp_path / "disps.npy"))
    whole = evaluate(options)
    assert external.scores[::2] == whole.scores[::2]
    assert external.scores[1].metrics == pytest.approx(whole.scores[1].metrics, rel=0.2)
    assert external.scores[1] != whole.scores[1]


def test_a_damaged_or_missing_array_is_refused(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "disps.npy"
    external = replace(options, load_weights_folder=None, ext_disp_to_eval=path)
    with pytest.raises(UserError, match="no such file"):
        evaluate(external)
    np.save(path, np.ones((3, 40, 60)))
    path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(UserError, match=r"not a readable \.npy array"):
        evaluate(external)
    with pytest.raises(UserError, match="drop one of them"):
        evaluate(replace(options, ext_disp_to_eval=path))
    with pytest.raises(UserError, match="would only copy"):
        evaluate(replace(external, save_pred_disps=True))


def test_rows_of_the_eigen_list_find_their_improved_ground_truth(options: Options, tmp_path: Path) -> None:
    split = tmp_path / "eigen_benchmark"
    split.mkdir()
    (split / "test_files.txt").write_text("\n".join(f"{DRIVE} {n} l" for n in range(652)))
    depths = 1 + 0.1 * np.arange(697)
    truth = depths[eigen_to_benchmark_positions()]
    np.savez_compressed(split / "gt_depths.npz", data=np.tile(truth[:, None, None], (1, 5, 7)).astype(np.float32))
    np.save(tmp_path / "disps.npy", np.tile(1 / depths[:, None, None], (1, 4, 6)))
    external = replace(
        options,
        load_weights_folder=None,
        ext_disp_to_eval=tmp_path / "disps.npy",
        eval_split=str(split),
        eval_eigen_to_benchmark=True,
        disable_median_scaling=True,
    )
    result = evaluate(external)
    assert len(result.scores) == 652
    assert result.figures[:, 0].max() < 1e-6
    assert result.protocol.region.cap is None
    np.save(tmp_path / "disps.npy", np.ones((652, 4, 6)))
    with pytest.raises(UserError, match="drop --eval_eigen_to_benchmark for 652"):
        evaluate(external)


def test_improved_ground_truth_straight_from_the_data_set(options: Options, small_copy: Path, tmp_path: Path) -> None:
    write_improved_truth(small_copy / DRIVE, [2, 3, 5])
    split = tmp_path / "eigen_benchmark"
    split.mkdir()
    (split / "test_files.txt").write_text("\n".join(LINES))
    chosen = replace(options, data_path=small_copy, dataset="kitti_depth", eval_split=str(split))
    result = evaluate(chosen)
    assert result.protocol.region.cap is None
    assert len(result.scores) == 3
    (small_copy / DRIVE / "proj_depth/groundtruth/image_02/0000000003.png").unlink()
    assert [str(line) for line in evaluate(chosen).missing] == [LINES[1]]


def test_depth_maps_for_the_benchmarks_upload(options: Options, others, tmp_path: Path, monkeypatch) -> None:
    write_benchmark_pictures(tmp_path / "data", 3)
    monkeypatch.setattr("monodepth2.evaluation.task.read_split", lambda *_: _lines("image 0", "image 1", "image 2"))
    chosen = replace(options, data_path=tmp_path / "data", eval_split="benchmark", eval_mono=False,
                     load_weights_folder=others["stereo"])  # fmt: skip
    run = evaluate_all(chosen)
    assert not run.results
    assert not any("arbitrary" in message for message in run.messages)
    files = sorted((others["stereo"] / "benchmark_predictions").iterdir())
    assert [path.name for path in files] == [f"{n:010d}.png" for n in range(3)]
    layout = KittiTest(chosen.data_path)
    disps = disparities(others["stereo"], [layout.picture_path(SplitLine("image", n, "l")) for n in range(3)])
    for n in (0, 2):
        with Image.open(files[n]) as picture:
            assert (picture.size, picture.mode) == ((1216, 352), "I;16")
            steps = np.asarray(picture)
        expected = 256 * np.clip(STEREO_SCALE_FACTOR / resize_bilinear(disps[n], 352, 1216), 0, 80)
        np.testing.assert_array_equal(steps, expected.astype(np.uint16))


def test_the_scale_of_a_mono_models_upload_is_made_explicit(options: Options, tmp_path: Path, monkeypatch) -> None:
    write_benchmark_pictures(tmp_path / "data", 2)
    monkeypatch.setattr("monodepth2.evaluation.task.read_split", lambda *_: _lines("image 0", "image 1"))
    chosen = replace(options, data_path=tmp_path / "data", eval_split="benchmark", eval_out_dir=tmp_path / "maps")
    assert "times 5.4 is arbitrary" in " ".join(evaluate_all(chosen).messages)
    default = np.asarray(Image.open(tmp_path / "maps/0000000001.png")).astype(int)
    stated = evaluate_all(replace(chosen, pred_depth_scale_factor=2.7))
    assert "arbitrary" not in " ".join(stated.messages)
    halved = np.asarray(Image.open(tmp_path / "maps/0000000001.png"))
    np.testing.assert_allclose(halved[default < 80 * 256], default[default < 80 * 256] / 2, atol=1)


def _lines(*texts: str) -> list:
    from monodepth2.datasets.split_lines import SplitLine

    return [SplitLine.parse(text) for text in texts]


def test_pictures_of_odometry_frames_without_scoring(options: Options, tmp_path: Path, monkeypatch) -> None:
    write_odometry_sequence(tmp_path / "data", 9, 3)
    monkeypatch.setattr("monodepth2.evaluation.task.read_split", lambda *_: _lines("9 0 l", "9 2 l"))
    chosen = replace(options, data_path=tmp_path / "data", png=False, eval_split="odom_9", no_eval=True)
    with pytest.raises(UserError, match="leaves nothing to do"):
        evaluate_all(chosen)
    evaluate_all(replace(chosen, eval_out_dir=tmp_path / "out"))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000000_9_0000000000_l.jpg", "000001_9_0000000002_l.jpg"]
    with Image.open(tmp_path / "out" / names[0]) as picture:
        assert picture.size == (96, 64)


def test_several_checkpoints_in_one_table(options: Options, others: dict[str, Path]) -> None:
    chosen = replace(options, compare=(str(others["deep"]), str(others["coarse"])))
    results = evaluate_all(chosen).results
    for result, folder in zip(results, (options.load_weights_folder, others["deep"], others["coarse"]), strict=True):
        assert result.scores == evaluate(replace(options, load_weights_folder=folder)).scores
    names = [result.name for result in results]
    assert re.fullmatch(r"run_a\d*/weights_1 deep coarse", " ".join(names))
    text = text_report(results)
    assert all(name in text for name in names)
    assert f"{results[1].mean.abs_rel:.3f}" in text
    assert f"{results[1].mean.abs_rel - results[0].mean.abs_rel:+.3f}" in text
    values = json.loads(json_report(results))["checkpoints"]
    assert [one["mean"]["rmse"] for one in values] == [result.mean.rmse for result in results]


def test_an_array_and_stored_truth_need_no_data_set(options: Options, tmp_path: Path) -> None:
    split = Path(options.eval_split)
    np.savez_compressed(split / "gt_depths.npz", data=np.full((3, 375, 1242), 10, np.float32))
    np.save(tmp_path / "disps.npy", np.full((3, 8, 16), 0.5, np.float32))
    external = replace(options, load_weights_folder=None, ext_disp_to_eval=tmp_path / "disps.npy",
                       data_path=tmp_path / "nowhere")  # fmt: skip
    result = evaluate(external)
    assert result.mean.abs_rel == pytest.approx(0, abs=1e-6)
    write_page(tmp_path / "page.html", [result], external)
    with pytest.raises(UserError, match="no such folder"):
        evaluate(replace(options, data_path=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"no_eval": True, "output_json": Path("x.json")}, "hold figures"),
        ({"model_name": "mono_640x192"}, "contradicts --model_name mono_640x192"),
    ],
)
def test_flags_without_effect_are_refused(flags: dict, message: str, options: Options) -> None:
    with pytest.raises(UserError, match=message):
        evaluate_all(replace(options, **flags))


def test_checkpoints_of_one_name_are_told_apart(options: Options, checkpoint, tmp_path: Path) -> None:
    twin = linked(checkpoint(), tmp_path / "again" / options.load_weights_folder.parents[1].name / "models/weights_1")
    results = evaluate_all(replace(options, compare=(str(twin),))).results
    assert len({result.name for result in results}) == 2
    with pytest.raises(UserError, match="is named twice"):
        evaluate_all(replace(options, compare=(str(twin), str(twin))))
    mean, interval = results[1].difference(results[0])
    assert not mean.any()
    assert not interval.any()


def test_what_was_trained_otherwise_is_noted(options: Options, checkpoint, others, tmp_path: Path) -> None:
    folder = linked(checkpoint(max_depth=80.0), tmp_path / "run/models/weights_1")
    assert not evaluate(replace(options, load_weights_folder=folder)).notes
    (note,) = evaluate(replace(options, load_weights_folder=folder, max_depth=90.0)).notes
    assert "trained with --min_depth 0.1 --max_depth 80, scored with 0.1 and 90" in note
    mean = linked(folder, folder / "ema")
    (note,) = evaluate(replace(options, load_weights_folder=folder)).notes
    assert f"the mean of its weights (--ema) is not scored; --compare {mean} scores it, too" in note
    assert not evaluate_all(replace(options, load_weights_folder=folder, compare=(str(mean),))).results[0].notes
    (note,) = evaluate(replace(options, eval_mono=False, eval_stereo=True)).notes
    assert "its depths have no scale, 5.4 is arbitrary" in note
    narrow = replace(options, eval_mono=False, eval_stereo=True, baseline=0.3)
    (note,) = evaluate(narrow).notes
    assert "its depths have no scale, 3 is arbitrary" in note
    assert not evaluate(replace(options, load_weights_folder=others["stereo"], eval_mono=False, eval_stereo=True)).notes
    told = replace(options, load_weights_folder=checkpoint(depth_supervision=0.1), eval_mono=False)
    for scaled in (replace(told, align="none"), replace(told, eval_stereo=True)):
        result = evaluate(scaled)
        assert (result.protocol.factor, result.notes) == (1, ("trained with known depth",))


def test_a_rig_of_unknown_baseline_has_no_metres(options: Options, others, tmp_path: Path) -> None:
    folder = linked(others["stereo"], tmp_path / "weights_0")
    changed_weights(folder, lambda state: {**state, **TrainingFacts(baseline=None, use_stereo=True).to_state()})
    unknown = replace(options, load_weights_folder=folder, eval_mono=False, eval_stereo=True)
    with pytest.raises(UserError, match=r"--eval_stereo: .*weights_0 was trained with a rig of unknown baseline"):
        evaluate(unknown)
    assert evaluate(replace(unknown, baseline=0.3)).protocol.factor == pytest.approx(3.0)
    assert evaluate(replace(unknown, pred_depth_scale_factor=4.0)).protocol.factor == 4


def test_the_page_shows_figures_every_image_and_the_worst(options: Options, others, tmp_path: Path) -> None:
    results = evaluate_all(replace(options, compare=(str(others["deep"]),))).results
    path = tmp_path / "report.html"
    write_page(path, [replace(results[0], name="<b>first</b>"), results[1]], options)
    page = path.read_text()
    assert "<b>first</b>" not in page.replace("<b>&lt;b&gt;first&lt;/b&gt;</b>", "")
    assert page.count("data:image/jpeg;base64,") == 2 * 3 * 4
    assert not re.findall(r'(?:src|href)="(?!data:|#)([^"]+)', page)
    for result in results:
        for line, score in zip(result.lines, result.scores, strict=True):
            assert re.search(rf"<td>{line}</td>(<td>\d+\.\d{{3}}</td>){{7}}<td>{score.ratio:.3f}</td>", page)
        assert f"{result.intervals[0, 0]:.3f} \N{EN DASH} {result.intervals[1, 0]:.3f}" in page
    assert [example.position for example in results[0].worst] == np.argsort(-results[0].figures[:, 0]).tolist()


@in_browser_test
def test_the_page_fits_a_phone_and_keys_sort_its_table(options: Options, others, tmp_path: Path) -> None:
    wide = replace(options, metrics=("fscore", "log"))
    write_page(tmp_path / "page.html", [evaluate(wide)], wide)
    with chromium() as page:
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        page.open((tmp_path / "page.html").as_uri())
        assert page.run("document.documentElement.scrollWidth") == 390
        cells = "[...document.querySelectorAll('table.long tbody tr')].map((row) => Number(row.cells[1].textContent))"
        before = page.run(cells)
        page.run("document.querySelectorAll('table.long th button')[1].focus()")
        for kind, order in (("descending", sorted(before, reverse=True)), ("ascending", sorted(before))):
            page.press("Enter")
            assert page.run("document.querySelectorAll('table.long th')[1].ariaSort") == kind
            assert page.run(cells) == order


def test_intervals_agree_with_theory_and_pairs_cancel() -> None:
    figures = np.random.default_rng(0).normal(3, 2, (400, 2))
    low, high = mean_interval(figures)
    half = 1.96 * figures.std(0) / np.sqrt(400)
    np.testing.assert_allclose(low, figures.mean(0) - half, atol=0.1 * half.max())
    np.testing.assert_allclose(high, figures.mean(0) + half, atol=0.1 * half.max())
    assert not np.ptp(mean_interval(np.full((5, 1), 7.0)))


def run(options: Options, *flags: str) -> "CompletedProcess[str]":
    where = ("--data_path", options.data_path, "--png", "--eval_split", options.eval_split)
    return in_process("evaluate_depth", *where, "--no_cuda", "--num_workers", 0, *flags)


def test_the_script_compares_and_writes_its_page(options: Options, others: dict[str, Path], tmp_path: Path) -> None:
    folder = str(options.load_weights_folder)
    outputs = ("--html_report", str(tmp_path / "page.html"), "--output_json", str(tmp_path / "all.json"))
    done = run(options, "--load_weights_folder", folder, "--compare", str(others["deep"]), "--eval_mono", *outputs)
    assert done.returncode == 0, done.stderr
    assert "difference to" in done.stdout
    assert len(json.loads((tmp_path / "all.json").read_text())["checkpoints"]) == 2
    assert "Worst images of deep" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--model_name", "mono_640x193", "--eval_mono"), "did you mean mono_640x192"),
        (("--ext_disp_to_eval", "gone.npy", "--eval_mono"), "gone.npy: no such file"),
        (("--load_weights_folder", ".", "--compare", "nothing", "--eval_mono"), "'nothing' is no folder"),
        (("--load_weights_folder", ".", "--html_report", "gone/page.html", "--eval_mono"), "--html_report"),
    ],
)
def test_a_mistake_ends_the_script_with_one_line(flags: tuple, message: str, options: Options) -> None:
    done = run(options, *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
