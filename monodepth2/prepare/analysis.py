"""What moves from frame to frame of a source, and what never does.

Legend of shapes: h w pixels of small grey frames.
"""

import heapq
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from monodepth2.files.fit import Size
from monodepth2.motion.focal import FocalLength, focal_length
from monodepth2.motion.still import StillRegions, is_copy
from monodepth2.motion.tracks import Tracks, corners_of, small_size, track, turn_share
from monodepth2.prepare.frames import Frame

BEAT = 0.4  # seconds between two looks at several gaps
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)  # the gaps looked at, in frames
LONGEST_LOOK = 2.0  # seconds
FAR = 25.0  # flow, and
LOST = 0.5  # survival, beyond which longer gaps are not looked at
CUT = 0.25  # survival below which nothing of the frame before is left: another scene
MOST_PAIRS = 40  # of frames, from which a focal length is estimated
MOVED = 6.0  # pixels at 640, after which what has not moved may be part of the camera's own car


class Look(NamedTuple):
    """Two frames of one take, some frames apart.

    Attributes:
        frame: number of the second one.
        steps: how many frames apart, copies not counted.
        seconds: how far apart.
        flow: median motion in pixels of a picture 640 wide.
        survival: share of the corners found again.
        turn: share of the tracks that a turn on the spot explains, of a moment's longest gap; None of the others.
    """

    frame: int
    steps: int
    seconds: float
    flow: float
    survival: float
    turn: float | None


@dataclass(frozen=True)
class Analysis:
    """What was found of a source; arrays have a value for each frame.

    Attributes:
        size: (width, height) of the frames, upright.
        times: seconds.
        sharpness: variance of the Laplacian.
        exposure: mean grey level.
        copies: which frames are copies of the one before.
        flow: median motion since the last frame that is no copy, in pixels of a picture 640 wide.
        survival: share of that frame's corners found again; 1 for copies and the first frame.
        looks: at several gaps, in the order of their frames.
        still: where nothing ever moves, bool, (h, w) of the small frames.
        focal: the focal length that the motion shows; None where it shows none, or was not asked.
    """

    size: Size
    times: np.ndarray
    sharpness: np.ndarray
    exposure: np.ndarray
    copies: np.ndarray
    flow: np.ndarray
    survival: np.ndarray
    looks: tuple[Look, ...]
    still: np.ndarray
    focal: FocalLength | None = None


class _Seen(NamedTuple):
    frame: int
    time: float
    grey: np.ndarray
    corners: np.ndarray

    def tracks_to(self, other: "_Seen") -> Tracks:
        return track(self.grey, other.grey, self.corners)


class Analyser:
    """Looks at frame after frame; of earlier ones only those that it needs stay in memory.

    Args:
        size: (width, height) of the frames.
        fov: width of the view in degrees.
        seeks_focal: whether the camera is not known, so that its focal length is looked for.
    """

    def __init__(self, size: Size, fov: float, seeks_focal: bool = False) -> None:
        self.size, self.fov, self.seeks_focal = size, fov, seeks_focal
        self.small = small_size(size)
        self.rows: list[tuple[float, float, float, bool, float, float]] = []
        self.looks: list[Look] = []
        self.still = StillRegions(self.small[::-1])
        self.seen: deque[_Seen] = deque(maxlen=max(STEPS) + 1)  # of this take, without copies
        self.turns: list[tuple[float, int, Tracks]] = []  # a heap of those that shift the whole picture most
        self.at_beat: _Seen | None = None
        self.moved = 0.0  # since the last beat

    def add(self, frame: Frame) -> bool:
        """Take the next frame; return whether it is more than a copy of the one before."""
        grey = frame.grey(self.small)
        copied, flow, survival = bool(self.seen) and is_copy(self.seen[-1].grey, grey), 0.0, 1.0
        if not copied:
            now = _Seen(len(self.rows), frame.time, grey, corners_of(grey))
            if self.seen:
                tracks = self.seen[-1].tracks_to(now)
                flow, survival = tracks.flow, tracks.survival
            self._remember(now, flow, survival)
        sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
        self.rows.append((frame.time, sharpness, float(grey.mean()), copied, flow, survival))
        return not copied

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
        longest: Tracks | None = None
        for steps in STEPS:
            if steps >= len(self.seen) or now.time - self.seen[-1 - steps].time > LONGEST_LOOK:
                break
            before = self.seen[-1 - steps]
            longest = before.tracks_to(now)
            seconds = now.time - before.time
            self.looks.append(Look(now.frame, steps, seconds, longest.flow, longest.survival, None))
            if longest.survival < LOST or longest.flow > FAR:
                break
        if longest is not None:
            self.looks[-1] = self.looks[-1]._replace(turn=turn_share(longest, self.small[1], self.fov))
            self._note_turn(now.frame, longest)

    def _note_turn(self, frame: int, tracks: Tracks) -> None:
        if not self.seeks_focal or not len(tracks.start_n2):
            return
        shift = float(np.linalg.norm(np.median(tracks.end_n2 - tracks.start_n2, axis=0)))
        heapq.heappush(self.turns, (shift, frame, tracks))
        if len(self.turns) > MOST_PAIRS:
            heapq.heappop(self.turns)

    def result(self) -> Analysis:
        """What was found."""
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
            self.still.mask(),
            focal_length([tracks for _, _, tracks in self.turns], self.small[1]),
        )
