"""Which camera a video was taken with, and how it follows its pictures."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from clips import Corridor, drive, write_clip
from monodepth2.config.prepare import PrepareOptions
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError
from monodepth2.prepare.camera import KnownCamera, camera_of
from monodepth2.prepare.camera_tags import is_wide_lens, view_of_tags
from monodepth2.prepare.frames import PictureFrame
from monodepth2.prepare.framing import frame_pictures
from monodepth2.prepare.sources import FrameFolder, Video

HD = (1920, 1080)


def known(video: Path, **flags: object) -> KnownCamera:
    source = FrameFolder(video) if video.is_dir() else Video(video)
    return camera_of(PrepareOptions(sources=(video,), output=Path("out"), **flags), source, (160, 96))


def test_what_is_given_counts_before_files_tags_and_what_is_assumed(tmp_path: Path) -> None:
    tags = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 13"}
    plain, tagged = (write_clip(tmp_path / f"{n}.mp4", drive(1, 3, 0.1), tags=one) for n, one in enumerate(({}, tags)))
    assert known(plain).accuracy == "± 30 %"
    assert known(plain).camera.fov == pytest.approx(60)
    assert known(tagged).accuracy == "± 10 %"
    assert "iPhone 13" in known(tagged).camera.source
    (tmp_path / "camera.json").write_text(json.dumps({"fl_x": 80, "w": 160, "h": 96}))
    assert known(tagged).camera.fx == 0.5
    assert known(tagged).accuracy == "as given"
    assert known(tagged, fov=90.0).camera.fx == pytest.approx(0.5)
    assert known(tagged, intrinsics=(640, 640, 320, 192), intrinsics_size=(640, 384)).camera.fx == 1
    (tmp_path / "other.json").write_text(json.dumps({"fl_x": 120, "w": 160, "h": 96}))
    assert known(tagged, camera=tmp_path / "other.json").camera.fx == 0.75
    with pytest.raises(UserError, match=r"name a \.json file"):
        known(tagged, camera=tmp_path / "camera.yaml")


def test_the_file_above_a_folder_of_frames_counts_as_it_does_for_training(tmp_path: Path) -> None:
    frames = tmp_path / "walk"
    frames.mkdir()
    Image.new("RGB", (160, 96)).save(frames / "1.jpg")
    (tmp_path / "camera.json").write_text(json.dumps({"fl_x": 80, "w": 160, "h": 96, "k1": -0.2}))
    assert known(frames).camera.fx == 0.5
    assert known(frames).camera.is_distorted
    (frames / "camera.json").write_text(json.dumps({"fl_x": 160, "w": 160, "h": 96}))
    assert known(frames).camera.fx == 1


def test_a_camera_held_upright_is_assumed_to_see_its_usual_angle_from_top_to_bottom(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 3, 0.1))
    options = PrepareOptions(sources=(video,), output=Path("out"))
    across, upright = (camera_of(options, Video(video), size).camera for size in ((160, 90), (90, 160)))
    assert upright.fy == pytest.approx(across.fx)
    assert upright.fx == pytest.approx(across.fy)
    assert upright.source == "assumed: 36° wide"


def test_an_assumed_camera_stays_assumed_where_a_drive_is_prepared_again(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 3, 0.1))
    numbers = {"fl_x": 139, "w": 160, "h": 96, "source": "assumed: 60° wide"}
    (tmp_path / "camera.json").write_text(json.dumps({**numbers, "accuracy": "± 30 %"}))
    again = known(video)
    assert again.is_assumed
    assert "nothing states the camera, and the drive does not show it: a view 59.8° wide is assumed" in again.remarks[0]
    assert again.camera.source == "assumed: 60° wide", "its accuracy is written beside it, and not twice"
    (tmp_path / "camera.json").write_text(json.dumps(numbers))
    assert known(video).accuracy == "as given"


def test_how_uncertain_a_camera_is_outlasts_many_words_of_its_source(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 3, 0.1))
    numbers = {"fl_x": 139, "w": 160, "h": 96, "source": 50 * "word ", "accuracy": "± 10 %"}
    (tmp_path / "camera.json").write_text(json.dumps(numbers))
    assert known(video).accuracy == "± 10 %"


def test_numbers_for_another_shape_are_warned_of(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", drive(1, 3, 0.1))
    found = known(video, intrinsics=(3000, 3000, 2000, 1500), intrinsics_size=(4000, 3000))
    assert "another shape" in found.remarks[0]


@pytest.mark.parametrize(
    ("tags", "film"),
    [
        ({"com.apple.quicktime.camera.focal_length.35mm_equivalent": "27"}, 27),
        ({"focallengthin35mmfilm": "28"}, 28),
        ({"com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 15 Pro"}, 24 * 1.1),
        ({"com.android.manufacturer": "samsung", "com.android.model": "SM-G991B"}, 25 * 1.1),
        ({"make": "Nobody", "model": "Camera"}, None),
        ({"focallengthin35mmfilm": "0"}, None),
        ({"encoder": "Lavf60"}, None),
    ],
)
def test_tags_tell_the_focal_length(tags: dict[str, str], film: float | None) -> None:
    view = view_of_tags(tags, HD, is_video=True)
    if film is None:
        assert view is None
    else:
        assert view is not None
        # 35 mm film is 43.27 mm from corner to corner
        assert view.focal == pytest.approx(film / 43.27 * math.hypot(*HD) / HD[0])


def test_exif_of_frames_is_read_and_a_bent_lens_is_told(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 35  # FocalLengthIn35mmFilm
    Image.new("RGB", (160, 96)).save(tmp_path / "1.jpg", exif=exif)
    found = camera_of(PrepareOptions(sources=(tmp_path,), output=Path("out")), FrameFolder(tmp_path), (160, 96))
    assert found.camera.fx == pytest.approx(35 / 43.27 * math.hypot(160, 96) / 160)
    assert is_wide_lens({"handler_name": "GoPro AVC"})
    assert not is_wide_lens({"handler_name": "VideoHandler"})


@pytest.mark.parametrize("height", [None, 96])
def test_a_ray_stays_on_its_pixel(height: int | None) -> None:
    """A spot of the frame is in the picture where the picture's camera says."""
    size, box, camera = (400, 300), (40.0, 50.0, 360.0, 290.0), Camera(0.8, 1.1, 0.48, 0.53)
    framing = frame_pictures(size, box, camera, 160, height)
    assert framing.size == (160, height or 96)
    assert framing.box[0] >= 39
    assert framing.box[3] <= 291
    x, y = 230, 160
    frame = np.zeros((300, 400, 3), np.float32)
    frame[y - 4 : y + 5, x - 4 : x + 5] = 255
    picture = framing.picture(PictureFrame(Image.fromarray(frame.astype(np.uint8)), 0.0))[..., 0].astype(float)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    found = [(picture * axis).sum() / picture.sum() for axis in (columns, rows)]
    ray = np.linalg.inv(camera.matrix(*size)[:3, :3]) @ (x, y, 1)
    expected = framing.camera.matrix(*framing.size)[:3, :3] @ ray
    # at another size a pixel's number means its corner, as in 2019: half a pixel
    np.testing.assert_allclose(found, expected[:2], atol=0.6)


def test_a_distorted_lens_is_straightened() -> None:
    """The frame shows a pattern through the lens; the picture shows it as its own camera, without distortion, would."""
    size, lens = (320, 240), Camera(0.7, 0.7 * 4 / 3, 0.5, 0.5, distortion=(-0.25, 0.06, 0.001, -0.002, 0.0))

    def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 127 + 60 * np.sin(9 * x + 2 * y) + 50 * np.cos(11 * y)

    pixels = np.stack(np.meshgrid(np.arange(320.0), np.arange(240.0)), -1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(pixels, lens.matrix(*size, dtype=float)[:3, :3], np.array(lens.distortion))
    seen = pattern(rays[:, 0, 0], rays[:, 0, 1]).reshape(240, 320)
    frame = PictureFrame(Image.fromarray(seen.astype(np.uint8)).convert("RGB"), 0.0)
    framing = frame_pictures(size, (0, 0, 320, 240), lens, 320, 192)
    picture = framing.picture(frame)[..., 0].astype(float)
    assert not framing.camera.is_distorted
    assert framing.camera.stretch_of_pixels((320, 192)) == pytest.approx(1, abs=1e-3)
    assert picture.min() > 5  # no black corner
    inverse = np.linalg.inv(framing.camera.matrix(320, 192, dtype=float)[:3, :3])
    x, y = np.meshgrid(np.arange(320), np.arange(192))
    straight = np.stack([x, y, np.ones_like(x)], -1) @ inverse.T
    assert np.abs(picture - pattern(straight[..., 0], straight[..., 1])).mean() < 2
    assert np.abs(seen[24:216] - pattern(straight[..., 0], straight[..., 1])).mean() > 6


def test_a_straightened_picture_that_is_enlarged_has_no_blocks() -> None:
    size, frame = (320, 192), PictureFrame(Image.fromarray(Corridor(1, (320, 192)).picture(1.0)), 0.0)
    equal = []
    for distortion in ((), (-0.2, 0.05, 0.0, 0.0)):
        lens = Camera(0.866, 0.866 * 320 / 192, 0.5, 0.5, distortion=distortion)
        picture = frame_pictures(size, (0, 0, *size), lens, 1280, 768).picture(frame)[..., 0]
        equal.append(float((np.diff(picture.astype(int), axis=1) == 0).mean()))
    plain, straightened = equal
    assert straightened < plain + 0.1


@pytest.mark.parametrize("distortion", [(-5, 3, 0.5, 0), (9, 9, 9, 9), (3, 3, 0, 0)])
def test_a_distortion_that_no_lens_has_is_refused(distortion: tuple[float, ...]) -> None:
    lens = Camera(0.7, 1.24, 0.5, 0.5, distortion=distortion)
    with pytest.raises(UserError, match=r"leaves no picture: give OpenCV's K1 K2 P1 P2 \[K3\] in this order"):
        frame_pictures((1280, 720), (0, 0, 1280, 720), lens, 640, None)


def test_distortion_needs_intrinsics() -> None:
    with pytest.raises(UserError, match="add --intrinsics"):
        PrepareOptions(sources=(Path("a.mp4"),), output=Path("out"), distortion=(0.1, 0, 0, 0))
    with pytest.raises(UserError, match="keep one of them"):
        PrepareOptions(sources=(Path("a.mp4"),), output=Path("out"), fov=60, intrinsics=(1, 1, 0.5, 0.5))
