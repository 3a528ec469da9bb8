"""Frames of videos: those that are only looked at much smaller, and those of pixels that are not square, or
shown otherwise than they are stored.
"""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from clips import SIZE, drive, write_clip


def test_what_is_saved_on_frames_that_are_made_small_is_not_seen(tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader

    path = tmp_path / "drive.mp4"
    write_clip(path, drive(0, 16, 0.1), options={"crf": "32", "bf": "2"})  # blocks can be seen
    whole, saved = [], []
    for frames, made_small in ((whole, False), (saved, True)):
        with VideoReader(path, made_small) as reader:
            frames += [np.asarray(frame).astype(np.int16) for frame in reader.frames()]
            assert not reader.damaged
    assert len(whole) == len(saved) == 16
    assert any((one != other).any() for one, other in zip(whole, saved, strict=True))
    for one, other in zip(whole, saved, strict=True):
        halved = [cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for frame in (one, other)]
        assert np.abs(halved[0] - halved[1]).mean() < 1


@pytest.mark.parametrize(("how", "size"), [({}, (192, 108)), ({"turned": -90}, (108, 192))])
def test_pictures_have_square_pixels_where_those_of_the_video_are_wide(how: dict, size: tuple, tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader

    if how and not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV writes no rotation")
    stored = cv2.resize(drive(0, 1, 0)[0], (144, 108))
    with VideoReader(write_clip(tmp_path / "wide.mp4", [stored], aspect=Fraction(4, 3), **how)) as reader:
        (frame,) = reader.decoded()
    picture = frame.picture()
    assert picture.size == frame.size == size
    upright = np.rot90(stored, -1) if how else stored
    assert np.abs(np.asarray(picture).astype(float) - cv2.resize(upright, size)).mean() < 3


@pytest.mark.parametrize("lies", [False, True])
@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_turned_and_mirrored_frames_are_shown_as_the_file_says(lies: bool, signs: tuple, tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader

    stored = cv2.resize(drive(0, 1, 0)[0], (144, 108))
    path = write_clip(tmp_path / "clip.mp4", [stored])
    a, b, c, d = (0, signs[0], signs[1], 0) if lies else (signs[0], 0, 0, signs[1])
    one = 1 << 16
    content = path.read_bytes()
    matrix, other = (
        struct.pack(">9i", *row, 0, 0, 0, 1 << 30)
        for row in ((one, 0, 0, 0, one), (a * one, b * one, 0, c * one, d * one))
    )
    header = content.index(b"tkhd")
    place = content.index(matrix, header)
    path.write_bytes(content[:place] + other + content[place + len(other) :])
    with VideoReader(path) as reader:
        (shown,) = reader.frames()
    expected = np.zeros((144, 108, 3) if lies else (108, 144, 3))
    for y, x in np.ndindex(108, 144):
        to_x, to_y = a * x + c * y, b * x + d * y
        expected[to_y - (b + d < 0), to_x - (a + c < 0)] = stored[y, x]  # negative ones count from the other end
    assert shown.size == expected.shape[1::-1]
    assert np.abs(np.asarray(shown).astype(float) - expected).mean() < 5


def test_a_search_leads_to_or_before_the_time_wanted_also_where_only_one_frame_needs_no_other(tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader

    for name in ("one.ts", "one.mpg", "one.mkv"):
        path = write_clip(tmp_path / name, drive(0, 30, 0.1), interval=1000)
        for seconds in (0.0, 1.5, 2.9):
            with VideoReader(path) as reader:
                reader.seek(seconds)
                assert next(reader.decoded()).time <= seconds, (name, seconds)


@pytest.mark.parametrize("late", [0.0, 0.7])
def test_sound_that_lasts_longer_and_a_late_first_frame_are_no_damage(late: float, tmp_path: Path) -> None:
    from monodepth2.files.videos import VideoReader

    path = tmp_path / "drive.mkv"
    with av.open(str(path), "w") as container:
        stream, sound = container.add_stream("libx264", rate=10), container.add_stream("pcm_s16le", rate=8000)
        stream.width, stream.height = SIZE
        for n, picture in enumerate(drive(0, 20, 0.1)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = 10 * n + round(100 * late), Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for n in range(30 if late == 0 else 1):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
            silence.sample_rate, silence.pts, silence.time_base = 8000, 800 * n, Fraction(1, 8000)
            container.mux(sound.encode(silence))
        container.mux(sound.encode())
    content = path.read_bytes()
    for share, damaged in ((1, False), (0.4, True)):
        path.write_bytes(content[: int(share * len(content))])
        with VideoReader(path) as reader:
            assert list(reader.decoded())
            assert reader.damaged is damaged
