"""A data set without a fault has no finding; each fault laid into it is found."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import DoctorOptions, Options
from monodepth2.config.command_line import parse_as
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.made_lists import digest_of_lists
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import write_lines
from monodepth2.datasets.training_lines import more_to_learn, training_lines
from monodepth2.doctor import looks
from monodepth2.doctor.cameras import camera_findings, pair_findings
from monodepth2.doctor.findings import Finding
from monodepth2.doctor.lists import overlap_findings
from monodepth2.doctor.measures import Measures
from monodepth2.doctor.pictures import KINDS, standing_findings
from monodepth2.doctor.run import diagnose
from monodepth2.errors import UserError
from monodepth2.motion.tracks import Tracks
from monodepth2.runtime.processes import Processes
from monodepth2.training.data import TrainingData
from scene import DATE, DRIVE, write_kitti_raw
from scripts import monodepth2

FRAMES = 12
ENOUGH = 5000  # epochs of one step


def lines(*frames: int) -> str:
    return "".join(f"{DRIVE} {frame} l\n" for frame in frames)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small stereo drive with lists, in which there is nothing to find; never write into it."""
    root = tmp_path_factory.mktemp("doctor") / "scene"
    write_kitti_raw(root, FRAMES, 0, shrink=4)
    (root / "split").mkdir()
    (root / "split/train_files.txt").write_text(lines(*range(1, 7)))
    (root / "split/val_files.txt").write_text(lines(9, 10))
    return root


@pytest.fixture
def broken(scene: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene, tmp_path / "scene"))


def flags(root: Path, **changed: object) -> dict[str, object]:
    return {
        **{"data_path": root, "split": str(root / "split"), "png": True, "use_stereo": True},
        **{"num_epochs": ENOUGH, "batch_size": 6, "height": 96, "width": 320},
        **changed,
    }


def found(root: Path, **changed: object) -> dict[str, Finding]:
    """The findings by their names."""
    return {finding.name: finding for finding in diagnose(Options(**flags(root, **changed)), 50).findings}


def pictures(root: Path, camera: int) -> list[Path]:
    return sorted((root / DRIVE / f"image_{camera:02d}/data").iterdir())


def change(root: Path, how: Callable[[np.ndarray, int], np.ndarray], cameras: tuple[int, ...] = (2, 3)) -> None:
    """Write every picture anew, as a function of its pixels and its number."""
    for camera in cameras:
        for n, path in enumerate(pictures(root, camera)):
            Image.fromarray(how(np.asarray(Image.open(path)), n).astype(np.uint8)).save(path)


def reorder(root: Path, places: list[int]) -> None:
    """Put the picture that was at a place of the list at each number."""
    for camera in (2, 3):
        contents = [path.read_bytes() for path in pictures(root, camera)]
        for path, place in zip(pictures(root, camera), places, strict=True):
            path.write_bytes(contents[place])


def every_fourth(how: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda root: change(root, lambda pixels, n: how(pixels) if n % 4 == 1 else pixels)


def stand(root: Path) -> None:
    random = np.random.default_rng(0)
    reorder(root, [3] * FRAMES)
    change(root, lambda pixels, n: (pixels + random.normal(scale=4, size=pixels.shape)).clip(0, 255))


def swap_cameras(root: Path) -> None:
    left, right, away = (root / DRIVE / name for name in ("image_02", "image_03", "away"))
    left.rename(away)
    right.rename(left)
    away.rename(right)


def cut_short(root: Path) -> None:
    path = pictures(root, 2)[3]
    path.write_bytes(path.read_bytes()[:500])


def change_size(root: Path) -> None:
    path = pictures(root, 2)[3]
    Image.fromarray(np.asarray(Image.open(path))[:, :200]).save(path)


def leak(root: Path) -> None:
    """A training picture is a test picture, too, under another name."""
    for camera in (2, 3):
        shutil.copy(pictures(root, camera)[4], pictures(root, camera)[0].with_name("0000000030.png"))
    (root / "split/test_files.txt").write_text(f"{DRIVE} 0 l\n{DRIVE} 30 l\n")


def write_camera(root: Path, **values: object) -> None:
    (root / DATE / "camera.json").write_text(json.dumps(values))


IN_TURN = list(range(FRAMES))
FAULTS = {
    "standing": ("the camera stands", True, stand),
    "copies": ("copies of pictures", True, lambda root: reorder(root, [n // 3 * 3 for n in IN_TURN])),
    "speed": (
        "too fast, or out of order", True,
        lambda root: change(root, lambda pixels, n: np.roll(pixels, -20 * n, axis=1)),
    ),
    "order": ("wrong order", True, lambda root: reorder(root, [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 11])),
    "blur": ("blurred pictures", False, every_fourth(lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 6))),
    "light": ("sudden light", False, every_fourth(lambda pixels: 0.7 * pixels)),
    "swapped": ("left and right are swapped", True, swap_cameras),
    "mirrored": (
        "one camera's pictures are mirrored", True, lambda root: change(root, lambda pixels, n: pixels[:, ::-1], (3,))
    ),
    "both mirrored": (
        "left and right are swapped", True, lambda root: change(root, lambda pixels, n: pixels[:, ::-1])
    ),
    "heights": (
        "the pair is not rectified", True, lambda root: change(root, lambda pixels, n: np.roll(pixels, 2, axis=0), (3,))
    ),
    "unreadable": ("unreadable pictures", True, cut_short),
    "sizes": ("pictures of several sizes in a drive", False, change_size),
    "missing": ("pictures are missing", True, lambda root: pictures(root, 2)[7].unlink()),
    "overlap": (
        "lists overlap or repeat lines", False, lambda root: (root / "split/val_files.txt").write_text(lines(6, 9))
    ),
    "inside": (
        "validation frames inside training stretches", False,
        lambda root: (root / "split/val_files.txt").write_text(lines(7, 10)),
    ),
    "leak": ("a leak between the lists", True, leak),
    "distorted": (
        "a camera cannot be used", True, lambda root: write_camera(root, fl_x=180, w=311, h=94, k1=0.2, k2=0)
    ),
    "not in pixels": ("a camera cannot be used", True, lambda root: write_camera(root, fl_x=0.58, w=311, h=94)),
    "other pictures' camera": (
        "cameras of pictures of another shape", True,
        lambda root: write_camera(root, fl_x=700, fl_y=1303, w=1280, h=720),
    ),
    "pixels": (
        "cameras whose pixels would not be square", True,
        lambda root: write_camera(root, fl_x=180, fl_y=90, w=311, h=94),
    ),
}  # fmt: skip


def test_nothing_is_found_where_nothing_is_wrong(scene: Path) -> None:
    assert found(scene) == {}
    assert found(scene, use_stereo=False, frame_ids=(0, -1)) == {}
    assert found(scene, frame_ids=(0,)) == {}


@pytest.mark.parametrize(("ids", "inside"), [((0, 1), True), ((0, -1), False)])
def test_which_neighbour_is_a_source_is_told_by_its_side(ids: tuple[int, ...], inside: bool, broken: Path) -> None:
    """Frame 7 follows the last training target, 6, and is its source where the frame after is one."""
    (broken / "split/val_files.txt").write_text(lines(7))
    assert ("validation frames inside training stretches" in found(broken, use_stereo=False, frame_ids=ids)) == inside


@pytest.mark.parametrize(("name", "spoils", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(name: str, spoils: bool, fault: Callable[[Path], object], broken: Path) -> None:
    fault(broken)
    findings = found(broken)
    assert name in findings
    assert findings[name].spoils == spoils
    assert {other for other in findings if findings[other].spoils} <= {name}  # and it is not taken for another one


def test_bent_pictures_are_to_be_straightened(scene: Path, tmp_path: Path) -> None:
    """Numbers alone would silence the finding, and leave the pictures as they are."""
    walk = Path(shutil.copytree(scene / DRIVE / "image_02/data", tmp_path / "old/a walk"))
    (tmp_path / "old/camera.json").write_text(json.dumps({"fl_x": 180, "w": 311, "h": 94, "k1": 0.2}))
    plain = {"dataset": "folder", "split": Options.split, "png": False, "use_stereo": False}
    remedy = found(tmp_path / "old", **plain)["a camera cannot be used"].remedy
    assert remedy.startswith(f"monodepth2 prepare '{walk}' --output NEW straightens its pictures")
    assert "--intrinsics" not in remedy
    shutil.copytree(walk, walk / "right")
    remedy = found(tmp_path / "old", **{**plain, "use_stereo": True})["a camera cannot be used"].remedy
    assert "with OpenCV's stereoRectify" in remedy
    shutil.rmtree(walk / "right")
    done = monodepth2("prepare", walk, "--output", tmp_path / "new", "--width", 320, "--height", 96)
    assert done.returncode == 0, done.stderr
    assert "a camera cannot be used" not in found(tmp_path / "new", **plain)


def test_lists_with_which_no_training_begins_spoil_it(broken: Path) -> None:
    assert found(broken, batch_size=7)["no full batch"].spoils
    (broken / "split/val_files.txt").write_text(lines(0))
    left = found(broken, skip_incomplete=True)
    assert left["nothing to validate on"].spoils
    assert "no full batch" not in left
    nothing = found(broken, skip_incomplete=True, frame_ids=(0, -20))
    assert nothing["no full batch"].spoils
    assert "too few targets to learn motion from" not in nothing


def test_missing_pictures_are_told_once_with_a_remedy_that_can_help(broken: Path) -> None:
    shutil.rmtree(broken / DRIVE / "image_02")
    left = found(broken)
    assert "--skip_incomplete" not in left["pictures are missing"].remedy
    assert "unreadable pictures" not in left


def test_the_end_of_a_turn_is_no_wrong_order() -> None:
    """There the picture behind the neighbour shows points nearer to where they were, and fewer of them."""

    def tracks(kept: int, flow: float) -> Tracks:
        start = np.stack([np.arange(kept), np.arange(kept)], 1).astype(np.float32)
        return Tracks(start, start + np.float32([flow, 0]), 100, 640)

    (order,) = (kind for kind in KINDS if kind.name == "wrong order")
    assert not order.has(Measures(near=tracks(66, 30), beyond=tracks(39, 10)))
    assert order.has(Measures(near=tracks(66, 30), beyond=tracks(70, 10)))


def test_where_each_picture_is_there_twice_the_doubled_gap_is_advised(broken: Path) -> None:
    reorder(broken, [n // 2 * 2 for n in IN_TURN])
    assert found(broken)["copies of pictures"].remedy.endswith("--frame_ids 0 -2 2 --skip_incomplete")


def test_what_is_advised_goes_with_the_gap_that_multiplies_it(broken: Path) -> None:
    stand(broken)
    assert "--frame_ids 0 -5 5" in found(broken, frame_gap=(2, 3), skip_incomplete=True)["the camera stands"].remedy


def test_a_folder_with_a_blank_in_its_name_is_quoted(broken: Path) -> None:
    stand(broken)
    spaced = shutil.move(broken, broken.with_name("my scene"))
    split = str(Path(spaced) / "split")
    assert "prepare" not in found(Path(spaced), split=split)["the camera stands"].remedy, "which makes no pairs"
    remedy = found(Path(spaced), split=split, use_stereo=False)["the camera stands"].remedy
    assert f"monodepth2 prepare '{pictures(Path(spaced), 2)[0].parent}' --output FOLDER" in remedy


def test_few_steps_and_swapped_sides_of_the_input_are_found(scene: Path) -> None:
    tiny = found(scene, num_epochs=20)["a tiny set"]
    assert (tiny.counted, tiny.remedy) == ("6 targets, 20 steps", "record more, of other places")
    assert more_to_learn(1200, 12) == "record more, of other places, or train for longer with --num_epochs 50"
    assert (
        "swapped?"
        in found(scene, height=320, width=96)["pictures of another shape than the network's input"].examples[0].title
    )


def test_the_offset_of_a_pair_counts_in_pixels_of_the_picture(broken: Path) -> None:
    change(broken, lambda pixels, n: np.roll(pixels, 3, axis=0), (3,))
    words = found(broken)["the pair is not rectified"].detail
    assert float(words.split()[1]) == pytest.approx(3, abs=0.1)


def test_intrinsics_in_pixels_are_refused_at_once(scene: Path) -> None:
    with pytest.raises(UserError, match="these are pixels; add --intrinsics_size"):
        DoctorOptions(**flags(scene, intrinsics=(721, 721, 609, 172)))


def test_the_command_ends_with_its_verdict_and_leaves_a_page(scene: Path, broken: Path, tmp_path: Path) -> None:
    words = [word for name, value in flags(scene).items() if value is not True for word in (f"--{name}", value)]
    page = tmp_path / "logs/run/doctor.html"
    clean = monodepth2("doctor", *words, "--png", "--use_stereo", "--log_dir", tmp_path / "logs", "--model_name", "run")
    assert clean.returncode == 0, clean.stderr
    assert clean.stdout.startswith("nothing found: 6 targets to train on, 2 to validate on, 1 drive; ")
    assert clean.stdout.count("\n") == 1
    assert "Nothing found" in page.read_text()
    swap_cameras(broken)
    words[1] = broken
    spoilt = monodepth2("doctor", *words, "--png", "--use_stereo", "--output", page)
    assert spoilt.returncode == 1
    assert "will spoil a training: left and right are swapped: 8 of 8 targets looked at" in spoilt.stdout
    assert "remedy: exchange the two folders" in spoilt.stdout
    text = page.read_text()
    assert text.count("data:image/jpeg") == 8  # four pairs
    assert "http" not in text.replace("http://www.w3.org", "")
    words[words.index("--num_epochs") + 1] = 1
    words[1] = scene
    warned = monodepth2("doctor", *words, "--png", "--use_stereo", "--output", page)
    assert (warned.returncode, warned.stdout.splitlines()[0]) == (0, "warning: a tiny set: 6 targets, 1 step")


def test_lists_that_overlap_or_repeat_are_found() -> None:
    drive = [SplitLine("d", n, "l") for n in range(4)]
    assert overlap_findings(drive[:2], drive[2:]) == []
    (shared,) = overlap_findings(drive[:3], drive[2:])
    assert "1 of 2 validation lines are also training lines" in shared.sentence
    (repeated,) = overlap_findings([*drive[:2], drive[0]], drive[2:])
    assert "1 of 3 training lines repeat" in repeated.sentence


def _layout_and_lines(options: Options) -> tuple[Layout, list[SplitLine]]:
    lists = training_lines(options)
    return lists.layout, lists.all


def test_two_cameras_that_differ_are_found(tmp_path: Path) -> None:
    for folder, cx in (("d", 60), ("d/right", 64)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (128, 96)).save(tmp_path / folder / "0.png")
        (tmp_path / folder / "camera.json").write_text(json.dumps({"fl_x": 90, "cx": cx, "w": 128, "h": 96}))
    options, drive = Options(data_path=tmp_path, dataset="folder", use_stereo=True), [SplitLine("d", 0, "l")]
    (found,) = pair_findings(options, layout_of(options), drive)
    assert found.sentence == "the two cameras of a rig differ: in 1 drive of 1"
    assert (
        "left fx 0.7031 fy 0.9375 cx 0.4688 cy 0.5, right fx 0.7031 fy 0.9375 cx 0.5 cy 0.5" in found.examples[0].title
    )
    assert not pair_findings(replace(options, use_stereo=False), layout_of(options), drive)
    (tmp_path / "d/right/camera.json").unlink()
    assert not pair_findings(options, layout_of(options), drive)


@pytest.mark.parametrize(
    ("text", "words"), [('{"fl_x": 90, "w": 128, "h": 96, "k1": -0.35}', "is distorted"), ("{", "not a JSON file")]
)
def test_a_right_camera_that_cannot_be_used_is_refused_and_found(text: str, words: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "d", tmp_path / "d/right"):
        folder.mkdir()
        for n in range(24):
            Image.new("RGB", (128, 96)).save(folder / f"{n}.png")
    (tmp_path / "d/camera.json").write_text('{"fl_x": 90, "w": 128, "h": 96, "baseline": 0.2}')
    options = Options(data_path=tmp_path, dataset="folder", use_stereo=True, height=64, width=96, batch_size=2)
    assert not camera_findings(options, *_layout_and_lines(options))
    (tmp_path / "d/right/camera.json").write_text(text)
    (found,) = camera_findings(options, *_layout_and_lines(options))
    assert words in found.sentence
    with pytest.raises(UserError, match=words):
        TrainingData(options, Processes.from_environment(), torch.device("cpu"))
    alone = replace(options, use_stereo=False)
    assert not camera_findings(alone, *_layout_and_lines(alone))


def test_a_camera_that_stands_is_found_without_opencv(tmp_path: Path) -> None:
    noise = [np.random.default_rng(n).integers(0, 256, (96, 128, 3), dtype=np.uint8) for n in range(6)]
    for name in ("moving", "still"):
        (tmp_path / name).mkdir()
        for n in range(6):
            Image.fromarray(noise[n if name == "moving" else 0]).save(tmp_path / name / f"{n}.png")
    options, targets = Options(data_path=tmp_path, dataset="folder"), [SplitLine("still", n, "l") for n in range(1, 5)]
    (found,) = standing_findings(options, Folders(tmp_path), targets)
    assert found.sentence == "the camera stands: 4 of 4 targets looked at hardly differ from a neighbour"
    assert not standing_findings(options, Folders(tmp_path), [replace(line, folder="moving") for line in targets])
    alone = replace(options, frame_ids=(0,), use_stereo=True)
    assert not standing_findings(alone, Folders(tmp_path), targets)


def test_without_opencv_the_rest_is_looked_at(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "find_spec", lambda name: None)
    stand(broken)
    reorder(broken, [0] * FRAMES)
    cut_short(broken)
    diagnosis = diagnose(Options(**flags(broken)), 50)
    assert {finding.name for finding in diagnosis.findings} >= {"the camera stands", "unreadable pictures"}
    assert "for want of OpenCV" in diagnosis.remarks[0]


def test_a_training_says_it_before_it_begins(broken: Path, tmp_path: Path) -> None:
    swap_cameras(broken)
    told = []
    for no_doctor in (False, True):
        options = Options(**flags(broken, log_dir=tmp_path, no_doctor=no_doctor, num_workers=0))
        data = TrainingData(options, Processes.from_environment(), torch.device("cpu"))
        told.append("\n".join(data.remarks))
    assert "warning: left and right are swapped: 6 of 6 targets looked at" in told[0]
    assert "swapped" not in told[1]
    assert all(text.startswith("cameras: 1 drive 311x94") for text in told)


def test_drives_of_which_one_states_a_baseline_are_no_rig(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for folder in (tmp_path / name, tmp_path / name / "right"):
            folder.mkdir(parents=True)
            for n in range(4):
                Image.new("RGB", (96, 64)).save(folder / f"{n}.png")
    (tmp_path / "one/camera.json").write_text('{"fl_x": 80, "baseline": 0.2}')
    given = {"data_path": tmp_path, "dataset": "folder", "height": 64, "width": 96, "png": False}
    lines = [SplitLine(name, 1, "l") for name in ("one", "two")]
    for stereo, expected in ((True, ["drives of different rigs"]), (False, [])):
        options = Options(**given, use_stereo=stereo)
        assert [one.name for one in camera_findings(options, layout_of(options).of_lines(lines), lines)] == expected


def test_poses_are_looked_for_as_far_as_the_gaps_reach(tmp_path: Path) -> None:
    """KITTI's poses of a drive may end before its pictures; with --baseline the rig is known as in training."""
    drive = tmp_path / "sequences/00"
    for camera in (2, 3):
        (drive / f"image_{camera}").mkdir(parents=True)
        for n in range(12):
            Image.new("RGB", (96, 64)).save(drive / f"image_{camera}/{n:06d}.png")
    (tmp_path / "poses").mkdir()
    (tmp_path / "poses/00.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n" * 9)
    (tmp_path / "split").mkdir()
    for part, frames in (("train", (4, 5, 6)), ("val", (7,))):
        (tmp_path / f"split/{part}_files.txt").write_text("".join(f"0 {frame} l\n" for frame in frames))
    given = {"dataset": "kitti_odom", "poses": "known", "use_stereo": False, "batch_size": 1, "fov": 60.0}
    assert "poses cannot be used" not in found(tmp_path, **given)
    assert "poses cannot be used" in found(tmp_path, frame_gap=(1, 3), **given)
    doctor = DoctorOptions.stated({**flags(tmp_path, **given), "baseline": 0.3})
    assert doctor.training().baseline == 0.3


def test_the_flags_of_the_command_that_prepare_prints_are_taken(scene: Path) -> None:
    """So that `doctor` can be written in place of `train`."""
    words = f"--data_path {scene} --dataset folder --width 96 --height 64 --motion_warmup 500 --batch_size 8".split()
    assert parse_as(DoctorOptions, words).training().motion_warmup == 500


def test_lists_of_plain_folders_are_looked_at_as_training_makes_them(scene: Path, tmp_path: Path) -> None:
    shutil.copytree(scene / DRIVE / "image_02/data", tmp_path / "drive")
    options = Options(data_path=tmp_path, dataset="folder", height=96, width=320, num_epochs=ENOUGH, batch_size=6)
    assert len(training_lines(options).training) == 8
    assert diagnose(options, 50).findings == []
    made = training_lines(options)
    written = {"train": made.training, "val": made.validation, "test": made.training[:1]}
    write_lines(written, tmp_path / "splits")
    leaks = ["a leak between the lists"]
    assert [one.name for one in diagnose(options, 50).findings] == leaks
    digest = digest_of_lists(made.training, made.validation)
    (tmp_path / "prepare.json").write_text(json.dumps({"lists": digest}))  # as if `prepare` had made these
    assert [one.name for one in diagnose(options, 50).findings] == leaks
