"""What a network's predictions depend on travels with its weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import Options, PredictOptions
from monodepth2.datasets.cameras import Camera
from monodepth2.demo.network import WEIGHTS
from monodepth2.errors import UserError
from monodepth2.evaluation.metrics import Protocol, evaluate_depth_map
from monodepth2.evaluation.regions import Region
from monodepth2.files.fit import Fit
from monodepth2.method.depth_maps import at_picture_size, resize_bilinear
from monodepth2.onnx.metadata import Metadata, of_training
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.runtime.processes import Processes
from monodepth2.training.beginning import Beginning, facts_of, other_depths
from trees import changed_weights, write_checkpoint

CPU = torch.device("cpu")
POSECNN = {"pose_model_type": "posecnn"}
FACTS = TrainingFacts(0.2, 50.0, 0.12, Fit("crop", 0.25), (Camera(0.6, 1.0, 0.45, 0.5, source="camera.json"),), 2.0)


def test_facts_go_through_a_state_and_through_metadata() -> None:
    assert TrainingFacts.from_state({"height": 64, **FACTS.to_state()}, Path("encoder.pth")) == FACTS
    of_file = Metadata(
        *("test", "depth", 64, 96, 32, 1, False, False, "fp32", "mono", False, 0.2, 50.0), **of_training(FACTS)
    )
    properties = of_file.to_properties()
    assert Metadata.from_properties(properties, "a.onnx").facts("a.onnx") == FACTS
    older = {name: value for name, value in properties.items() if name.rpartition(".")[2] not in of_training(FACTS)}
    assert Metadata.from_properties(older, "a.onnx").facts("a.onnx") == TrainingFacts(0.2, 50.0)


def test_a_depth_range_that_is_none_beside_the_checkpoints_own_is_refused() -> None:
    with pytest.raises(UserError, match=r"nearest depth of 150 and a farthest of 100 .* trained with --min_depth 0.1"):
        load_depth_network(WEIGHTS, CPU, min_depth=150.0)
    with pytest.raises(UserError, match=r"^--max_depth -1: need"):
        PredictOptions(image_path="a.jpg", load_weights_folder=WEIGHTS, max_depth=-1.0)


def test_weights_of_another_range_or_unit_are_told_of() -> None:
    facts = facts_of(WEIGHTS)
    assert other_depths(Options(), WEIGHTS, facts) == []
    assert "trained with --min_depth 0.1 --max_depth 100" in other_depths(Options(min_depth=1.0), WEIGHTS, facts)[0]
    assert "not known to be the metre" in other_depths(Options(poses="known"), WEIGHTS, facts)[0]
    assert "not known to be that of --poses tracked" in other_depths(Options(poses="tracked"), WEIGHTS, facts)[0]
    metric = TrainingFacts(metric_scale=1.0)
    assert "is 1 m, and this run's is ten baselines" in other_depths(Options(use_stereo=True), WEIGHTS, metric)[0]
    assert other_depths(Options(poses="known"), WEIGHTS, metric) == other_depths(Options(), WEIGHTS, metric) == []


def test_a_run_takes_over_the_facts_of_what_it_loads(tmp_path: Path) -> None:
    taught = write_checkpoint(tmp_path / "w", facts=TrainingFacts(supervision=("depth",)), **POSECNN)
    run = Options(height=64, width=96, weights_init="scratch", load_weights_folder=taught, **POSECNN)
    for names, supervision in ((("encoder",), ("depth",)), (("pose",), ())):
        begun = Beginning.of_new_run(replace(run, models_to_load=names), Processes(), CPU, cameras=[])
        assert begun.facts.supervision == supervision
    with pytest.raises(UserError, match="--models_to_load pose_encoder: this run has encoder depth pose"):
        Beginning.of_new_run(replace(run, models_to_load=("pose_encoder",)), Processes(), CPU, cameras=[])


def test_weights_without_an_encoder_say_nothing_of_their_depths(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS / "depth.pth", tmp_path)
    assert other_depths(Options(min_depth=1.0), tmp_path, facts_of(tmp_path)) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"min_depth": 60.0},
        {"max_depth": float("nan")},
        {"max_depth": None},
        {"baseline": -1.0},
        {"baseline": "wide"},
        {"fit": "shear"},
        {"metric_scale": 0.0},
        {"metric_scale": "metres"},
        {"supervision": [1]},
        {"supervision": [[]]},
        {"supervision": "depth"},
        {"crop_top": 7.0},
        {"cameras": "none"},
        {"cameras": [{"fx": 1.0}]},
        {"cameras": [{"fx": float("inf"), "fy": 1.0, "cx": 0.5, "cy": 0.5, "source": ""}]},
        {"cameras": [{"fx": 0.0, "fy": 1.0, "cx": 0.5, "cy": 0.5, "source": ""}]},
        {"cameras": [{"fx": 1.0, "fy": -1.0, "cx": 0.5, "cy": 0.5, "source": ""}]},
    ],
)
def test_damaged_facts_are_refused(damage: dict) -> None:
    with pytest.raises(UserError, match=r"^encoder\.pth: .*cannot be used"):
        TrainingFacts.from_state({**FACTS.to_state(), **damage}, Path("encoder.pth"))


def test_what_was_told_lengths_knows_metres_and_a_rig_keeps_its_own() -> None:
    told = {"depth_supervision": 0.1}, {"poses": "known"}, {"velocity_weight": 0.05}
    assert [TrainingFacts.of(Options(**one)).metric_scale for one in told] == [1.0, 1.0, 1.0]
    assert TrainingFacts.of(Options()).metric_scale is None
    assert TrainingFacts.of(Options(use_stereo=True, depth_supervision=0.1)).metric_scale is None
    metric = TrainingFacts(baseline=None, metric_scale=1.0)
    assert (metric.depth_factor(True, 1.0), metric.depth_factor(True, 3.0)) == (1, 3)
    taught = TrainingFacts.of(Options(depth_supervision=0.1)).after(TrainingFacts(supervision=("pseudo_labels",)))
    assert taught.taught == "pseudo-labels of another depth model and known depth"
    assert TrainingFacts.from_state(taught.to_state(), Path("encoder.pth")) == taught
    later = {**taught.to_state(), "supervision": ["depth", "words of a later version"]}
    assert TrainingFacts.from_state(later, Path("encoder.pth")).supervision == ("depth",)
    assert "metric_scale" not in TrainingFacts().to_state(), "files of other runs stay as they were"


def test_a_folder_predicts_as_at_home_wherever_it_is(tmp_path: Path, monkeypatch) -> None:
    home = write_checkpoint(tmp_path / "run/models/weights_0", min_depth=1.0, max_depth=10.0, fit="crop", crop_top=1.0)
    copy = Path(shutil.copytree(home, tmp_path / "robot/copy"))
    (tmp_path / "robot/link").symlink_to(home)
    monkeypatch.chdir(copy)
    for folder in (home, copy, tmp_path / "robot/link", Path(".")):
        network = load_depth_network(folder, CPU)
        assert (network.min_depth, network.max_depth, network.facts.fit) == (1.0, 10.0, Fit("crop", 1.0))


def test_an_older_checkpoint_has_the_range_of_its_run(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "models/weights_0", min_depth=1.0)
    later = FACTS.to_state()
    changed_weights(folder, lambda state: {name: value for name, value in state.items() if name not in later})
    assert load_depth_network(folder, CPU).min_depth == 0.1
    (tmp_path / "models/opt.json").write_text(Options(min_depth=2.0).to_json())
    network = load_depth_network(folder, CPU)
    assert (network.min_depth, network.facts) == (2.0, TrainingFacts(2.0))


def test_what_an_earlier_version_learnt_from_is_in_the_record_of_its_run(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "models/weights_0")
    changed_weights(folder, lambda state: {name: value for name, value in state.items() if name != "supervision"})
    assert load_depth_network(folder, CPU).facts.taught == ""
    (tmp_path / "models/opt.json").write_text(Options(pseudo_labels=Path("labels")).to_json())
    assert load_depth_network(folder, CPU).facts.taught == "pseudo-labels of another depth model"
    (tmp_path / "models/opt.json").write_text("{")
    assert load_depth_network(folder, CPU).facts.taught == "", "what it predicts does not hang on the record"


@pytest.mark.parametrize("own", [{}, {"pseudo_labels": Path("labels")}])
def test_what_a_checkpoint_says_it_learnt_from_counts_in_the_folder_of_another_run(own: dict, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "models/weights_copy", **own)
    (tmp_path / "models/opt.json").write_text(Options(depth_supervision=1).to_json())
    assert load_depth_network(folder, CPU).facts.taught == TrainingFacts.of(Options(**own)).taught


def test_metres_come_from_the_baseline() -> None:
    assert TrainingFacts(baseline=0.54, use_stereo=True).depth_factor(True, 1.0) == 5.4
    assert TrainingFacts(baseline=0.12, use_stereo=True).depth_factor(True, 1.0) == pytest.approx(1.2)
    assert TrainingFacts(baseline=0.12, use_stereo=True).depth_factor(True, 3.0) == 3.0
    unknown = TrainingFacts(baseline=None, use_stereo=True)
    assert unknown.depth_factor(False, 1.0) == 1.0
    with pytest.raises(UserError, match="--baseline METRES"):
        unknown.depth_factor(True, 1.0)
    assert (unknown.known_scale(), TrainingFacts().known_scale()) == (None, None)


def test_metres_are_those_of_the_depths_that_were_learnt() -> None:
    learnt = TrainingFacts(max_depth=80.0, metric_scale=1.0)
    assert learnt.depth_factor(True, 1.0, (0.1, 80.0)) == 1
    assert learnt.depth_factor(False, 1.0, (0.1, 20.0)) == 1
    with pytest.raises(UserError, match=r"metres are those of --min_depth 0\.1 --max_depth 80"):
        learnt.depth_factor(True, 1.0, (0.1, 20.0))
    with pytest.raises(UserError, match="have no known scale"):
        TrainingFacts().depth_factor(True, 1.0, (0.1, 20.0))


def test_a_stated_baseline_is_for_a_rig_alone() -> None:
    rig, told = TrainingFacts(), TrainingFacts(metric_scale=2.0)
    assert (rig.metres_per_unit, told.metres_per_unit) == (5.4, 2.0)
    assert rig.with_baseline(0.3, "rig").metres_per_unit == pytest.approx(3)
    assert TrainingFacts(baseline=None).metres_per_unit == 5.4
    assert told.with_baseline(None, "told") is told
    with pytest.raises(UserError, match=r"--baseline 0\.3 is a rig's, and told has metres of its own, 2 per unit"):
        told.with_baseline(0.3, "told")


def test_a_factor_in_place_of_the_networks_metres_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert TrainingFacts(use_stereo=True).depth_factor(False, 3.0) == 3
    assert not capsys.readouterr().err
    assert TrainingFacts(use_stereo=True).depth_factor(True, 3.0) == 3
    assert "--pred_depth_scale_factor 3 is taken in place of what --pred_metric_depth says" in capsys.readouterr().err


def test_a_cropped_map_lies_where_the_network_has_seen_it() -> None:
    disp = np.linspace(1, 2, 96, dtype=np.float32) * np.ones((64, 1), np.float32)
    placed = at_picture_size(disp, 128, 288, Fit("crop", 0.5))
    # 192 columns are seen, from 48 on
    assert np.isnan(placed[:, :48]).all()
    assert np.isnan(placed[:, 240:]).all()
    np.testing.assert_allclose(placed[:, 48:240], resize_bilinear(disp, 128, 192), rtol=1e-6)
    tall = at_picture_size(disp, 256, 96, Fit("crop", 1.0))
    assert np.isnan(tall[:192]).all()
    np.testing.assert_array_equal(tall[192:], disp)


def test_a_cropping_network_is_shown_the_part_and_scored_on_it(tmp_path: Path) -> None:
    """What lies outside of the crop changes nothing of the prediction."""
    weights = write_checkpoint(tmp_path / "weights", fit="crop")
    predictor = DepthPredictor.from_checkpoint(weights, CPU)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (128, 96, 3), dtype=np.uint8)
    other = picture.copy()
    other[:29] = other[-29:] = 255  # the filter reaches three pixels further than the crop, rows 32 to 96, to no effect
    first, second = (predictor.predict(Image.fromarray(shown)) for shown in (picture, other))
    np.testing.assert_array_equal(first.network_disp, second.network_disp)
    assert np.isnan(first.disp[:32]).all()
    assert np.isfinite(first.disp[32:96]).all()
    truth = np.where(np.isnan(first.disp), 50.0, np.minimum(1 / first.disp, 80))
    score = evaluate_depth_map(first.disp, truth, Protocol(Region("none", None), align="none"))
    assert score is not None
    assert score.metrics.abs_rel == pytest.approx(0, abs=1e-6)


def test_a_run_keeps_the_facts_of_its_cameras(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights", baseline=0.2, fit="crop")
    found = load_depth_network(folder, CPU).facts
    assert found == replace(TrainingFacts(), baseline=0.2, fit=Fit("crop"))
