"""What is kept of clips whose motion is known."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from clips import SIZE, Corridor, drive
from monodepth2.prepare.analysis import Analyser, Analysis
from monodepth2.prepare.frames import PictureFrame
from monodepth2.prepare.plan import (
    COPY,
    KEPT,
    STILL,
    TURN,
    Plan,
    blurred_frames,
    exposure_jumps,
    plan,
)


def analysed(pictures: Sequence[np.ndarray], rate: float = 10, times: Sequence[float] | None = None) -> Analysis:
    when = times if times is not None else [n / rate for n in range(len(pictures))]
    analyser = Analyser(SIZE, fov=60)
    for picture, time in zip(pictures, when, strict=True):
        analyser.add(PictureFrame(Image.fromarray(picture), time))
    return analyser.result()


def planned(pictures: Sequence[np.ndarray], rate: float = 10, times: Sequence[float] | None = None) -> Plan:
    return plan(analysed(pictures, rate, times))


def path(*stretches: tuple[int, float, float]) -> list[np.ndarray]:
    """Pictures of stretches of so many frames, each by so many metres and degrees from one to the next."""
    corridor, pictures, place, angle = Corridor(5), [], 0.0, 0.0
    for count, metres, degrees in stretches:
        for _ in range(count):
            place, angle = place + metres, angle + degrees
            pictures.append(corridor.picture(place, angle))
    return pictures


def test_drives_end_at_cuts() -> None:
    found = planned([*drive(1, 30, 0.2), *drive(2, 25, 0.2), *drive(3, 40, 0.2)])
    assert found.cuts == (30, 55)
    assert [(one.frames[0], one.frames[-1]) for one in found.drives] == [(0, 29), (30, 54), (55, 94)]
    assert found.share(KEPT) == 1


def test_stops_are_left_out() -> None:
    found = planned(path((40, 0.2, 0), (20, 0, 0), (20, 0.005, 0), (40, 0.2, 0)))
    assert len(found.drives) == 2
    (first, second) = found.drives
    assert abs(first.frames[-1] - 39) <= 1
    assert abs(second.frames[0] - 79) <= 1
    # what stands still is the same picture; what creeps moves by a fifth of a pixel
    assert set(found.verdicts[42:78]) <= {COPY, STILL}


def test_a_standing_camera_with_noise_gives_nothing() -> None:
    random = np.random.default_rng(0)
    (view,) = drive(1, 1, 0)
    noisy = [(view + random.normal(size=view.shape) * 3).clip(0, 255).astype(np.uint8) for _ in range(40)]
    found = planned(noisy)
    assert not found.drives
    assert found.share(STILL) == 1


def test_turning_on_the_spot_is_left_out() -> None:
    found = planned(path((40, 0.2, 0), (30, 0, 1), (40, 0.2, 0)))
    assert set(found.verdicts[44:66]) == {TURN}
    assert found.drives[0].frames[0] == 0
    assert found.drives[-1].frames[-1] == 109


def test_copies_are_left_out_and_do_not_change_the_gap() -> None:
    pictures = drive(1, 60, 0.2)
    found = planned([picture for picture in pictures for _ in range(3)], rate=30)
    assert found.share(COPY) == pytest.approx(2 / 3)
    (only,) = found.drives
    assert only.frames == tuple(range(0, 180, 3))
    assert only.gap.seconds == pytest.approx(0.1)


@pytest.mark.parametrize(("rate", "frames"), [(60, (4, 8)), (30, (2, 4)), (10, (1, 1))])
def test_the_gap_is_the_same_time_whatever_the_rate(rate: int, frames: tuple[int, int]) -> None:
    metres_per_second = 2.0
    found = planned(drive(1, 3 * rate, metres_per_second / rate), rate)
    (only,) = found.drives
    assert frames[0] <= only.gap.frames <= frames[1]
    assert only.gap.flow >= 5 or only.gap.frames == 1
    assert only.gap.survival > 0.6
    assert {b - a for a, b in pairwise(only.frames)} == {only.gap.frames}


def test_uneven_times_are_followed() -> None:
    """Frames of a camera of steady speed that come at uneven times: neighbours are a gap apart in time."""
    random, corridor = np.random.default_rng(0), Corridor(1)
    times = np.cumsum(random.choice([1 / 60, 1 / 30, 1 / 20], 100))
    found = planned([corridor.picture(2.0 * time) for time in times], times=times)
    (only,) = found.drives
    steps = np.diff(times[list(only.frames)])
    assert only.gap.frames > 1
    np.testing.assert_allclose(steps, only.gap.seconds, atol=1 / 40)


def test_no_pair_straddles_missing_frames() -> None:
    corridor = Corridor(1)
    times = [*np.arange(40) / 10, *(4.7 + np.arange(40) / 10)]  # 0.8 s instead of 0.1 s
    found = planned([corridor.picture(0.5 * time) for time in times], times=times)
    assert [(one.frames[0], one.frames[-1]) for one in found.drives] == [(0, 39), (40, 79)]


def test_what_is_too_fast_is_told() -> None:
    found = planned(drive(1, 40, 0.55))
    (only,) = found.drives
    assert only.gap.is_too_fast
    assert "fast" in only.gap.reason


def test_dark_pictures_are_not_called_fast() -> None:
    dark = [
        np.asarray(Image.fromarray(picture).point(lambda value: 12 + value // 16)) for picture in drive(1, 40, 0.08)
    ]
    (only, *_) = planned(dark).drives
    assert only.gap.is_too_plain
    assert not only.gap.is_too_fast
    assert "dark, blurred or plain" in only.gap.reason


def test_a_gap_that_is_asked_for_is_taken() -> None:
    found = plan(analysed(drive(1, 60, 0.1)), gap_seconds=0.3)
    assert found.drives[0].frames[:3] == (0, 3, 6)


def test_blur_and_sudden_light_are_listed() -> None:
    pictures = drive(1, 40, 0.2)
    pictures[12] = np.asarray(Image.fromarray(pictures[12]).reduce(8).resize((160, 96), Image.Resampling.BICUBIC))
    pictures[25:] = [(picture + 40.0).clip(0, 255).astype(np.uint8) for picture in pictures[25:]]
    found = analysed(pictures)
    assert list(blurred_frames(found)) == [12]
    assert list(exposure_jumps(found, ())) == [25]
