"""Steps that went wrong: named, counted, mended, and in the end stopped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch
from monodepth2.training.step import TrainingStep
from monodepth2.training.wrong_numbers import LIMIT, WrongNumbers
from scene import DRIVE

CPU = torch.device("cpu")


@dataclass
class Run:
    """A training in small, with what the trainer has at hand."""

    learn: TrainingStep
    numbers: WrongNumbers
    data_set: MonoDataset
    told: list[str]
    step: int = 0

    def batch(self, *indices: int) -> Batch:
        return stack([self.data_set.sample(index) for index in indices]).prepared(CPU)

    def steps(self, *batches: Batch) -> list[float]:
        """Learn from batches, unread; return the losses."""
        losses = []
        for batch in batches:
            self.step += 1
            result = self.learn(batch)
            self.numbers.note(self.step, batch, result)
            losses.append(float(result.loss))
        return losses


@pytest.fixture
def start(small_scene: Path, tmp_path: Path) -> Callable[..., Run]:
    (tmp_path / "mdp").mkdir()

    def start(is_main: bool = True, **changed) -> Run:
        small = {"height": 64, "width": 96, "encoder": "lcnet_050", "decoder": "small", "pose_model_type": "posecnn"}
        options = Options(data_path=small_scene, png=True, log_dir=tmp_path, **{**small, **changed})
        torch.manual_seed(0)
        learn = TrainingStep(MonodepthModel(options), options, CPU)
        learn.objective = replace(learn.objective, tie_break=False)
        data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in range(1, 5)], augment=False)
        told: list[str] = []
        return Run(learn, WrongNumbers(learn.model, options, data_set.picture, told.append, is_main), data_set, told)

    return start


def spoilt(batch: Batch) -> Batch:
    """A pixel of the target is not a number."""
    target = batch.color_aug[0].clone()
    target[0, 0, 5, 5] = torch.nan
    return replace(batch, color_aug={**batch.color_aug, 0: target})


def with_a_wrong_gradient(batch: Batch) -> Batch:
    """The loss is finite, as the sources go nowhere, its gradient is not."""
    return replace(batch, K={level: K * torch.inf for level, K in batch.K.items()})


def statistics(run: Run) -> list[torch.Tensor]:
    return [buffer.clone() for buffer in run.learn.model.buffers() if buffer.is_floating_point()]


def test_a_wrong_step_is_told_with_its_pictures(start) -> None:
    run = start()
    run.steps(run.batch(0, 1), spoilt(run.batch(2, 3)), run.batch(1), with_a_wrong_gradient(run.batch(3)))
    assert not run.told
    run.numbers.read()
    assert len(run.told) == 2
    names = [f"{run.data_set.layout.root / DRIVE}/image_02/data/000000000{frame}.png" for frame in (3, 4)]
    assert all(Path(name).is_file() for name in names)
    assert run.told[0].startswith("step 3: the loss is nan")
    assert run.told[0].endswith(f"no. 1: {', '.join(names)}")
    assert run.told[1].startswith("step 5: a gradient is not finite")
    assert run.told[1].endswith(f"no. 2: {names[1]}")
    assert run.numbers.figures == {"health/skipped_steps": 2.0}
    run.numbers.read()
    assert len(run.told) == 2


def test_processes_speak_of_their_own_pictures_and_the_main_one_of_every_step(start) -> None:
    other = start(is_main=False)
    batch = other.batch(0)
    ours = other.learn(spoilt(batch))
    theirs = replace(ours, loss=torch.tensor(0.1), lost=torch.tensor(False))
    for step in range(LIMIT):
        other.numbers.note(2 * step, batch, theirs)
        other.numbers.note(2 * step + 1, batch, ours)
    other.numbers.read()  # whose end is the main process's matter
    assert [line.split(":")[0] for line in other.told] == [f"step {2 * step + 2}" for step in range(LIMIT)]
    main = start()
    main.numbers.note(1, batch, theirs)
    main.numbers.read()
    assert len(main.told) == 1
    assert other.numbers.figures == {"health/skipped_steps": 2.0 * LIMIT}


def test_running_statistics_come_back(start) -> None:
    run = start(encoder=None, decoder="2019")  # in which every channel changes
    run.steps(run.batch(0))
    run.numbers.read()
    good = statistics(run)
    run.steps(spoilt(run.batch(1)))
    assert not all(buffer.isfinite().all() for buffer in statistics(run))
    run.numbers.read()
    assert all(torch.equal(*pair) for pair in zip(statistics(run), good, strict=True))
    run.steps(run.batch(1))
    run.numbers.read()
    assert not any(torch.equal(*pair) for pair in zip(statistics(run), good, strict=True))


@pytest.mark.parametrize(
    ("changed", "flags"),
    [
        ({}, "try a lower --learning_rate than 0.0001, --clip_grad_norm 1"),
        ({"clip_grad_norm": 2.0, "precision": "bf16"}, "try a lower --learning_rate than 0.0001, --precision fp32"),
    ],
    ids=["fp32", "bf16, clipped"],
)
@pytest.mark.slow(reason="takes steps until they end a run")
def test_several_in_a_row_end_the_run_and_leave_the_batch(start, tmp_path: Path, changed, flags: str) -> None:
    run = start(**changed)
    bad = spoilt(run.batch(1))
    losses = run.steps(run.batch(0), *[bad] * LIMIT, run.batch(0), *[bad] * (LIMIT - 1))
    run.numbers.read()  # as many as the limit were in a row, but that is over
    run.steps(spoilt(run.batch(3, 2)))
    with pytest.raises(UserError) as stop:
        run.numbers.read()
    path, message = tmp_path / "mdp/wrong_batch.pt", str(stop.value)
    assert "\n" not in message
    assert f"{LIMIT} steps in a row up to step {2 * LIMIT + 3} " in message
    assert f"last finite loss: {losses[1 + LIMIT]:.4f}" in message
    assert f"the last batch is kept in {path}" in message
    assert message.endswith(flags)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    saved = torch.load(path, weights_only=True)
    assert saved["step"] == 2 * LIMIT + 2
    assert [Path(name).name for name in saved["pictures"]] == ["0000000004.png", "0000000003.png"]
    assert all(name in message for name in saved["pictures"])
    result = run.learn(Batch(**saved["batch"]))
    assert result.wrong
    assert result.loss.isnan()


def test_a_batch_that_cannot_be_kept_still_ends_the_run_with_the_cause(start, tmp_path: Path) -> None:
    run = start(use_stereo=True)
    (tmp_path / "mdp").rmdir()
    run.steps(*[spoilt(run.batch(0))] * LIMIT)
    with pytest.raises(UserError, match=r"could not be kept.*No such file.*--learning_rate"):
        run.numbers.read()


def test_a_continued_run_counts_on(start) -> None:
    run = start()
    run.steps(run.batch(0), *[spoilt(run.batch(1))] * (LIMIT - 1))
    run.numbers.read()
    state, weights = run.numbers.state_dict(), run.learn.model.state_dict()
    assert all(isinstance(value, (int, float)) for value in state.values())

    other = start(learning_rate=1e-3)
    other.learn.model.load_state_dict(weights)
    other.numbers.load_state_dict(state)
    good = statistics(other)
    other.steps(spoilt(other.batch(1)))
    with pytest.raises(UserError, match=f"{LIMIT} steps in a row.*last finite loss: {state['last_loss']:.4f}"):
        other.numbers.read()
    assert other.told[0].startswith("step 2: ")
    assert f"step no. {LIMIT}:" in other.told[0]
    assert all(torch.equal(*pair) for pair in zip(statistics(other), good, strict=True))
