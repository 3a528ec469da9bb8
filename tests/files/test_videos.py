"""Frames of videos: those that are only looked at much smaller, and those of pixels that are not square."""

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
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "32", "bf": "2"})  # blocks can be seen
        stream.width, stream.height = SIZE
        for n, picture in enumerate(drive(0, 16, 0.1)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
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
