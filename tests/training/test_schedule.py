"""Learning rates: their course, those of single networks, and going on with them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from batches import H, W, batch
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.runtime.processes import Processes
from monodepth2.training.beginning import Beginning
from monodepth2.training.schedule import Schedule, cosine
from monodepth2.training.step import TrainingStep
from runs import TINY_NETWORK, train, weights


def test_the_cosine_goes_up_in_a_line_and_down_to_nothing() -> None:
    factor = cosine(1000)
    rates = [factor(step) for step in range(1001)]
    assert rates[:50] == pytest.approx([(step + 1) / 51 for step in range(50)])
    assert rates[50] == 1
    assert rates[525] == pytest.approx(0.5)
    assert rates[1000] == pytest.approx(0)
    assert all(later <= earlier for earlier, later in pairwise(rates[50:]))


def test_the_schedule_of_2019_drops_by_ten_after_its_epochs() -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], 1e-3)
    schedule = Schedule(optimizer, Options(scheduler_step_size=2), steps_per_epoch=3)
    seen = []
    for step in range(12):
        schedule.set(step)
        seen.append(schedule.rate)
    assert seen == pytest.approx([1e-3] * 6 + [1e-4] * 6)


def test_an_encoder_with_a_rate_of_its_own_moves_by_that_rate() -> None:
    options = Options(height=64, width=96, encoder_lr=1e-5, pose_model_type="posecnn")
    model = MonodepthModel(options)
    step = TrainingStep(model, options, torch.device("cpu"))
    rates = [group["lr"] for group in step.optimizer.param_groups]
    assert rates == pytest.approx([1e-5, 1e-4])
    order = [parameter for group in step.optimizer.param_groups for parameter in group["params"]]
    assert all(one is other for one, other in zip(order, model.parameters(), strict=True)), "checkpoints need it"
    expected = {"encoder.encoder.conv1.weight": 1e-5, "depth.decoder.0.conv.conv.weight": 1e-4}
    before = {name: model.get_parameter(name).detach().clone() for name in expected}
    step(batch(height=2 * H, width=3 * W // 2))
    for name, rate in expected.items():  # Adam's first step moves a weight by its rate
        assert (model.get_parameter(name) - before[name]).abs().max().item() == pytest.approx(rate, rel=1e-2)
    for kind in ("step", "cosine"):
        schedule = Schedule(step.optimizer, replace(options, schedule=kind), steps_per_epoch=1)
        assert schedule.in_words.endswith("0.0001"), "the run's rate, not the encoder's"
    for number in (7, 19, 0):  # in any order: nothing is left of an earlier step
        schedule.set(number)
        rates = [group["lr"] for group in step.optimizer.param_groups]
        assert rates == pytest.approx([1e-5 * cosine(20)(number), 1e-4 * cosine(20)(number)])
    assert schedule.in_words == "up to 0.0001"


def test_rates_are_scaled_together() -> None:
    options = Options(height=64, width=96, weights_init="scratch", encoder_lr=1e-5, pose_model_type="posecnn",
                      lr_scaling="linear", **TINY_NETWORK)  # fmt: skip
    begun = Beginning.of_new_run(options, Processes(world_size=4), torch.device("cpu"), cameras=[])
    assert [group["lr"] for group in begun.learn.optimizer.param_groups] == pytest.approx([4e-5, 4e-4])


@pytest.mark.slow(reason="starts three trainings")
def test_a_run_goes_on_with_its_cosine_as_if_it_had_never_stopped(small_scene: Path, split, tmp_path: Path) -> None:
    flags = ["--schedule", "cosine", "--optimizer", "adamw", "--encoder_lr", 5e-5]
    flags += ["--num_epochs", 2, "--save_steps", 3]
    assert train(small_scene, split, tmp_path / "whole", *flags).returncode == 0
    models = tmp_path / "parts" / "mdp" / "models"
    assert train(small_scene, split, tmp_path / "parts", *flags).returncode == 0
    (models / "weights_1").rename(tmp_path / "weights_1")
    resumed = train(small_scene, split, tmp_path / "parts", *flags, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    whole, parts = (weights(tmp_path / name / "mdp/models/weights_1") for name in ("whole", "parts"))
    tensors = {name: value for name, value in whole.items() if isinstance(value, torch.Tensor)}
    assert all(parts[name].equal(value) for name, value in tensors.items())


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"weight_decay": 0.1}, "--optimizer adamw"),
        ({"schedule": "cosine", "scheduler_step_size": 3}, "--schedule step"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(flags: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Options(**flags)
