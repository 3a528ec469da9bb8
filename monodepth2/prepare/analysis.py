"""The first pass over a source: what moves from frame to frame, and what never does.

Legend of shapes: h w pixels of small grey frames.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from monodepth2.errors import UserError
from monodepth2.files.fit import Size
from monodepth2.motion.still import Bars, StillRegions
from monodepth2.motion.tracks import USUAL_FOV, small_size, track, turn_share
from monodepth2.prepare.sources import Frame

BEAT = 0.4  # seconds between two looks at several gaps
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)  # the gaps looked at, in frames
LONGEST_LOOK = 2.0  # seconds
LOST = 0.5  # survival below which longer gaps are not looked at
CUT = 0.25  # survival below which nothing of the frame before is left: another scene
MOVED = 6.0  # pixels at 640, after which what has not moved may be part of the camera's own car
BLOCKS = (20, 12)  # in which copies of a frame are looked for
COPY = 2.0  # grey levels; a block that differs by more was not copied


class Look(NamedTuple):
    """Two frames of one take, some frames apart.

    Attributes:
        frame: number of the second one.
        steps: how many frames apart, copies not counted.
        seconds: how far apart.
        flow: median motion in pixels of a picture 640 wide.
        survival: share of the corners found again.
        turn: share of the tracks that a turn on the spot explains.
    """

    frame: int
    steps: int
    seconds: float
    flow: float
    survival: float
    turn: float


@dataclass(frozen=True)
class Analysis:
    """What the first pass has found; arrays have a value for each frame.

    Attributes:
        size: (width, height) of the frames, upright.
        times: seconds.
        sharpness: variance of the Laplacian.
        exposure: mean grey level.
        copies: which frames are copies of the one before.
        flow: median motion since the last frame that is no copy, in pixels of a picture 640 wide.
        survival: share of that frame's corners found again; 1 for copies and the first frame.
        looks: at several gaps, in the order of their frames.
        bars: black bars, in pixels of the small frames.
        still: where nothing ever moves, bool, (h, w) of the small frames.
    """

    size: Size
    times: np.ndarray
    sharpness: np.ndarray
    exposure: np.ndarray
    copies: np.ndarray
    flow: np.ndarray
    survival: np.ndarray
    looks: tuple[Look, ...]
    bars: Bars
    still: np.ndarray


class _Seen(NamedTuple):
    frame: int
    time: float
    grey: np.ndarray


def analyse(frames: Iterable[Frame], name: str, fov: float = USUAL_FOV) -> Analysis:
    """Look at every frame of a source once.

    Args:
        frames: in order.
        name: of the source, for messages.
        fov: width of the view in degrees.

    Raises:
        UserError: there are none.
    """
    analyser: _Analyser | None = None
    for frame in frames:
        analyser = analyser or _Analyser(frame.size, fov)
        analyser.add(frame)
    if analyser is None:
        raise UserError(f"{name}: holds no frame that can be read between --start and --end")
    return analyser.result()


class _Analyser:
    """Takes frame after frame; of earlier ones only those that looks need stay in memory."""

    def __init__(self, size: Size, fov: float) -> None:
        self.size, self.fov = size, fov
        self.small = small_size(size)
        self.rows: list[tuple[float, float, float, bool, float, float]] = []
        self.looks: list[Look] = []
        self.still = StillRegions(self.small[::-1])
        self.seen: deque[_Seen] = deque(maxlen=max(STEPS) + 1)  # of this take, without copies
        self.at_beat: _Seen | None = None
        self.moved = 0.0  # since the last beat

    def add(self, frame: Frame) -> None:
        grey = frame.pixels(self.small, "gray")
        now = _Seen(len(self.rows), frame.time, grey)
        copied, flow, survival = False, 0.0, 1.0
        if self.seen:
            copied = _is_copy(self.seen[-1].grey, grey)
        if self.seen and not copied:
            tracks = track(self.seen[-1].grey, grey)
            flow, survival = tracks.flow, tracks.survival
        sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
        self.rows.append((frame.time, sharpness, float(grey.mean()), copied, flow, survival))
        if not copied:
            self._remember(now, flow, survival)

    def _remember(self, now: _Seen, flow: float, survival: float) -> None:
        if survival < CUT:
            self.seen.clear()
            self.at_beat, self.moved = None, 0.0
        self.seen.append(now)
        self.moved += flow
        if self.at_beat is None:
            self.at_beat = now
        elif now.time - self.at_beat.time >= BEAT:
            self._look_back(now)
            if self.moved >= MOVED:
                self.still.add(self.at_beat.grey, now.grey)
            self.at_beat, self.moved = now, 0.0

    def _look_back(self, now: _Seen) -> None:
        for steps in STEPS:
            if steps >= len(self.seen) or now.time - self.seen[-1 - steps].time > LONGEST_LOOK:
                return
            before = self.seen[-1 - steps]
            tracks = track(before.grey, now.grey)
            turn = turn_share(tracks, self.small[1], self.fov)
            seconds = now.time - before.time
            self.looks.append(Look(now.frame, steps, seconds, tracks.flow, tracks.survival, turn))
            if tracks.survival < LOST:
                return

    def result(self) -> Analysis:
        times, sharpness, exposure, copies, flow, survival = map(np.array, zip(*self.rows, strict=True))
        return Analysis(
            self.size,
            times,
            sharpness,
            exposure,
            copies.astype(bool),
            flow,
            survival,
            tuple(self.looks),
            self.still.bars(),
            self.still.mask(),
        )


def _is_copy(before_hw: np.ndarray, grey_hw: np.ndarray) -> bool:
    """Whether a frame was made of the one before, but for what an encoder does to it."""
    difference = cv2.absdiff(before_hw, grey_hw).astype(np.float32)
    return float(cv2.resize(difference, BLOCKS, interpolation=cv2.INTER_AREA).max()) < COPY
