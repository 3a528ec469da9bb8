"""Masks under names that no picture takes, and masks that leave next to nothing, are found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.training_lines import training_lines
from monodepth2.doctor.findings import Finding
from monodepth2.doctor.masks import mask_findings, stray_mask_findings
from monodepth2.doctor.run import diagnose

SIZE = (96, 64)


def drive(folder: Path, mask_hw: np.ndarray, ending: str = ".png", count: int = 12) -> Path:
    (folder / "masks").mkdir(parents=True)
    for n in range(count):
        Image.effect_noise(SIZE, 50 + n).save(folder / f"{n}.jpg")
        Image.fromarray(mask_hw).save(folder / f"masks/{n}{ending}", "PNG")
    return folder


def looked_at(folder: Path) -> tuple[list[Finding], list[Finding]]:
    options = Options(dataset="folder", data_path=folder, height=64, width=96, batch_size=2)
    lines = training_lines(options)
    found = mask_findings(options, lines.layout, lines.training)
    return found, stray_mask_findings(lines.layout, lines.training)


@pytest.mark.parametrize("ending", [".png", ".PNG", ".jpg.png", ".jpg.PNG"])
def test_a_mask_may_be_called_as_people_and_colmap_call_it(ending: str, tmp_path: Path) -> None:
    (found,), stray = looked_at(drive(tmp_path, np.zeros((64, 96), np.uint8), ending))
    assert (found.name, found.counted) == ("masks leave little of the pictures", "0% on average of 8 targets looked at")
    assert found.spoils
    assert not stray


def test_what_belongs_to_no_picture_is_told(tmp_path: Path) -> None:
    folder = drive(tmp_path, np.full((64, 96), 255, np.uint8))
    for name in ("12.png", "1.jpg", ".hidden"):
        (folder / "masks" / name).touch()
    found, (stray,) = looked_at(folder)
    assert not found
    assert stray.counted == "2 files"
    assert [Path(one.title).name for one in stray.examples] == ["1.jpg", "12.png"]


def test_masks_of_zeros_and_ones_spoil_a_training(tmp_path: Path) -> None:
    options = Options(dataset="folder", data_path=drive(tmp_path, np.ones((64, 96), np.uint8)), height=64, width=96)
    found = {finding.name: finding for finding in diagnose(options, 50).findings}
    assert found["masks leave little of the pictures"].spoils


def test_half_a_picture_is_enough_and_a_third_is_told(tmp_path: Path) -> None:
    column = np.arange(96)[None].repeat(64, 0)
    (third,), _ = looked_at(drive(tmp_path / "third", np.where(column < 32, 255, 0).astype(np.uint8)))
    assert not third.spoils
    assert looked_at(drive(tmp_path / "most", np.where(column < 64, 255, 0).astype(np.uint8))) == ([], [])


def test_a_mask_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = drive(tmp_path, np.full((64, 96), 255, np.uint8))
    (folder / "masks/3.png").write_bytes(b"nonsense")
    (found,), _ = looked_at(folder)
    assert (found.name, found.spoils) == ("masks that cannot be used", True)
    assert "3.png: is not a" in found.examples[0].title
