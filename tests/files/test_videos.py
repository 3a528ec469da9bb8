"""Videos that are only looked at much smaller."""

from pathlib import Path

import numpy as np
import pytest

from clips import SIZE, drive

av = pytest.importorskip("av")
cv2 = pytest.importorskip("cv2")


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
