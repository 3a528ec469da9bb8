"""Videos become data sets that training takes."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from clips import SIZE, Corridor, drive, overlap, with_still_things, write_clip
from monodepth2 import pages
from monodepth2.config import Options
from monodepth2.config.prepare import PrepareOptions
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.poses import read_poses
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.training_lines import training_lines
from monodepth2.datasets.trajectories import steps
from monodepth2.errors import UserError
from monodepth2.files.fit import Size
from monodepth2.files.picture_opening import MARK
from monodepth2.prepare.analysis import Analyser, Analysis
from monodepth2.prepare.find import find_sources
from monodepth2.prepare.frames import Frame
from monodepth2.prepare.run import run
from monodepth2.prepare.sources import FrameFolder, Source
from monodepth2.prepare.staging import staged_folder
from runs import QUICK, TINY
from scripts import monodepth2


def prepared(folder: Path, *sources: Path, **flags: object) -> Path:
    """Prepare a data set of small pictures; return its folder."""
    output = folder / "data set"
    options = PrepareOptions(sources=sources, output=output, **{"width": 128, **flags})
    assert run(options) == 0
    return output


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.jpg"))]


def camera(folder: Path) -> dict[str, float]:
    return json.loads((folder / "camera.json").read_text())


def facts(folder: Path) -> dict[str, list[float]]:
    return json.loads((folder / "drive.json").read_text())


def shrunk(picture: np.ndarray, height: int = 77) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((128, height), Image.Resampling.BOX)).astype(float)


@pytest.fixture
def plotted() -> None:
    """For tests of whole pages: plots are drawn."""


@pytest.fixture(autouse=True)
def _plots_left_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time of these tests would go into the plots of pages."""
    if "plotted" not in request.fixturenames:
        monkeypatch.setattr(pages, "_plot", lambda *_: "")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of driving; never write into its folder."""
    return write_clip(tmp_path_factory.mktemp("clip") / "drive.mp4", drive(1, 60, 0.2))


@pytest.mark.usefixtures("plotted")
def test_training_takes_what_was_prepared(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    output = prepared(tmp_path, clip)
    assert sorted(path.name for path in output.iterdir()) == ["drive_000", "prepare.json", "report.html", "splits"]
    assert not [path for path in tmp_path.iterdir() if path != output]  # nothing is left beside it
    options = Options(data_path=output, dataset="folder", width=128, height=64)
    lines = training_lines(options)
    assert lines.training == [SplitLine("drive_000", n, "l") for n in range(1, 33)]
    assert lines.validation == [SplitLine("drive_000", n, "l") for n in range(53, 59)]
    SampleFrames(lines.layout, (0, -1, 1)).check(lines.all)
    known = layout_of(options).camera(SplitLine("drive_000", 1, "l"))
    assert known.fx == pytest.approx(np.sqrt(3) / 2, rel=1e-3)  # 60° wide
    assert known.fy * 64 == pytest.approx(known.fx * 128, rel=0.01)
    told = capsys.readouterr().out
    assert "32 targets to train on will hardly be enough: they make 40 steps" in told
    assert "--width 128 --height 64" in told
    assert "60° wide is assumed" in told
    assert f"monodepth2 train '{output}' --width 128 --height 64" in told


def test_pictures_show_what_the_frames_showed(clip: Path, tmp_path: Path) -> None:
    output = prepared(tmp_path, clip)
    found, given = pictures(output / "drive_000"), drive(1, 60, 0.2)
    assert len(found) == 60
    assert facts(output / "drive_000")["times"] == pytest.approx([n / 10 for n in range(60)])
    for n in (0, 29, 59):
        expected = shrunk(given[n])[6:70]
        assert np.abs(found[n] - expected).mean() < 5
        assert np.abs(found[n] - shrunk(given[n - 1 if n else 1])[6:70]).mean() > 8


def test_the_path_of_the_camera_is_found_and_trained_with(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    corridor = Corridor(1, (320, 192))
    clip = write_clip(tmp_path / "clip.mp4", [corridor.picture(0.2 * n) for n in range(30)])
    output = prepared(tmp_path, clip, width=320)
    targets = len(training_lines(Options(data_path=output, dataset="folder")).training)
    assert targets < Options.batch_size
    told = capsys.readouterr().out
    assert f"--width 320 --height 192 --poses tracked --batch_size {targets}" in told
    assert f"they make 20 steps of --batch_size {targets} in --num_epochs 20" in told
    found = steps(read_poses(output / "drive_000/tracked_poses.txt"))
    assert len(found) == len(pictures(output / "drive_000")) - 1 > 10
    places = found[:, :3, 3]
    lengths = np.linalg.norm(places, axis=1)
    assert (places[:, 2] < -0.99 * lengths).mean() > 0.9, "straight ahead"
    assert np.abs(np.log(lengths / np.median(lengths))).max() < 0.3, "as fast all the time"
    assert Rotation.from_matrix(found[:, :3, :3]).magnitude().mean() < np.radians(0.3)
    told = monodepth2("doctor", output, "--width", 320, "--height", 192)
    assert "too few targets to learn motion from" in told.stdout
    assert "add --poses tracked" in told.stdout
    told = monodepth2("doctor", output, "--width", 320, "--height", 192, "--poses", "tracked")
    assert "a tiny set" in told.stdout
    assert "learn motion from" not in told.stdout
    small = ("--width", 128, "--height", 64, "--batch_size", 2, "--num_epochs", 1, "--no_report")
    done = monodepth2("train", output, *TINY, *QUICK, *small, "--poses", "tracked", "--log_dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--poses tracked: the motion of 1 drive by points" in done.stderr
    other = ("--intrinsics", 1.2, 2, 0.5, 0.5)
    done = monodepth2(
        "train", output, *TINY, *QUICK, *small, *other, "--poses", "tracked", "--log_dir", tmp_path / "other"
    )
    assert "was found with the camera fx 0.866 fy 1.443 cx 0.5 cy 0.5" in done.stderr


def test_the_pictures_of_all_sources_decide_whether_a_path_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corridor = Corridor(1, (320, 192))
    clips = [write_clip(tmp_path / f"{n}.mp4", [corridor.picture(0.2 * k) for k in range(10)]) for n in range(2)]
    followed: list[object] = []
    monkeypatch.setattr("monodepth2.prepare.tracked_paths.steps_of", lambda *args: followed.append(args) or [])
    monkeypatch.setattr("monodepth2.prepare.tracked_paths.path_of", lambda _: None)
    for teach_motion, looked_for in ((11, 2), (10, 0)):
        monkeypatch.setattr("monodepth2.prepare.run.TEACH_MOTION", teach_motion)
        followed.clear()
        output = prepared(tmp_path, *clips, width=320, overwrite=True)
        assert [len(pictures(folder)) for folder in sorted(output.glob("drive_*"))] == [5, 5]
        assert len(followed) == looked_for


@pytest.mark.usefixtures("plotted")
def test_the_page_needs_no_network_and_says_what_was_done(clip: Path, tmp_path: Path) -> None:
    page = (prepared(tmp_path, clip) / "report.html").read_text()
    for words in (
        "32 targets to train on, 6 to validate on",
        "32 targets to train on will hardly",
        "± 30 %",
        "points move by",
    ):
        assert words in page
    assert 'src="http' not in page
    assert page.count("data:image/jpeg;base64,") == 13  # thumbnails, and one with the mask


def test_cuts_and_several_sources_make_several_drives(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.mp4", [*drive(1, 25, 0.2), *drive(2, 25, 0.2)])
    frames = tmp_path / "frames"
    frames.mkdir()
    for n, picture in enumerate(drive(3, 30, 0.2)):
        Image.fromarray(picture).save(frames / f"{n}.png")
    output = prepared(tmp_path, first, frames)
    assert [len(pictures(output / f"drive_00{n}")) for n in range(3)] == [25, 25, 30]
    assert abs(facts(output / "drive_000")["times"][-1] - 2.4) <= 0.1
    assert facts(output / "drive_002")["source"]["path"] == str(frames)
    assert "cuts at" in (output / "report.html").read_text().lower()
    assert np.abs(pictures(output / "drive_002")[7] - shrunk(drive(3, 8, 0.2)[7])[6:70]).mean() < 5


def test_what_holds_for_several_sources_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """An hour of a camera in a car is sixty files."""
    clips = [write_clip(tmp_path / f"{n}.mp4", drive(n, 20, 0.2)) for n in range(3)]
    prepared(tmp_path, *clips)
    told = capsys.readouterr().out
    assert told.count("nothing states the camera") == 1
    assert "- 0.mp4 and 2 others: nothing states the camera" in told
    assert [line[:20] for line in told.splitlines() if line.startswith("gap")] == ["gap 0.100 s: from on"]


def test_bars_are_cut_away_and_the_camera_follows(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    boxed = [np.pad(picture, ((20, 30), (0, 0), (0, 0))) for picture in drive(1, 60, 0.2)]
    output = prepared(tmp_path, write_clip(tmp_path / "a.mp4", boxed), fov=60.0)
    drive_000 = output / "drive_000"
    assert "black bars (top, bottom) are cut away" in capsys.readouterr().out
    assert not (drive_000 / "mask.png").exists()
    left, top, right, bottom = facts(drive_000)["box"]
    assert (left, right) == (0, 160)
    assert 20 <= top < bottom <= 116.5
    assert pictures(drive_000)[0].min() > 5
    # the axis of the frame, 146 high, is at row 73
    assert camera(drive_000)["cy"] == pytest.approx((73 - top) * 64 / (bottom - top), abs=0.01)


def test_what_never_moves_is_masked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    frames, still = with_still_things(drive(1, 80, 0.4))
    output = prepared(tmp_path, write_clip(tmp_path / "a.mp4", frames), width=160, height=96)
    mask = np.asarray(Image.open(output / "drive_000/mask.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert overlap(mask == 0, still) > 0.9
    assert "never moves" in capsys.readouterr().out


def test_a_turned_video_stands_upright(tmp_path: Path) -> None:
    lying = [np.rot90(picture) for picture in drive(1, 30, 0.2)]
    output = prepared(tmp_path, write_clip(tmp_path / "a.mp4", lying, turned=-90))
    found = pictures(output / "drive_000")[3]
    assert found.shape == (64, 128, 3)
    assert np.abs(found - shrunk(drive(1, 4, 0.2)[3])[6:70]).mean() < 5


def test_what_upright_pictures_cost_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Of a phone that was held upright: --width is the short side."""
    corridor = Corridor(1, (96, 160))
    video = write_clip(tmp_path / "a.mp4", [corridor.picture(0.2 * n) for n in range(12)])
    prepared(tmp_path, video, width=512)
    assert "stand upright" in (told := capsys.readouterr().out)
    assert "They have 3.5 times the pixels of 640x192, and train as much slower: --width 256 is smaller" in told
    prepared(tmp_path, video, overwrite=True)
    assert "stand upright" in (told := capsys.readouterr().out)
    assert "times the pixels" not in told


def test_frames_of_uneven_times_are_a_gap_apart(tmp_path: Path) -> None:
    random, corridor = np.random.default_rng(0), Corridor(1)
    times = np.cumsum(random.choice([1 / 60, 1 / 30, 1 / 20], 90))
    times -= times[0]
    video = write_clip(tmp_path / "a.mp4", [corridor.picture(2 * time) for time in times], 30, lambda n: times[n])
    found = facts(prepared(tmp_path, video, most_fps=100.0) / "drive_000")
    assert found["gap"]["seconds"] > 1 / 20
    np.testing.assert_allclose(np.diff(found["times"]), found["gap"]["seconds"], atol=1 / 40)
    assert set(np.round(found["times"], 3)) <= set(np.round(times, 3))


def test_of_many_frames_per_second_twenty_are_looked_at(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 120, 2 / 60), 60)
    found = prepared(tmp_path, video, gap=0.05)
    np.testing.assert_allclose(np.diff(facts(found / "drive_000")["times"]), 0.05, atol=1e-3)


@pytest.mark.parametrize("gap", [1 / 30, 0.01])
def test_a_short_gap_looks_at_more_frames_and_ends_at_those_that_there_are(tmp_path: Path, gap: float) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 60, 4 / 30), 30)
    found = prepared(tmp_path, video, gap=gap)
    np.testing.assert_allclose(np.diff(facts(found / "drive_000")["times"]), 1 / 30, atol=1e-3)


def test_what_is_too_fast_for_the_frames_looked_at_is_told_to_look_at_more(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 60, 0.3), 30)
    prepared(tmp_path, video)
    assert "too fast for one frame in 2: give --most_fps 30" in capsys.readouterr().out
    prepared(tmp_path, write_clip(video, drive(1, 40, 0.6), 10), overwrite=True)
    assert "too fast for its frames: record with more frames per second" in capsys.readouterr().out


def test_a_mask_beside_frames_is_kept(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for n, picture in enumerate(drive(3, 12, 0.2)):
        Image.fromarray(picture).save(frames / f"{n}.png")
    left_out = np.zeros(SIZE[::-1], bool)
    left_out[70:, 40:] = True
    Image.fromarray(np.where(left_out, 0, 255).astype(np.uint8)).save(frames / "mask.png")
    output = prepared(tmp_path, frames, width=160, height=96)
    np.testing.assert_array_equal(np.asarray(Image.open(output / "drive_000/mask.png")) == 0, left_out)


def test_frames_of_another_size_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for n, picture in enumerate(drive(3, 24, 0.2)):
        Image.fromarray(picture[:90] if n == 20 else picture).save(frames / f"{n}.png")
    output = prepared(tmp_path, frames, fps=10.0)
    assert "frames of several sizes" in capsys.readouterr().out
    assert 2.0 not in facts(output / "drive_000")["times"]


def test_frames_have_the_size_of_most_whatever_the_first_ones_are(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The first of these is damaged, the next is held upright, and one is a link that leads nowhere."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for n, picture in enumerate(drive(3, 24, 0.2)):
        Image.fromarray(picture.transpose(1, 0, 2) if n == 1 else picture).save(frames / f"{n}.png")
    (frames / "0.png").write_bytes(b"no picture")
    (frames / "23.png").unlink()
    (frames / "23.png").symlink_to(tmp_path / "gone.png")
    output = prepared(tmp_path, frames, fps=10.0)
    assert facts(output / "drive_000")["frame_size"] == list(SIZE)
    assert facts(output / "drive_000")["times"][0] == pytest.approx(0.2)
    told = capsys.readouterr().out
    assert f"2 pictures left out that cannot be read, e.g. {frames / '0.png'}" in told
    assert "frames of several sizes" in told
    with pytest.raises(UserError, match="frames has frames of 160 x 96 pixels"):
        find_sources(PrepareOptions(sources=(frames,), output=output, crop=(0, 0, 90, 150)))


def test_what_was_left_out_is_told_where_nothing_is_left(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for n in range(4):
        Image.new("RGB", SIZE if n else (90, 90), (n, 0, 0)).save(frames / f"{n}.png")
    assert run(PrepareOptions(sources=(frames,), output=tmp_path / "out", width=128)) == 3
    assert "; holds frames of several sizes; those of another size" in capsys.readouterr().err


def test_what_predict_wrote_beside_frames_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for n, picture in enumerate(drive(3, 12, 0.2)):
        Image.fromarray(picture).save(frames / f"{n}_disp.jpg")  # which is no sign of a prediction by itself
        Image.fromarray(picture).save(frames / f"{n}_disp_disp.jpeg", comment=MARK.encode())
    assert len(pictures(prepared(tmp_path, frames) / "drive_000")) == 12
    assert "12 pictures left out that `predict` wrote" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [("Mask.png", "save it as a PNG file called mask.png"), ("mask.JPG", "save it as"), ("mask.png", "leaves all of")],
)
def test_masks_that_cannot_be_meant_are_refused_before_the_frames_are_read(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        Image.new("RGB", SIZE).save(tmp_path / f"{n}.png")
    Image.new("L", SIZE).save(tmp_path / name)
    monkeypatch.setattr(Source, "frames", interrupt)
    with pytest.raises(UserError, match=words):
        run(PrepareOptions(sources=(tmp_path,), output=tmp_path / "out"))


def test_a_mask_painted_on_a_clear_layer_leaves_out_what_is_painted(tmp_path: Path) -> None:
    layer = np.zeros((96, 160, 4), np.uint8)
    layer[70:, 40:, 3] = 255
    Image.fromarray(layer).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(FrameFolder(tmp_path).mask(SIZE), layer[..., 3] > 0)


@pytest.mark.parametrize(("pixels", "size"), [("yuv420p10le", SIZE), ("yuv444p", (159, 95))])
def test_deep_colours_and_odd_sizes_are_read(pixels: str, size: tuple[int, int], tmp_path: Path) -> None:
    corridor = Corridor(1, size)
    frames = [corridor.picture(0.2 * n) for n in range(20)]
    output = prepared(tmp_path, write_clip(tmp_path / "a.mkv", frames, pixels=pixels))
    assert len(pictures(output / "drive_000")) == 20
    expected = shrunk(frames[3], round(128 * size[1] / size[0]))
    assert np.abs(pictures(output / "drive_000")[3] - expected[6:70]).mean() < 5


def test_of_a_broken_video_the_rest_is_kept(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    content = clip.read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content[: len(content) * 2 // 3])
    output = prepared(tmp_path, broken)
    assert 20 < len(pictures(output / "drive_000")) < 50
    assert "damaged or cut off" in capsys.readouterr().out


def test_start_and_end_are_times_of_the_video(clip: Path, tmp_path: Path) -> None:
    output = prepared(tmp_path, clip, start=2.0, end=4.5)
    assert facts(output / "drive_000")["times"] == pytest.approx([2 + n / 10 for n in range(25)])
    assert np.abs(pictures(output / "drive_000")[0] - shrunk(drive(1, 21, 0.2)[20])[6:70]).mean() < 5


def test_a_gap_that_is_too_wide_is_named(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(PrepareOptions(sources=(clip,), output=tmp_path / "set", width=128, height=64, gap=99.0)) == 3
    assert "--gap 99: pictures so far apart give no drive" in capsys.readouterr().err


def test_what_stands_still_or_is_too_short_ends_with_a_word(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (view,) = drive(1, 1, 0)
    clips: list[tuple[Sequence[np.ndarray], str]] = [
        ([view] * 30, "nothing moves in this video"),
        (drive(1, 3, 0.2), "error: too short"),
        (drive(1, 9, 0.04), "error: too short"),
        ([Corridor(1).picture(0, 1.0 * n) for n in range(40)], "only turns on the spot"),
        ([picture for n in range(30) for picture in drive(n, 1, 0)], "nothing can be followed"),
    ]
    for n, (frames, words) in enumerate(clips):
        video = write_clip(tmp_path / f"{n}.mp4", frames)
        assert run(PrepareOptions(sources=(video,), output=tmp_path / "out", width=128)) == 3
        assert words in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("hello\n" * 99)
    (tmp_path / "empty").mkdir()
    for name, words in (("none.mp4", "no such file"), ("notes.mp4", "no video"), ("empty", "holds no pictures")):
        with pytest.raises(UserError, match=words):
            run(PrepareOptions(sources=(tmp_path / name,), output=tmp_path / "out"))


def test_a_folder_of_videos_stands_for_them(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """As a camera in a car leaves them, a file each minute."""

    def told() -> str:
        return capsys.readouterr().err

    (tmp_path / "card").mkdir()
    for name in ("clip10.mp4", "clip9.MP4"):
        write_clip(tmp_path / "card" / name, drive(1, 3, 0.1))
    (tmp_path / "card/index.txt").write_text("two clips")
    options = PrepareOptions(sources=(tmp_path / "card",), output=tmp_path / "out")
    assert [source.path.name for source in find_sources(options)] == ["clip9.MP4", "clip10.mp4"]
    with pytest.raises(UserError, match="a folder holds several: name the video"):
        find_sources(replace(options, start=1.0))
    (tmp_path / "card/a link.mp4").symlink_to(tmp_path / "card/clip10.mp4")
    (tmp_path / "card/clip11.mp4").write_bytes(b"cut off")
    assert len(find_sources(options)) == 2
    assert "left out: " in told()
    Image.new("RGB", (8, 8)).save(tmp_path / "card/thumb.jpg")
    with pytest.raises(UserError, match="holds 3 videos and 1 picture; name the videos"):
        find_sources(options)
    for n in range(4):
        Image.new("RGB", (8, 8)).save(tmp_path / f"card/{n}.jpg")
    assert [source.path.name for source in find_sources(options)] == ["card"], "frames, and the video they are of"
    assert "its pictures (5) are taken as frames that follow one another; its videos (3) are left out" in told()


def test_a_video_without_a_frame_is_left_out_of_its_folder(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The last file of a camera that lost its power opens, and holds nothing."""
    (tmp_path / "card").mkdir()
    shutil.copy(clip, tmp_path / "card/1.mp4")
    cut = tmp_path / "card/2.mkv"
    cut.write_bytes(write_clip(tmp_path / "whole.mkv", drive(1, 9, 0.1)).read_bytes()[:700])
    options = PrepareOptions(sources=(tmp_path / "card",), output=tmp_path / "out")
    assert [source.path.name for source in find_sources(options)] == ["1.mp4"]
    words = f"{cut}: holds no frame that can be decoded; copy it anew"
    assert f"left out: {words}" in capsys.readouterr().err
    with pytest.raises(UserError, match=words):
        find_sources(replace(options, sources=(cut,)))
    with pytest.raises(UserError, match="holds no frame between --start and --end"):
        find_sources(replace(options, sources=(clip,), start=60.0))


@pytest.mark.parametrize(
    ("names", "flags", "words"),
    [
        (("drive.mp4", "./drive.mp4"), {}, "is named twice"),
        (("drive.mp4",), {"fps": 5.0}, "--fps is the rate of a folder"),
        (("a.png",), {}, "is a picture; name a video"),
        (("drive.mp4",), {"width": 1 << 16}, "--width 65536: the whole frame would have 65536 x"),
        (("drive.mp4",), {"output": Path()}, "is the folder you are in"),
        (("drive.mp4",), {"crop": (0, 0, 170, 96)}, "drive.mp4 has frames of 160 x 96 pixels; give a part of these"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused(
    clip: Path, names: tuple, flags: dict, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(clip, tmp_path / "drive.mp4")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UserError, match=words):
        run(
            PrepareOptions.stated({"sources": [tmp_path / name for name in names], "output": tmp_path / "out", **flags})
        )


def test_what_is_left_out_has_no_say_in_what_pictures_show(tmp_path: Path) -> None:
    """Neither in their size nor in bars; a damaged picture among them ends nothing."""
    frames, folder = drive(1, 40, 0.2), tmp_path / "frames"
    folder.mkdir()
    for n, frame in enumerate(frames):
        Image.fromarray(frame.transpose(1, 0, 2) if n < 5 else frame).save(folder / f"{n}.png")
    (folder / "5.png").write_bytes(b"no picture")
    first = Image.open(prepared(tmp_path, folder, start=0.5) / "drive_000/000000.jpg")
    assert first.size == (128, 64)


def test_a_video_that_does_not_say_how_long_it_is_keeps_what_one_dark_frame_hides(tmp_path: Path) -> None:
    frames = drive(1, 60, 0.2)
    frames[0] = frames[0].copy()
    frames[0][:32] = 0
    video = write_clip(tmp_path / "live.h264", frames)
    assert facts(prepared(tmp_path, video) / "drive_000")["box"][1] == pytest.approx(4.8, abs=5)


def test_of_two_runs_for_one_output_the_second_is_told(clip: Path, tmp_path: Path) -> None:
    with staged_folder(tmp_path / "data set"):
        with pytest.raises(UserError, match="another run is preparing it"):
            prepared(tmp_path, clip)
        assert (tmp_path / ".data set.partial").is_dir()
    prepared(tmp_path, clip)


def test_nothing_is_replaced_unless_it_is_asked_for(clip: Path, tmp_path: Path) -> None:
    output = prepared(tmp_path, clip)
    before = (output / "report.html").read_text()
    with pytest.raises(UserError, match="add --overwrite"):
        prepared(tmp_path, clip, fov=80.0)
    assert (output / "report.html").read_text() == before
    (output / ".DS_Store").touch()  # of a file manager
    prepared(tmp_path, clip, fov=80.0, overwrite=True)
    assert camera(output / "drive_000")["source"] == "given by --fov: 80° wide"
    (output / "runs").mkdir()
    with pytest.raises(UserError, match="holds runs, which prepare has not written"):
        prepared(tmp_path, clip, overwrite=True)
    (output / "runs").rmdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").touch()
    with pytest.raises(UserError, match="holds other files"):
        run(PrepareOptions(sources=(clip,), output=tmp_path / "mine", overwrite=True))
    inside = shutil.copy(clip, output / "drive.mp4")
    with pytest.raises(UserError, match="lies in it"):
        prepared(tmp_path, Path(inside), overwrite=True)


def test_what_appears_at_the_output_meanwhile_stays(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, mine = Analyser.result, tmp_path / "data set/thesis.txt"

    def slow(self: Analyser) -> Analysis:
        mine.parent.mkdir()
        mine.touch()
        return result(self)

    monkeypatch.setattr(Analyser, "result", slow)
    with pytest.raises(UserError, match="holds other files"):
        prepared(tmp_path, clip)
    assert mine.is_file()
    assert (tmp_path / ".data set.partial/.read").is_dir()


def test_what_was_replaced_is_removed_where_the_disk_knows_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monodepth2.prepare.staging.take_lock", lambda *_, **__: None)
    for _ in range(2):
        with staged_folder(tmp_path / "out") as folder:
            (folder / "prepare.json").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_disk_is_not_written_in_place_of_a_folder(clip: Path) -> None:
    with pytest.raises(UserError, match="is where a disk is attached, which nothing can replace; name a folder in it"):
        run(PrepareOptions(sources=(clip,), output=Path("/")))


def test_what_a_link_names_is_written_and_replaced(clip: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "data set").symlink_to(disk / "big", target_is_directory=True)
    for overwrite in (False, True):
        assert (prepared(tmp_path, clip, overwrite=overwrite) / "prepare.json").is_file()
        assert [path.name for path in disk.iterdir()] == ["big"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data set", "disk"]
    assert (tmp_path / "data set").is_symlink()


def test_what_was_read_is_kept_if_the_folder_cannot_take_its_place(tmp_path: Path) -> None:
    def written() -> None:
        with staged_folder(tmp_path / "out") as folder:
            (folder / ".read").mkdir()
            (folder / "prepare.json").touch()
            (tmp_path / "out").mkdir()
            (tmp_path / ".out.replaced").touch()  # a file, whose place a folder cannot take

    with pytest.raises(UserError, match="cannot be written"):
        written()
    assert (tmp_path / ".out.partial/.read").is_dir()


def test_an_interrupted_run_leaves_what_was_there(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = prepared(tmp_path, clip)
    with monkeypatch.context() as patched:
        patched.setattr(Analyser, "add", interrupted_after(30))
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, clip, fov=80.0, overwrite=True)
    assert "assumed" in camera(output / "drive_000")["source"]
    prepared(tmp_path, clip, fov=80.0, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["data set"]  # nothing is left beside it
    assert "--fov" in camera(output / "drive_000")["source"]


def interrupted_after(frames: int) -> Callable[[Analyser, Frame], bool]:
    """An `Analyser.add` that a user interrupts at a frame."""
    add = Analyser.add

    def stopping(self: Analyser, frame: Frame) -> bool:
        if len(self.rows) == frames:
            raise KeyboardInterrupt
        return add(self, frame)

    return stopping


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a data set."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_interrupted_run_is_gone_on_with(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    other = write_clip(tmp_path / "other.mp4", drive(2, 60, 0.2))
    whole = contents(prepared(tmp_path, clip, other))
    shutil.rmtree(tmp_path / "data set")
    partial = tmp_path / ".data set.partial/.read"
    with monkeypatch.context() as patched:
        patched.setattr(Analyser, "result", interrupted_at_second(Analyser.result))
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, clip, other)
    assert "the same command takes it over" in capsys.readouterr().err
    # by their times: they get other names; two may have been written in the same tick of the clock
    pictures_before = sorted(path.stat().st_mtime_ns for path in partial.glob("000/*.jpg"))
    assert len(pictures_before) == 60
    (partial / "001/0000003.jpg").write_bytes(b"half a picture")
    read: list[Path] = []
    monkeypatch.setattr(Source, "frames", noting(read, Source.frames))
    output = prepared(tmp_path, clip, other)
    told = capsys.readouterr().err
    assert "drive.mp4: was read to its end" in told
    assert "other.mp4: was read" not in told
    assert read == [other]
    assert sorted(path.stat().st_mtime_ns for path in output.glob("drive_000/*.jpg")) == pictures_before
    again = contents(output)
    assert {name for name in whole if whole[name] != again[name]} <= {"report.html"}  # plots name their parts at random


def test_what_was_read_is_kept_until_the_page_is_written(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("monodepth2.prepare.page.write_report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, clip)
    prepared(tmp_path, clip)
    assert "drive.mp4: was read to its end by a run that was interrupted" in capsys.readouterr().err


def interrupted_at_second(result: Callable[[Analyser], Analysis]) -> Callable[[Analyser], Analysis]:
    done: list[Analyser] = []

    def stopping(self: Analyser) -> Analysis:
        done.append(self)
        if len(done) == 2:
            raise KeyboardInterrupt
        return result(self)

    return stopping


def noting(
    read: list[Path], frames: Callable[[Source, Size], Iterator[Frame]]
) -> Callable[[Source, Size], Iterator[Frame]]:
    def noted(self: Source, size: Size) -> Iterator[Frame]:
        read.append(self.path)
        return frames(self, size)

    return noted


def test_a_run_that_has_read_no_source_to_its_end_leaves_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(Analyser, "add", interrupted_after(30))
    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path, clip)
    assert "takes it over" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_pictures_that_were_placed_are_not_lost_by_an_interruption(
    links: bool, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr("monodepth2.prepare.writing.os.link", refused)
    with monkeypatch.context() as patched:
        patched.setattr("monodepth2.prepare.writing.write_facts", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, clip)
    monkeypatch.setattr(Source, "frames", lambda *_: pytest.fail("it is read again"))
    assert len(pictures(prepared(tmp_path, clip) / "drive_000")) == 60


@pytest.mark.parametrize("change", ["video", "flags", "gap", "analysis"])
def test_what_has_changed_is_read_again(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "a.mp4", drive(1, 30, 0.2))
    with monkeypatch.context() as patched:
        patched.setattr("monodepth2.prepare.writing.place_pictures", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, clip)
    kept = tmp_path / ".data set.partial/.read/000"
    if change == "video":
        write_clip(clip, drive(2, 30, 0.2))
    elif change == "analysis":
        (kept / "analysis.json").write_text('{"times": [1, 2], "remarks": []}')
    flags = {"flags": {"width": 160}, "gap": {"gap": 0.2}}.get(change, {})
    output = prepared(tmp_path, clip, **flags)
    shutil.move(output, tmp_path / "found")
    expected = contents(prepared(tmp_path, clip, **flags))
    found = contents(tmp_path / "found")
    assert {name for name in expected if expected[name] != found[name]} <= {"report.html", "prepare.json"}


def test_a_folder_of_which_a_picture_is_written_anew_is_another_source(tmp_path: Path) -> None:
    for n, picture in enumerate(drive(3, 3, 0.2)):
        Image.fromarray(picture).save(tmp_path / f"{n}.png")
    before = FrameFolder(tmp_path).state
    assert FrameFolder(tmp_path).state == before
    Image.fromarray(drive(3, 9, 0.2)[8]).save(tmp_path / "1.png")
    assert FrameFolder(tmp_path).state != before
    assert FrameFolder(tmp_path, start=0.1).state != FrameFolder(tmp_path).state


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_camera_is_estimated_where_it_turns(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The middle of what a camera 60° wide sees while it swings to both sides."""
    corridor, middle = Corridor(1, (480, 288)), (slice(44, 244), slice(72, 408))
    swung = [corridor.picture(0.1 * n, 10 * np.sin(n / 5))[middle] for n in range(80)]
    output = prepared(tmp_path, write_clip(tmp_path / "a.mp4", map(np.ascontiguousarray, swung)))
    found = camera(output / "drive_000")
    assert found["fl_x"] / found["w"] == pytest.approx(np.sqrt(3) / 2 * 480 / 336, rel=0.05)
    assert found["fl_y"] == pytest.approx(found["fl_x"], rel=0.01)
    assert found["source"].startswith("estimated from the drive: 4")
    noted = facts(output / "drive_000")["camera"]
    assert {name: noted[name] for name in ("source", "accuracy")} == {
        name: found[name] for name in ("source", "accuracy")
    }
    assert "estimated from the drive" in (output / "report.html").read_text()
    told = capsys.readouterr().out
    assert "its view is estimated from the drive" in told
    assert "assumed" not in told
    output = prepared(tmp_path, tmp_path / "a.mp4", fov=80.0, overwrite=True)
    assert camera(output / "drive_000")["source"] == "given by --fov: 80° wide"
