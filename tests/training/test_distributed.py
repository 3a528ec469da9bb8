"""Training with several processes, real ones, started by `torchrun` and joined by gloo."""

import os
import signal
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from batches import batch
from joint_gradients import VARIANTS, joint_gradients
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.networks import load_networks
from monodepth2.checkpoints.optimizer import load_optimizer
from monodepth2.config import NETWORKS, Options
from monodepth2.datasets.loading import Order
from monodepth2.datasets.samples import SampleKey
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.method.networks import TimmEncoder
from monodepth2.runtime.processes import LEFT_ALONE, Processes, check_sync_bn, report, scaled_rate, share_batch_norms
from monodepth2.runtime.signals import StopRequest
from places import ROOT
from runs import TINY_NETWORK, TORCHRUN, command, run, told_to_end, weights
from scene import DRIVE

PLACE = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4",
         "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}  # fmt: skip


def launched(arguments: list[str], processes: int = 2) -> list[str]:
    """The same Python program, started by torchrun."""
    return [*TORCHRUN, f"--nproc_per_node={processes}", *arguments[1:]]


@pytest.mark.slow(reason="starts torchrun and two processes")
def test_two_processes_do_what_one_does(small_scene: Path, tmp_path: Path, monkeypatch) -> None:
    """Their gradients are those of one process with both batches, and their weights stay the same."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "tests/golden"))))
    script = str(ROOT / "tests/joint_gradients.py")
    done = run(launched([sys.executable, script, str(small_scene), str(tmp_path / "joint.pt")]))
    assert done.returncode == 0, done.stderr
    joint = torch.load(tmp_path / "joint.pt")
    for name, variant in VARIANTS.items():
        expected = joint_gradients(small_scene, Processes(), **variant)
        assert (joint["gradients"][name] - expected).norm() < 1e-5 * expected.norm(), name
    assert joint["figures"] == {"rank": 0.5, "depth": 1.0}  # of two processes, and of the one that has it
    for scale, spoilt in joint["spoilt"].items():
        assert [process["lost"] for process in spoilt] == [False, True], scale
        assert all(process["wrong"] and process["unchanged"] and process["good"] for process in spoilt), scale
        assert all(process["forgotten"] for process in spoilt), scale
    assert torch.equal(*joint["weights"])
    assert not torch.equal(joint["weights"][0][:100], joint["weights"][0][100:200])


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_batches_of_all_processes_join_to_those_of_one(world_size: int) -> None:
    alone = list(Order(50, 4 * world_size, epochs=2, seed=3))
    shares = [list(Order(50, 4, 2, 3, rank, world_size)) for rank in range(world_size)]
    assert joined(shares) == alone
    endless = list(islice(Order(5, 2 * world_size, None, seed=3), 9))
    assert joined([list(islice(Order(5, 2, None, 3, rank, world_size), 9)) for rank in range(world_size)]) == endless


def joined(shares: list[list[list[SampleKey]]]) -> list[list[SampleKey]]:
    """The batches of all processes, joined step by step."""
    return [[key for part in parts for key in part] for parts in zip(*shares, strict=True)]


@pytest.mark.slow(reason="starts torchrun and two processes")
def test_a_run_of_two_processes_leaves_the_files_of_one(small_scene: Path, split: Path, tmp_path: Path) -> None:
    flags = ["--num_epochs", "2", "--log_frequency", "1", "--lr_scaling", "linear", "--scheduler_step_size", "1"]
    done = run(launched(command(small_scene, split, tmp_path, *flags)))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("batches of 4 (2 processes of 2), learning rate 0.0002") == 1
    assert done.stderr.count("step 4/4  loss") == 1
    models = tmp_path / "mdp/models"
    assert {path.name for path in models.iterdir()} == {"config.yaml", "opt.json", "weights_0", "weights_1"}
    assert len(list(tmp_path.rglob("events.out.tfevents.*"))) == 2  # train and val
    events = EventAccumulator(str(tmp_path / "mdp/train")).Reload()
    assert [event.step for event in events.Scalars("de/abs_rel")] == [0, 1, 2, 3]
    assert [event.value for event in events.Scalars("learning_rate")] == pytest.approx([2e-4, 2e-4, 2e-5, 2e-5])
    disp = load_depth_network(models / "weights_1", torch.device("cpu"))(torch.rand(1, 3, 64, 96))
    assert disp.isfinite().all()
    # nothing of the several processes is left in the files
    model = MonodepthModel(Options(height=64, width=96, pose_model_type="posecnn", **TINY_NETWORK))
    assert len(load_networks(model, models / "weights_1", NETWORKS)) == 3
    assert load_optimizer(torch.optim.Adam(model.parameters()), models / "weights_1") is None


@pytest.mark.slow(reason="starts torchrun and two processes")
def test_a_mistake_is_told_once(small_scene: Path, split: Path, tmp_path: Path) -> None:
    (split / "train_files.txt").write_text("2011_09_26/gone 1 l\n" * 4)
    done = run(launched(command(small_scene, split, tmp_path)))
    assert done.returncode != 0
    assert done.stderr.count("error: ") == done.stderr.count("missing folders") == 1
    assert done.stderr.count("Traceback") == 1  # torchrun's own
    assert not (tmp_path / "mdp/models").exists()


def test_a_mistake_names_the_ranks_that_found_it() -> None:
    assert report(["no such folder"] * 3) == "no such folder"
    assert report(["bad split", None, "no GPU", "no GPU"]) == "rank 0: bad split\nrank 2, 3: no GPU"


@pytest.mark.slow(reason="starts torchrun and two processes")
def test_a_process_that_fails_ends_all(small_copy: Path, split: Path, tmp_path: Path) -> None:
    # rank 1 begins with samples 2 l and 4 r, rank 0 with 3 l and 4 l, which read neither picture
    assert [[key.index for key in next(iter(Order(8, 2, 1, 0, rank, 2)))] for rank in (0, 1)] == [
        [6, 4],
        [2, 7],
    ]
    for name in ("image_02/data/0000000001.png", "image_03/data/0000000004.png"):
        path = small_copy / DRIVE / name
        path.write_bytes(path.read_bytes()[:20_000])
    done = run(launched(command(small_copy, split, tmp_path, "--num_epochs", "50")))
    assert done.returncode != 0
    assert done.stderr.count("error: rank 1: 2 unreadable pictures: mend them") == 1
    assert "rank 1: unreadable picture no. 1" in done.stderr
    assert done.stderr.count(f"error: rank 0: {LEFT_ALONE}") == 1
    assert done.stderr.count("Traceback") == 1  # torchrun's own


@pytest.mark.slow(reason="starts torchrun and two processes")
def test_a_signal_ends_all_after_the_same_step(small_scene: Path, split: Path, tmp_path: Path) -> None:
    flags = ["--num_epochs", "1000", "--save_frequency", "1000"]
    arguments = launched(command(small_scene, split, tmp_path, *flags))
    code, errors = told_to_end(arguments, "step 3/")
    assert code != 0
    assert errors.count("stopped by SIGTERM after step") == 1
    assert errors.count("Traceback") == 1  # torchrun's own
    newest = max((tmp_path / "mdp/models").glob("weights_step_*"), key=lambda path: int(path.name.split("_")[-1]))
    assert {name.partition(".")[0] for name in weights(newest)} == {"encoder", "depth", "pose"}


def test_a_signal_that_comes_twice_ends_no_launched_process() -> None:
    """Schedulers signal the launcher and its processes, and the launcher hands it on."""
    with StopRequest(launched=True) as stop:
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
    assert stop.received == signal.SIGTERM


def test_every_process_has_its_place(monkeypatch) -> None:
    assert Processes.from_environment() == Processes()
    for name, value in PLACE.items():
        monkeypatch.setenv(name, value)
    expected = Processes(rank=5, local_rank=1, world_size=8, local_world_size=4, launched=True)
    assert Processes.from_environment() == expected
    monkeypatch.delenv("LOCAL_RANK")
    with pytest.raises(UserError, match="not LOCAL_RANK: start with torchrun"):
        Processes.from_environment()


def test_every_process_has_noise_of_its_own() -> None:
    drawn = []
    for rank in range(3):
        torch.manual_seed(7)
        Processes(rank=rank, world_size=3).separate_noise(7)
        drawn.append(torch.randn(4))
    torch.manual_seed(7)
    assert torch.equal(drawn[0], torch.randn(4))
    assert len({tuple(noise.tolist()) for noise in drawn}) == 3


def test_rules_of_the_learning_rate() -> None:
    assert [scaled_rate(1e-4, rule, 4) for rule in ("none", "linear", "sqrt")] == pytest.approx([1e-4, 4e-4, 2e-4])
    assert [scaled_rate(1e-4, rule, 1) for rule in ("none", "linear", "sqrt")] == [1e-4] * 3


def test_batch_norms_are_not_synchronised_on_a_cpu() -> None:
    with pytest.raises(UserError, match=r"--sync_bn: .* on GPUs only"):
        check_sync_bn(True, torch.device("cpu"))


@pytest.mark.parametrize("network", ["encoder", "depth"])
def test_what_no_loss_reaches_asks_for_no_gradient(network: str) -> None:
    """Else processes would wait for gradients that never come."""
    model = MonodepthModel(Options(height=64, width=96, scales=(1, 2)))
    frozen = {name for name, weight in model.networks[network].named_parameters() if not weight.requires_grad}
    unread = {f"decoder.{block}.conv.conv.{kind}" for block in (8, 9) for kind in ("weight", "bias")}
    assert frozen == {"encoder": {"encoder.fc.weight", "encoder.fc.bias"}, "depth": unread}[network]


@pytest.mark.parametrize("decoder", ["2019", "hr"])
@pytest.mark.parametrize("scales", [(0,), (2, 3)])
def test_all_else_gets_gradients_from_backbones_that_begin_at_a_quarter(decoder: str, scales: tuple[int, ...]) -> None:
    """These have a stem for half size, which a pose network does not read, and a decoder only for its finest scales."""
    backbones = {"encoder": "edgenext_xx_small", "pose_encoder": "edgenext_xx_small"}
    options = Options(height=64, width=96, frame_ids=(0, 1), decoder=decoder, scales=scales, **backbones)
    model = MonodepthModel(options)
    predictions = model(batch(sources=options.source_ids, height=64, width=96))
    sum(tensor.square().sum() for tensor in predictions.tensors).backward()
    asked = {name: weights.grad is not None for name, weights in model.named_parameters() if weights.requires_grad}
    assert not [name for name, reached in asked.items() if not reached]
    assert any(name.startswith("encoder.stem") for name in asked) == (0 in scales)


@pytest.mark.parametrize("name", ["lcnet_050", "resnet10t"])
def test_shared_batch_norms_keep_a_backbones_activations(name: str) -> None:
    network = TimmEncoder(name, (64, 96)).eval()
    pictures, keys = torch.rand(1, 3, 64, 96), list(network.state_dict())
    with torch.no_grad():
        before = network(pictures)
        share_batch_norms(network)
        assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in network.modules())
        for found, expected in zip(network(pictures), before, strict=True):
            torch.testing.assert_close(found, expected)
    assert list(network.state_dict()) == keys


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_run_on_two_gpus(small_scene: Path, split: Path, tmp_path: Path) -> None:
    flags = ["--device", "cuda", "--sync_bn", "--num_epochs", "2", "--log_frequency", "1"]
    done = run(launched(command(small_scene, split, tmp_path, *flags)))
    assert done.returncode == 0, done.stderr
    assert "cuda:0" in done.stderr
    assert (tmp_path / "mdp/models/weights_1/adam.pth").is_file()
