from pathlib import Path

import torch

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset, stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.losses import Objective
from monodepth2.method.model import MonodepthModel
from monodepth2.method.view_synthesis import ViewSynthesis

DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"


def test_the_loss_of_one_batch_falls(golden_scene: Path) -> None:
    options = Options(data_path=golden_scene, png=True, height=64, width=192, batch_size=2)
    lines = [SplitLine(DRIVE, 3, "l"), SplitLine(DRIVE, 4, "r")]
    data_set = MonoDataset.from_options(options, lines, augment=False)
    batch = stack([data_set.sample(0), data_set.sample(1)]).prepared(torch.device("cpu"))
    torch.manual_seed(0)
    model = MonodepthModel(options)
    optimizer = torch.optim.Adam(model.parameters(), 3e-4)
    synthesise, objective = ViewSynthesis.from_options(options), Objective.from_options(options)
    history = []
    for _ in range(25):
        predictions = model(batch)
        losses = objective(batch, predictions, synthesise(batch, predictions))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        history.append(losses.total.item())
    assert sum(history[-3:]) / 3 < 0.95 * history[0]
