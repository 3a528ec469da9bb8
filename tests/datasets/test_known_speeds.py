"""The way between pictures by speeds and times, in every layout that has them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.drive_notes import stated_times
from monodepth2.datasets.known_speeds import KnownSpeeds
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from scene import DRIVE
from trees import write_oxts

LINE = SplitLine(".", 1, "l")
SPEEDS = (10.0, 12.0, 8.0, 0.0)
TIMES = (5.0, 5.1, 5.3, 5.4)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    for n in range(4):
        Image.new("RGB", (96, 64)).save(tmp_path / f"{n}.png")
    (tmp_path / "speed.txt").write_text("".join(f"{speed}\n" for speed in SPEEDS))
    (tmp_path / "times.txt").write_text("".join(f"{time}\n" for time in TIMES))
    return tmp_path


def options(folder: Path, **more: object) -> Options:
    return Options(data_path=folder, velocity_weight=0.05, **{"dataset": "folder", **more})


def known(folder: Path, **more: object) -> KnownSpeeds:
    chosen = options(folder, **more)
    found = KnownSpeeds.from_options(chosen, layout_of(chosen))
    assert found is not None
    return found


def frames(speeds: KnownSpeeds) -> SampleFrames:
    return SampleFrames(speeds.layout, (0, *speeds.temporal_ids))


def test_the_way_is_the_integral_of_the_speed(drive: Path) -> None:
    speeds = known(drive)
    assert speeds.travelled(LINE, -1) == pytest.approx(1.1)
    assert speeds.travelled(LINE, 1) == pytest.approx(2.0)
    assert speeds.travelled(LINE, 2) == pytest.approx(2.4)
    assert "1.55 m apart" in speeds.check([LINE], frames(speeds))


def test_prepared_drives_have_their_times(drive: Path) -> None:
    (drive / "times.txt").unlink()
    (drive / "drive.json").write_text(json.dumps({"times": [2 * time for time in TIMES]}))
    assert known(drive).travelled(LINE, 1) == pytest.approx(4.0)
    times = [round(0.05 * n, 6) for n in range(80_000)]  # over an hour
    (drive / "drive.json").write_text(json.dumps({"times": times}, indent=1))
    found = stated_times(drive)
    assert found
    assert len(found[0]) == 80_000
    for damaged in ("[1]", "{"):
        (drive / "drive.json").write_text(damaged)
        with pytest.raises(UserError, match=r"drive\.json: cannot be read .*; remove it, or make the drive again"):
            stated_times(drive)


def test_beside_a_rig_the_way_is_in_units_of_its_baseline(drive: Path) -> None:
    assert known(drive, use_stereo=True, baseline=0.2).travelled(LINE, 1) == pytest.approx(1.0)


def test_kittis_own_files(small_copy: Path) -> None:
    write_oxts(small_copy / DRIVE, speed=15.0, frames=8)
    speeds = known(small_copy, dataset="kitti")
    line = SplitLine(DRIVE, 3, "r")
    assert speeds.travelled(line, -1) == pytest.approx(1.5)
    assert speeds.travelled(line, 2) == pytest.approx(3.0)
    (small_copy / DRIVE / "oxts/data/0000000004.txt").unlink()
    again = known(small_copy, dataset="kitti")
    again.check([replace(line, frame=2)], frames(again))
    with pytest.raises(UserError, match="for each of the pictures 2 to 4"):
        again.check([line], frames(again))


def test_samples_hold_the_ways_whether_mirrored_or_not(drive: Path) -> None:
    data_set = MonoDataset.from_options(options(drive, height=64, width=96), [LINE], augment=False)
    batch = stack([data_set.sample(0, mirrored) for mirrored in (False, True)])
    assert batch.travelled is not None
    torch.testing.assert_close(batch.travelled[1], torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(batch.rows(slice(0, 1)).travelled, {-1: torch.tensor([1.1]), 1: torch.tensor([2.0])})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("speed.txt", None, "speed.txt: no such file; .* metres per second of each picture"),
        ("times.txt", None, "times.txt: no such file; .* seconds of each picture"),
        ("speed.txt", "1\n2\n3\n", "holds 3 numbers, and its drive has 4 pictures"),
        ("speed.txt", "1\n2\nfast\n3\n", "something other than a number per line"),
        ("speed.txt", "1\n2\n300\n3\n", "above 150 metres per second"),
        ("speed.txt", "1\nnan\n3\n4\n", "for each of the pictures 0 to 2"),
        ("times.txt", "1\n2\n2\n3\n", "do not grow from line to line"),
    ],
)
def test_files_that_cannot_be_used_are_named(name: str, content: str | None, words: str, drive: Path) -> None:
    (drive / name).unlink()
    if content:
        (drive / name).write_text(content)
    speeds = known(drive)
    with pytest.raises(UserError, match=words):
        speeds.check([LINE], frames(speeds))


def test_what_has_no_speeds_is_refused(drive: Path) -> None:
    with pytest.raises(UserError, match="--dataset kitti_odom has no speeds"):
        known(drive, dataset="kitti_odom")
    for more, words in (
        ({"poses": "known"}, "--velocity_weight needs"),
        ({"frame_ids": (0,), "use_stereo": True}, "has none"),
    ):
        with pytest.raises(UserError, match=words):
            options(drive, **more)


def test_the_numbers_of_kitti_are_read_as_it_writes_them(tmp_path: Path) -> None:
    write_oxts(tmp_path, speed=13.172, frames=3)
    from monodepth2.datasets.known_speeds import read_oxts

    found = read_oxts(tmp_path / "oxts")
    np.testing.assert_allclose(found, [[13.172, 0], [13.172, 0.1], [13.172, 0.2]], atol=1e-9)
