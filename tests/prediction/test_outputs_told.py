"""What predict.py says of its inputs and outputs: what is left out, cut off, not read, and of which size."""

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from clips import write_clip
from monodepth2.config import PredictOptions
from monodepth2.config.predict import OUTPUTS
from monodepth2.errors import UserError
from monodepth2.files.picture_opening import HAS_AVIF
from monodepth2.prediction.inputs import Pictures, Video, find_input
from monodepth2.prediction.run import MOST_PIXELS, _pictures_per_pass, predict
from places import ROOT
from trees import write_checkpoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"), use_stereo=False)


def soft(seed: int = 0, width: int = 90, height: int = 60) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def options(weights: Path, tmp_path: Path) -> PredictOptions:
    """The prediction of one picture."""
    soft().save(tmp_path / "a.png")
    return PredictOptions(
        image_path=tmp_path / "a.png", load_weights_folder=weights, no_cuda=True, output_dir=tmp_path / "out"
    )


def written(options: PredictOptions) -> list[str]:
    assert options.output_dir
    return sorted(path.name for path in options.output_dir.iterdir())


def pictures(path: Path, ext: str | None = None) -> Pictures:
    found = find_input(path, ext)
    assert isinstance(found, Pictures)
    return found


@pytest.mark.parametrize("ending", ["gif", "jp2", "avif"])
def test_a_still_is_predicted_as_a_picture(ending: str, options: PredictOptions, tmp_path: Path) -> None:
    if ending == "avif" and not HAS_AVIF:
        pytest.skip("this Pillow has no AVIF")
    soft().save(tmp_path / f"still.{ending}")
    (tmp_path / f"still.{ending}").rename(tmp_path / "still")  # its content tells
    assert predict(replace(options, image_path=tmp_path / "still", outputs=("disp_npy",))) == 0
    assert written(options) == ["still_disp.npy"]


def test_a_gif_that_moves_is_a_video(tmp_path: Path) -> None:
    soft().save(tmp_path / "a.gif", save_all=True, append_images=[soft(1), soft(2)], duration=40)
    assert find_input(tmp_path / "a.gif") == Video(tmp_path / "a.gif")


@pytest.mark.parametrize("ending", ["ppm", "tga", "ico", "qoi"])
def test_stills_that_are_not_read_are_no_videos(ending: str, options: PredictOptions, tmp_path: Path) -> None:
    soft().save(tmp_path / f"a.{ending}")
    with pytest.raises(UserError, match=rf"a\.{ending}: is no picture that is read here \(JPEG, .*, and no video"):
        predict(replace(options, image_path=tmp_path / f"a.{ending}"))


def test_the_cover_of_a_sound_is_no_video(options: PredictOptions, tmp_path: Path) -> None:
    soft().save(tmp_path / "cover.jpg")
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 90, 60, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic.value  # older ones take a number alone
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.asarray(soft()), format="rgb24")))
        container.mux(cover.encode())
    with pytest.raises(UserError, match=r"song\.mp4: is no picture .* and no video"):
        predict(replace(options, image_path=tmp_path / "song.mp4"))


def test_a_heic_photo_is_refused_before_the_network_is_loaded(options: PredictOptions, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"\0\0\0\x18ftypheic" + bytes(500))
    with pytest.raises(UserError, match=r"is a HEIC .* convert it to JPEG or PNG"):
        predict(replace(options, image_path=tmp_path / "photo", load_weights_folder=tmp_path))


def test_what_a_folder_holds_beside_its_pictures_is_told(
    options: PredictOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mix"
    (folder / "deeper").mkdir(parents=True)
    soft().save(folder / "a.jpg")
    soft().save(folder / "b.GIF")
    for name in ("c.heic", "d.mp4", "e.txt", "f.mov", "g.csv", "h.raw", "i.raw", ".hidden"):
        (folder / name).write_bytes(b"")
    (folder / "j.jpg").symlink_to("nowhere")
    assert predict(replace(options, image_path=folder, outputs=("color",))) == 1
    assert written(options) == ["a_disp.jpeg", "b_disp.jpeg"]
    said = capsys.readouterr()
    assert "7 files left out for their ending: c.heic, d.mp4, e.txt, f.mov, g.csv and 2 more" in said.out
    assert f"left out: {folder / 'j.jpg'}: no such file" in said.err
    assert pictures(folder, "gif").remarks == ("9 files left out for their ending: a.jpg, c.heic, d.mp4, e.txt, "
                                               "f.mov and 4 more",)  # fmt: skip


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "c.heic").write_bytes(b"")
    with pytest.raises(UserError, match=r"no pictures .* but other files \(c\.heic\) and 1 subfolder, to be named"):
        find_input(tmp_path)


@pytest.mark.parametrize("ending", ["webp", "png", "tif", "gif"])
def test_further_pictures_of_a_file_are_told(ending: str, tmp_path: Path) -> None:
    soft().save(tmp_path / f"a.{ending}", save_all=True, append_images=[soft(1)])
    soft().save(tmp_path / f"b.{ending}")
    assert pictures(tmp_path).remarks == (f"only the first of several pictures in a file is predicted: a.{ending}",)


def test_a_phones_preview_is_not_worth_a_remark(tmp_path: Path) -> None:
    soft().save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[soft(1)])
    assert pictures(tmp_path / "a.jpg").remarks == ()


def test_what_is_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(UserError, match=r"pipe\.mp4: is a device or a pipe"):
            find_input(tmp_path / "pipe.mp4")
    with pytest.raises(UserError, match="is a device or a pipe"):
        find_input(Path(os.devnull))
    (tmp_path / "link.jpg").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"link\.jpg: no such file or folder where this link leads"):
        find_input(tmp_path / "link.jpg")
    with pytest.raises(UserError, match="cannot be read"):
        find_input(tmp_path / ("a" * 5000))


def test_depths_that_do_not_fit_into_16_bits_are_told(
    options: PredictOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    far = replace(options, outputs=("depth_npy", "depth_png"), min_depth=1, max_depth=100)
    for factor, fits in ((1.0, True), (5400.0, False), (1e-6, False)):
        predict(replace(far, pred_depth_scale_factor=factor))
        said = capsys.readouterr().out
        assert ("depth_png: depths of 1 pictures are cut off to what it holds, 0.004 to 255.996" in said) is not fits
        depth, pixels = np.load(out(options, "a_depth.npy")), np.asarray(Image.open(out(options, "a_depth.png")))
        held = np.clip(depth, 1 / 256, 65535 / 256)
        np.testing.assert_allclose(pixels / 256, held, rtol=0, atol=0.51 / 256)
        assert np.array_equal(depth, held) is fits


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"focal_length": 0.8}, "--focal_length changes nothing of disp_npy, color: add ply or rrd to --outputs"),
        ({"colormap": "gray", "outputs": ("ply",)}, "--colormap changes nothing of ply: add color or side_by_side"),
        ({"ext": "png"}, r"--ext png chooses among the pictures of a folder, and .*a\.png is none: drop --ext"),
    ],
)
def test_a_flag_that_would_change_nothing_is_refused(flags: dict, words: str, options: PredictOptions) -> None:
    with pytest.raises(UserError, match=words):
        predict(replace(options, **flags))


def out(options: PredictOptions, name: str) -> Path:
    assert options.output_dir
    return options.output_dir / name


def test_the_help_gives_the_size_of_every_output(options: PredictOptions) -> None:
    done = subprocess.run([sys.executable, "predict.py", "--help"], capture_output=True, text=True, cwd=ROOT)
    text = " ".join(done.stdout.split())
    for kind in OUTPUTS:
        assert f"{kind}: " in text
    assert "at the network's size, float32, (1, 1, h, w)" in text
    assert "at the picture's size, float32, (h, w)" in text
    predict(replace(options, outputs=("disp_npy", "depth_npy", "disp_png", "depth_png", "color")))
    assert np.load(out(options, "a_disp.npy")).shape == (1, 1, 64, 96)
    assert np.load(out(options, "a_depth.npy")).shape == (60, 90)
    assert {Image.open(path).size for path in options.output_dir.glob("*.*g")} == {(90, 60)}


def test_large_photos_are_predicted_few_at_a_time(options: PredictOptions) -> None:
    source = pictures(options.image_path)
    assert source.largest == 90 * 60
    assert _pictures_per_pass(8, source) == 8
    assert _pictures_per_pass(8, replace(source, largest=MOST_PIXELS // 3)) == 3
    assert _pictures_per_pass(8, replace(source, largest=2 * MOST_PIXELS)) == 1


def write_timed(path: Path, times: list[float], encoder: str = "libx264") -> None:
    pictures = [np.asarray(soft(index)) for index in range(len(times))]
    write_clip(path, pictures, 25, times.__getitem__, encoder=encoder, options={})


def test_times_that_leap_are_not_followed(options: PredictOptions, tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader

    write_timed(tmp_path / "a.mp4", [0, 0.04, 50_000, 50_000.04, 50_000.08])
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert len(list(reader.frames())) == 5
        assert np.diff(reader.times) == pytest.approx([0.04] * 4, abs=1e-3)
    predict(replace(options, image_path=tmp_path / "a.mp4"))
    with VideoReader(out(options, "a_side_by_side.mp4")) as reader:
        assert len(list(reader.frames())) == 5


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_frames_keep_their_times(encoder: str, options: PredictOptions, tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader
    from monodepth2.prediction.video import VideoWriter

    times = [0, 0.04, 0.08, 0.5, 0.54, 1.3]  # as phones film, with fewer frames in the dark
    write_timed(tmp_path / "phone.mp4", times, encoder)
    assert predict(replace(options, image_path=tmp_path / "phone.mp4")) == 0
    with VideoReader(out(options, "phone_side_by_side.mp4")) as reader:
        assert len(list(reader.frames())) == len(times)
        assert reader.times == pytest.approx(times, abs=1e-3)
    with VideoWriter(tmp_path / "even.mp4", Fraction(24000, 1001)) as writer:
        for index in range(20):
            writer.add(np.asarray(soft(index)))
    with VideoReader(tmp_path / "even.mp4") as reader:
        list(reader.frames())
        assert reader.times == pytest.approx([index * 1001 / 24000 for index in range(20)], abs=1e-4)


def test_a_name_that_is_nobodys_home_is_a_name(
    options: PredictOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soft().save(tmp_path / "~photo.png")
    again = PredictOptions(**{**vars(options), "image_path": Path("~photo.png"), "output_dir": "~nobody_here"})
    assert predict(again) == 0
    assert sorted(path.name for path in (tmp_path / "~nobody_here").iterdir()) == [
        "~photo_disp.jpeg",
        "~photo_disp.npy",
    ]
    assert PredictOptions(**{**vars(options), "output_dir": "~/there"}).output_dir == Path("~/there")
    with pytest.raises(UserError, match="~nobody_here/w: no such folder"):
        predict(PredictOptions(**{**vars(options), "load_weights_folder": "~nobody_here/w"}))
