"""Bars, logos and the bonnet are found where they are, and nothing else is."""

from itertools import pairwise

import numpy as np

from clips import SIZE, drive, grey, overlap, with_still_things
from monodepth2.motion.still import Bars, StillRegions, black_bars


def regions(frames: list[np.ndarray]) -> StillRegions:
    found = StillRegions(frames[0].shape)
    for first, second in pairwise(frames):
        found.add(first, second)
    return found


def test_the_bonnet_a_logo_and_a_mirror_are_found() -> None:
    frames, truth = with_still_things([grey(picture) for picture in drive(0, 20, 0.5)])
    found = regions(frames)
    assert overlap(found.mask(), truth) > 0.9
    assert not black_bars(frames)


def test_a_picture_that_moves_all_over_has_no_mask() -> None:
    frames = [grey(picture) for picture in drive(0, 20, 0.5)]
    assert not regions(frames).mask().any()
    assert not black_bars(frames)


def test_black_bars_are_found_to_the_pixel() -> None:
    frames = [grey(picture) for picture in drive(0, 20, 0.5)]
    for frame in frames:
        frame[:11], frame[-9:], frame[:, :6] = 1, 2, 0
    assert black_bars(frames) == Bars(left=6, top=11, right=0, bottom=9)
    truth = np.zeros(SIZE[::-1], bool)
    truth[:11], truth[-9:], truth[:, :6] = True, True, True
    assert overlap(regions(frames).mask(), truth) > 0.95


def test_a_plain_sky_is_not_taken_for_still() -> None:
    frames = []
    for n, picture in enumerate(drive(0, 20, 0.5)):
        frame = grey(picture)
        # hills that go up and down as the car does, under a sky that never changes
        horizon = (30 + 3 * np.sin(0.9 * n) + 6 * np.sin((np.arange(160) + 9 * n) / 11)).astype(int)
        frame[np.arange(96)[:, None] < horizon] = 200
        frames.append(frame)
    assert not regions(frames).mask().any()


def test_letters_on_a_plain_sky_and_a_bonnet_before_a_plain_road_are_found() -> None:
    frames = []
    y, x = np.mgrid[:96, :160]
    letters = (y >= 5) & (y < 14) & (x >= 10) & (x < 60) & (x // 2 % 3 == 0)
    bonnet = ((x - 80) / 70) ** 2 + ((y - 104) / 24) ** 2 < 1
    for n, picture in enumerate(drive(0, 30, 0.5)):
        frame = grey(picture)
        horizon = (30 + 3 * np.sin(0.9 * n) + 6 * np.sin((np.arange(160) + 9 * n) / 11)).astype(int)
        frame[y < horizon] = 200
        frame[y > horizon + 38] = 90
        frame[letters], frame[bonnet] = 20, 40
        frames.append(frame)
    mask = regions(frames).mask()
    assert mask[letters | bonnet].all()
    assert overlap(mask[48:], bonnet[48:]) > 0.8  # a pixel more on each side
    assert mask[:48].sum() < 2 * 9 * 50  # the letters and what lies between them


def test_few_pairs_say_nothing() -> None:
    frames, _ = with_still_things([grey(picture) for picture in drive(0, 6, 0.5)])
    assert not regions(frames).mask().any()
