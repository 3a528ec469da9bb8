"""What tracked points say of the camera's motion, against motions that are known."""

import numpy as np
import pytest

from clips import Corridor, drive, grey, texture
from monodepth2.motion.tracks import small_size, track, turn_share


def shifted(pixels: int) -> np.ndarray:
    return texture(0, 96, 200)[:, 20 + pixels : 180 + pixels].astype(np.uint8)


def test_flow_counts_in_pixels_of_a_picture_640_wide() -> None:
    tracks = track(shifted(0), shifted(3))
    assert tracks.flow == pytest.approx(12, abs=0.2)
    assert tracks.survival > 0.9
    np.testing.assert_allclose(np.median(tracks.end_n2 - tracks.start_n2, axis=0), (-3, 0), atol=0.05)
    assert track(shifted(0), shifted(0)).flow < 0.01


def test_nothing_is_left_of_another_scene() -> None:
    (before,), (after,) = drive(1, 1, 0), drive(2, 1, 0)
    assert track(grey(before), grey(after)).survival < 0.1


def test_a_plain_frame_has_no_tracks() -> None:
    plain = np.full((96, 160), 90, np.uint8)
    tracks = track(plain, shifted(0))
    assert (tracks.survival, tracks.flow) == (0, 0)
    assert turn_share(tracks, 96, fov=60) == 0


@pytest.mark.parametrize("fov", [45, 60, 75])
def test_a_turn_on_the_spot_is_told_from_driving_on(fov: float) -> None:
    corridor = Corridor(3)
    still, turned, ahead, round_a_bend = (
        grey(corridor.picture(*place)) for place in ((0, 0), (0, 1), (0.3, 0), (0.3, 1))
    )
    turn = track(still, turned)
    # a ray at an angle a from the axis moves by f / cos² a: a degree is between 9.7 pixels and 12.9 at the border
    assert 9.6 < turn.flow < 12.9
    assert turn_share(turn, 96, fov) > 0.75
    assert turn_share(track(still, ahead), 96, fov) < 0.2
    assert turn_share(track(still, round_a_bend), 96, fov) < 0.7


def test_small_frames_keep_their_shape_and_are_never_enlarged() -> None:
    assert small_size((1920, 1080)) == (320, 180)
    assert small_size((1242, 375)) == (320, 97)
    assert small_size((160, 96)) == (160, 96)
    assert small_size((1080, 1920)) == (320, 569)
