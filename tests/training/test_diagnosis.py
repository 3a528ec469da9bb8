"""Signs of a training that goes wrong: found where it does, silent where it does not."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from monodepth2.config import FrameId, Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.geometry import mean_displacement
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch
from monodepth2.training.diagnosis import EARLIEST, Diagnosis, RunningMean
from monodepth2.training.step import TrainingStep
from scene import DRIVE

CPU = torch.device("cpu")
HEALTHY = {"health/displacement_px": 2.0, "health/disparity_variation": 0.5, "health/depth_at_limit": 0.1,
           "health/automasked": 0.3}  # fmt: skip


@pytest.fixture(scope="module")
def options(small_scene: Path) -> Options:
    return Options(data_path=small_scene, png=True, height=64, width=96, batch_size=2, weights_init="scratch")


def scene_batch(options: Options) -> Batch:
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in (2, 4)], augment=False)
    return stack([data_set.sample(0), data_set.sample(1)]).prepared(CPU)


def fresh_step(options: Options) -> TrainingStep:
    torch.manual_seed(0)
    return TrainingStep(MonodepthModel(options), options, CPU)


def figures_of(options: Options, batch: Batch, step: TrainingStep) -> dict[str, float]:
    """What is found of networks on a batch."""
    diagnosis = Diagnosis(options, 10, print)
    predictions = step.predict(batch)
    diagnosis.note_loss(torch.tensor(0.2))
    diagnosis.note(batch, *step.judge(batch, predictions))
    return {tag: float(value) for tag, value in diagnosis.figures().items()}


def sentences(options: Options, figures: dict[str, float], losses: Iterable[float] = (0.20, 0.15, 0.13)) -> list[str]:
    """What is told after some epochs of such figures and losses."""
    told: list[str] = []
    diagnosis = Diagnosis(options, EARLIEST, told.append)
    for epoch, loss in enumerate(losses):
        run_epoch(diagnosis, epoch, loss, figures)
    return told


def run_epoch(diagnosis: Diagnosis, epoch: int, loss: float, figures: dict[str, float]) -> None:
    for _ in range(EARLIEST):
        diagnosis.note_loss(torch.tensor(loss))
    found = {tag: float(value) for tag, value in diagnosis.figures().items()}
    diagnosis.conclude(epoch, {**figures, "health/epoch_loss": found["health/epoch_loss"]})


@pytest.mark.slow(reason="trains for 25 steps")
def test_a_healthy_training_is_told_nothing(options: Options, golden_scene: Path) -> None:
    options = replace(options, data_path=golden_scene, use_stereo=True, learning_rate=5e-4)
    batch, step = scene_batch(options), fresh_step(options)
    untrained = figures_of(options, batch, step)
    first = float(step(batch).loss)
    last = [float(step(batch).loss) for _ in range(24)][-1]
    trained = figures_of(options, batch, step)
    assert trained["health/disparity_variation"] > 0.1 > untrained["health/disparity_variation"]
    assert trained["health/displacement_px"] > 1
    assert trained["health/depth_at_limit"] < 0.5
    assert trained["health/automasked"] < 0.3
    assert sentences(options, trained, (first, (first + last) / 2, last)) == []


@pytest.mark.slow(reason="trains for fifteen steps")
def test_a_learning_rate_that_flattens_the_disparity_is_named(options: Options, golden_scene: Path) -> None:
    """A training that has really gone wrong: all depths end on one side of the range."""
    small = {"encoder": "resnet10t", "pose_encoder": "mobilenetv4_conv_small_050", "decoder": "small"}
    options = replace(options, data_path=golden_scene, use_stereo=True, learning_rate=1e-2, **small)
    batch, step = scene_batch(options), fresh_step(options)
    for _ in range(15):
        step(batch)
    told = sentences(options, figures_of(options, batch, step))
    assert len(told) == 1
    assert "of the depths lie at an end of --min_depth 0.1 --max_depth 100" in told[0]
    assert "try --learning_rate 0.005" in told[0]


@pytest.mark.parametrize(
    ("bias", "words"),
    [
        (0.0, ("collapsed to a constant, it varies by 0.0%", "--learning_rate 5e-05", "--disparity_smoothness 0.0001")),
        (20.0, ("at an end of --min_depth",)),
        (-20.0, ("at an end of --min_depth",)),
    ],
    ids=["constant", "nearest", "farthest"],
)
def test_a_constant_disparity_is_told(options: Options, bias: float, words: tuple[str, ...]) -> None:
    step = fresh_step(options)
    for head in step.model.depth.decoder[10:]:
        torch.nn.init.zeros_(head.conv.weight)
        torch.nn.init.constant_(head.conv.bias, bias)
    figures = figures_of(options, scene_batch(options), step)
    assert figures["health/disparity_variation"] < 1e-4
    told = sentences(options, figures | {"health/displacement_px": 2.0})
    assert len(told) == 1
    assert all(word in told[0] for word in words)


def test_a_pose_network_that_says_nothing_is_told(options: Options) -> None:
    step = fresh_step(options)
    for parameter in step.model.pose.net[-1].parameters():
        torch.nn.init.zeros_(parameter)
    figures = figures_of(options, scene_batch(options), step)
    assert figures["health/displacement_px"] < 1e-3
    told = sentences(options, figures | {"health/disparity_variation": 0.5})
    assert len(told) == 1
    assert told[0].startswith("after epoch 1: the predicted motion stays at identity")
    known = replace(options, pose_model_type="separate_resnet", poses="known")
    (told_of_poses,) = sentences(known, figures | {"health/disparity_variation": 0.5})
    assert "usually the poses are not in metres" in told_of_poses
    assert "--frame_ids 0 -2 2" in told[0]
    untrained = figures_of(options, scene_batch(options), fresh_step(options))
    assert not any("identity" in line for line in sentences(options, untrained))


def with_sources(batch: Batch, noise: float, frames: Iterable[FrameId] = (-1, 1)) -> Batch:
    """The batch with pictures of the target, and noise on them, in place of some sources."""
    pictures = {
        frame: (batch.color[0][0] + noise * torch.randn_like(batch.color[0][0])).clamp(0, 1) for frame in frames
    }
    levels = {frame: {0: picture} for frame, picture in pictures.items()}
    return replace(batch, color=batch.color | levels, color_aug=batch.color_aug | pictures)


@pytest.mark.parametrize("noise", [0.0, 1 / 255])
def test_a_camera_that_stands_still_is_told_at_once(options: Options, noise: float) -> None:
    """Networks that see the same picture thrice; what follows from that is not told as well."""
    figures = figures_of(options, with_sources(scene_batch(options), noise), fresh_step(options))
    told = sentences(options, figures | {"health/disparity_variation": 0.0}, [0.1] * 3)
    assert len(told) == 1
    assert told[0].startswith("after epoch 1: nothing moves in this data")
    assert "--frame_ids 0 -2 2" in told[0]


def test_a_source_that_differs_is_enough(options: Options) -> None:
    """A rig that stands still still sees depth."""
    stereo = replace(options, use_stereo=True)
    figures = figures_of(stereo, with_sources(scene_batch(stereo), 0.0), fresh_step(stereo))
    assert figures["health/unwarped_error"] > 0.02
    assert not any("nothing moves" in line for line in sentences(stereo, figures))


def test_pairs_that_are_alike_are_told_and_end_as_any_run(options: Options) -> None:
    """What is wrong is the second camera; exit code 3 says that nothing moves."""
    pairs = replace(options, use_stereo=True, frame_ids=(0,))
    told: list[str] = []
    diagnosis = Diagnosis(pairs, EARLIEST, told.append)
    run_epoch(diagnosis, 0, 0.1, HEALTHY | {"health/unwarped_error": 0.0})
    assert len(told) == 1
    assert "the pictures of the two cameras are alike" in told[0]
    assert diagnosis.nothing_to_learn == ""


@pytest.mark.parametrize("kind", ["separate_resnet", "posecnn"])
def test_networks_that_begin_are_told_nothing(options: Options, kind: str) -> None:
    chosen = replace(options, pose_model_type=kind)
    assert sentences(chosen, figures_of(chosen, scene_batch(chosen), fresh_step(chosen)), [0.2]) == []


@pytest.mark.parametrize("loss", [0.0, -1e-5])
def test_a_loss_of_nothing_is_told(options: Options, loss: float) -> None:
    """Masks that leave no pixel hide whether anything moves."""
    batch = scene_batch(options)
    hidden = replace(
        batch, mask={level: torch.zeros_like(image[:, :1]).bool() for level, image in batch.color[0].items()}
    )
    figures = figures_of(options, hidden, fresh_step(options))
    assert figures["health/unwarped_error"] != figures["health/unwarped_error"]
    told: list[str] = []
    diagnosis = Diagnosis(options, EARLIEST, told.append)
    run_epoch(diagnosis, 0, loss, HEALTHY | {"health/unwarped_error": figures["health/unwarped_error"]})
    assert len(told) == 1
    assert "the loss is zero" in told[0]
    assert diagnosis.nothing_to_learn == "the loss of this data is zero"


def test_a_long_first_epoch_is_looked_at_early(options: Options) -> None:
    told: list[str] = []
    diagnosis = Diagnosis(options, 10_000, told.append)
    looks = []
    for n in range(300):
        diagnosis.note_loss(torch.tensor(0.0))
        if diagnosis.due(n):
            diagnosis.means["health/unwarped_error"] = RunningMean(0.0003, 1)
        if diagnosis.first_look_due:
            looks.append(n)
            diagnosis.look_first({tag: float(value) for tag, value in diagnosis.figures().items()})
    assert looks == [99]
    assert [line.split(":")[0] for line in told] == ["after 100 steps"]
    resumed = Diagnosis(options, 10_000, told.append)
    resumed.load_state_dict(diagnosis.state_dict())
    assert resumed.nothing_to_learn == "nothing moves in this data"
    taught = Diagnosis(replace(options, depth_supervision=1.0), 10_000, told.append)
    taught.load_state_dict(diagnosis.state_dict())
    assert taught.nothing_to_learn == "", "known depth teaches without motion"


def test_only_what_a_run_has_is_looked_at(options: Options) -> None:
    stereo = replace(options, frame_ids=(0,), use_stereo=True)
    assert "health/displacement_px" not in figures_of(stereo, scene_batch(stereo), fresh_step(stereo))
    told = sentences(stereo, {**HEALTHY, "health/automasked": 0.99})
    assert len(told) == 1
    assert "both cameras' pictures" in told[0]
    unmasked = replace(options, disable_automasking=True)
    assert "health/automasked" not in figures_of(unmasked, scene_batch(unmasked), fresh_step(unmasked))


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ([0.2, 0.2], 0),
        ([0.2, 0.199, 0.2], 1),
        ([0.2, 0.201, 0.199, 0.2], 1),
        ([0.2, 0.18, 0.19], 0),
        ([0.2, 0.18, 0.17, 0.2, 0.2], 1),
    ],
    ids=["too early", "unmoved", "told once", "falling", "back again"],
)
def test_a_loss_that_does_not_move_is_told(options: Options, losses: list[float], told: int) -> None:
    found = sentences(options, HEALTHY, losses)
    assert len(found) == told
    assert all("the loss does not move, it was 0.2000 at the start" in line for line in found)
    assert not sentences(replace(options, load_weights_folder=Path("weights_19")), HEALTHY, losses)


def test_what_an_epoch_has_learnt_before_its_end_counts(options: Options) -> None:
    """On a huge data set the first epoch's mean is that of a network that has learnt."""
    told: list[str] = []
    diagnosis = Diagnosis(options, 2000, told.append)
    for step in range(1500):
        diagnosis.note_loss(torch.tensor(0.2 if step < 100 else 0.1))
    for epoch in range(4):
        run_epoch(diagnosis, epoch, 0.1, HEALTHY)
    assert told == []


def test_each_thing_is_told_once_until_it_is_mended(options: Options) -> None:
    told: list[str] = []
    diagnosis = Diagnosis(options, EARLIEST, told.append)
    still = {**HEALTHY, "health/displacement_px": 0.05}
    flat = {**HEALTHY, "health/disparity_variation": 0.001}
    for epoch, figures in enumerate([still, still, still, {**still, **flat}, HEALTHY, still]):
        run_epoch(diagnosis, epoch, 0.2 / (1 + epoch), figures)
    assert [line.split(":")[0] for line in told] == ["after epoch 2", "after epoch 4", "after epoch 6"]
    assert ["disparity" in line for line in told] == [False, True, False]


def test_short_epochs_are_given_time(options: Options) -> None:
    told: list[str] = []
    diagnosis = Diagnosis(options, 100, told.append)
    spoken = []
    for epoch in range(EARLIEST // 100 + 1):
        for _ in range(100):
            diagnosis.note_loss(torch.tensor(0.2 / (1 + epoch)))
        figures = {tag: float(value) for tag, value in diagnosis.figures().items()}
        diagnosis.conclude(epoch, {**figures, **HEALTHY, "health/displacement_px": 0.05})
        spoken.append(len(told))
    assert spoken == [0] * (EARLIEST // 100 - 1) + [1, 1]


def test_notes_are_spread_over_an_epoch() -> None:
    for steps, most in ((10, 1), (60, 3), (3317, 25)):
        due = [n for n in range(steps) if Diagnosis(Options(), steps, print).due(n)]
        assert due[-1] == steps - 1
        assert len(due) <= most
        assert max(b - a for a, b in zip([-1, *due], due, strict=False)) <= max(25, steps / 20)


def test_wrong_numbers_are_left_out(options: Options) -> None:
    batch, step = scene_batch(options), fresh_step(options)
    diagnosis = Diagnosis(options, 10, print)
    broken = replace(batch, K={level: K * torch.nan for level, K in batch.K.items()})
    for loss, given in ((0.2, batch), (torch.inf, broken), (torch.nan, broken), (0.4, batch)):
        diagnosis.note_loss(torch.tensor(loss))
        diagnosis.note(given, *step.judge(given, step.predict(given)))
    found = diagnosis.figures()
    assert float(found["health/epoch_loss"]) == pytest.approx(0.3)
    assert float(found["health/displacement_px"]) == pytest.approx(
        figures_of(options, batch, step)["health/displacement_px"], rel=1e-5
    )
    nothing = Diagnosis(options, 10, print)
    nothing.note_loss(torch.tensor(torch.nan))
    assert nothing.figures()["health/epoch_loss"].isnan()


def test_a_continued_run_finds_the_same(options: Options) -> None:
    """Ended in the middle of the third epoch."""
    told: dict[str, list[str]] = {"whole": [], "before": [], "after": []}
    batch, step = scene_batch(options), fresh_step(options)
    views, losses = step.judge(batch, step.predict(batch))

    def go_on(diagnosis: Diagnosis, steps: range) -> None:
        for n in steps:
            diagnosis.note_loss(torch.tensor(0.2 + 0.001 * (n % 7)))
            if diagnosis.due(n % 200):
                diagnosis.note(batch, views, losses)
            if n % 200 == 199:
                figures = {tag: float(value) for tag, value in diagnosis.figures().items()}
                found.append(figures)
                diagnosis.conclude(n // 200, {**figures, "health/displacement_px": 0.05})

    found: list[dict[str, float]] = []
    whole = Diagnosis(options, 200, told["whole"].append)
    go_on(whole, range(1000))
    expected, found = found, []
    before = Diagnosis(options, 200, told["before"].append)
    go_on(before, range(650))
    after = Diagnosis(options, 200, told["after"].append)
    after.load_state_dict(before.state_dict())
    go_on(after, range(650, 1000))
    assert found == expected
    assert len(told["before"]) == 2
    assert [*told["before"], *told["after"]] == told["whole"]
    assert after.state_dict() == whole.state_dict()


def test_displacement_of_a_plane_seen_from_aside() -> None:
    depth, K = torch.full((2, 1, 32, 64), 4.0), intrinsics(32, 64)
    aside = torch.eye(4).repeat(2, 1, 1)
    aside[:, 0, 3] = 0.2
    expected = KITTI_INTRINSICS.fx * 64 * 0.2 / 4
    assert float(mean_displacement(depth, K, [aside])) == pytest.approx(expected, rel=1e-4)
    still = torch.eye(4).repeat(2, 1, 1)
    assert float(mean_displacement(depth, K, [aside, still])) == pytest.approx(expected / 2, rel=1e-3)
    aside[:, 0, 3] = 1e6
    assert float(mean_displacement(depth, K, [aside])) == 64


def test_displacement_is_in_pixels_of_the_full_size_whatever_the_scales(options: Options) -> None:
    found = []
    for scales, v1 in (((0,), False), ((1, 2), False), ((1, 2), True)):
        chosen = replace(options, scales=scales, v1_multiscale=v1)
        batch, step = scene_batch(chosen), fresh_step(chosen)
        predictions = step.predict(batch).map(lambda tensor: torch.full_like(tensor, 0.02))
        diagnosis = Diagnosis(chosen, 10, print)
        diagnosis.note(batch, *step.judge(batch, predictions))
        found.append(float(diagnosis.figures()["health/displacement_px"]))
    assert found[1:] == pytest.approx([found[0]] * 2, rel=0.02)


def intrinsics(height: int, width: int) -> Tensor:
    return torch.from_numpy(KITTI_INTRINSICS.matrix(width, height)).repeat(2, 1, 1)
