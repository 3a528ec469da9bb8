"""What to keep of a source: takes between cuts, the gap between pictures, and the drives that are left.

Flows are in pixels of a picture 640 wide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from monodepth2.motion.limits import BLURRED, JUMP, LEAST_FLOW, LEAST_SURVIVAL, MOST_FLOW, STANDING
from monodepth2.prepare.analysis import CUT, STEPS, Analysis, Look

MOVES = 2.0  # flow of the longest gap looked at, below which a moment says nothing of the best gap
TURNS = 0.8  # share of the tracks that a turn on the spot explains
TURN_FLOW = 3.0  # with less flow a turn cannot be told from any other motion
TIME_ERROR = 0.01  # share of the time between frames
LATE = 1.75  # times the gap between two frames: something is missing between them
LEAST_PICTURES = 5  # of a drive: three targets
NEARBY = 15  # frames to either side

KEPT, BETWEEN, COPY = "kept", "between two pictures", "copy of the frame before"
STILL, TURN, LATE_FRAME = "standing", "turning on the spot", "frames missing"
SHORT = "stretch too short"
VERDICTS = (KEPT, BETWEEN, COPY, STILL, TURN, LATE_FRAME, SHORT)


class Gap(NamedTuple):
    """How far apart pictures are.

    Attributes:
        seconds: of video.
        frames: the same in frames that were looked at, copies not counted.
        flow: median motion between neighbours.
        survival: share of the corners that neighbours share.
        reason: why, in a sentence.
    """

    seconds: float
    frames: int
    flow: float
    survival: float
    reason: str

    @property
    def is_too_fast(self) -> bool:
        """Whether neighbours share too little since they move far, and no smaller gap is left."""
        return self._shares_little and self.flow >= LEAST_FLOW

    @property
    def is_too_plain(self) -> bool:
        """Whether neighbours share too little although what they share hardly moves."""
        return self._shares_little and self.flow < LEAST_FLOW

    @property
    def _shares_little(self) -> bool:
        return self.frames == 1 and (self.flow > MOST_FLOW or 0 < self.survival < LEAST_SURVIVAL)


class Drive(NamedTuple):
    """A stretch of one take that is kept.

    Attributes:
        frames: the numbers of its pictures among the frames that were looked at.
        gap: between its pictures.
    """

    frames: tuple[int, ...]
    gap: Gap


@dataclass(frozen=True)
class Plan:
    """What is kept of a source, and why not the rest.

    Attributes:
        drives: in the order of the source.
        verdicts: one of `VERDICTS` for every frame.
        cuts: the numbers of frames that begin another scene.
        flows: motion per gap at each frame, for a curve.
    """

    drives: tuple[Drive, ...]
    verdicts: np.ndarray
    cuts: tuple[int, ...]
    flows: np.ndarray

    def share(self, verdict: str) -> float:
        """The share of the frames of a verdict."""
        return float(np.mean(self.verdicts == verdict))


def plan(analysis: Analysis, gap_seconds: float | None = None) -> Plan:
    """Decide what to keep of a source.

    Args:
        analysis: of its frames.
        gap_seconds: between pictures; None lets it be chosen.
    """
    verdicts = np.full(len(analysis.times), BETWEEN, dtype=object)
    verdicts[analysis.copies] = COPY
    flows = np.zeros(len(verdicts))
    drives: list[Drive] = []
    takes = list(_takes(analysis))
    for take in takes:
        gap = choose_gap(analysis, take, gap_seconds)
        flows[take] = _flows(analysis, take, gap)
        chosen = _chosen(analysis.times[take], gap.seconds)
        links = _links(analysis, take[chosen], gap, flows)
        drives += _drives(take[chosen], links, gap, verdicts)
    cuts = tuple(int(take[0]) for take in takes[1:] if len(take) > 1)
    return Plan(tuple(drives), verdicts, cuts, flows)


def _takes(analysis: Analysis) -> Iterator[np.ndarray]:
    """The frames of each scene, without copies."""
    frames = np.flatnonzero(~analysis.copies)
    starts = np.flatnonzero(analysis.survival[frames] < CUT)
    yield from (part for part in np.split(frames, starts) if len(part))


def choose_gap(analysis: Analysis, take: np.ndarray, seconds: float | None = None) -> Gap:
    """Choose the gap between pictures of a take: the smallest one that lets neighbours move by 5 pixels and more.

    Where the tracks do not last for so long, it is the largest one that three in five of them survive.

    Args:
        analysis: of the source.
        take: numbers of its frames, without copies.
        seconds: the gap that was asked for.
    """
    step = float(np.median(np.diff(analysis.times[take]))) if len(take) > 1 else 1.0
    figures = _figures_of_gaps(analysis, take)
    if seconds is not None:
        frames = max(1, round(seconds / step))
        flow, survival = figures.get(min(figures, key=lambda known: abs(known - frames)), (0.0, 0.0))
        if seconds < (1 - TIME_ERROR) * step:
            why = f"--gap asks for {seconds:g} s, but no frame between these was looked at"
            return Gap(step, 1, flow, survival, f"{why}; --most_fps looks at more, if the video has more")
        return Gap(seconds, frames, flow, survival, "as --gap asks for")
    lasting = [frames for frames, (_, survival) in figures.items() if survival >= LEAST_SURVIVAL] or [1]
    moving = [frames for frames in lasting if figures[frames][0] >= LEAST_FLOW]
    frames = min(moving) if moving else max(lasting)
    flow, survival = figures[frames]
    gap = Gap(frames * step, frames, flow, survival, "")
    return gap._replace(reason=_reason(gap, bool(moving)))


def _reason(gap: Gap, enough: bool) -> str:
    frames = gap.frames
    seen = (
        f"from one picture to the next, points move by {gap.flow:.1f} pixels (median, in a picture 640 wide), and "
        f"{gap.survival:.0%} of them are found again"
    )
    if gap.is_too_fast:
        return f"{seen}; the camera moves fast, and no frame between them was looked at"
    if gap.is_too_plain:
        return f"{seen}; the pictures are dark, blurred or plain, or what is near moves too fast to be found"
    if not enough and frames == max(STEPS):
        return f"{seen}; the camera moves slowly, and no larger gap is tried"
    if not enough:
        return f"{seen}; with a larger gap, too few points would be found again"
    return f"{seen}; with a smaller gap, they would move by less than {LEAST_FLOW:g} pixels" if frames > 1 else seen


def _figures_of_gaps(analysis: Analysis, take: np.ndarray) -> dict[int, tuple[float, float]]:
    """Median flow and survival of every gap that was looked at often enough while the camera moved."""
    beats: dict[int, list[Look]] = {}
    for look in analysis.looks:
        if take[0] <= look.frame <= take[-1]:
            beats.setdefault(look.frame, []).append(look)
    moving = [looks for looks in beats.values() if max(look.flow for look in looks) >= MOVES]
    if not moving:  # a take that is too short for a look, or stands
        flow = float(np.median(analysis.flow[take[1:]])) if len(take) > 1 else 0.0
        return {1: (flow, float(np.median(analysis.survival[take[1:]])) if len(take) > 1 else 0.0)}
    figures = {}
    for steps in STEPS:
        found = [look for looks in moving for look in looks if look.steps == steps]
        if 2 * len(found) >= len(moving):
            figures[steps] = _medians(found)
    return figures


def _medians(looks: Sequence[Look]) -> tuple[float, float]:
    flow, survival = np.median([(look.flow, look.survival) for look in looks], axis=0)
    return float(flow), float(survival)


def _chosen(times: np.ndarray, seconds: float) -> np.ndarray:
    """Positions of frames that follow one another by about a gap; times need not be evenly spaced."""
    chosen = [0]
    while True:
        wanted = times[chosen[-1]] + seconds
        after = int(np.searchsorted(times, wanted))
        if after >= len(times):
            # the last frame counts where it is nearly a gap away
            after = len(times) - 1
            if after <= chosen[-1] or wanted - times[after] > seconds / 8:
                return np.array(chosen)
        elif after - 1 > chosen[-1] and wanted - times[after - 1] < times[after] - wanted:
            after -= 1
        chosen.append(after)


def _flows(analysis: Analysis, take: np.ndarray, gap: Gap) -> np.ndarray:
    """Motion per gap at each frame of a take.

    It is what the looks at about that gap say, or less where the motion from frame to frame adds up to less: that
    finds a stop to the frame, but counts every tremble.
    """
    if len(take) == 1:
        return np.zeros(1)
    summed = np.gradient(np.cumsum(analysis.flow[take]), analysis.times[take]) * gap.seconds
    looks = [look for look in _nearest_looks(analysis, gap.frames) if take[0] <= look.frame <= take[-1]]
    if not looks:
        return summed
    middles = [analysis.times[look.frame] - look.seconds / 2 for look in looks]
    seen = np.interp(analysis.times[take], middles, [look.flow / look.seconds * gap.seconds for look in looks])
    return np.minimum(summed, seen)


def _nearest_looks(analysis: Analysis, steps: int) -> list[Look]:
    """Of each moment's looks the one over about so many frames."""
    nearest: dict[int, Look] = {}
    for look in analysis.looks:
        known = nearest.get(look.frame)
        if known is None or abs(look.steps - steps) < abs(known.steps - steps):
            nearest[look.frame] = look
    return list(nearest.values())


def _links(analysis: Analysis, frames: np.ndarray, gap: Gap, flows: np.ndarray) -> list[str]:
    """A verdict on each pair of neighbours."""
    turns = _Turns(analysis)
    links = []
    for first, second in pairwise(frames):
        start, end = analysis.times[first], analysis.times[second]
        between = np.arange(first, second + 1)
        between = between[~analysis.copies[between]]
        if end - start > LATE * gap.seconds:
            links.append(STILL if analysis.copies[first:second].any() else LATE_FRAME)
        elif flows[between].mean() < STANDING:
            links.append(STILL)
        else:
            links.append(TURN if turns.at((start + end) / 2) else KEPT)
    return links


class _Turns:
    """When the camera turned on the spot, as the longest look of each moment says."""

    def __init__(self, analysis: Analysis) -> None:
        looks = [look for look in analysis.looks if look.turn is not None and look.flow >= TURN_FLOW]
        self.times = np.array([analysis.times[look.frame] - look.seconds / 2 for look in looks])
        self.turning = [look.turn is not None and look.turn >= TURNS for look in looks]

    def at(self, time: float) -> bool:
        """Whether the nearest look says so."""
        return bool(len(self.times)) and self.turning[int(np.argmin(np.abs(self.times - time)))]


def _drives(frames: np.ndarray, links: list[str], gap: Gap, verdicts: np.ndarray) -> Iterator[Drive]:
    """Yield the runs of good links that are long enough, and note the verdicts on all frames of a take."""
    begin = 0
    for position, link in enumerate([*links, None]):
        if link == KEPT:
            continue
        run = frames[begin : position + 1]
        if len(run) >= LEAST_PICTURES:
            verdicts[run] = KEPT
            yield Drive(tuple(map(int, run)), gap)
        else:
            _note(verdicts, run[0], run[-1] + 1, SHORT if len(run) > 1 or not links else link or links[-1])
        if link is not None:
            _note(verdicts, frames[position] + 1, frames[position + 1], link)
        begin = position + 1


def _note(verdicts: np.ndarray, start: int, end: int, verdict: str) -> None:
    """Note a verdict on the frames of a stretch that are no copies."""
    part = verdicts[start:end]
    part[part != COPY] = verdict


def blurred_frames(analysis: Analysis) -> np.ndarray:
    """Numbers of frames that are much less sharp than those around them."""
    sharpness = analysis.sharpness
    around = np.array([np.median(sharpness[max(0, n - NEARBY) : n + NEARBY + 1]) for n in range(len(sharpness))])
    return np.flatnonzero(sharpness < BLURRED * around)


def exposure_jumps(analysis: Analysis, cuts: Sequence[int]) -> np.ndarray:
    """Numbers of frames that are suddenly brighter or darker than the one before, cuts left out."""
    jumps = np.flatnonzero(np.abs(np.diff(analysis.exposure)) > JUMP) + 1
    return np.setdiff1d(jumps, cuts)
