import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from figures import recipe_model
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.checkpoints.shared import CONFIG
from monodepth2.config import ExportOptions, Options, PushOptions
from monodepth2.errors import UserError
from monodepth2.method.model import MonodepthModel
from monodepth2.odometry.network import load_motion_network
from monodepth2.odometry.prediction import BATCH_SIZE, predict_steps, source_per_step
from monodepth2.onnx.graphs import load_graph
from monodepth2.sharing.push import write_model

CPU = torch.device("cpu")
SMALL = Options(height=64, width=96)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)  # checkpoints are large


def save(folder: Path, model: MonodepthModel, options: Options, opt_json: str | None = None) -> Path:
    weights = folder / "models/weights_0"
    save_checkpoint(weights, model, torch.optim.Adam(model.parameters()), options)
    if opt_json:
        (folder / "models/opt.json").write_text(opt_json)
    return weights


@pytest.mark.parametrize(
    ("variant", "description"),
    [
        ({}, "separate_resnet on pairs"),
        ({"pose_model_type": "shared"}, "shared on pairs"),
        ({"pose_model_type": "posecnn"}, "posecnn on pairs"),
        ({"pose_model_input": "all"}, "separate_resnet on frames 0 -1 1"),
        ({"pose_model_type": "shared", "pose_model_input": "all"}, "shared on frames 0 -1 1"),
        ({"pose_model_type": "posecnn", "pose_model_input": "all"}, "posecnn on frames 0 -1 1"),
        ({"pose_model_type": "shared", "num_layers": 34}, "shared on pairs"),
    ],
)
def test_the_tensors_tell_the_network(variant: dict, description: str, folder: Path) -> None:
    options = replace(SMALL, **variant)
    model = MonodepthModel(options)
    found = load_motion_network(save(folder, model, options), CPU)
    assert found.description == description
    assert (found.height, found.width, found.facts.use_stereo) == (64, 96, False)
    assert not found.model.training
    torch.testing.assert_close(found.model.pose.state_dict(), model.pose.state_dict())


def test_opt_json_tells_which_frames(folder: Path) -> None:
    options = replace(SMALL, pose_model_type="posecnn", pose_model_input="all", frame_ids=(0, -1), use_stereo=True)
    weights = save(folder, MonodepthModel(options), options)
    assert load_motion_network(weights, CPU).description == "posecnn on pairs"
    # as 2019 wrote it, "s" at the end
    (folder / "models/opt.json").write_text(options.to_json())
    assert '"s"' in options.to_json()
    found = load_motion_network(weights, CPU)
    assert found.description == "posecnn on frames 0 -1"
    assert found.facts.use_stereo


@pytest.mark.parametrize(("flags", "ids"), [({"frame_ids": (0, 1, -1)}, (1, -1)), ({"frame_gap": (2, 3)}, (-2, 2))])
def test_a_shared_folder_tells_which_frames(flags: dict, ids: tuple[int, ...], folder: Path) -> None:
    """It has no `opt.json`; another order would give each source the other one's motion."""
    options = replace(SMALL, pose_model_type="posecnn", pose_model_input="all", **flags)
    weights = save(folder, MonodepthModel(options), options, options.to_json())
    shared, again = folder / "shared", folder / "again"
    write_model(shared, PushOptions(output=shared, load_weights_folder=weights))
    write_model(again, PushOptions(output=again, load_weights_folder=shared))
    assert [load_motion_network(one, CPU).temporal_ids for one in (weights, shared, again)] == [ids] * 3
    assert load_graph(shared, ExportOptions(load_weights_folder=shared, network="pose")).frame_ids == [0, *ids]
    config = (shared / CONFIG).read_text()
    for wrong, message in (
        ("[1, 0]", r"cannot be used \(\[1, 0\]\)"),
        ("[0, 1]", "3 frames, but .*config.json states .* 2"),
    ):
        (shared / CONFIG).write_text(re.sub(r'("frames": )\[[^]]*\]', rf"\g<1>{wrong}", config))
        with pytest.raises(UserError, match=f"{message}.*take another copy"):
            load_motion_network(shared, CPU)


def test_frames_that_nothing_tells_are_assumed_aloud(folder: Path, capsys) -> None:
    options = replace(SMALL, pose_model_type="posecnn", pose_model_input="all")
    assert load_motion_network(save(folder, MonodepthModel(options), options), CPU).temporal_ids == (-1, 1)
    assert "which frames its pose network looks at; 0 -1 1 are assumed" in capsys.readouterr().err


def test_a_left_over_pose_encoder_is_not_taken_for_the_network(folder: Path) -> None:
    options = replace(SMALL, pose_model_type="shared")
    weights = save(folder, MonodepthModel(options), options)
    (weights / "pose_encoder.pth").write_bytes((weights / "encoder.pth").read_bytes())
    assert load_motion_network(weights, CPU).description == "shared on pairs"


@pytest.mark.parametrize(
    ("trained", "stated", "message"),
    [
        ({"frame_ids": (0, -2, -1, 1)}, None, "looks at 4 frames, and no opt.json"),
        ({}, {"pose_model_input": "pairs"}, "posecnn on 3 frames, but .*opt.json states posecnn on 2"),
        ({}, {"pose_model_type": "shared"}, "posecnn on 3 frames, but .*opt.json states shared on 3"),
    ],
)
def test_frames_that_cannot_be_told_are_refused(trained: dict, stated: dict | None, message: str, folder: Path) -> None:
    options = replace(SMALL, pose_model_type="posecnn", pose_model_input="all", **trained)
    opt_json = None if stated is None else replace(options, **stated).to_json()
    weights = save(folder, MonodepthModel(options), options, opt_json)
    with pytest.raises(UserError, match=message):
        load_motion_network(weights, CPU)


def test_files_that_hold_no_pose_network_are_refused(folder: Path) -> None:
    options = replace(SMALL, frame_ids=(0,), use_stereo=True)
    weights = save(folder, MonodepthModel(options), options)
    with pytest.raises(UserError, match=r"holds no pose network \(pose\.pth\), as after training on stereo pairs"):
        load_motion_network(weights, CPU)
    torch.save({"net.1.weight": torch.zeros(256)}, weights / "pose.pth")
    with pytest.raises(UserError, match="not the weights of a pose network"):
        load_motion_network(weights, CPU)
    (weights / "pose.pth").write_bytes((weights / "depth.pth").read_bytes())
    with pytest.raises(UserError, match="not the weights of a pose network"):
        load_motion_network(weights, CPU)
    torch.save({"net.1.weight": torch.zeros(256, 256, 3, 3)}, weights / "pose.pth")
    with pytest.raises(UserError, match=r"pose_encoder\.pth: no such file"):
        load_motion_network(weights, CPU)
    (weights / "pose_encoder.pth").write_bytes((weights / "encoder.pth").read_bytes())
    with pytest.raises(UserError, match=r"pose_encoder\.pth: not a pose network"):
        load_motion_network(weights, CPU)


def test_posecnn_states_translations_in_units_of_the_mean_inverse_depth(folder: Path) -> None:
    options = replace(SMALL, pose_model_type="posecnn", scales=(1, 2), max_depth=50.0)
    model = recipe_model(options, 0).eval()
    weights = save(folder, model, options, json.dumps({"max_depth": 50.0, "pose_model_type": "posecnn"}))
    generator = torch.Generator().manual_seed(0)
    frames = {i: torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=generator) for i in (0, 1)}
    scaled = load_motion_network(weights, CPU).transforms(frames)[1]
    (weights / "depth.pth").unlink()
    unscaled = load_motion_network(weights, CPU).transforms(frames)[1]
    with torch.no_grad():
        disp = model.depth(model.encoder(frames[0] / 255))[1]
    inverse_depth = (1 / 50 + (10 - 1 / 50) * disp.double().mean((1, 2, 3))).numpy()
    np.testing.assert_allclose(scaled[:, :3, 3], unscaled[:, :3, 3] * inverse_depth[:, None], rtol=1e-4)
    np.testing.assert_array_equal(scaled[:, :3, :3], unscaled[:, :3, :3])


@pytest.mark.parametrize(
    ("temporal_ids", "expected"),
    [
        ((1,), [(0, 1), (1, 1), (2, 1), (3, 1)]),
        ((-1,), [(1, -1), (2, -1), (3, -1), (4, -1)]),
        ((-1, 1), [(1, -1), (1, 1), (2, 1), (3, 1)]),
        ((1, 2), [(0, 1), (1, 1), (2, 1), (3, 1)]),  # the last with a picture repeated
        ((-2, -1, 1), [(0, 1), (2, -1), (2, 1), (3, 1)]),  # the first with a picture repeated
    ],
)
def test_every_step_has_a_target_with_all_its_sources_where_there_is_one(temporal_ids: tuple, expected: list) -> None:
    assert source_per_step(4, temporal_ids) == expected


def test_a_single_step_of_three_frames_repeats_a_picture() -> None:
    assert source_per_step(1, (-1, 1)) == [(0, 1)]


class Sees:
    """Notes the pictures that a network is shown, by their grey value; a step is as long as they are apart."""

    device, width, height, facts, folder = CPU, 8, 6, TrainingFacts(), Path()

    def __init__(self, *temporal_ids: int) -> None:
        self.temporal_ids = temporal_ids
        self.seen: dict[int, list[tuple[int, ...]]] = {}

    def transforms(self, frames: dict[int, torch.Tensor]) -> dict[int, np.ndarray]:
        grey = {frame: pictures[:, 0, 0, 0].int().numpy() for frame, pictures in frames.items()}
        self.seen |= {target: tuple(grey[i][n] for i in self.temporal_ids) for n, target in enumerate(grey[0].tolist())}
        found = {i: np.tile(np.eye(4), (len(grey[0]), 1, 1)) for i in self.temporal_ids}
        for i, transforms in found.items():
            transforms[:, 2, 3] = grey[i] - grey[0]
        return found


@pytest.mark.parametrize("ids", [(1,), (-1,), (-1, 1), (1, 2), (-2, -1, 1)])
def test_targets_are_shown_with_their_own_sources_across_batches(ids: tuple[int, ...], tmp_path: Path) -> None:
    count = 2 * BATCH_SIZE + 3
    paths = [tmp_path / f"{n}.png" for n in range(count)]
    for n, path in enumerate(paths):
        Image.new("RGB", (16, 12), (n, n, n)).save(path)
    network = Sees(*ids)
    steps = predict_steps(network, paths, 2)
    np.testing.assert_array_equal(steps[:, 2, 3], np.ones(count - 1))
    assert set(network.seen) == {target for target, _ in source_per_step(count - 1, ids)}
    for target, shown in network.seen.items():
        assert shown == tuple(min(max(target + i, 0), count - 1) for i in ids)
