import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import GroundTruthOptions, Options
from monodepth2.datasets.ground_truth import read_ground_truth
from monodepth2.datasets.gt_export import export_ground_truth
from monodepth2.datasets.kitti_layouts import KittiDepth, KittiRaw
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.evaluation.scoring import evaluate
from monodepth2.method.model import MonodepthModel
from places import ROOT
from scene import CALIBRATION, DATE, DRIVE
from scripts import HANGS, in_process

OTHER_DATE = "2011_09_28"
OTHER_DRIVE = f"{OTHER_DATE}/{OTHER_DATE}_drive_0002_sync"
SAME_SIZE = [f"{DRIVE} {frame} {side}" for frame, side in ((5, "l"), (2, "r"), (3, "l"))]
TWO_SIZES = [*SAME_SIZE, f"{OTHER_DRIVE} 0 l", f"{OTHER_DRIVE} 1 l"]


@pytest.fixture
def data(small_scene: Path, tmp_path: Path) -> Path:
    """Scans alone, of a drive with pictures of 1242 x 375 and of one with 1224 x 370."""
    root = tmp_path / "data"
    for date, drive, frames, size in (
        (DATE, DRIVE, (2, 3, 5), "1.242000e+03 3.750000e+02"),
        (OTHER_DATE, OTHER_DRIVE, (0, 1), "1.224000e+03 3.700000e+02"),
    ):
        scans = root / drive / "velodyne_points/data"
        scans.mkdir(parents=True)
        for frame in frames:
            shutil.copy(small_scene / DRIVE / f"velodyne_points/data/{frame:010d}.bin", scans)
        for name, text in CALIBRATION.items():
            (root / date / name).write_text(text.replace("1.242000e+03 3.750000e+02", size))
    return root


def split_of(folder: Path, lines: Sequence[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "test_files.txt").write_text("\n".join(lines))
    return folder


def options_for(data: Path, split: Path, **changes) -> GroundTruthOptions:
    return GroundTruthOptions(data_path=data, split=str(split), num_workers=2, **changes)


def command(data: Path, split: Path | str, *flags: str) -> list[str]:
    script = [sys.executable, str(ROOT / "export_gt_depth.py"), "--data_path", str(data), "--split", str(split)]
    return [*script, *flags]


def run(data: Path, split: Path | str, *flags: str) -> "subprocess.CompletedProcess[str]":
    return in_process("export_gt_depth", *command(data, split, *flags)[2:])


def expected(data: Path, lines: Sequence[str]) -> list[np.ndarray]:
    return [KittiRaw(data).depth(SplitLine.parse(line), forward=True) for line in lines]


def maps_of(path: Path, count: int) -> list[np.ndarray]:
    return list(map(read_ground_truth(path, count), range(count)))


def assert_same(maps: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> None:
    assert len(maps) == len(others)
    for one, other in zip(maps, others, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_maps_of_one_size_are_one_array(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", SAME_SIZE)
    done = run(data, split)
    assert done.returncode == 0, done.stderr
    assert "3 depth maps of 1242 x 375 pixels are in" in done.stdout
    stored = np.load(split / "gt_depths.npz")["data"]  # refuses pickles
    assert_same(stored, expected(data, SAME_SIZE))
    assert 5_000 < np.count_nonzero(stored[0]) < 0.1 * stored[0].size
    assert_same(maps_of(split / "gt_depths.npz", 3), stored)
    assert {path.name for path in split.iterdir()} == {"test_files.txt", "gt_depths.npz"}


def test_maps_of_different_sizes_are_arrays_of_their_own(data: Path, tmp_path: Path) -> None:
    split, output = split_of(tmp_path / "split", TWO_SIZES), tmp_path / "truth.npz"
    done = run(data, split, "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert "5 depth maps of 1224 x 370, 1242 x 375 pixels" in done.stdout
    assert not (split / "gt_depths.npz").exists()
    lines = [SplitLine.parse(line) for line in TWO_SIZES]
    maps = list(map(read_ground_truth(output, 5, lines), range(5)))
    assert [depth.shape for depth in maps] == [(375, 1242)] * 3 + [(370, 1224)] * 2
    assert_same(maps, expected(data, TWO_SIZES))
    with np.load(output) as archive:
        np.testing.assert_array_equal(archive["map_00003"], maps[3])
        assert archive["lines"].tolist() == TWO_SIZES


def test_improved_maps(tmp_path: Path) -> None:
    data, lines = tmp_path / "data", [f"{DRIVE} {frame} l" for frame in (4, 1)]
    folder = data / DRIVE / "proj_depth/groundtruth/image_02"
    folder.mkdir(parents=True)
    values = np.random.default_rng(0).integers(0, 80 * 256, (2, 37, 124), dtype=np.uint16)
    for frame, depth in zip((4, 1), values, strict=True):
        Image.fromarray(depth).save(folder / f"{frame:010d}.png")
    split = split_of(tmp_path / "eigen_benchmark", lines)
    export = export_ground_truth(options_for(data, split))
    stored = np.load(export.path)["data"]
    np.testing.assert_array_equal(stored, values.astype(np.float32) / 256)
    assert_same(stored, [KittiDepth(data).depth(SplitLine.parse(line)) for line in lines])
    other = split_of(tmp_path / "mine", lines)
    with pytest.raises(UserError, match="2 of 2 files with ground truth are missing"):
        export_ground_truth(options_for(data, other))
    export = export_ground_truth(options_for(data, other, dataset="kitti_depth"))
    np.testing.assert_array_equal(np.load(export.path)["data"], stored)


def test_scored_like_the_scans(small_scene: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    split = split_of(tmp_path / "split", SAME_SIZE[::2])
    scoring = Options(
        data_path=small_scene, png=True, eval_split=str(split), eval_mono=True, no_cuda=True, num_workers=0,
        load_weights_folder=tmp_path / "weights", height=64, width=96, weights_init="scratch",
    )  # fmt: skip
    model = MonodepthModel(scoring)
    save_checkpoint(tmp_path / "weights", model, torch.optim.Adam(model.parameters()), scoring)
    from_scans = evaluate(scoring)
    export_ground_truth(options_for(small_scene, split))
    assert (split / "gt_depths.npz").is_file()
    assert evaluate(scoring).scores == from_scans.scores


def test_workers_change_nothing(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", 4 * TWO_SIZES)
    results = []
    for workers in (1, 5):
        output = tmp_path / f"{workers}.npz"
        export_ground_truth(GroundTruthOptions(data, str(split), output=output, num_workers=workers))
        results.append(maps_of(output, 20))
    assert_same(*results)


def test_everything_missing_is_reported_before_the_work(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", TWO_SIZES)
    for frame in (2, 3):
        (data / DRIVE / f"velodyne_points/data/{frame:010d}.bin").unlink()
    (data / OTHER_DATE / "calib_velo_to_cam.txt").unlink()
    (data / DATE / "calib_cam_to_cam.txt").write_text("nothing")
    done = run(data, split)
    assert done.returncode == 2
    assert "2 of 5 files with ground truth are missing" in done.stderr
    assert "0000000002.bin" in done.stderr
    assert "velodyne_points" in done.stderr
    assert f"{OTHER_DATE}/calib_velo_to_cam.txt: no such file" in done.stderr
    assert f"{DATE}/calib_cam_to_cam.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in split.iterdir()] == ["test_files.txt"]


def test_an_existing_file_stays_unless_it_may_be_replaced(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", SAME_SIZE)
    (split / "gt_depths.npz").write_text("precious")
    done = run(data, split)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert (split / "gt_depths.npz").read_text() == "precious"
    export_ground_truth(options_for(data, split, overwrite=True))
    assert_same(maps_of(split / "gt_depths.npz", 3), expected(data, SAME_SIZE))


def test_a_link_stays_and_a_pipe_is_refused(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", SAME_SIZE)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/gt.npz").write_text("old")
    (split / "gt_depths.npz").symlink_to(tmp_path / "disk/gt.npz")
    export_ground_truth(options_for(data, split, overwrite=True))
    assert (split / "gt_depths.npz").is_symlink()
    assert_same(maps_of(tmp_path / "disk/gt.npz", 3), expected(data, SAME_SIZE))
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["gt.npz"]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="as it is a folder, a device or a pipe"):
        export_ground_truth(options_for(data, split, overwrite=True, output=tmp_path / "pipe"))
    assert (tmp_path / "pipe").is_fifo()


def test_a_damaged_scan_is_named_in_one_line_and_nothing_stays(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", TWO_SIZES)
    scan = data / OTHER_DRIVE / "velodyne_points/data/0000000001.bin"
    scan.write_bytes(scan.read_bytes()[:1001])
    done = run(data, split)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {scan}: 1,001 bytes")
    assert "Traceback" not in done.stderr
    assert [path.name for path in split.iterdir()] == ["test_files.txt"]


INTERRUPTS = """
import os, runpy, signal, sys
from monodepth2.datasets.kitti_layouts import KittiRaw
signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells ignore in the background
depth, maps = KittiRaw.depth, []
def interrupts(*arguments, **how):
    maps.append(arguments)
    if len(maps) == 5:
        os.kill(os.getpid(), signal.SIGINT)
    return depth(*arguments, **how)
KittiRaw.depth = interrupts
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_ctrl_c_ends_cleanly(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", 30 * SAME_SIZE)
    _, *script = command(data, split, "--num_workers", "2")
    where = {**os.environ, "PYTHONPATH": str(ROOT)}
    interrupted = [sys.executable, "-c", INTERRUPTS, *script]
    done = subprocess.run(interrupted, capture_output=True, text=True, timeout=HANGS, env=where)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in done.stderr
    assert [path.name for path in split.iterdir()] == ["test_files.txt"]


@pytest.mark.parametrize(
    ("split", "flags", "message"),
    [
        ("odom_9", (), "there is no ground truth of depth"),
        ("benchmark", (), "there is no ground truth of depth"),
        ("eigen_full", (), "has no part 'test'"),
        ("gone", (), "neither a folder nor one of"),
        ("eigen", ("--data_path", "gone"), "no such folder"),
        ("eigen", ("--num_workers", "0"), "must be at least 1"),
        ("eigen", ("--output", str(ROOT)), "is a folder"),
        ("eigen", (), "697 of 697 files with ground truth are missing"),
        ("eigen_benchmark", (), "652 of 652 files with ground truth are missing"),
    ],
)
def test_mistakes_end_with_one_message(split: str, flags: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(tmp_path, split, "--output", str(tmp_path / "gt.npz"), *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_is_found_before_the_work(data: Path, tmp_path: Path) -> None:
    split = split_of(tmp_path / "split", SAME_SIZE)
    with pytest.raises(UserError, match="cannot be written"):
        export_ground_truth(options_for(data, split, output=tmp_path / "gone/gt.npz"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        export_ground_truth(options_for(data, split, output=tmp_path / "file/gt.npz"))
    assert [path.name for path in split.iterdir()] == ["test_files.txt"]
