"""By what depths are multiplied before they are scored, and what is said of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.evaluation.scoring import evaluate, evaluate_all
from trees import write_checkpoint


@pytest.fixture
def options(small_drive, tmp_path: Path) -> Options:
    np.savez(tmp_path / "truth.npz", data=small_drive.depths)
    return Options(data_path=small_drive.root, eval_split=str(small_drive.split), gt_path=tmp_path / "truth.npz",
                   no_cuda=True, num_workers=0)  # fmt: skip


def network(folder: Path, **facts) -> Path:
    return write_checkpoint(folder, facts=TrainingFacts(**facts), encoder="lcnet_050", decoder="small")


def test_2019s_flag_takes_the_numbers_of_a_network_with_metres_as_they_are(options: Options, tmp_path: Path) -> None:
    own = replace(options, load_weights_folder=network(tmp_path / "weights_0", metric_scale=28.5))
    factors = [
        evaluate(replace(own, **flags)).protocol.factor
        for flags in (
            {"eval_mono": True, "disable_median_scaling": True},
            {"align": "none"},
            {"eval_stereo": True, "disable_median_scaling": True},
            {"eval_mono": True, "disable_median_scaling": True, "pred_depth_scale_factor": 3.0},
        )
    ]
    assert factors == [1, 28.5, 28.5, 3]


def test_notes_on_a_given_factor_are_true(options: Options, tmp_path: Path) -> None:
    told = replace(options, pred_depth_scale_factor=30.0)
    alone, metric = network(tmp_path / "alone"), network(tmp_path / "metric", metric_scale=2.0)
    for weights, flags, notes in (
        (alone, {"align": "none"}, ()),
        (alone, {"eval_stereo": True}, ("--pred_depth_scale_factor 30 replaces --eval_stereo's 5.4",)),
        (metric, {"eval_stereo": True}, ("--pred_depth_scale_factor 30 replaces metric's own 2",)),
    ):
        assert evaluate(replace(told, load_weights_folder=weights, **flags)).notes == notes


def test_a_given_factor_alone_is_told_how_it_is_scored_with(options: Options, small_drive) -> None:
    told = replace(options, ext_disp_to_eval=small_drive.disps, pred_depth_scale_factor=30.0)
    with pytest.raises(UserError, match="beside --pred_depth_scale_factor alone it is --align none"):
        evaluate(told)
    assert evaluate(replace(told, align="none")).protocol.factor == 30


@pytest.mark.parametrize("dataset", ["kitti", "folder"])
def test_a_mistyped_data_path_is_not_told_as_missing_truth(
    dataset: str, options: Options, small_drive, small_weights: Path, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    for n, depth in enumerate(small_drive.depths):
        np.save(maps / f"{n:010d}.npy", depth)
    wrong = replace(options, dataset=dataset, data_path=tmp_path / "nowhere", eval_mono=True)
    array, net = {"ext_disp_to_eval": small_drive.disps}, {"load_weights_folder": small_weights}
    for source, truth in ((array, None), (net, None), (net, maps), *([(array, maps)] if dataset == "folder" else [])):
        with pytest.raises(UserError, match=r"--data_path .*nowhere: no such folder"):
            evaluate_all(replace(wrong, gt_path=truth, **source))
    if dataset == "kitti":  # numbers of frames name the maps, and nothing is read from the data set
        assert len(evaluate(replace(wrong, gt_path=maps, **array)).scores) == len(small_drive.depths)
