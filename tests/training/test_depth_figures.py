"""Figures of depth while training."""

from pathlib import Path

import numpy as np
import pytest
import torch

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.stages import Views
from monodepth2.training.depth_figures import depth_figures, training_depth_metrics
from monodepth2.training.faults import Faults
from scene import DRIVE


def figures(scene: Path, **more: object) -> dict[str, torch.Tensor]:
    options = Options(data_path=scene, png=True, height=64, width=96, **more)
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, 3, "l")], augment=options.augment_crop)
    batch = stack([data_set.sample(0)]).prepared(torch.device("cpu"))
    views = Views({}, {0: torch.full((1, 1, 64, 96), 5.0)}, {}, {})
    return depth_figures(data_set, batch, views, Faults(1, print))


def test_a_network_that_sees_a_part_has_no_figures_of_whole_pictures(small_scene: Path) -> None:
    assert "de/abs_rel" in figures(small_scene)
    assert not figures(small_scene, fit="crop")
    assert not figures(small_scene, augment_crop=True)


def test_training_figures_of_a_perfect_prediction_up_to_scale() -> None:
    rng = np.random.default_rng(0)
    known = rng.random((2, 1, 375, 1242)) < 0.1
    gt = torch.from_numpy((rng.uniform(2, 60, known.shape) * known).astype(np.float32))
    figures = training_depth_metrics(torch.where(gt > 0, gt, 5.0) / 10, gt)
    assert list(figures) == ["de/abs_rel", "de/sq_rel", "de/rms", "de/log_rms", "da/a1", "da/a2", "da/a3"]
    assert [value.item() for value in figures.values()] == pytest.approx([0, 0, 0, 0, 1, 1, 1], abs=1e-5)


def test_training_figures_use_one_lower_median_and_the_fixed_crop() -> None:
    gt = torch.zeros(2, 1, 375, 1242)
    gt[0, 0, 200, 100], gt[1, 0, 200, 100] = 10.0, 30.0
    gt[0, 0, 152, 44:1197] = gt[0, 0, 371, 44:1197] = gt[0, 0, 153:371, 43] = gt[0, 0, 153:371, 1197] = 70.0
    pred = torch.tensor([1.0, 2.0])[:, None, None, None].expand(2, 1, 24, 80)
    figures = training_depth_metrics(pred, gt)
    # the lower medians are 10 and 1, so the predictions become 10 and 20
    assert figures["de/abs_rel"].item() == pytest.approx((0 + 1 / 3) / 2)
    assert figures["de/rms"].item() == pytest.approx(np.sqrt(100 / 2))
    assert figures["da/a1"].item() == 0.5


def test_training_figures_without_known_depth() -> None:
    assert training_depth_metrics(torch.ones(1, 1, 24, 80), torch.zeros(1, 1, 375, 1242)) == {}
