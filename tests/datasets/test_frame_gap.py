"""Neighbours at distances that are drawn: which files are read, of which targets, and what is known of them."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.config.doctor import DoctorOptions
from monodepth2.config.tools import CacheOptions
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.made_lists import made_split, main
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.picture_cache import PictureCache, fill_cache
from monodepth2.datasets.samples import Sample, SampleKey
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split, write_lines
from monodepth2.datasets.trajectories import write_poses
from monodepth2.doctor.lists import list_findings
from monodepth2.doctor.run import diagnose
from monodepth2.errors import UserError
from monodepth2.runtime.processes import Processes
from monodepth2.training.data import TrainingData

PICTURES = 9


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose grey is ten times their place; at place n the camera stands at n^2 metres, n metres a second."""
    folder = tmp_path_factory.mktemp("drive")
    for n in range(PICTURES):
        Image.fromarray(np.full((64, 96, 3), 10 * n, np.uint8)).save(folder / f"{n}.png")
    poses = np.tile(np.eye(4), (PICTURES, 1, 1))
    poses[:, 2, 3] = np.arange(PICTURES) ** 2
    write_poses(folder / "poses.txt", poses)
    (folder / "speed.txt").write_text("".join(f"{n}\n" for n in range(PICTURES)))
    (folder / "times.txt").write_text("".join(f"{n}\n" for n in range(PICTURES)))
    return folder


def options(folder: Path, **more: object) -> Options:
    values = {"frame_gap": (1, 3), "baseline": 0.54, **more}
    return Options(dataset="folder", data_path=folder, width=96, height=64, **values)


def line(n: int) -> SplitLine:
    return SplitLine(".", n, "l")


def data_set(chosen: Options, *targets: int, augment: bool = False) -> MonoDataset:
    return MonoDataset.from_options(chosen, [line(n) for n in targets], augment)


def places(sample: Sample) -> dict[object, int]:
    """Which picture each frame of a sample shows."""
    return {frame: round(float(levels[0].float().mean()) / 10) for frame, levels in sample.color.items()}


def drawn(made: MonoDataset, index: int, epochs: int = 40) -> set[tuple[int, ...]]:
    return {tuple(places(made[SampleKey(epoch, index)]).values()) for epoch in range(epochs)}


def test_each_sample_draws_among_the_gaps_that_it_has(drive: Path) -> None:
    made = data_set(options(drive), 4, 2, 7)
    assert drawn(made, 0) == {(4, 3, 5), (4, 2, 6), (4, 1, 7)}
    assert drawn(made, 1) == {(2, 1, 3), (2, 0, 4)}
    assert drawn(made, 2) == {(7, 6, 8)}
    assert list(places(made[SampleKey(0, 0)])) == [0, -1, 1]


def test_frame_ids_are_multiplied(drive: Path) -> None:
    made = data_set(options(drive, frame_ids=(0, -2, 1), frame_gap=(2, 3)), 6)
    assert drawn(made, 0) == {(6, 2, 8)}
    assert places(data_set(options(drive, frame_gap=(3, 3)), 4).sample(0)) == {0: 4, -1: 1, 1: 7}


def test_a_draw_depends_on_seed_epoch_and_position_alone(drive: Path) -> None:
    keys = [SampleKey(epoch, 0) for epoch in range(12)]
    first, again, other = (data_set(options(drive, seed=seed), 4) for seed in (0, 0, 1))
    again[SampleKey(5, 0)]
    found = [[places(made[key]) for key in keys] for made in (first, again, other)]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_the_other_draws_stay(drive: Path) -> None:
    drawing, plain = (data_set(options(drive, frame_gap=gap), 4, augment=True) for gap in ((1, 3), ()))
    mirrored = [[made[SampleKey(epoch, 0)].mirrored for epoch in range(12)] for made in (drawing, plain)]
    assert mirrored[0] == mirrored[1]
    assert len(set(mirrored[0])) == 2


def test_a_target_without_any_neighbours_is_incomplete(drive: Path) -> None:
    layout, ids = layout_of(options(drive)), (0, -1, 1)
    lines = [line(n) for n in range(PICTURES)]
    assert SampleFrames(layout, ids, (1, 2, 3)).complete(lines) == lines[1:-1]
    assert SampleFrames(layout, ids, (3, 4)).complete(lines) == lines[3:-3]
    SampleFrames(layout, ids, (1, 2, 3)).check(lines[1:-1])
    with pytest.raises(UserError, match=r"1 neighbour frames -2 missing"):
        SampleFrames(layout, ids, (2, 3)).check(lines[1:-2])


def test_known_motion_and_ways_are_those_of_the_drawn_gap(drive: Path) -> None:
    chosen = options(drive, poses="known")
    made = data_set(chosen, 4)
    assert made.known.check(made.lines, made.frames)
    for gap in (1, 2, 3):
        motions = data_set(chosen, 4).sample(0, gap=gap).source_T_target
        assert motions is not None
        moved = {source: float(motion[2, 3]) for source, motion in motions.items()}
        assert moved == pytest.approx({-1: 16 - (4 - gap) ** 2, 1: 16 - (4 + gap) ** 2})
        ways = data_set(options(drive, velocity_weight=1.0), 4).sample(0, gap=gap).travelled
        assert ways is not None
        assert {source: float(way) for source, way in ways.items()} == pytest.approx(
            {-1: (16 - (4 - gap) ** 2) / 2, 1: ((4 + gap) ** 2 - 16) / 2}
        )


def test_speeds_must_reach_as_far_as_the_widest_gap(drive: Path, tmp_path: Path) -> None:
    for file in drive.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "speed.txt").write_text("".join(f"{n if n < 7 else 'nan'}\n" for n in range(PICTURES)))
    for gap, fits in (((1, 2), True), ((1, 3), False)):
        made = data_set(options(tmp_path, velocity_weight=1.0, frame_gap=gap), 4)
        if fits:
            assert "1 m apart" not in made.known.check(made.lines, made.frames)[0]
        else:
            with pytest.raises(UserError, match="pictures 1 to 7"):
                made.known.check(made.lines, made.frames)


def test_a_made_split_keeps_sources_of_every_gap_apart(drive: Path) -> None:
    for n in range(PICTURES, 60):
        Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(drive / f"{n}.png")
    training, validation = made_split(Folders(drive), (-1, 1), (1, 2, 3))
    assert (training[0].frame, validation[-1].frame) == (1, 58)
    assert validation[0].frame - training[-1].frame == 4
    for n in range(PICTURES, 60):
        (drive / f"{n}.png").unlink()


def test_the_cache_keeps_the_pictures_of_every_gap(drive: Path, tmp_path: Path) -> None:
    chosen = options(drive, cache_dir=tmp_path / "cache")
    cache = PictureCache.from_options(chosen, data_set(chosen, 4).frames, [line(4)])
    assert cache is not None
    cache.fill()
    assert cache.report().startswith("7 pictures")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"frame_gap": (1, 1)}, "draws nothing"),
        ({"frame_gap": (3, 1)}, "least and the largest"),
        ({"frame_gap": (0, 2)}, "least and the largest"),
        ({"frame_gap": (1, 2), "frame_ids": (0,), "use_stereo": True}, "--frame_ids 0 has none"),
    ],
)
def test_flags_that_cannot_be(flags: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Options(**flags)


def test_the_doctor_looks_for_the_pictures_of_the_drawn_gaps(drive: Path, tmp_path: Path) -> None:
    (tmp_path / "train_files.txt").write_text("".join(f"{line(n)}\n" for n in (1, 2, 3)))
    (tmp_path / "val_files.txt").write_text(f"{line(5)}\n{line(6)}\n")
    told = []
    for gap in ((2, 2), (1, 2)):
        made = DoctorOptions(
            dataset="folder", data_path=drive, split=str(tmp_path), width=96, height=64, frame_gap=gap, fov=80
        )
        told.append({finding.name: finding.counted for finding in diagnose(made.training(), 4).findings})
    assert told[0]["pictures are missing"] == "1 of 15"  # one before the first of target 1
    assert "pictures are missing" not in told[1]
    assert told[1]["validation frames inside training stretches"].startswith("1 of 2")  # 5 is two after 3


def test_lists_that_are_made_as_advised_keep_the_gap(drive: Path, tmp_path: Path) -> None:
    chosen = options(drive)
    inside = [[line(1), line(2), line(3)], [line(4)]]
    (finding,) = (
        one for one in list_findings(chosen, layout_of(chosen), *inside) if one.name.startswith("validation frames")
    )
    words = shlex.split(finding.remedy.partition("datasets.folders ")[2].partition(",")[0])
    words[words.index("lists")] = str(tmp_path / "lists")
    main(words)
    made = [read_split(tmp_path / "lists", part) for part in ("train", "val")]
    assert made == [[line(1), line(2), line(3)], [line(7)]]
    assert not any(one.name.startswith("validation") for one in list_findings(chosen, layout_of(chosen), *made))


def test_a_list_that_is_left_empty_is_called_by_its_own_name(drive: Path, tmp_path: Path) -> None:
    write_lines({"train": [line(3)], "val": [line(4)]}, drive / "splits")
    try:
        far = options(drive, frame_gap=(5, 6), skip_incomplete=True)
        with pytest.raises(
            UserError, match=r"the lists in .*splits: no training line is left, 2 lack .* --frame_gap 5 6"
        ):
            TrainingData(far, Processes(), torch.device("cpu"))
    finally:
        shutil.rmtree(drive / "splits")


def test_the_cache_is_filled_beforehand_with_the_same_flag(drive: Path, tmp_path: Path, capsys) -> None:
    flags = {"dataset": "folder", "data_path": drive, "width": 96, "height": 64, "frame_gap": (2, 3)}
    made = CacheOptions(cache_dir=tmp_path / "cache", **flags)
    assert made.training().gaps == (2, 3)
    assert fill_cache(made) == 0
    assert capsys.readouterr().out.startswith("7 pictures")  # of the targets 2 and 6


def test_looks_at_the_data_take_the_nearest_neighbours() -> None:
    chosen = Options(frame_ids=(0, -1, 2), frame_gap=(2, 5))
    assert chosen.at_smallest_gap == Options(frame_ids=(0, -2, 4))
    assert replace(chosen, frame_gap=()).at_smallest_gap.frame_ids == (0, -1, 2)
