import pytest
import torch

from batches import batch
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.networks import ITS_FLAGS, load_networks, save_checkpoint
from monodepth2.checkpoints.optimizer import load_optimizer
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.files.weight_files import read_weights
from monodepth2.method.geometry import disp_to_depth
from monodepth2.method.model import MonodepthModel
from monodepth2.odometry.network import load_motion_network

SMALL = {"height": 64, "width": 96, "batch_size": 2}


def trained(options: Options, seed: int = 0):
    """A model and its Adam after one arbitrary step."""
    torch.manual_seed(seed)
    model = MonodepthModel(options)
    optimizer = torch.optim.Adam(model.parameters(), options.learning_rate)
    seen = model(batch(sources=options.source_ids, height=64, width=96))
    total = sum(disp.mean() for disp in seen.disps.values())
    sum((pose.axisangle.sum() for pose in seen.poses.values()), total).backward()
    optimizer.step()
    optimizer.zero_grad()  # the gradients have done their work
    return model, optimizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Options and the folder; who needs what was saved trains again, instead of 200 MB that are kept."""
    options = Options(**SMALL, use_stereo=True, pose_model_type="shared")
    folder = tmp_path_factory.mktemp("checkpoint") / "weights_0"
    save_checkpoint(folder, *trained(options), options)
    return options, folder


def test_layout_of_2019(tmp_path) -> None:
    options = Options(**SMALL, use_stereo=True)
    model, folder = MonodepthModel(options), tmp_path / "weights_0"
    save_checkpoint(folder, model, torch.optim.Adam(model.parameters()), options)
    assert load_networks(model, folder, options.models_to_load) == ["encoder", "depth", "pose_encoder", "pose"]
    assert {path.name for path in folder.iterdir()} == {
        "encoder.pth", "depth.pth", "pose_encoder.pth", "pose.pth", "adam.pth", "manifest.json"
    }  # fmt: skip
    state = torch.load(folder / "encoder.pth", weights_only=True)
    assert {key: state[key] for key in ("height", "width", "use_stereo")} == {
        "height": 64, "width": 96, "use_stereo": True
    }  # fmt: skip
    # which 2019's loader passes over
    facts = {"min_depth", "max_depth", "baseline", "fit", "crop_top", "cameras", "supervision"}
    assert set(state) - {"height", "width", "use_stereo"} - facts == set(model.encoder.state_dict())


def test_round_trip(saved) -> None:
    options, folder = saved
    model = trained(options)[0]
    torch.manual_seed(5)
    fresh = MonodepthModel(options)
    assert load_networks(fresh, folder, options.models_to_load) == ["encoder", "depth", "pose"]
    for key, value in model.state_dict().items():
        assert torch.equal(fresh.state_dict()[key], value), key


def test_only_the_named_networks_are_loaded(saved) -> None:
    options, folder = saved
    model = trained(options)[0]
    torch.manual_seed(5)
    fresh = MonodepthModel(options)
    assert load_networks(fresh, folder, ("depth",)) == ["depth"]
    assert torch.equal(fresh.depth.decoder[0].conv.conv.weight, model.depth.decoder[0].conv.conv.weight)
    assert not torch.equal(fresh.encoder.encoder.conv1.weight, model.encoder.encoder.conv1.weight)


def test_the_optimizer_keeps_the_learning_rate_asked_for(saved) -> None:
    options, folder = saved
    model, optimizer = trained(options)
    again = torch.optim.Adam(model.parameters(), 3e-5)
    assert load_optimizer(again, folder) is None
    assert again.param_groups[0]["lr"] == 3e-5
    parameter = next(model.parameters())
    assert torch.equal(again.state[parameter]["exp_avg"], optimizer.state[parameter]["exp_avg"])


def test_the_optimizer_of_2019_is_read(saved, tmp_path) -> None:
    """PyTorch of 2019 keyed the state by memory address and wrote steps as plain numbers."""
    model, optimizer = trained(saved[0])
    state = optimizer.state_dict()
    address = {index: 140_000_000_000_000 + 7 * index for index in state["param_groups"][0]["params"]}
    group = {"lr": 1e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False}
    old = {
        "state": {address[i]: {**m, "step": int(m["step"])} for i, m in state["state"].items()},
        "param_groups": [{**group, "params": list(address.values())}],
    }
    torch.save(old, tmp_path / "adam.pth", _use_new_zipfile_serialization=False)
    again = torch.optim.Adam(model.parameters(), 1e-4)
    assert load_optimizer(again, tmp_path) is None
    last = list(model.parameters())[-1]
    assert torch.equal(again.state[last]["exp_avg_sq"], optimizer.state[last]["exp_avg_sq"])
    again.step()


def test_an_optimizer_of_other_networks_is_left_alone(saved) -> None:
    _, folder = saved
    other = MonodepthModel(Options(**SMALL, num_layers=34, pose_model_type="shared"))
    optimizer = torch.optim.Adam(other.parameters(), 1e-4)
    assert load_optimizer(optimizer, folder) == f"{folder / 'adam.pth'} is of other networks"
    assert not optimizer.state_dict()["state"]


def test_an_optimizer_of_more_networks_is_left_alone(saved, tmp_path) -> None:
    """The first parameters are the same, in number and shapes."""
    _, folder = saved
    depth_alone = MonodepthModel(Options(**SMALL, frame_ids=(0,), use_stereo=True))
    optimizer = torch.optim.Adam(depth_alone.parameters(), 1e-4)
    assert "is of other networks" in load_optimizer(optimizer, folder)
    assert not optimizer.state_dict()["state"]


def test_weights_without_an_optimizer_are_none_to_go_on_with(saved, tmp_path) -> None:
    model = MonodepthModel(saved[0])
    assert load_optimizer(torch.optim.Adam(model.parameters()), tmp_path) == "there is no adam.pth"


def test_the_non_zip_format_of_2019_loads(saved, tmp_path) -> None:
    _, folder = saved
    for name in ("encoder", "depth"):
        state = torch.load(folder / f"{name}.pth", weights_only=True)
        torch.save(state, tmp_path / f"{name}.pth", _use_new_zipfile_serialization=False)
    network = load_depth_network(tmp_path, torch.device("cpu"))
    assert (network.height, network.width, network.facts.use_stereo) == (64, 96, True)


@pytest.mark.parametrize(("num_layers", "scales"), [(34, (0, 1, 2, 3)), (50, (0,)), (18, (2, 1))])
def test_depth_network_is_told_by_its_tensors(num_layers, scales, tmp_path) -> None:
    options = Options(**SMALL, num_layers=num_layers, scales=scales, pose_model_type="posecnn")
    torch.manual_seed(0)
    model = MonodepthModel(options).eval()
    save_checkpoint(tmp_path, model, torch.optim.Adam(model.parameters()), options)
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = model.depth(model.encoder(image))[min(scales)]
    del model
    network = load_depth_network(tmp_path, torch.device("cpu"))
    with torch.no_grad():
        disp = network(image)
    torch.testing.assert_close(disp, disp_to_depth(expected, 0.1, 100)[0])
    assert disp.shape[-1] == 96 >> min(scales)


@pytest.mark.parametrize("encoder", [None, "lcnet_050"])
def test_loading_draws_no_weights_first(encoder: str | None, checkpoint) -> None:
    folder = checkpoint(encoder=encoder)
    before = torch.get_rng_state()
    depth = load_depth_network(folder, torch.device("cpu"))
    motion = load_motion_network(folder, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)
    for network, name in ((depth.encoder, "encoder"), (depth.depth, "depth"), (motion.model.pose, "pose")):
        state = torch.load(folder / f"{name}.pth", weights_only=True)
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert list(motion.model.networks) == ["pose"]  # what was not read is not there


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_code_in_a_file_is_refused_in_one_line_and_not_run(tmp_path, capsys) -> None:
    """What else is refused is in `fuzzing.attacks`."""
    torch.save({"x": Evil()}, tmp_path / "depth.pth")
    with pytest.raises(UserError, match=r"depth\.pth") as caught:
        read_weights(tmp_path / "depth.pth", "look elsewhere")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # PyTorch's advice to load it all the same
    assert "executed" not in capsys.readouterr().out


def test_weights_of_another_architecture_name_the_flags(saved) -> None:
    _, folder = saved
    model = MonodepthModel(Options(**SMALL, num_layers=50, pose_model_type="posecnn"))
    with pytest.raises(UserError, match="--num_layers"):
        load_networks(model, folder, ("encoder",), misfit=ITS_FLAGS)
    with pytest.raises(UserError, match="no such folder"):
        load_networks(model, folder / "absent", ("encoder",))
