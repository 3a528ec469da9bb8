"""The mean of the weights: its values, its checkpoints, and that a run goes on with it."""

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.folder import check_files, read_manifest
from monodepth2.checkpoints.records import trained_options
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.evaluation.sources import checkpoint_name
from monodepth2.method.model import MonodepthModel
from monodepth2.training.weight_mean import WeightMean
from runs import train
from trees import write_split

CPU = torch.device("cpu")
DECAY = 0.75
# a step per epoch, so that each step's weights are kept
FLAGS = ("--batch_size", 8, "--ema", DECAY, "--log_frequency", 1, "--learning_rate", 1e-3)
FLAGS += ("--encoder", "lcnet_050", "--decoder", "small")  # checkpoints of 8 MB
NETWORKS = ("encoder", "depth", "pose")


@pytest.fixture(scope="module")
def models(small_scene, tmp_path_factory) -> Path:
    """The models of a run of three steps."""
    folder = tmp_path_factory.mktemp("mean")
    done = train(small_scene, write_split(folder / "split"), folder, *FLAGS, "--num_epochs", 3)
    assert done.returncode == 0, done.stderr
    assert f"(--ema {DECAY}) is in {folder}/mdp/models/weights_2/ema (loss of the last validation batch " in done.stderr
    return folder / "mdp/models"


def state(folder: Path, network: str) -> dict:
    return torch.load(folder / f"{network}.pth", weights_only=True)


def test_each_step_leaves_its_share(models: Path) -> None:
    for network in NETWORKS:
        steps = [state(models / f"weights_{n}", network) for n in range(3)]
        statistics = {key for key in steps[0] if key.endswith(("running_mean", "running_var", "num_batches_tracked"))}
        for n in range(3):
            mean = state(models / f"weights_{n}/ema", network)
            assert mean.keys() == steps[n].keys()
            for key, found in mean.items():
                if not isinstance(found, torch.Tensor) or key in statistics:
                    expected = steps[n][key]
                else:
                    expected = steps[0][key]
                    for later in steps[1 : n + 1]:
                        expected = DECAY * expected + (1 - DECAY) * later[key]
                if isinstance(found, torch.Tensor):
                    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
                else:
                    assert found == expected
    moved = [state(models / "weights_2" / part, "depth")["decoder.0.conv.conv.weight"] for part in (".", "ema")]
    assert not torch.allclose(*moved, rtol=1e-3)


@pytest.mark.slow(reason="starts two trainings")
def test_a_run_goes_on_with_the_same_mean_bit_for_bit(models: Path, small_scene, tmp_path: Path) -> None:
    split = write_split(tmp_path / "split")
    for more in (("--num_epochs", 1), ("--num_epochs", 3, "--resume")):
        done = train(small_scene, split, tmp_path, *FLAGS, *more)
        assert done.returncode == 0, done.stderr
    for n in range(3):
        files = [read_manifest(folder / f"weights_{n}").files for folder in (models, tmp_path / "mdp/models")]
        assert {name for name in files[0] if name.startswith("ema/")} == {f"ema/{name}.pth" for name in NETWORKS}
        for network in NETWORKS:
            one, other = (state(folder / f"weights_{n}/ema", network) for folder in (models, tmp_path / "mdp/models"))
            assert all(torch.equal(torch.as_tensor(one[key]), torch.as_tensor(other[key])) for key in one
                       if isinstance(one[key], torch.Tensor))  # fmt: skip


def test_it_is_a_checkpoint_of_its_own(models: Path) -> None:
    folder = models / "weights_2/ema"
    network = load_depth_network(folder, CPU)
    weights = state(folder, "depth")
    assert all(torch.equal(network.depth.state_dict()[key], value) for key, value in weights.items())
    assert (network.height, network.width) == (64, 96)
    assert trained_options(folder) == trained_options(models / "weights_2")
    assert [checkpoint_name(one) for one in (folder, folder.parent)] == ["mdp/weights_2/ema", "mdp/weights_2"]


def test_its_validation_is_logged(models: Path) -> None:
    events = EventAccumulator(str(models.parent / "val")).Reload()
    for tag in ("loss", "de/abs_rel"):
        own, mean = ([event.value for event in events.Scalars(name)] for name in (tag, f"ema/{tag}"))
        assert len(own) == len(mean) == 3
        assert mean[-1] != own[-1]
        assert mean[0] == pytest.approx(own[0], rel=1e-6)


def test_a_manifest_covers_it(models: Path, tmp_path: Path) -> None:
    checkpoint = models / "weights_0"
    manifest = read_manifest(checkpoint)
    check_files(checkpoint, manifest)
    copy = tmp_path / "weights_0"
    (copy / "ema").mkdir(parents=True)
    for name in manifest.files:
        (copy / name).symlink_to(checkpoint / name)
    damaged = bytearray((copy / "ema/depth.pth").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (copy / "ema/depth.pth").unlink()
    (copy / "ema/depth.pth").write_bytes(damaged)
    with pytest.raises(UserError, match=r"ema/depth.pth: does not match"):
        check_files(copy, manifest)


def test_statistics_that_were_put_back_are_taken() -> None:
    model = MonodepthModel(Options(frame_ids=(0,), use_stereo=True))
    mean = WeightMean(model, 0.9)
    statistic = model.encoder.encoder.bn1.running_mean
    statistic.fill_(float("nan"))
    mean.update()
    statistic.fill_(2.0)
    mean.take_statistics()
    assert torch.equal(mean.networks.encoder.encoder.bn1.running_mean, statistic)
    assert not mean.networks.training
    assert not any(weights.requires_grad for weights in mean.networks.parameters())


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5, -0.1, float("nan")])
def test_shares_that_cannot_be(decay: float) -> None:
    with pytest.raises(UserError, match="--ema"):
        Options(ema=decay)
