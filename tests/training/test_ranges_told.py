"""Drives of 10 and 12 bits in 16-bit files: told once, before loader processes read from them in silence."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.files.pictures import read_picture
from monodepth2.training.data import _tell_ranges


def write_drive(folder: Path, white: int) -> None:
    for camera in ("image_02", "image_03"):
        (folder / camera / "data").mkdir(parents=True)
        for frame in range(3):
            Image.fromarray(np.array([[0, white]], np.uint16)).save(folder / camera / f"data/{frame:010d}.png")


def test_each_camera_of_each_drive_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, white in (("d/ten", 1023), ("d/twelve", 4095), ("d/sixteen", 65535)):
        write_drive(tmp_path / name, white)
    lines = [SplitLine(f"d/{name}", 1, "l") for name in ("ten", "ten", "twelve", "sixteen")]
    for _ in range(2):
        _tell_ranges(SampleFrames(KittiRaw(tmp_path, ".png"), (0, -1, 1, "s")), lines)
    told = capsys.readouterr().err.splitlines()
    expected = [
        f"{tmp_path}/d/{drive}/{camera}/data: 16-bit .png pictures with values up to {white} are read as {bits}-bit "
        f"ones ({white} is white)"
        for drive, white, bits in (("ten", 1023, 10), ("twelve", 4095, 12))
        for camera in ("image_02", "image_03")
    ]
    assert told == expected


def test_other_processes_read_the_same_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_drive(tmp_path / "d", 4095)
    path = tmp_path / "d/image_02/data/0000000001.png"
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        elsewhere = pool.submit(read_picture, path).result()
    assert not capfd.readouterr().err
    np.testing.assert_array_equal(elsewhere, read_picture(path))
    assert "12-bit" in capfd.readouterr().err
