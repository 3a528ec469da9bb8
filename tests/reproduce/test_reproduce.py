"""The paper's tables as a command: rows that can be trained, a plan that adds up, and one row from end to end."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monodepth2.checkpoints.published import MD5_SUMS
from monodepth2.config import Options, ReproduceOptions
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.splits import known_splits, read_split, splits_root
from monodepth2.evaluation.scoring import evaluate
from monodepth2.method.stages import Batch
from monodepth2.reproduce.plan import jobs, measured_step, recipes_of
from monodepth2.reproduce.rows import RECIPES, ROWS, TABLES, Row
from monodepth2.reproduce.run import Reproduction, _how, chosen
from monodepth2.reproduce.scales import TINY, PaperScale, scale_of, write_make3d
from monodepth2.reproduce.scores import Score, Scores
from monodepth2.training.step import StepResult, TrainingStep
from places import ROOT
from runs import TINY_NETWORK
from scene import DRIVE
from scripts import monodepth2

MONO = ROWS["mono_640x192"]


def test_every_row_has_a_training_and_every_published_model_a_row() -> None:
    assert {row.recipe for row in ROWS.values()} == set(RECIPES)
    assert set(MD5_SUMS) <= set(RECIPES)
    assert len(ROWS) == sum(len(text.strip().splitlines()) for _, _, text in TABLES.values())
    assert {row.split for row in ROWS.values()} <= {*known_splits(), "make3d"}


def test_the_figures_are_those_of_the_documents() -> None:
    page = (ROOT / "docs/kitti.md").read_text()
    for name in ("mono", "stereo", "mono+stereo"):
        (line,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", page, re.MULTILINE)
        assert [float(cell) for cell in line.split("|")] == list(ROWS[f"{name}_640x192"].paper.values())


@pytest.mark.parametrize("scale", ["paper", "tiny"])
def test_every_training_and_scoring_is_possible(scale: str, tmp_path: Path) -> None:
    made = scale_of(ReproduceOptions(rows=("all",), output=tmp_path, scale=scale))
    for name in ("split", "eigen_benchmark", TINY.folder(1)):  # of a rendered street
        (tmp_path / "tiny/street" / name).mkdir(parents=True)
    trained = {name: made.training(recipe, 3) for name, recipe in RECIPES.items()}
    assert {options.seed for options in trained.values()} == {3}
    assert len({options.run_folder for options in trained.values()}) == len(RECIPES)
    assert trained["baseline"].v1_multiscale
    assert trained["predictive_mask"].disable_automasking
    assert trained["stereo_640x192"].source_ids == ("s",)
    assert (trained["hrnet_w18_modern"].encoder, trained["hrnet_w18_modern"].decoder) == ("hrnet_w18", "small")
    assert (trained["hrnet_w18_2019"].encoder, trained["hrnet_w18_2019"].decoder) == ("hrnet_w18", "2019")
    start = trained["mono_1024x320"].load_weights_folder
    assert start == trained["mono_640x192"].models_folder / f"weights_{trained['mono_640x192'].num_epochs - 1}"
    for row in ROWS.values():
        assert made.scoring(row, tmp_path).eval_stereo == trained[row.recipe].use_stereo


def test_a_row_is_trained_with_its_own_flags_and_2019s_defaults_for_the_rest(tmp_path: Path) -> None:
    options = PaperScale(ReproduceOptions(rows=("all",), output=tmp_path)).training(RECIPES["without_ssim"], 0)
    others = {name: value for name, value in vars(options).items() if value != getattr(Options(), name)}
    assert others == {"no_ssim": True, "model_name": "without_ssim_seed0", "log_dir": tmp_path / "runs",
                      "resume": "auto"}  # fmt: skip


def test_the_band_is_that_of_reruns() -> None:
    for abs_rel, inside in ((0.115, True), (0.113, True), (0.1164, True), (0.1124, False), (0.1166, False)):
        assert MONO.inside({"abs_rel": abs_rel}) == inside
    assert not ROWS["make3d:mono_640x192"].inside(ROWS["make3d:mono_640x192"].paper)
    assert not ROWS["odom_9:odometry"].inside({"ate": 0.017})
    assert not ROWS["resnet18_modern"].inside({"abs_rel": 0.115})


def test_steps_and_hours_by_hand(tmp_path: Path) -> None:
    options = ReproduceOptions(rows=("1024x320",), output=tmp_path)
    found = {job.recipe.name: job for job in jobs(chosen(("mono_1024x320",)), (0,), scale_of(options))}
    assert list(found) == ["mono_640x192", "mono_1024x320"], "the smaller first, from which the larger goes on"
    assert found["mono_640x192"].steps == 20 * (39810 // 12)
    assert found["mono_640x192"].hours(0.5) == pytest.approx(20 * 3317 * 0.5 / 3600)
    assert found["mono_1024x320"].hours(0.5) == pytest.approx(5 * 9952 * 0.5 / 3600 * 4 * 1024 * 320 / (12 * 640 * 192))
    done = monodepth2("reproduce", "table1", "--dry_run", "--step_seconds", 0.5, "--output", tmp_path,
                      "--data_path", tmp_path / "kitti")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"mono_640x192 +0 +66,340 +9\.2", done.stdout)
    assert (
        f"not possible yet, --data_path {tmp_path}/kitti: no such folder: mono_640x192, stereo_640x192" in done.stdout
    )
    assert (tmp_path / "plan.txt").read_text() in done.stdout


def test_rows_that_share_a_training_train_it_once() -> None:
    rows = chosen(("mono_640x192", "eigen_benchmark", "make3d"))
    assert len(rows) == 6
    assert [recipe.name for recipe in recipes_of(rows)] == ["mono_640x192", "stereo_640x192", "mono+stereo_640x192"]


def test_what_has_its_score_is_not_trained_again(tmp_path: Path) -> None:
    rows = chosen(("mono_640x192", "mono_1024x320"))
    options = ReproduceOptions(rows=("mono_640x192", "mono_1024x320"), output=tmp_path, data_path=tmp_path)
    work = Reproduction(rows, options, scale_of(options))
    work.lacking = {(row.name, "seed0"): "" for row in rows}
    one, larger = recipes_of(rows)
    assert work._is_needed(one, 0)
    score = Score("weights", {"abs_rel": 0.1}, {}, 1, [])
    work.found = {(row.name, "seed0"): score for row in rows if row.recipe == one.name}
    assert larger.start == one.name
    assert work._is_needed(one, 0)
    work.found = {(row.name, "seed0"): score for row in rows}
    assert not work._is_needed(one, 0)


def test_nothing_is_trained_for_rows_that_cannot_be_scored(tmp_path: Path) -> None:
    rows = chosen(("mono_640x192", "mono_1024x320", "make3d:mono_640x192"))
    options = ReproduceOptions(rows=("all",), output=tmp_path, data_path=tmp_path)
    work = Reproduction(rows, options, scale_of(options))
    one, larger = recipes_of(rows)
    work.lacking = {(row.name, "seed0"): "" if row.name == "mono_640x192" else "no data" for row in rows}
    assert (work._is_needed(one, 0), work._is_needed(larger, 0)) == (True, False)
    work.found = {("mono_640x192", "seed0"): Score("weights", {"abs_rel": 0.1}, {}, 1, [])}
    assert not work._is_needed(one, 0)
    work.lacking["mono_1024x320", "seed0"] = ""
    assert (work._is_needed(one, 0), work._is_needed(larger, 0)) == (True, True)
    work.scale.weights(larger, 0).mkdir(parents=True)
    assert (work._is_needed(one, 0), work._is_needed(larger, 0)) == (False, True), "nothing is left to start"


def test_a_sequence_that_cannot_be_scored_is_told_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "odom/sequences").mkdir(parents=True)
    (tmp_path / "kitti").mkdir()
    options = ReproduceOptions(rows=("odom_10",), output=tmp_path, odom_path=tmp_path / "odom")
    (row,) = chosen(options.rows)
    assert "sequences/10/image_2" in PaperScale(options).lacking(row)


def test_scores_of_weights_from_elsewhere_are_not_the_published_ones(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MONODEPTH2_CACHE", str(tmp_path / "cache"))
    rows = chosen(("mono_640x192",))
    options = ReproduceOptions(rows=("mono_640x192",), output=tmp_path, data_path=tmp_path)
    for place, kept in ((tmp_path / "cache", True), (tmp_path / "mine", False)):
        score = Score(str(place / "mono_640x192"), MONO.paper, {}, 1, [])
        for one, found in ((options, kept), (replace(options, published=place), True)):
            work = Reproduction(rows, one, scale_of(one))
            work.scores.keep(rows[0], "published", score)
            assert (work._kept(rows[0], "published") is not None) == found


def test_scores_of_another_recipe_and_of_part_of_the_images_do_not_count(tmp_path: Path, capsys) -> None:
    rows = chosen(("mono_640x192", "baseline"))
    options = ReproduceOptions(rows=("mono_640x192", "baseline"), output=tmp_path, data_path=tmp_path)
    work = Reproduction(rows, options, scale_of(options))
    (tmp_path / "scores").mkdir()
    old = {"weights": "w", "figures": MONO.paper, "interval": {}, "images": 697}

    def kept(row: Row, more: dict[str, Any]) -> bool:
        (tmp_path / f"scores/{row.name}.seed0.json").write_text(json.dumps(old | more))
        return work._kept(row, "seed0") is not None

    assert kept(MONO, {"flags": []})
    assert not kept(ROWS["baseline"], {"flags": ["--no_ssim"]})
    assert "baseline, seed0: its score is of other flags (--no_ssim), and does not count" in capsys.readouterr().err
    assert not kept(MONO, {}), "nobody knows of which flags"
    assert kept(MONO, {"flags": [], "of": 697}), "as an earlier version has written it"
    assert not kept(MONO, {"flags": [], "of": 698})
    assert "cannot be read (of part of the images); the row is scored again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": None},
        {"images": float("inf")},
        {"figures": MONO.paper | {"rmse": "x"}},
        {"figures": MONO.paper | {"rmse": float("nan")}},
        {"interval": {"rmse": 3}},
        {"interval": {"rmse": [1, 2, 3]}},
        {"flags": 3},
    ],
    ids=str,
)
def test_a_score_that_cannot_be_read_counts_as_none(wrong: dict[str, Any], tmp_path: Path, capsys) -> None:
    scores = Scores(tmp_path)
    scores.keep(MONO, "seed0", Score("weights", MONO.paper, {"rmse": (4, 5)}, 697, []))
    path = tmp_path / "mono_640x192.seed0.json"
    assert scores.find(MONO, "seed0") == Score("weights", MONO.paper, {"rmse": (4.0, 5.0)}, 697, [])
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    assert scores.find(MONO, "seed0") is None
    assert re.match(
        rf"{re.escape(str(path))}: cannot be read \(.+\); the row is scored again\n", capsys.readouterr().err
    )


def test_nothing_starts_from_weights_of_another_recipe(tmp_path: Path, capsys) -> None:
    options = ReproduceOptions(rows=("mono_1024x320",), output=tmp_path, data_path=tmp_path)
    scale = scale_of(options)
    work = Reproduction(chosen(options.rows), options, scale)
    work.lacking = {("mono_1024x320", "seed0"): ""}
    start = scale.training(RECIPES["mono_640x192"], 0)
    start.last_weights.mkdir(parents=True)
    for changed in ({"decoder": "small"}, {"weights_init": "scratch"}):
        (start.models_folder / "opt.json").write_text(replace(start, **changed).to_json())
        assert work._train(RECIPES["mono_1024x320"], 0) == 0
        (flag,) = changed
        assert f"mono_1024x320: not trained: {start.run_folder} was trained with --{flag} " in capsys.readouterr().err
    (start.models_folder / "opt.json").write_text(replace(start, png=True, precision="bf16").to_json())
    work._check_flags(RECIPES["mono_640x192"], 0)
    assert "is there, trained in bf16, and is not trained again in fp32" in capsys.readouterr().err


def test_a_score_tells_of_a_pose_network_without_pretrained_weights(tmp_path: Path) -> None:
    options = ReproduceOptions(rows=("all",), output=tmp_path, pretrained_weights=tmp_path / "resnet18.pth")
    told = {}
    for name in ("mono_640x192", "stereo_640x192", "resnet18_modern", "resnet10t_modern"):
        trained = PaperScale(options).training(RECIPES[name], 0)
        trained.models_folder.mkdir(parents=True)
        (trained.models_folder / "opt.json").write_text(trained.to_json())
        told[name] = _how(trained.last_weights)
    assert told.pop("resnet18_modern") == "pose network from scratch (--pretrained_weights)"
    assert set(told.values()) == {""}


@pytest.mark.slow(reason="trains and scores a row of a table")
def test_a_row_from_end_to_end(tmp_path: Path, checkpoint) -> None:
    """Trained, scored beside published weights, shown; and nothing is done twice."""
    shutil.copytree(checkpoint(use_stereo=True, frame_ids=(0,)), tmp_path / "published/stereo_640x192")
    shutil.copytree(checkpoint(), tmp_path / "published/mono_640x192")
    words = ("reproduce", "stereo_640x192", "--scale", "tiny", "--device", "cpu",
             "--output", tmp_path, "--published", tmp_path / "published")  # fmt: skip
    done = monodepth2(*words)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "tiny"
    kept = {path.name: json.loads(path.read_text()) for path in (folder / "scores").iterdir()}
    assert set(kept) == {"stereo_640x192.published.json", "stereo_640x192.seed0.json"}
    options = scale_of(ReproduceOptions(rows=("all",), output=tmp_path, scale="tiny", device="cpu"))
    weights = folder / "runs/stereo_640x192_seed0/models/weights_0"
    score = evaluate(options.scoring(ROWS["stereo_640x192"], weights))
    assert kept["stereo_640x192.seed0.json"]["figures"] == pytest.approx(score.mean._asdict())
    page = (folder / "index.html").read_text()
    assert "This is a rehearsal" in page
    assert page.count("published weights, scored here") == 1
    for name in ("stereo_640x192.published.json", "stereo_640x192.seed0.json"):
        figures, ends = kept[name]["figures"], kept[name]["interval"]["rmse"]
        assert f"{figures['rmse']:.3f}" in page
        assert f"{ends[0]:.3f} to {ends[1]:.3f}" in page
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pth")}
    again = monodepth2(*words)
    assert "epoch" not in again.stderr
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*.pth")}
    planned = monodepth2(*words, "--dry_run", "--step_seconds", 1)
    assert "0.0 hours of training in all" in planned.stdout
    # weights of a recipe that has changed since are not shown as its own
    record = folder / "runs/stereo_640x192_seed0/models/opt.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"decoder": "small"}))
    path = folder / "scores/stereo_640x192.seed0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"flags": ["--decoder small"]}))
    other = monodepth2(*words)
    assert other.returncode == 1
    assert "was trained with --decoder small (now 2019): remove it, or name another --output" in other.stderr
    assert "was trained with --decoder small" in (folder / "index.html").read_text()


def test_a_step_is_measured_for_a_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand times the quicker of two steps on one picture, after one that does not count."""
    clock, seconds = [0.0], [3.0, 5.0, 1.0]

    class Timed(TrainingStep):
        def __call__(self, batch: Batch) -> StepResult:
            clock[0] += seconds.pop()
            assert len(batch) == 1
            return super().__call__(batch)

    monkeypatch.setattr("monodepth2.training.step.TrainingStep", Timed)
    monkeypatch.setattr("monodepth2.training.step.time", SimpleNamespace(monotonic=lambda: clock[0]))
    small = Options(height=64, width=96, pose_model_type="posecnn", batch_size=1000, **TINY_NETWORK)
    assert measured_step(torch.device("cpu"), small) == 3 * 1000


def test_names_are_shown_and_wrong_ones_corrected(tmp_path: Path) -> None:
    done = monodepth2("reproduce", "list")
    assert done.returncode == 0
    assert all(name in done.stdout for name in (*ROWS, *TABLES))
    some = monodepth2("reproduce", "list", "odom_9", "baseline").stdout
    assert [line.split()[0] for line in some.splitlines()[2:]] == ["baseline", "odom_9:odometry"]
    assert [row.table for row in chosen(("table6",))] == ["1024x320"] * 3
    assert [row.split for row in chosen(("odometry",))] == ["odom_9", "odom_10"]
    assert chosen(("table2",))[0].name == "mono_640x192", "which the table's rows are compared with"
    wrong = monodepth2("reproduce", "mono_640x129", "--output", tmp_path)
    assert wrong.returncode == 2
    assert "did you mean mono_640x192?" in wrong.stderr


def test_the_ground_truth_of_a_split_is_looked_at_once(tmp_path: Path) -> None:
    """What appears later is seen by the next command: reading stored maps again for each row took minutes."""
    options = ReproduceOptions(rows=("all",), output=tmp_path, data_path=tmp_path)
    scale, others = PaperScale(options), [row for row in ROWS.values() if row.split == MONO.split]
    (reason,) = {scale.lacking(row) for row in others}
    assert "velodyne" in reason
    scan = KittiRaw(tmp_path, ".jpg").depth_path(read_split(MONO.split, "test")[0])
    scan.parent.mkdir(parents=True)
    scan.touch()
    assert {scale.lacking(row) for row in others} == {reason}
    assert "697 pictures in missing folders" in PaperScale(options).lacking(MONO)


@pytest.fixture
def short_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's splits, with lists of the small scene."""
    root = tmp_path / "splits"
    for name, parts in (("eigen_zhou", ("train", "val")), ("eigen_full", ("train", "val")), ("eigen", ("test",))):
        shutil.copytree(splits_root() / name, root / name)
        for part, frames in zip(parts, ((1, 2, 3, 4), (5, 6)), strict=False):
            (root / name / f"{part}_files.txt").write_text("".join(f"{DRIVE} {frame} l\n" for frame in frames))
    monkeypatch.setattr("monodepth2.datasets.splits.splits_root", lambda: root)


@pytest.mark.usefixtures("short_lists")
def test_what_a_training_lacks_is_told_before_any_begins(small_copy: Path, tmp_path: Path) -> None:
    """Days before the row's turn comes; published weights, which need no training, are scored all the same."""
    shutil.rmtree(small_copy / DRIVE / "image_03")
    scale = PaperScale(ReproduceOptions(rows=("table1",), output=tmp_path, data_path=small_copy, png=True))
    mono, stereo = chosen(("mono_640x192", "stereo_640x192"))
    assert scale.lacking(mono, (0,)) == ""
    assert "needs: 6 pictures in missing folders" in scale.lacking(stereo, (0,))
    assert f"{DRIVE}/image_03" in scale.lacking(stereo, (0,))
    assert scale.lacking(stereo) == ""
    scale.weights(RECIPES[stereo.recipe], 0).mkdir(parents=True)
    assert scale.lacking(stereo, (0,)) == ""
    assert scale.lacking(stereo, (0, 1)) != "", "the other seed's training is still to come"


@pytest.mark.slow(reason="trains and scores a row")
@pytest.mark.usefixtures("short_lists")
def test_a_row_at_the_papers_scale_which_lacks_part_of_its_ground_truth_at_first(
    small_copy: Path, tmp_path: Path, checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"height": 64, "width": 96, "batch_size": 2, "num_epochs": 1, "pose_model_type": "posecnn"}
    flags = {**small, **TINY_NETWORK, "weights_init": "scratch", "no_report": True}
    monkeypatch.setitem(RECIPES, MONO.recipe, replace(RECIPES[MONO.recipe], flags=flags))
    monkeypatch.setattr(Row, "inside", lambda row, figures: True)  # whatever so small a training reaches
    shutil.copytree(checkpoint(), tmp_path / "published/mono_640x192")
    words = ("reproduce", "mono_640x192", "--data_path", small_copy, "--png", "--output", tmp_path / "out",
             "--published", tmp_path / "published", "--device", "cpu", "--num_workers", 0)  # fmt: skip
    scores, page = tmp_path / "out/scores", tmp_path / "out/index.html"
    scan = small_copy / DRIVE / "velodyne_points/data/0000000002.bin"
    scan.rename(tmp_path / "scan")
    ended = monodepth2(*words)
    assert ended.returncode == 1
    reason = f"the ground truth of 1 of 4 images is missing, e.g. of &#39;{DRIVE} 2 l&#39; (looked for: the scans in "
    assert page.read_text().count(reason) == 2
    assert f"left out, {unescape(reason)}" in ended.stderr
    assert not scores.exists()
    assert "epoch" not in ended.stderr, "it is told before the training"
    (tmp_path / "scan").rename(scan)
    ended = monodepth2(*words)
    assert ended.returncode == 0, ended.stderr
    assert page.read_text().count('class="inside"') == 2
    columns = ("published", "seed0")
    kept = [json.loads((scores / f"mono_640x192.{column}.json").read_text()) for column in columns]
    assert [score["images"] for score in kept] == [4, 4]
    options = scale_of(ReproduceOptions(rows=("all",), output=tmp_path / "out", data_path=small_copy, png=True))
    score = evaluate(options.scoring(MONO, Path(kept[1]["weights"])))
    assert kept[1]["figures"] == pytest.approx(score.mean._asdict())
    monkeypatch.setattr("monodepth2.reproduce.run.measured", None)
    assert monodepth2(*words).returncode == 0, "what is complete is not scored again"


def test_make3d_lacks_pictures_as_it_lacks_depths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_make3d(tmp_path)
    (row, *_) = chosen(("make3d",))
    options = ReproduceOptions(rows=("make3d",), output=tmp_path, make3d_path=tmp_path)
    assert f"2 of 134 pictures are in {tmp_path}/Test134; complete them" in PaperScale(options).lacking(row)
    monkeypatch.setattr(PaperScale, "make3d_pictures", 2)
    assert PaperScale(options).lacking(row) == ""
    (tmp_path / "Gridlaserdata/depth_sph_corr-1.mat").unlink()
    assert "the ground truth of 1 of 2 images is missing, e.g. of '1 1 l'" in PaperScale(options).lacking(row)


def test_a_row_without_its_data_is_left_out_and_the_page_says_why(tmp_path: Path) -> None:
    done = monodepth2(
        "reproduce", "odom_10", "--odom_path", tmp_path / "nowhere", "--output", tmp_path, "--no_published"
    )
    assert done.returncode == 1
    page = (tmp_path / "index.html").read_text()
    assert page.count(f"--odom_path {tmp_path}/nowhere: no such folder") == 1  # of the training alone
    assert "none were published" in page


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "ROW is missing"),
        (("all", "--seeds", 0, 0), "--seeds 0 0: give different numbers"),
        (("all", "--step_seconds", 1), "--step_seconds is about --dry_run"),
        (("all", "--published", "x", "--no_published"), "drop one of them"),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags: tuple, words: str) -> None:
    done = monodepth2("reproduce", *flags)
    assert done.returncode == 2
    assert words in done.stderr
