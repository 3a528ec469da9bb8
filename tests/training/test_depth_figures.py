"""Figures of depth while training: of whole pictures alone."""

from pathlib import Path

import torch

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.stages import Views
from monodepth2.training.depth_figures import depth_figures
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
