import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from monodepth2.config import Options
from monodepth2.datasets.layouts import KittiDepth
from monodepth2.datasets.splits import read_split
from monodepth2.demo import run
from monodepth2.demo.baseline import mean_depth_per_pixel, score_constant
from monodepth2.demo.run import demo_options, run_demo
from monodepth2.errors import UserError
from monodepth2.synthetic import DriveSettings

pytestmark = pytest.mark.slow(reason="trains, exports and scores")


def small_options(*where: object) -> Options:
    return replace(demo_options(*where), height=64, width=96, batch_size=2, pose_model_type="posecnn")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A demo of two short drives in small pictures, of small networks."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "DriveSettings", partial(DriveSettings, drives=2, width=124, height=38))
        patch.setattr(run, "demo_options", small_options)
        assert run_demo(folder, epochs=1, frames=8, seed=0) == 0
    return folder


def test_the_page_is_self_contained_and_shows_everything(folder) -> None:
    page = (folder / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6 * 5
    assert "<svg" in page
    for name in ("untrained network", "mean training depth per pixel", "trained network"):
        assert re.search(rf"<td>{name}</td>(<td[^>]*>\d+\.\d{{3}}</td>){{7}}", page)
    rows = dict(re.findall(r"<td>(trained network[^<]*)</td>(.*?)</tr>", page))
    figures = [re.findall(r"\d+\.\d{3}", row) for row in rows.values()]
    assert len(figures) == 2
    np.testing.assert_allclose(np.array(figures[0], float), np.array(figures[1], float), atol=2e-3)
    fetched = re.findall(r'(?:src|href)="(?!data:|#)([^"]+)', page)
    assert not fetched


def test_the_baseline_is_the_mean_over_training_frames(folder) -> None:
    options = demo_options(folder, folder / "drive", epochs=1, seed=0)
    lines = read_split(options.split, "train")[:4]
    mean = mean_depth_per_pixel(KittiDepth(folder / "drive"), lines, step=2)
    depths = [np.minimum(KittiDepth(folder / "drive").depth(line), 80) for line in lines[::2]]
    road = (slice(-4, None), slice(None))  # no sky
    np.testing.assert_allclose(mean[road], np.mean([depth[road] for depth in depths], axis=0), rtol=1e-6)
    assert 0.1 < score_constant(mean, options).abs_rel < 1


def test_a_foreign_folder_is_refused(tmp_path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive/mine.txt").write_text("precious")
    with pytest.raises(UserError, match="other files"):
        run_demo(tmp_path, epochs=1, frames=8, seed=0)
    assert (tmp_path / "drive/mine.txt").read_text() == "precious"
