"""Odometry on drives of any layout, with poses of any format or none."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

import evaluate_pose
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.command import main as command
from monodepth2.config import Options
from monodepth2.datasets.layout_choice import layout_of, make_layout
from monodepth2.datasets.poses import read_poses, read_trajectory
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import from_first, write_poses, write_tum
from monodepth2.errors import UserError
from monodepth2.files.picture_opening import is_own_output
from monodepth2.odometry.drive import Drive, frame_times, true_trajectory
from monodepth2.odometry.evaluation import evaluate_odometry
from monodepth2.odometry.plots import draw_trajectory
from monodepth2.odometry.run import run
from trajectory import trajectory
from trees import write_checkpoint

FRAMES = 6
FIRST = 10  # of the raw drive
DRIVE = "day/one_sync"


def write_pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    texture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 30, 3), np.uint8)).resize((200, 64))
    for n, name in enumerate(names):
        texture.crop((4 * n, 0, 4 * n + 96, 64)).save(folder / name)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures as a drive of KITTI raw, numbered from 10 on, and as sequences 5 and 13; never write here."""
    root = tmp_path_factory.mktemp("drives")
    for camera in ("image_02", "image_03"):
        write_pictures(root / f"raw/{DRIVE}/{camera}/data", [f"{FIRST + n:010d}.png" for n in range(FRAMES)])
    for sequence in ("05", "13"):
        write_pictures(root / f"odom/sequences/{sequence}/image_2", [f"{n:06d}.png" for n in range(FRAMES)])
    write_pictures(root / "odom/sequences/05/image_3", [f"{n:06d}.png" for n in range(FRAMES)])
    (root / "odom/sequences/05/times.txt").write_text("".join(f"{0.1 * n:e}\n" for n in range(FRAMES)))
    (root / "odom/poses").mkdir()
    write_poses(root / "odom/poses/05.txt", true_poses())
    return root


def true_poses() -> np.ndarray:
    poses, _ = trajectory(seed=4, frames=FRAMES)
    return from_first(poses)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("run") / "weights_0")


@pytest.fixture
def raw(roots: Path, weights: Path) -> Options:
    drive = roots / "raw" / DRIVE
    return Options(data_path=roots / "raw", png=True, eval_split=str(drive), no_cuda=True, num_workers=0,
                   load_weights_folder=weights)  # fmt: skip


@pytest.fixture
def odom(raw: Options, roots: Path) -> Options:
    return replace(raw, data_path=roots / "odom", eval_split="odom_5")


def listed(folder: Path, lines: list[str]) -> str:
    folder.mkdir()
    (folder / "test_files.txt").write_text("\n".join(lines))
    return str(folder)


def test_a_drive_has_one_path_in_every_layout(raw: Options, odom: Options, tmp_path: Path) -> None:
    predicted = evaluate_odometry(replace(raw, no_eval=True, eval_out_dir=tmp_path))
    assert predicted.title == "drive one_sync"
    assert predicted.predicted.shape == (FRAMES, 4, 4)
    assert predicted.first_frame == FIRST
    sequence = evaluate_odometry(odom)
    assert sequence.title == "sequence 05"
    np.testing.assert_array_equal(sequence.predicted, predicted.predicted)
    folder = replace(odom, eval_split=str(odom.data_path / "sequences/05"))
    assert evaluate_odometry(folder).to_json() == sequence.to_json()
    lines = listed(tmp_path / "split", [f"{DRIVE} {FIRST + n} r" for n in range(FRAMES - 1)])
    right = evaluate_odometry(replace(raw, eval_split=lines, no_eval=True, eval_out_dir=tmp_path))
    np.testing.assert_array_equal(right.predicted, predicted.predicted)


def test_own_poses_of_either_format_give_the_same_figures(raw: Options, odom: Options, tmp_path: Path) -> None:
    expected = evaluate_odometry(odom).figures
    assert expected is not None
    times = 1500000000 + 0.25 * np.arange(FRAMES)
    write_poses(tmp_path / "kitti.txt", true_poses())
    write_tum(tmp_path / "drive.tum", true_poses(), times)
    turned = Rotation.from_euler("xyz", [1, 2, 3]).as_matrix()
    elsewhere = np.eye(4)
    elsewhere[:3] = np.column_stack([turned, [5, 6, 7]])
    write_tum(tmp_path / "elsewhere.tum", elsewhere @ true_poses(), times)
    long = np.concatenate([np.tile(np.eye(4), (FIRST, 1, 1)), true_poses()])
    write_poses(tmp_path / "whole_drive.txt", long)
    for name in ("kitti.txt", "drive.tum", "elsewhere.tum", "whole_drive.txt"):
        result = evaluate_odometry(replace(raw, true_poses=tmp_path / name))
        assert result.figures is not None
        assert result.figures.ate == pytest.approx(expected.ate, rel=1e-4)
        np.testing.assert_allclose(result.figures.snippets, expected.snippets, rtol=1e-3)
        wanted = times if name.endswith("tum") else np.arange(FIRST, FIRST + FRAMES)
        np.testing.assert_allclose(result.times, wanted)


def test_poses_beside_the_pictures_are_found(raw: Options, roots: Path, tmp_path: Path) -> None:
    data = tmp_path / "raw"
    (data / "day").mkdir(parents=True)
    (data / DRIVE).mkdir()
    (data / DRIVE / "image_02").symlink_to(roots / "raw" / DRIVE / "image_02")
    write_poses(data / DRIVE / "poses.txt", true_poses())
    result = evaluate_odometry(replace(raw, data_path=data, eval_split=str(data / DRIVE)))
    assert result.truth is not None
    np.testing.assert_allclose(result.truth, true_poses(), atol=1e-6)


def test_sequences_whose_truth_is_not_published_are_predicted(odom: Options, tmp_path: Path) -> None:
    asked = replace(odom, eval_split="odom_13")
    with pytest.raises(
        UserError, match=r"poses/13\.txt: there are no true poses, .* add --true_poses FILE, or --eval_out_dir"
    ):
        evaluate_odometry(asked)
    result = evaluate_odometry(replace(asked, eval_out_dir=tmp_path))
    assert result.figures is None
    assert "no true poses" in result.text()


@pytest.mark.parametrize("name", ["times.txt", "drive.json"])
def test_a_plain_folder_has_times_of_its_own(name: str, weights: Path, tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(5)]
    write_pictures(tmp_path / "data/drive", names)
    times = [100.0, 100.1, 100.2, 100.4, 100.5]
    text = json.dumps({"times": times}) if name == "drive.json" else "\n".join(map(str, times))
    layout = layout_of(Options(dataset="folder", data_path=tmp_path / "data"))
    drive = Drive(layout, [SplitLine("drive", n, "l") for n in range(1, 4)])
    (tmp_path / "data/drive/drive.json").write_text('{"gap": {"seconds": 0.1}}')
    assert frame_times(drive, None).tolist() == [1, 2, 3, 4], "numbers, where nothing states them"
    (tmp_path / "data/drive" / name).write_text(text)
    assert frame_times(drive, None).tolist() == times[1:]
    (tmp_path / "data/drive" / name).write_text(
        text.replace("100.0", "100.0, 100.05" if "json" in name else "99\n100.0")
    )
    with pytest.raises(UserError, match=rf"{name}: holds 6 times, and its drive has 5 pictures"):
        frame_times(drive, None)


def test_files_for_other_tools(odom: Options, weights: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(command, "tune_process", lambda _: None)
    flags = ["--data_path", odom.data_path, "--png", "--eval_split", "odom_5", "--device", "cpu"]
    monkeypatch.setattr(
        sys, "argv", [*map(str, ["x", *flags, "--load_weights_folder", weights, "--eval_out_dir", tmp_path])]
    )
    evaluate_pose.main()
    assert "TUM" in capsys.readouterr().out
    rows = np.loadtxt(tmp_path / "05.tum")
    np.testing.assert_allclose(rows[:, 0], 0.1 * np.arange(FRAMES), atol=1e-6)  # of times.txt
    kitti = np.loadtxt(tmp_path / "05.txt").reshape(-1, 3, 4)
    np.testing.assert_allclose(rows[:, 1:4], kitti[:, :, 3], atol=1e-6)
    x, y, z, w = rows[:, 4:].T
    np.testing.assert_allclose(2 * (x * y - w * z), kitti[:, 0, 1], atol=1e-6)  # of a quaternion's matrix
    np.testing.assert_allclose(w**2 + x**2 + y**2 + z**2, 1, atol=1e-6)
    assert (tmp_path / "05.png").is_file()
    np.testing.assert_allclose(read_poses(tmp_path / "05.tum"), read_poses(tmp_path / "05.txt"), atol=1e-6)


def test_a_given_factor_makes_metres_and_wins(odom: Options) -> None:
    plain, asked = evaluate_odometry(odom), evaluate_odometry(replace(odom, pred_depth_scale_factor=3.0))
    assert (plain.metric, asked.metric) == (False, True)
    np.testing.assert_allclose(asked.predicted[:, :3, 3], 3 * plain.predicted[:, :3, 3])
    assert "--pred_depth_scale_factor 3" in asked.text()
    assert evaluate_odometry(replace(odom, eval_stereo=True, pred_depth_scale_factor=3.0)).factor == 3
    assert not evaluate_odometry(replace(odom, eval_mono=True, pred_depth_scale_factor=3.0)).metric


def test_lengths_that_were_known_make_metres(odom: Options, checkpoint) -> None:
    options = replace(odom, load_weights_folder=checkpoint(velocity_weight=0.05))
    told = evaluate_odometry(options)
    assert (told.metric, told.factor) == (True, 1)
    assert "no scale" not in told.text()


def test_a_rig_of_unknown_baseline_makes_no_metres(odom: Options, checkpoint) -> None:
    facts = TrainingFacts(baseline=None, use_stereo=True)
    options = replace(odom, load_weights_folder=checkpoint(facts=facts, use_stereo=True))
    told = evaluate_odometry(options)
    assert (told.metric, told.factor) == (False, 1)
    with pytest.raises(UserError, match=r"--eval_stereo: .* rig of unknown baseline"):
        evaluate_odometry(replace(options, eval_stereo=True))
    assert evaluate_odometry(replace(options, eval_stereo=True, baseline=0.3)).factor == pytest.approx(3)


@pytest.mark.parametrize("layout", ["raw", "odom", "folder"])
def test_poses_of_another_rate_than_the_pictures_are_refused(
    layout: str, raw: Options, odom: Options, roots: Path, tmp_path: Path
) -> None:
    folder = roots / "raw" / DRIVE / "image_02/data"
    plain = replace(raw, dataset="folder", png=False, data_path=folder, eval_split=str(folder))
    options = replace({"raw": raw, "odom": odom, "folder": plain}[layout], true_poses=tmp_path / "poses.txt")
    write_poses(options.true_poses, true_poses())
    assert evaluate_odometry(options).truth is not None
    write_poses(options.true_poses, np.repeat(true_poses(), 10, axis=0))
    frames = FRAMES + (FIRST if layout == "raw" else 0)
    with pytest.raises(UserError, match=rf"holds {10 * FRAMES} poses, the drive {frames} frames \(0 to {frames - 1}\), "
                       rf"of which the split names {FRAMES}: give one"):  # fmt: skip
        evaluate_odometry(options)


def test_the_picture_of_a_path_is_no_frame(odom: Options, tmp_path: Path) -> None:
    draw_trajectory(tmp_path / "path.png", evaluate_odometry(odom))
    assert is_own_output(tmp_path / "path.png")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "kitti_odom"}, r"--dataset kitti_odom expects '<sequence> <frame> <l\|r>'"),
        ({"eval_split": "odom_7"}, "holds no pictures like"),
        ({"eval_split": "."}, r"holds no test_files\.txt, and is no drive's folder under --data_path"),
        ({"true_poses": Path("gone.txt")}, "--true_poses gone.txt: no such file"),
        ({"true_poses": Path("x"), "no_eval": True}, "drop one of them"),
        ({"height": 128}, "--height 128: the pose network of .* has height 64; drop --height"),
        ({"num_layers": 50}, "--num_layers 50: .* has num_layers 18"),
        ({"dataset": "kitti_test"}, "single frames"),
    ],
)
def test_mistakes_are_named(changes: dict, message: str, raw: Options, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        evaluate_odometry(replace(raw, **{"eval_out_dir": tmp_path, **changes}))


def test_sequences_have_one_layout(odom: Options) -> None:
    with pytest.raises(UserError, match="--eval_split odom_5 lies in kitti_odom: drop --dataset kitti_depth"):
        evaluate_odometry(replace(odom, dataset="kitti_depth"))


@pytest.mark.parametrize("dataset", ["kitti", "kitti_odom", "folder"])
def test_the_right_camera_is_not_scored_by_the_left_ones_poses(dataset: str, tmp_path: Path) -> None:
    pictures = {"kitti": "image_03/data", "kitti_odom": "image_3", "folder": "right"}[dataset]
    drive = tmp_path / ("sequences/05" if dataset == "kitti_odom" else "05")
    names = [f"{n:06d}.png" for n in range(FRAMES)]
    write_pictures(drive / pictures, names)
    if dataset == "folder":  # whose right pictures belong to left ones
        for name in names:
            (drive / name).symlink_to(f"right/{name}")
    lines = [SplitLine("05", n, "r") for n in range(FRAMES - 1)]
    found = Drive(make_layout(dataset, tmp_path, png=True), lines)
    found.poses_path.parent.mkdir(exist_ok=True)
    write_poses(found.poses_path, true_poses())
    options = Options(eval_split=str(tmp_path), data_path=tmp_path)
    with pytest.raises(UserError, match=r"'05 0 r' is of the right camera, and .*\.txt has the left one's"):
        true_trajectory(options, found)
    assert true_trajectory(replace(options, true_poses=found.poses_path), found) is not None


def test_outputs_do_not_replace_what_is_read(odom: Options, tmp_path: Path) -> None:
    truth, frame = tmp_path / "05.txt", odom.data_path / "sequences/05/image_2/000003.png"
    write_poses(truth, true_poses())
    for changes, flag in (
        ({"true_poses": truth, "eval_out_dir": tmp_path}, "eval_out_dir"),
        ({"true_poses": truth, "output_json": truth}, "output_json"),
        ({"output_json": odom.data_path / "poses/05.txt"}, "output_json"),
        ({"output_json": frame}, "output_json"),
    ):
        with pytest.raises(UserError, match=f"is an input and would be overwritten: choose another --{flag}"):
            evaluate_odometry(replace(odom, **changes))
    with pytest.raises(UserError, match=r"--eval_out_dir .*image_2: holds pictures that are read"):
        evaluate_odometry(replace(odom, eval_out_dir=frame.parent))
    with pytest.raises(UserError, match=r"--output_json and --eval_out_dir would both write .*05\.tum"):
        evaluate_odometry(replace(odom, eval_out_dir=tmp_path / "out", output_json=tmp_path / "out/05.tum"))


def test_the_unit_of_a_path_is_told(odom: Options, tmp_path: Path, capsys) -> None:
    run(replace(odom, eval_mono=True, pred_depth_scale_factor=3.0, no_eval=True, eval_out_dir=tmp_path))
    assert "poses in the network's unit times 3 are" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"05.txt", "05.tum", "05.png"}


def test_a_drive_of_kitti_raw_has_its_cameras_times(raw: Options, roots: Path, tmp_path: Path) -> None:
    shutil.copytree(roots / "raw", tmp_path / "raw")
    layout = make_layout("kitti", tmp_path / "raw", png=True)
    drive = Drive(layout, [SplitLine(DRIVE, FIRST + n, "r") for n in range(FRAMES - 1)])
    stamps = tmp_path / "raw" / DRIVE / "image_03/timestamps.txt"
    stamps.write_text("".join(f"2011-09-26 13:02:{n / 10 + 25:012.9f}\n" for n in range(FIRST + FRAMES)))
    np.testing.assert_allclose(frame_times(drive, None), 0.1 * np.arange(FIRST, FIRST + FRAMES), atol=1e-9)
    stamps.write_text("2011-09-26 13:02:25.1\n" * FIRST)
    with pytest.raises(UserError, match=r"image_03/timestamps\.txt: holds no time for each of the frames 10 to 15"):
        frame_times(drive, None)
    stamps.write_text("noon\n")
    with pytest.raises(UserError, match="other than a date and time per line"):
        frame_times(drive, None)


def test_a_drive_with_a_gap_is_told(raw: Options, roots: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw/one/image_02/data"
    write_pictures(folder, ["0000000001.png", "0000000002.png", "0000000004.png"])
    with pytest.raises(UserError, match="line 3: 'one 4 l' does not follow 'one 2 l'"):
        evaluate_odometry(replace(raw, data_path=tmp_path / "raw", eval_split=str(tmp_path / "raw/one"),
                                  eval_out_dir=tmp_path / "out"))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1 2 3 0 0 0 1\n1 0 0 0 0 1 0 0 0 0 1 0\n", "line 2: .* has 12 numbers; a pose has 8 here"),
        ("0 1 2 3 0 0 0 2\n", r"no rigid motion \(a time, a place, and a quaternion of length 1\)"),
        ("0 1 nan 3 0 0 0 1\n", "no rigid motion"),
        ("0 1 2 3 0 0 0 x\n", "is not 8 numbers"),
        ("1 2 3\n", r"has 3 numbers; a pose has 12 \(KITTI's format\) or 8 \(TUM's\)"),
        ("# nothing\n", "holds no poses"),
    ],
)
def test_malformed_poses_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        read_trajectory(tmp_path / "poses.txt")


def test_comments_and_blank_lines_of_tums_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.tum").write_text("# time x y z qx qy qz qw\n\n1.5 1 2 3 0 0 0 1\n")
    found = read_trajectory(tmp_path / "a.tum")
    assert found.times is not None
    assert found.times.tolist() == [1.5]
    np.testing.assert_array_equal(found.poses[0, :3, 3], [1, 2, 3])
