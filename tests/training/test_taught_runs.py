"""Trainings that learn from another model's disparities, too."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batches import label_error
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.model import MonodepthModel
from monodepth2.synthetic import camera, make_street, render
from monodepth2.synthetic.ripmap import atlas
from monodepth2.training.step import TrainingStep
from runs import scalars, train, weights
from scene import DRIVE
from scripts import monodepth2

FRAMES, WIDTH, HEIGHT = 5, 96, 64
CAMERA = (0.6, 0.9, 0.5, 0.5)


@dataclass(frozen=True)
class Street:
    """A drive with labels of a random scale and shift per frame; pictures, b3hw, and true disparities of another."""

    folder: Path
    held_out: torch.Tensor
    disps: torch.Tensor


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    folder, rng = tmp_path_factory.mktemp("street"), np.random.default_rng(0)
    for name in ("drive", "labels"):
        (folder / name).mkdir()
    for n, (image, disp) in enumerate(rendered(5, range(20, 20 + FRAMES))):
        Image.fromarray(image).save(folder / f"drive/{n}.png")
        np.save(folder / f"labels/{n}.npy", rng.uniform(0.1, 10) * disp + rng.uniform(0.1, 5))
    images, disps = (torch.from_numpy(np.array(one)) for one in zip(*rendered(6, (20, 22, 24)), strict=True))
    atlas.cache_clear()  # nothing is rendered any more
    return Street(folder, images.permute(0, 3, 1, 2) / 255, disps.float()[:, None])


def rendered(seed: int, metres: Iterable[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures of a street, and their disparities."""
    scene = make_street(seed, 40)
    for z in metres:
        image, depth = render(scene, z, camera(WIDTH, HEIGHT, intrinsics=CAMERA))
        yield image, 1 / np.minimum(depth, 99.0)


def errors_after(steps: int, street: Street, **more: object) -> tuple[float, float]:
    """How far a new network is from the truth on the other street, after so many steps on the drive.

    Returns:
        The error of disparity without scale and shift, and abs_rel of depths by their medians.
    """
    lines = [SplitLine(".", n, "l") for n in range(1, FRAMES - 1)]
    options = Options(dataset="folder", data_path=street.folder / "drive", width=WIDTH, height=HEIGHT, scales=(0,),
                      intrinsics=CAMERA, pose_model_type="posecnn", weights_init="scratch", encoder="resnet10t",
                      decoder="small", **more)  # fmt: skip
    data_set = MonoDataset.from_options(options, lines, augment=False)
    batch = stack([data_set.sample(n) for n in range(len(lines))]).prepared(torch.device("cpu"))
    torch.manual_seed(0)
    model = MonodepthModel(options)
    learn = TrainingStep(model, options, torch.device("cpu"))
    for _ in range(steps):
        learn(batch)
    with torch.no_grad():
        model.eval()
        disp, known = model.depth(model.encoder(street.held_out))[0], street.disps
    depths = (1 / (0.01 + 9.99 * disp)).numpy()
    pairs = [
        (depth[true > 1 / 80], (1 / true[true > 1 / 80])) for depth, true in zip(depths, known.numpy(), strict=True)
    ]
    abs_rel = [np.mean(np.abs(depth * np.median(true) / np.median(depth) - true) / true) for depth, true in pairs]
    return label_error(disp, known).item(), float(np.mean(abs_rel))


@pytest.mark.slow(reason="trains a network for 40 steps, twice")
def test_a_run_with_labels_comes_nearer_to_the_truth_than_without(street: Street) -> None:
    error, abs_rel = errors_after(40, street)
    told_error, told_abs_rel = errors_after(40, street, pseudo_labels=street.folder / "labels")
    assert told_error < 0.6 * error
    assert told_abs_rel < 0.9 * abs_rel, "depth, and not only what the labels measure"


def test_no_weight_changes_nothing_even_with_garbage(small_scene: Path, split: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for n in range(8):
        (tmp_path / f"labels/{n:010d}.npy").write_bytes(b"garbage")
    for name, more in (("without", ()), ("zero", ("--pseudo_labels", tmp_path / "labels", "--pseudo_weight", 0))):
        done = train(small_scene, split, tmp_path / name, "--num_epochs", 1, *more)
        assert done.returncode == 0, done.stderr
        assert "pseudo" not in done.stderr
    one, two = (weights(tmp_path / name / "mdp/models/weights_0") for name in ("without", "zero"))
    for key, value in one.items():
        assert torch.equal(value, two[key]) if isinstance(value, torch.Tensor) else value == two[key], key


def test_a_run_with_labels_says_so_everywhere(small_scene: Path, split: Path, tmp_path: Path) -> None:
    for camera_folder in ("image_02", "image_03"):
        folder = tmp_path / "labels" / DRIVE / camera_folder
        folder.mkdir(parents=True)
        for n in range(8):
            np.save(folder / f"{n:010d}.npy", np.arange(1, 25, dtype=np.float32).reshape(4, 6))
    flags = ("--num_epochs", 1)
    done = train(small_scene, split, tmp_path, *flags, "--pseudo_labels", tmp_path / "labels")
    assert done.returncode == 0, done.stderr
    assert "mdp, with pseudo-labels of another depth model: 8 training" in done.stderr
    assert "with pseudo-labels: another model's disparities of 11 pictures are learnt from, too" in done.stderr
    assert scalars(tmp_path / "mdp", "loss/pseudo_label")[0] > 0
    assert scalars(tmp_path / "mdp", "loss")[0] > 0.1 * scalars(tmp_path / "mdp", "loss/pseudo_label")[0]
    (tmp_path / "labels").rename(tmp_path / "moved")
    without = train(small_scene, split, tmp_path, *flags, "--resume")
    assert "--pseudo_labels" in without.stderr
    assert without.returncode == 2
    moved = train(small_scene, split, tmp_path, *flags, "--resume", "--pseudo_labels", tmp_path / "moved")
    assert moved.returncode == 0, moved.stderr
    (tmp_path / "moved").rename(tmp_path / "labels")
    (tmp_path / "labels" / DRIVE / "image_02/0000000002.npy").unlink()
    told = monodepth2("report", tmp_path / "mdp", "--device", "cpu")  # which looks at pictures alone
    assert told.returncode == 0, told.stderr
    page = (tmp_path / "mdp/report.html").read_text()
    assert "mdp, with pseudo-labels of another depth model: did it learn?" in page
    assert "self-supervised" not in page.lower()
    assert "<title>mdp, with pseudo-labels" in page
    assert (
        "from pseudo-labels of another depth model"
        in json.loads((tmp_path / "mdp/report.json").read_text())["remarks"][0]
    )
    weights_0 = tmp_path / "mdp/models/weights_0"
    further = train(small_scene, split, tmp_path, *flags, "--model_name", "further", "--load_weights_folder", weights_0)
    assert further.returncode == 0, further.stderr
    assert "further, with pseudo-labels of another depth model: 8 training" in further.stderr
    assert monodepth2("report", tmp_path / "further", "--device", "cpu").returncode == 0
    assert "further, with pseudo-labels of another depth model: did" in (tmp_path / "further/report.html").read_text()
    facts = load_depth_network(tmp_path / "further/models/weights_0", torch.device("cpu")).facts
    assert facts.taught == "pseudo-labels of another depth model"
    missing = train(small_scene, split, tmp_path, "--pseudo_labels", tmp_path / "labels", "--overwrite")
    assert missing.returncode == 2
    assert "1 of 11 pictures have no file there" in missing.stderr
