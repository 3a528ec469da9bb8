"""What lies beside the frames of a folder, and whether the data set has it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clips import drive
from monodepth2.config import PrepareOptions
from monodepth2.datasets.known_speeds import read_speeds
from monodepth2.errors import UserError
from monodepth2.prepare.frame_times import times_of
from monodepth2.prepare.run import run
from monodepth2.prepare.sources import FrameFolder, not_taken_over

FRAMES = 30
MOMENTS = [1700000000 + n / 25 for n in range(FRAMES)]


def frames(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name, picture in zip(names, drive(1, len(names), 0.2), strict=True):
        Image.fromarray(picture).save(folder / name)
    return folder


def prepared(folder: Path, **flags: object) -> Path:
    output = folder.with_name(f"{folder.name} prepared")
    assert run(PrepareOptions(sources=(folder,), output=output, width=128, **flags)) == 0
    return output / "drive_000"


@pytest.mark.parametrize("form", ["times.txt", "seconds", "milliseconds", "nanoseconds"])
def test_frames_have_the_times_that_something_states(form: str, tmp_path: Path) -> None:
    names = {
        "times.txt": [f"{n}.jpg" for n in range(FRAMES)],
        "seconds": [f"{moment:.4f}.jpg" for moment in MOMENTS],
        "milliseconds": [f"{1000 * moment:.0f}.jpg" for moment in MOMENTS],
        "nanoseconds": [f"{1700000000 + n // 25}{n % 25 * 40000000:09d}.jpg" for n in range(FRAMES)],
    }[form]
    folder = frames(tmp_path / "frames", names)
    if form == "times.txt":
        (folder / form).write_text("".join(f"{moment:.4f}\n" for moment in MOMENTS))
    source = FrameFolder(folder)
    assert source.facts.knows_times
    assert [frame.time for frame in source.frames((160, 96))] == pytest.approx(np.arange(0, FRAMES, 2) / 25, abs=1e-4)
    assert source.facts.rate == pytest.approx(25, rel=1e-3)
    assert not source.remarks
    assert FrameFolder(folder, fps=5.0).facts.rate == 5
    assert FrameFolder(folder, fps=5.0).state != source.state


def test_an_assumed_rate_is_told_and_makes_no_times(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = frames(tmp_path / "frames", [f"{n}.jpg" for n in range(FRAMES)])
    made = prepared(folder)
    assert "10 frames per second are assumed: give --fps" in capsys.readouterr().out
    assert "times" not in json.loads((made / "drive.json").read_text())
    (made / "speed.txt").write_text("10\n" * len(list(made.glob("*.jpg"))))
    with pytest.raises(UserError, match="states no times of its pictures; write"):
        read_speeds(made, FRAMES)
    made = prepared(folder, fps=25.0, overwrite=True)
    assert "assumed: give --fps" not in capsys.readouterr().out
    times = json.loads((made / "drive.json").read_text())["times"]
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 2 / 25))


def test_times_that_are_not_those_of_the_frames_are_refused(tmp_path: Path) -> None:
    for text in ("0\n1\n", "0\n1\n1\n"):
        (tmp_path / "times.txt").write_text(text)
        with pytest.raises(UserError, match=r"times.txt: holds no growing time for each of the 3 frames"):
            times_of(tmp_path, ["0.jpg", "1.jpg", "2.jpg"], None)
    (tmp_path / "times.txt").write_text("0 0\n")
    with pytest.raises(UserError, match=r"other than a number per line .*; or give --fps"):
        times_of(tmp_path, ["0.jpg"], None)
    assert times_of(tmp_path, ["0.jpg", "1.jpg", "2.jpg"], 2.0).seconds == [0, 0.5, 1]


@pytest.mark.parametrize("names", [["0000000001.png", "0000000002.png"], ["1700000000.5.png", "last.png"]])
def test_numbers_of_frames_are_no_times(names: list[str], tmp_path: Path) -> None:
    assert not times_of(tmp_path, names, None).are_known


def test_what_is_not_taken_over_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = frames(tmp_path / "frames", [f"{n}.jpg" for n in range(FRAMES)])
    for name in ("right", "masks", "depth"):
        (folder / name).mkdir()
    for name in ("poses.txt", "speed.txt"):
        (folder / name).touch()
    (folder / "camera.json").write_text('{"fl_x": 140, "w": 160, "h": 96, "baseline": 0.2}')
    assert not_taken_over(folder / "right") == ["the baseline of camera.json"], "of the folder above"
    made = prepared(folder)
    told = "right/, masks/, depth/, poses.txt, speed.txt, the baseline of camera.json are not taken over"
    assert told in capsys.readouterr().out
    assert sorted(path.name for path in made.iterdir() if path.suffix != ".jpg") == ["camera.json", "drive.json"]
