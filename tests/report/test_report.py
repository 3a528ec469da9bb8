"""The page on a run: at the end of its training, and at any time after it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from chromium import chromium, in_browser_test
from monodepth2.config import Options, ReportOptions
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import chained
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.odometry.network import load_motion_network
from monodepth2.odometry.prediction import predict_steps
from monodepth2.pages import _flags
from monodepth2.report.curves import read_curves
from monodepth2.report.evidence import TrainedRun
from monodepth2.report.page import _in_words, write_page
from monodepth2.report.path import camera_path
from monodepth2.report.run import report_of_training, run
from monodepth2.training.run_checkpoints import ResumePoint
from monodepth2.training.run_folder import RunLock, open_run_folder
from runs import TINY_NETWORK, flags_of
from scene import DRIVE
from scripts import in_process
from trees import write_split

CPU = torch.device("cpu")
LINES = [SplitLine(DRIVE, n, "l") for n in (2, 3, 4)]


@pytest.fixture(scope="module")
def trained(small_scene: Path, tmp_path_factory) -> tuple[Path, str]:
    """The folder of a run that was resumed after its first epoch, and what it told at its end."""
    folder = tmp_path_factory.mktemp("trained")
    flags = flags_of(small_scene, write_split(folder / "split"), folder, "--log_frequency", 2)
    flags.remove("--no_report")
    assert in_process("train", *flags, "--no_report", "--num_epochs", 1).returncode == 0
    assert not (folder / "mdp/report.html").exists()
    done = in_process("train", *flags, "--num_epochs", 2, "--resume")
    assert done.returncode == 0, done.stderr
    return folder / "mdp", done.stderr


def test_the_frame_that_is_shown_warped_is_named_at_its_distance() -> None:
    """Samples of a run with `--frame_gap` have the smallest gap where nothing is drawn."""
    named = [_in_words(Options(frame_gap=gap)) for gap in ((), (1, 3), (2, 3))]
    assert named == ["the frame before it", "the frame before it", "the frame 2 frames before it"]


def check_page(page: Path, pictures: int, plots: int) -> str:
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == pictures
    assert text.count("<svg") == plots
    assert not re.findall(r'(?:src|href)="(?!data:|#)([^"]+)', text)
    return text


def test_a_training_leaves_a_report(trained) -> None:
    folder, told = trained
    text = check_page(folder / "report.html", pictures=3 * 6, plots=3)
    assert "It has learnt nothing" in text
    assert "It has learnt nothing" in told
    assert f"the report with pictures is {folder / 'report.html'}" in told
    verdict = json.loads((folder / "report.json").read_text())
    assert (verdict["kind"], verdict["weights"]) == ("nothing", "weights_1")
    assert verdict["sentence"] in told
    for part in ("Held-out frames", "warped neighbour", "auto-mask", "Disparity by row", "Losses", "Path of the camera",
                 "Cameras: 1 drive 311x94", "KITTI&#39;s of 2019", "the frame before it"):  # fmt: skip
        assert part in text, part


@in_browser_test
def test_a_report_fits_a_phone(trained) -> None:
    with chromium() as page:
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        page.open((trained[0] / "report.html").as_uri())
        assert page.run("document.documentElement.scrollWidth") == 390


def test_flags_in_sentences_do_not_break_and_what_is_between_them_is_escaped() -> None:
    filled = _flags("half the <rate> (--learning_rate 0.1)")
    assert str(filled) == 'half the &lt;rate&gt; (<span class="flag">--learning_rate</span> 0.1)'
    assert str(_flags("<no> network for `odometry`")) == "&lt;no&gt; network for <code>odometry</code>"


def test_a_report_is_made_at_any_time(trained, tmp_path, capsys) -> None:
    folder, _ = trained
    page = tmp_path / "page.html"
    for named in (folder, folder / "models", folder / "models/weights_1"):
        assert ReportOptions(run=named).run_folder == folder
    assert run(ReportOptions(run=Path("mdp"), log_dir=folder.parent, output=page, frames=1, device="cpu")) == 0
    text = check_page(page, pictures=6, plots=3)
    assert f"the report is {page}" in capsys.readouterr().out
    assert "weights_1" in text
    at_the_end = (folder / "report.html").read_text()
    figures = [re.findall(r"<td>(-?[\d.]+(?: %| px)?)</td>", one) for one in (text, at_the_end)]
    assert len(figures[0]) == 9
    assert figures[0] == figures[1]
    assert {path.name for path in tmp_path.iterdir()} == {"page.html"}  # the figures for programs are the run's


@pytest.mark.parametrize("resumed", [False, True], ids=["from the beginning", "resumed"])
def test_a_run_that_is_trained_again_keeps_no_report_of_other_weights(resumed: bool, tmp_path: Path) -> None:
    options = Options(log_dir=tmp_path)
    options.models_folder.mkdir(parents=True)
    for name in ("report.html", "report.json"):
        (options.run_folder / name).write_text("of before")
    point = ResumePoint(options.models_folder / "weights_0", 1, ()) if resumed else None
    lock = RunLock(options.run_folder, print)
    open_run_folder(options, point, lock, print).close()
    lock.release()
    assert not list(options.run_folder.glob("report.*"))


def test_losses_are_those_of_tensorboard_also_after_a_resume(trained, tmp_path) -> None:
    folder, _ = trained
    curves = read_curves(folder)
    for mode in ("train", "val"):
        events = EventAccumulator(str(folder / mode)).Reload()
        assert curves[mode] == [(event.step, event.value) for event in events.Scalars("loss")]
        assert [step for step, _ in curves[mode]] == [0, 2, 4, 6]
    assert read_curves(tmp_path) == {"train": [], "val": []}


def test_a_cut_event_file_gives_what_it_holds(trained, tmp_path) -> None:
    (first, *_) = sorted((trained[0] / "train").glob("events*"))
    (tmp_path / "train").mkdir()
    whole, found = read_curves(trained[0])["train"], []
    for eighths in range(9):
        cut = first.read_bytes()[: first.stat().st_size * eighths // 8]
        (tmp_path / "train" / first.name).write_bytes(cut)
        found.append(read_curves(tmp_path)["train"])
        assert found[-1] == whole[: len(found[-1])]
    assert len(found[0]) == 0
    assert len(found[-1]) == 2


def test_the_path_is_that_of_odometry(trained, small_scene) -> None:
    network = load_motion_network(trained[0] / "models/weights_1", CPU)
    options = options_of(small_scene, pose_model_type="posecnn", **TINY_NETWORK)
    model = MonodepthModel(options).eval()
    depth = network.depth
    assert depth is not None
    model.encoder.load_state_dict(depth.encoder.state_dict())
    model.depth.load_state_dict(depth.depth.state_dict())
    model.pose.load_state_dict(network.model.pose.state_dict())
    walked = camera_path(TrainedRun(model, options, LINES, CPU, "none", ""))
    assert walked is not None
    assert walked.lines == [SplitLine(DRIVE, n, "l") for n in (2, 3, 4, 5, 6)]  # 7 has no neighbour after it
    assert walked.held_out == 3
    layout = layout_of(options)
    paths = [layout.picture_path(SplitLine(DRIVE, n, "l")) for n in range(2, 8)]
    np.testing.assert_allclose(walked.poses, chained(predict_steps(network, paths, 1)), atol=1e-6)


def options_of(data: Path, **more) -> Options:
    return Options(data_path=data, png=True, height=64, width=96, weights_init="scratch", **more)


@pytest.mark.parametrize(
    ("flags", "plots", "words"),
    [
        ({"frame_ids": (0,), "use_stereo": True}, 1, "has no network of motion"),
        ({"v1_multiscale": True, "scales": (1, 2), "frame_ids": (0, -1)}, 2, "the frame before it"),
        ({"predictive_mask": True, "disable_automasking": True, "frame_ids": (0, 2, 1)}, 2, "this run trained without"),
    ],
    ids=["stereo alone", "v1", "predictive mask"],
)
def test_every_kind_of_run_has_a_report(small_scene, tmp_path, flags, plots: int, words: str) -> None:
    options = options_of(small_scene, pose_model_type="posecnn", log_dir=tmp_path, **flags)
    torch.manual_seed(0)
    page = tmp_path / "page.html"
    write_page(page, TrainedRun(MonodepthModel(options), options, LINES[:2], CPU, "none", ""), 2)
    text = check_page(page, pictures=2 * 6, plots=plots)
    assert words in text
    assert "The run has left no losses" in text


def test_what_a_run_knew_beside_pictures_need_not_be_there(small_scene, tmp_path) -> None:
    """A report compares pictures with pictures: neither speeds nor depth of this scene are to be found."""
    options = options_of(small_scene, log_dir=tmp_path, velocity_weight=0.1, depth_supervision=0.1, **TINY_NETWORK)
    page = tmp_path / "page.html"
    write_page(page, TrainedRun(MonodepthModel(options), options, LINES[:2], CPU, "none", "known depth"), 2)
    text = check_page(page, pictures=2 * 6, plots=2)
    assert "It has learnt nothing from the video: " in text
    assert "It has also learnt from known depth." in text


def test_without_validation_pictures_the_page_says_so(small_scene, tmp_path) -> None:
    options = options_of(small_scene, pose_model_type="posecnn", log_dir=tmp_path)
    gone = [SplitLine(DRIVE, n, "l") for n in (70, 71)]
    verdict = write_page(tmp_path / "page.html", TrainedRun(MonodepthModel(options), options, gone, CPU, "none", ""), 2)
    assert verdict.kind == "unknown"
    text = check_page(tmp_path / "page.html", pictures=0, plots=0)
    assert "Whether it has learnt cannot be said: none of the validation frames can be read" in text


def test_a_report_that_fails_is_told_and_ends_nothing(small_scene, tmp_path) -> None:
    options = options_of(small_scene, pose_model_type="posecnn", log_dir=tmp_path)
    moved = replace(options, data_path=tmp_path / "gone")
    told = report_of_training(TrainedRun(MonodepthModel(options), moved, LINES, CPU, "weights_0", ""))
    assert told.startswith("no report could be made (--data_path")
    assert "the training itself is complete" in told


def test_broken_weights_have_a_report(small_scene, tmp_path) -> None:
    options = options_of(small_scene, pose_model_type="posecnn", log_dir=tmp_path)
    model = MonodepthModel(options)
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    options.run_folder.mkdir()
    told = report_of_training(TrainedRun(model, options, LINES[:1], CPU, "weights_0", ""))
    assert "predictions are not finite numbers" in told
    assert "predicted motion is not finite" in check_page(options.run_folder / "report.html", pictures=6, plots=1)


def test_a_run_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"--run nothing: neither a run's folder nor the name of a run in --log_dir"):
        run(ReportOptions(run=Path("nothing"), log_dir=tmp_path))
    with pytest.raises(UserError, match="--run is missing"):
        ReportOptions()
    with pytest.raises(UserError, match=r"ends with \.html"):
        ReportOptions(run=Path("mdp"), output=Path("page.pdf"))
