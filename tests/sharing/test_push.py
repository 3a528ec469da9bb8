"""Models that are shared: what is written, sent and fetched is the network that was trained, and says what it is."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from hub_server import COMMIT, HubServer, hub_server
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.hub import hub_errors
from monodepth2.checkpoints.named import resolve_weights, weights_of
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.checkpoints.shared import CONFIG, read_shared
from monodepth2.config import Options
from monodepth2.config.tools import ExportOptions
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError
from monodepth2.files.fit import Fit
from monodepth2.method.model import MonodepthModel
from monodepth2.odometry.network import load_motion_network
from monodepth2.onnx.graphs import load_graph
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.sharing.card import scale_of_depth
from places import ROOT
from recipe import fill
from scripts import monodepth2
from trees import changed_weights

NAME = "somebody/drive"
PICTURES = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
FACTS = TrainingFacts(0.5, 50.0, 0.2, Fit("crop", 1.0), (Camera(0.7, 1.1, 0.49, 0.52, source="camera.json"),), 1.0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with hub_server(monkeypatch, tmp_path / "hub") as server:
        yield server


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `street`, which has one checkpoint with facts of its own, a report and its options."""
    folder = tmp_path_factory.mktemp("logs")
    options = Options(
        data_path=Path("/home/somebody/secret/street"), log_dir=folder, model_name="street", height=64, width=96,
        dataset="folder", pose_model_type="posecnn", weights_init="scratch", split=str(folder), batch_size=4,
    )  # fmt: skip
    model = MonodepthModel(options)
    for name, network in model.networks.items():
        fill(name, network, 0)
    weights = options.models_folder / "weights_3"
    save_checkpoint(weights, model, torch.optim.Adam(model.parameters()), options, facts=FACTS)
    (options.models_folder / "opt.json").write_text(options.to_json())
    report = {
        "weights": "weights_3",
        "kind": "learnt",
        "sentence": "It has learnt: indeed.",
        "remarks": ["It flickers."],
    }
    (options.run_folder / "report.json").write_text(json.dumps(report))
    return folder


@pytest.fixture(scope="module")
def shared(logs: Path) -> Path:
    """That checkpoint as a folder that is shared; never write into it."""
    folder = logs / "shared"
    done = monodepth2("push", "--run", "street", "--log_dir", logs, "--output", folder, "--license", "cc-by-4.0")
    assert done.returncode == 0, done.stderr
    return folder


def disparities(predictor: DepthPredictor) -> torch.Tensor:
    return predictor.disparities(PICTURES)


def original(logs: Path) -> DepthPredictor:
    return DepthPredictor.from_checkpoint(logs / "street/models/weights_3", "cpu")


def error_of(name: str | Path) -> str:
    with pytest.raises(UserError) as caught:
        DepthPredictor.from_pretrained(name, "cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_predicts_as_its_checkpoint(logs: Path, shared: Path) -> None:
    files = {path.name for path in shared.iterdir()}
    assert files == {"README.md", "config.json", "encoder.safetensors", "depth.safetensors", "pose.safetensors"}
    found, expected = DepthPredictor.from_pretrained(shared, "cpu"), original(logs)
    assert torch.equal(disparities(found), disparities(expected))
    assert found.network.facts == expected.network.facts == FACTS
    assert (found.network.min_depth, found.network.max_depth) == (0.5, 50.0)
    state = torch.load(logs / "street/models/weights_3/encoder.pth", weights_only=True)
    assert read_shared(shared / "encoder.safetensors").keys() == state.keys()  # 2019's
    assert load_motion_network(shared, torch.device("cpu")).temporal_ids == (1,)


def test_a_pushed_model_is_pulled_once_and_predicts_alike(
    logs: Path, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = monodepth2("push", NAME, "--run", "street", "--log_dir", logs, "--private")
    assert done.returncode == 0, done.stderr
    assert f"the model is at {server.address}/{NAME}" in done.stdout
    assert server.private == {NAME: True}
    expected = disparities(original(logs))
    assert torch.equal(disparities(DepthPredictor.from_pretrained(NAME, "cpu")), expected)

    asked = len(server.requests)
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name in (NAME, f"{NAME}@{COMMIT}"):
        assert torch.equal(disparities(DepthPredictor.from_pretrained(name, "cpu")), expected)
    assert len(server.requests) == asked
    assert "is not in the hub's cache" in error_of("somebody/else")


def test_a_folder_of_a_models_name_is_not_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user/drive").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="a folder of this name is here: give it as --load_weights_folder user/drive"):
        resolve_weights(None, "user/drive")


def test_a_cache_that_may_not_be_written_is_told() -> None:
    with pytest.raises(UserError, match="set HF_HOME"), hub_errors("user/drive"):
        raise PermissionError(13, "Permission denied")


def test_a_second_push_leaves_nothing_of_the_first(shared: Path, server: HubServer) -> None:
    server.repositories[NAME] = {"README.md": b"old", CONFIG: (shared / CONFIG).read_bytes(), "a.jpg": b"a picture"}
    server.repositories[NAME] |= {"depth.safetensors": b"old", "pose_encoder.safetensors": b"old"}
    server.private[NAME] = False
    done = monodepth2("push", NAME, "--load_weights_folder", shared)
    assert done.returncode == 0, done.stderr
    files = server.repositories[NAME]
    assert files.keys() == {"a.jpg", *(path.name for path in shared.iterdir())}
    assert files["depth.safetensors"] == (shared / "depth.safetensors").read_bytes()
    assert b"# drive" in files["README.md"]


@pytest.mark.parametrize(
    ("files", "flags", "message"),
    [
        ({}, ["--private"], "--private: the model somebody/drive is there already and is public"),
        ({CONFIG: b'{"model_type": "bert"}'}, [], "holds files that are not of `monodepth2 push`"),
        ({"README.md": b"mine"}, [], "holds files that are not of `monodepth2 push`"),
    ],
)
def test_a_model_that_is_there_is_not_replaced_unasked(
    files: dict[str, bytes], flags: list[str], message: str, shared: Path, server: HubServer
) -> None:
    server.repositories[NAME], server.private[NAME] = dict(files), False
    done = monodepth2("push", NAME, "--load_weights_folder", shared, *flags)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr
    assert server.repositories[NAME] == files


def test_predict_takes_a_model_of_the_hub_by_its_name(shared: Path, server: HubServer, tmp_path: Path) -> None:
    server.repositories[NAME] = {path.name: path.read_bytes() for path in shared.iterdir()}
    Image.fromarray(PICTURES[0].permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    done = monodepth2("predict", tmp_path / "a.png", "--model_name", NAME, "--device", "cpu", "--outputs", "disp_npy")
    assert done.returncode == 0, done.stderr
    expected = DepthPredictor.from_pretrained(shared, "cpu").predict(tmp_path / "a.png").network_disp
    np.testing.assert_array_equal(np.load(tmp_path / "predictions/a_disp.npy")[0, 0], expected)
    assert weights_of(Options(model_name=NAME)).name == COMMIT  # as scoring finds it


def test_the_example_of_the_docs_runs(
    shared: Path, server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.repositories["user/drive"] = {path.name: path.read_bytes() for path in shared.iterdir()}
    Image.fromarray(PICTURES[0].permute(1, 2, 0).numpy()).save(tmp_path / "street.jpg")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/sharing.md").read_text()
    for example in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(example, "docs/sharing.md", "exec"), names := {"__name__": "example"})
    assert names["depth"].shape == (64, 96)


def test_what_cannot_be_pulled_is_told_with_a_remedy(shared: Path, server: HubServer) -> None:
    assert "no such model, or it is private" in error_of(NAME)
    server.repositories[NAME] = {"README.md": b"Something else."}
    assert "is not a model of this program" in error_of(NAME)
    assert "no such revision" in error_of(f"{NAME}@later")
    server.repositories[NAME][CONFIG] = b'{"model_type": "bert"}'
    assert "is not of a model of this program" in error_of(NAME)
    server.repositories["somebody/large"] = {CONFIG: (shared / CONFIG).read_bytes()}
    server.sizes[CONFIG] = 1 << 40
    assert "too many for a model; refused" in error_of("somebody/large")
    server.token = "another"
    done = monodepth2("push", NAME, "--load_weights_folder", shared)
    assert (done.returncode, done.stdout) == (2, "")
    assert "log in with `hf auth login`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: "[" * 100_000, "cannot be read as JSON"),
        (lambda config: json.dumps({**config, "format": 2}), "is of format 2, and this version reads 1"),
        (lambda config: json.dumps({**config, "networks": {"../encoder": {}}}), "its networks cannot be used"),
        (lambda config: json.dumps({**config, "networks": {"movie": {}}}), "its networks cannot be used"),
        (lambda config: json.dumps({**config, "networks": {"depth": {}}}), "does not name this network"),
        (lambda config: changed(config, height=65), "encoder.safetensors: states no usable input size"),
        (lambda config: changed(config, use_stereo=None), "its use_stereo is neither true nor false"),
        (
            lambda config: changed(config, max_depth=float("nan")),
            "its depth range, scale, fit or supervision cannot be used",
        ),
        (lambda config: changed(config, cameras=[{"fx": 1}]), "its cameras cannot be used"),
        (lambda config: changed(config, cameras=[{**FACTS.cameras[0].to_plain(), "fx": 0.0}]), "its cameras cannot be"),
        (
            lambda config: changed(config, cameras=[{**FACTS.cameras[0].to_plain(), "fy": -1.0}]),
            "its cameras cannot be",
        ),
    ],
)
def test_a_config_is_read_without_trust(change, message: str, shared: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shared, tmp_path / "copy"))
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(change(config))
    assert message in error_of(folder)


def changed(config: dict, **entries: object) -> str:
    config["networks"]["encoder"] |= entries
    return json.dumps(config)


def test_damaged_tensors_are_refused(shared: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shared, tmp_path / "copy"))
    content = (folder / "depth.safetensors").read_bytes()
    (folder / "depth.safetensors").write_bytes(content[: len(content) // 2])
    assert "depth.safetensors: not a safetensors file, or damaged" in error_of(folder)
    (folder / "depth.safetensors").unlink()
    assert "depth.safetensors: no such file" in error_of(folder)


def test_tensors_do_not_take_the_place_of_entries(shared: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(shared, tmp_path / "copy"))
    path = folder / "encoder.safetensors"
    save_file({**load_file(path), "use_stereo": torch.ones(2), "height": torch.ones(2)}, path)
    network = load_depth_network(folder, torch.device("cpu"))
    assert (network.facts.use_stereo, network.height) == (False, 64)
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(changed(config, use_stereo=True))
    assert load_graph(folder, ExportOptions(load_weights_folder=folder)).facts["training"] == "mono+stereo"
    del config["networks"]["encoder"]["use_stereo"]
    (folder / CONFIG).write_text(json.dumps(config))
    assert "encoder.safetensors: its use_stereo is neither true nor false" in error_of(folder)


def test_the_card_says_what_the_model_is_and_nothing_of_the_authors_machine(logs: Path, shared: Path) -> None:
    text = (shared / "README.md").read_text()
    head = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1])
    assert (head["license"], head["pipeline_tag"]) == ("cc-by-4.0", "depth-estimation")
    for part in (
        "# street", "96 x 64 (width x height)", "cut to this shape", "ResNet of 18 layers", "0.5 to 50 units",
        "fx 0.7 fy 1.1 cx 0.49 cy 0.52 (camera.json)", "data set `street`", "`batch_size 4`", "It has learnt: indeed.",
        "These weights are `weights_3` of a run of 20 epochs", "It flickers.", "Its depth is metric",
    ):  # fmt: skip
        assert part in text, part
    assert "secret" not in text
    assert str(logs) not in text


@pytest.fixture
def run_folder(logs: Path, tmp_path: Path) -> Path:
    """A copy of that run to write into, with the losses of two steps and the mean of its weights."""
    folder = Path(shutil.copytree(logs / "street", tmp_path / "street"))
    shutil.copytree(folder / "models/weights_3", folder / "models/weights_3/ema")
    (folder / "val").mkdir()
    with SummaryWriter(str(folder / "val")) as events:
        events.add_scalar("loss", 0.25, 0)
        events.add_scalar("loss", 0.125, 1)
    return folder


def card_of(weights: Path, folder: Path) -> str:
    done = monodepth2("push", "--load_weights_folder", weights, "--output", folder)
    assert done.returncode == 0, done.stderr
    return (folder / "README.md").read_text()


def test_the_card_of_a_mean_says_so(run_folder: Path, tmp_path: Path) -> None:
    text = card_of(run_folder / "models/weights_3/ema", tmp_path / "shared")
    for part in (
        "the running mean of the weights (`ema`) at `weights_3` of a run of 20 epochs", "0.1250, after 1 step.",
        "of `weights_3` itself and not of this mean: It has learnt: indeed.",
    ):  # fmt: skip
        assert part in text, part


def test_the_card_quotes_no_verdict_on_other_weights(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "models/weights_3").rename(run_folder / "models/weights_4")
    text = card_of(run_folder / "models/weights_4", tmp_path / "shared")
    assert "There is no report on held-out frames for `weights_4`" in text
    assert "It has learnt" not in text


def test_the_card_of_a_training_on_windows_names_no_folder(run_folder: Path, tmp_path: Path) -> None:
    record = run_folder / "models/opt.json"
    said = json.loads(record.read_text()) | {"data_path": "C:\\Users\\jane\\secret\\street"}
    record.write_text(json.dumps(said))
    text = card_of(run_folder / "models/weights_3", tmp_path / "shared")
    assert "On the data set `street`" in text
    assert "secret" not in text


def test_the_card_names_other_supervision(run_folder: Path, tmp_path: Path) -> None:
    record = run_folder / "models/opt.json"
    plain = card_of(run_folder / "models/weights_3", tmp_path / "plain")
    assert "- self-supervised" in plain
    assert "trained on video by self-supervision" in plain
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pseudo_labels": "/home/jane/labels"}))
    encoder = run_folder / "models/weights_3/encoder.pth"
    torch.save(torch.load(encoder, weights_only=True) | {"supervision": ["pseudo_labels"]}, encoder)
    text = card_of(run_folder / "models/weights_3", tmp_path / "taught")
    assert "trained on video with pseudo-labels of another depth model" in text
    assert "self-superv" not in text
    assert "weights of another training" not in text
    assert "jane" not in text


def test_the_card_tells_of_weights_that_a_training_began_with(run_folder: Path, tmp_path: Path) -> None:
    record = run_folder / "models/opt.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"load_weights_folder": "/home/jane/weights_3"}))
    text = card_of(run_folder / "models/weights_3", tmp_path / "shared")
    assert "It began with the weights of another training." in text
    assert "jane" not in text


def test_the_scale_of_depth_is_told() -> None:
    assert "is metric by its stereo rig of 0.54 m: 5.4 metres" in scale_of_depth(
        TrainingFacts(baseline=0.54, use_stereo=True)
    )
    for facts in (TrainingFacts(baseline=None, use_stereo=True), TrainingFacts()):
        assert "relative, not metric" in scale_of_depth(facts)


def test_an_old_checkpoint_states_its_facts_when_it_is_shared(checkpoint, tmp_path: Path) -> None:
    """2019's files lack the depth range, which `opt.json` beside them has."""
    weights = tmp_path / "models/weights_0"
    shutil.copytree(checkpoint(), weights)
    size = ("height", "width")
    changed_weights(
        weights, lambda state: {key: w for key, w in state.items() if isinstance(w, torch.Tensor) or key in size}
    )
    (weights.parent / "opt.json").write_text(Options(min_depth=0.3, max_depth=30, pose_model_type="posecnn").to_json())
    done = monodepth2("push", "--load_weights_folder", weights, "--output", tmp_path / "shared")
    assert done.returncode == 0, done.stderr
    network = load_depth_network(tmp_path / "shared", torch.device("cpu"))
    assert (network.min_depth, network.max_depth) == (0.3, 30)
    assert "The author states no licence" in (tmp_path / "shared/README.md").read_text()


def test_what_else_a_checkpoint_holds_is_not_shared(checkpoint, tmp_path: Path) -> None:
    weights = Path(shutil.copytree(checkpoint(), tmp_path / "weights_0"))
    more = {"trained_on": "/home/jane/secret", "config": {"lr": 1}, "note": b"bytes", "images": {}}
    for name in ("encoder", "pose"):
        changed_weights(weights, lambda state: state | more, f"{name}.pth")
    done = monodepth2("push", "--load_weights_folder", weights, "--output", tmp_path / "shared")
    assert done.returncode == 0, done.stderr
    networks = json.loads((tmp_path / "shared" / CONFIG).read_text())["networks"]
    facts = TrainingFacts().to_state().keys()
    assert networks["encoder"].keys() == {"height", "width", "use_stereo", *facts}
    assert not networks["pose"]
    load_depth_network(tmp_path / "shared", torch.device("cpu"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a/b", "choose the network"),
        ("a/b --run x --load_weights_folder y", "choose the network"),
        ("--run x", "say where it goes"),
        ("a/b --run x --output y", "say where it goes"),
        ("b --run x", "give it as USER/MODEL"),
        ("a/b --run x --license 'My own'", "give the hub's short form"),
        ("--run x --output y --private", "--private is about a model on the hub"),
    ],
)
def test_mistakes_are_told(words: str, message: str) -> None:
    done = monodepth2("push", *shlex.split(words))
    assert done.returncode == 2
    assert message in done.stderr


def test_an_exported_file_does_not_go_into_the_cache_of_the_hub() -> None:
    done = monodepth2("export", "--model_name", NAME)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--output is missing: a model of the hub lies in the hub's cache" in done.stderr


@pytest.mark.parametrize("flags", [["--eval_mono", "--save_pred_disps"], ["--eval_split", "benchmark"]])
def test_predictions_do_not_go_into_the_cache_of_the_hub(flags: list[str]) -> None:
    done = monodepth2("evaluate", "--model_name", NAME, *flags)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--eval_out_dir is missing: a model of the hub lies in the hub's cache" in done.stderr
