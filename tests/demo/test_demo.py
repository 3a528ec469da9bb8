import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from chromium import chromium, in_browser_test
from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.config import DemoOptions, Options
from monodepth2.datasets.kitti_layouts import KittiDepth
from monodepth2.datasets.splits import read_split
from monodepth2.demo import run
from monodepth2.demo.baseline import mean_depth_per_pixel, score_constant
from monodepth2.demo.network import WEIGHTS, keep_weights, network_options
from monodepth2.errors import UserError
from monodepth2.evaluation.scoring import evaluate
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from trees import write_checkpoint

MADE = pytest.mark.slow(reason="two demos are made: streets, a training, an export")


def small_options(*where: object) -> Options:
    return replace(network_options(*where), batch_size=2)


@pytest.fixture(scope="module", params=["going on", "from scratch"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of two short drives in small pictures."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "DriveSettings", partial(DriveSettings, width=124, height=38))
        patch.setattr(run, "DRIVES", 2)
        patch.setattr(run, "QUICK_FRAMES", 8)
        patch.setattr(run, "network_options", small_options)
        patch.setattr(run, "write_synthetic_drive", partial(write_synthetic_drive, processes=1))
        assert run.run(DemoOptions(folder=folder, quick=True, scratch=request.param == "from scratch")) == 0
    return folder


@MADE
def test_the_page_is_self_contained_and_shows_everything(folder: Path) -> None:
    page = (folder / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6 * 5
    assert "<svg" in page
    assert len(re.search(r"const points = (\[.*\]);", page)[1]) > 1000
    begun = () if "was trained from scratch" in page else ("the weights that it began with",)
    for name in (*begun, "mean training depth per pixel", "trained network"):
        assert re.search(rf"<td>{name}</td>(<td[^>]*>\d+\.\d{{3}}</td>){{7}}", page)
    rows = dict(re.findall(r"<td>(trained network[^<]*)</td>(.*?)</tr>", page))
    figures = [re.findall(r"\d+\.\d{3}", row) for row in rows.values()]
    assert len(figures) == 2
    np.testing.assert_allclose(np.array(figures[0], float), np.array(figures[1], float), atol=2e-3)
    fetched = re.findall(r'(?:src|href)="(?!data:|#)([^"]+)', page)
    assert not fetched


@in_browser_test
def test_the_page_fits_a_phone_and_keys_turn_its_points(folder: Path) -> None:
    script = "new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(canvas.toDataURL()))))"
    with chromium() as page:
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        page.open((folder / "index.html").as_uri())
        assert page.run("document.documentElement.scrollWidth") == 390
        page.run("canvas.focus()")
        views = [page.run(script)]
        for key in ("ArrowLeft", "+", "Home"):
            page.press(key)
            views.append(page.run(script))
    assert views[0] == views[3]
    assert len(set(views)) == 3


def test_the_weights_that_come_along_are_small_and_beat_a_constant(tmp_path: Path) -> None:
    """On a street that they do not know, where weights at random do worse than the constant."""
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 5e6
    network = load_depth_network(WEIGHTS, torch.device("cpu"))
    assert (network.height, network.width, network.facts.use_stereo) == (96, 256, True)
    street = DriveSettings(drives=2, frames_per_drive=4, width=128, height=48, seed=1)
    write_synthetic_drive(tmp_path / "drive", street, processes=1)
    options = network_options(tmp_path / "drive", tmp_path, Options.model_name, 1, 0)
    mean = mean_depth_per_pixel(KittiDepth(tmp_path / "drive"), read_split(options.split, "train"))
    scored = evaluate(replace(options, log_dir=Options.log_dir, load_weights_folder=WEIGHTS)).mean
    constant = score_constant(mean, options)
    assert scored.abs_rel < constant.abs_rel
    assert scored.a1 > constant.a1


def test_kept_weights_are_those_of_the_checkpoint_in_half_precision(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights_0", pose_model_type="posecnn")
    keep_weights(folder, tmp_path / "kept")
    image = torch.rand(1, 3, 64, 96)
    whole, kept = (load_depth_network(path, torch.device("cpu")) for path in (folder, tmp_path / "kept"))
    with torch.no_grad():
        torch.testing.assert_close(kept(image), whole(image), rtol=0.05, atol=0.05)


@MADE
def test_the_baseline_is_the_mean_over_training_frames(folder: Path) -> None:
    options = network_options(folder / "drive", folder, "run", 1, 0)
    lines = read_split(options.split, "train")[:4]
    mean = mean_depth_per_pixel(KittiDepth(folder / "drive"), lines)
    depths = [np.minimum(KittiDepth(folder / "drive").depth(line), 80) for line in lines[::2]]
    road = (slice(-4, None), slice(None))  # no sky
    np.testing.assert_allclose(mean[road], np.mean([depth[road] for depth in depths], axis=0), rtol=1e-6)
    assert 0.1 < score_constant(mean, options).abs_rel < 1


def test_a_foreign_folder_is_refused(tmp_path) -> None:
    (tmp_path / "index.html").write_text("precious")
    with pytest.raises(UserError, match="other files"):
        run.run(DemoOptions(folder=tmp_path, quick=True))
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive/mine.txt").write_text("precious")
    with pytest.raises(UserError, match="other files"):
        run.run(DemoOptions(folder=tmp_path, quick=True))
    assert (tmp_path / "drive/mine.txt").read_text() == "precious"
