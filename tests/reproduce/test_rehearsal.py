"""Rehearsals of the paper's tables: a row of each kind from end to end, and the encoders of all of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from monodepth2.config import ReproduceOptions
from monodepth2.method.networks import TimmEncoder, make_decoder
from monodepth2.reproduce.rows import ENCODERS, RECIPES, ROWS
from monodepth2.reproduce.run import run


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_of_the_tables_fits_its_decoders(name: str) -> None:
    encoder = TimmEncoder(name, (64, 96))
    with torch.no_grad():
        features = encoder(torch.rand(1, 3, 64, 96))
        for decoder in ("2019", "small"):
            disps = make_decoder(decoder, encoder.num_ch_enc, (0, 1))(features)
            assert {n: tuple(disp.shape) for n, disp in disps.items()} == {0: (1, 1, 64, 96), 1: (1, 1, 32, 48)}


# A row of each kind: each way to score, each kind of decoder and of pose network, and a training that starts from the
# weights of another. `stereo_640x192` is in test_reproduce.py. Rows of one training come together.
REHEARSED = (
    ("mono+stereo_640x192", "eigen_benchmark:mono+stereo_640x192", "make3d:mono+stereo_640x192"),
    ("mono+stereo_1024x320",),
    ("baseline",),
    ("predictive_mask",),
    ("shared_3",),
    ("odom_9:odometry", "odom_10:odometry"),
    ("resnet18_hr_decoder",),
    ("mobilenetv4_conv_small_050_modern",),
)
# flags of the others: of that row, of all rehearsals, and two that tests of networks and losses train with
NOT_REHEARSED = {"frame_ids", "weights_init", "num_layers", "no_ssim"}


def test_every_kind_of_row_is_rehearsed() -> None:
    rows = [ROWS[name] for names in REHEARSED for name in names]
    assert {row.split for row in rows} == {row.split for row in ROWS.values()}
    flags = {name for row in rows for name in RECIPES[row.recipe].flags}
    assert {name for recipe in RECIPES.values() for name in recipe.flags} - flags == NOT_REHEARSED
    values = ("decoder", "pose_model_type", "pose_model_input", "dataset")
    assert {(name, RECIPES[row.recipe].flags.get(name)) for row in rows for name in values} == {
        (name, recipe.flags.get(name)) for recipe in RECIPES.values() for name in values
    } - {("pose_model_type", "posecnn")}, "which is that of most tests"


@pytest.mark.slow(reason="trains eight networks of the tables for some steps")
def test_rows_of_every_kind_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags: dict[str, Any] = {"scale": "tiny", "device": "cpu", "output": tmp_path}
    told = {}
    for names in REHEARSED:
        assert run(ReproduceOptions(rows=names, **flags)) == 0
        told[names[0]] = capsys.readouterr().err
        for folder in (tmp_path / "tiny/runs").iterdir():  # all of them together are 2 GB
            if folder.name != "mono+stereo_640x192_seed0":  # which another starts from
                shutil.rmtree(folder)
    assert "epoch" in told["baseline"]
    assert [name for name, words in told.items() if "moments taken from" in words] == ["mono+stereo_1024x320"]
    names = [name for group in REHEARSED for name in group]
    assert run(ReproduceOptions(rows=tuple(names), **flags)) == 0
    assert "epoch" not in capsys.readouterr().err, "the scores are there"
    kept = {path.name: json.loads(path.read_text()) for path in (tmp_path / "tiny/scores").iterdir()}
    assert set(kept) == {f"{name.replace(':', '_')}.seed0.json" for name in names}
    for name in names:
        figures = kept[f"{name.replace(':', '_')}.seed0.json"]["figures"]
        assert set(figures) == set(ROWS[name].names)
        assert all(value > 0 for figure, value in figures.items() if figure not in ("a1", "a2", "a3"))
    page = (tmp_path / "tiny/index.html").read_text()
    assert "not in the paper" in page
    abs_rel = kept["mobilenetv4_conv_small_050_modern.seed0.json"]["figures"]["abs_rel"]
    assert f"{abs_rel:.3f}".removeprefix("0") in page
