"""Lists that are made of drives: no picture, and of drives with known times no moment, is shared by both."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.made_lists import digest_of_lists, made_split, main
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split, write_lines
from monodepth2.datasets.training_lines import TrainingLines, prefers_tracked, training_lines
from monodepth2.doctor.lists import list_findings

NEIGHBOURS = (-1, 1)


def drives(root: Path, **each: tuple[int, object]) -> Folders:
    """Drives of so many pictures, and what `prepare` has noted of the seconds between these."""
    for name, (count, seconds) in each.items():
        (root / name).mkdir()
        for n in range(count):
            (root / name / f"{n:06d}.jpg").touch()
        if seconds is not None:
            (root / name / "drive.json").write_text(json.dumps({"gap": {"seconds": seconds}}))
    return Folders(root)


def as_prepared(root: Path, lines: TrainingLines) -> None:
    """Lists in a data set as `prepare` leaves them."""
    write_lines({"train": lines.training, "val": lines.validation}, root / "splits")
    digest = digest_of_lists(lines.training, lines.validation)
    (root / "prepare.json").write_text(json.dumps({"lists": digest}))


def frames(lines: list[SplitLine], drive: str) -> list[int]:
    return [line.frame for line in lines if line.folder == drive]


def test_two_seconds_lie_between_training_and_validation(tmp_path: Path) -> None:
    made = made_split(drives(tmp_path, a=(6, 0.1), b=(200, 0.1), c=(100, 0.5)), NEIGHBOURS)
    assert [frames(part, "a") for part in made] == [[1, 2, 3, 4], []]
    for drive, count, seconds, first in (("b", 200, 0.1, 1), ("c", 100, 0.5, 5)):  # 5: two seconds after b's last ones
        training, validation = (frames(part, drive) for part in made)
        assert training == list(range(first, first + len(training)))
        assert validation[-1] == count - 2
        assert len(validation) == -(-(count - 1 - first) // 10)
        assert (validation[0] - training[-1]) * seconds >= 2


def test_two_seconds_lie_between_drives_of_which_one_goes_on_where_the_other_ends(tmp_path: Path) -> None:
    """Through a drive that is shorter than these; one that is too short to be parted then is trained on."""
    layout = drives(tmp_path, a=(200, 0.1), b=(6, 0.1), c=(36, 0.1), d=(9, 0.1))
    training, validation = made_split(layout, NEIGHBOURS)
    assert {line.folder for line in validation} == {"a"}
    assert frames(training, "b") == []
    assert frames(training, "c") == list(range(15, 35))
    assert frames(training, "d") == list(range(1, 8))


@pytest.mark.parametrize("count", [5, 8, 20])
def test_of_drives_shorter_than_that_the_longest_is_parted_all_the_same(count: int, tmp_path: Path) -> None:
    training, validation = made_split(drives(tmp_path, a=(5, 0.5), b=(count, 0.5)), NEIGHBOURS)
    assert len({line.folder for line in validation}) == 1
    assert not set(validation) & set(training)
    assert {line.folder for line in training} == {"a", "b"}


@pytest.mark.parametrize("seconds", [None, "much", 0.0, -1.0, float("nan"), float("inf"), [], 1e-300])
def test_where_no_time_is_known_neighbours_alone_keep_the_parts_apart(seconds: object, tmp_path: Path) -> None:
    training, validation = made_split(drives(tmp_path, a=(60, seconds), b=(60, seconds)), NEIGHBOURS)
    for drive in "ab":
        assert frames(training, drive) == list(range(1, 52))
        assert frames(validation, drive) == list(range(53, 59))


@pytest.mark.parametrize(
    "flags", [{"frame_ids": (0, -2, 2)}, {"frame_gap": (2, 3)}, {"frame_ids": (0, -30, 30)}, {"frame_ids": (0, 3)}]
)
def test_what_prepare_has_made_is_trained_on_with_any_neighbours(flags: dict, tmp_path: Path) -> None:
    drives(tmp_path, a=(200, 0.1), b=(6, 0.1))
    usual = training_lines(Options(data_path=tmp_path, dataset="folder"))
    as_prepared(tmp_path, usual)
    options = Options(data_path=tmp_path, dataset="folder", **flags)
    lines = training_lines(options)
    training, validation = lines.training, lines.validation
    SampleFrames.from_options(options, lines.layout).check(lines.all)
    far = max(options.gaps) * max(map(abs, options.temporal_ids))
    apart = frames(validation, "a")[0] - frames(training, "a")[-1]
    assert apart == max(far, 20) + 1
    assert not [one for one in list_findings(options, lines.layout, training, validation) if "inside" in one.name]


def test_drives_of_which_points_show_no_motion_are_left_out_where_it_is_that_of_points(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    drives(tmp_path, a=(6, 0.1), b=(60, 0.1), c=(60, 0.1))
    options = Options(data_path=tmp_path, dataset="folder", poses="tracked")
    both = training_lines(replace(options, poses="network"))
    assert training_lines(options) == both, "no drive has a path: this is told where the paths are read"
    (tmp_path / "b/tracked_poses.txt").touch()
    assert {line.folder for line in training_lines(options).training} == {"b"}
    assert {line.folder for line in training_lines(replace(options, poses="network")).training} == {*"abc"}
    assert main([str(tmp_path), "--output", str(tmp_path / "lists"), "--poses", "tracked"]) == 0
    assert read_split(str(tmp_path / "lists"), "train") == training_lines(options).training
    as_prepared(tmp_path, training_lines(options))
    assert {line.folder for line in training_lines(replace(options, poses="network")).training} == {*"abc"}
    (tmp_path / "splits/val_files.txt").write_text("c 40 l\n")  # as a user wants it
    assert training_lines(replace(options, poses="network")).validation == [SplitLine("c", 40, "l")]


def test_the_motion_of_points_is_advised_if_they_show_that_of_most_targets(tmp_path: Path) -> None:
    assert prefers_tracked(9999, 8000)
    assert not prefers_tracked(9999, 7999)
    assert not prefers_tracked(10_000, 10_000)
    drives(tmp_path, a=(6, 0.1), b=(200, 0.1))
    options = Options(data_path=tmp_path, dataset="folder")
    made = training_lines(options)

    def advised(of: Options) -> bool:
        found = list_findings(of, layout_of(of), made.training, made.validation)
        return any(one.name == "too few targets to learn motion from" for one in found)

    assert not advised(options)
    (tmp_path / "a/tracked_poses.txt").touch()
    assert not advised(options), "of few targets alone"
    (tmp_path / "a/tracked_poses.txt").rename(tmp_path / "b/tracked_poses.txt")
    assert advised(options)
    assert not advised(replace(options, split=str(tmp_path / "lists"))), "these lists hold the other drive, too"
