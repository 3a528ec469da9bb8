"""Regions of the picture that never move while the rest does: bars, logos, the bonnet, mirrors.

Legend of shapes: h w pixels of small grey frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

LEAST_PAIRS = 12  # of frames between which the camera moved, before anything is said
MOST_DIFFERENCE = 40.0  # grey levels; a passing car shall not count for more
STEADY = 3.0  # grey levels between frames, below which a pixel may be still
STEADY_SHARE = 0.3  # of the picture's upper quartile of differences, likewise
EDGE = 8.0  # grey levels per pixel of a mean gradient that is an edge
UNCHANGED = 1.2  # how much the gradient of an edge that stays where it is may vary, as a share of its mean
MARK, MARK_UNCHANGED = 16.0, 0.3  # the same of letters, which may lie on a plain sky
OUTLINED = 0.75  # share of a region's outline, the picture's borders left out, that must be such edges
LEAST_AREA, MOST_AREA = 0.0008, 0.3  # shares of the picture; what is larger is the sky, above a straight horizon
MARGIN = 0.25  # of the height; what floats deeper in the picture is the distance, which is still ahead of a car
BLACK = 24.0  # grey levels
BLOCKS = (20, 12)  # in which copies of a frame are looked for
COPY = 2.0  # grey levels; a block that differs by more was not copied
PLAIN = 8.0  # grey levels within a bar and over time; a dark sky has more


@dataclass(frozen=True)
class Bars:
    """Black bars, in pixels from each border."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return bool(self.left or self.top or self.right or self.bottom)


class StillRegions:
    """Sums over pairs of frames between which the camera moved.

    Args:
        shape: (h, w) of the frames.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.pairs = 0
        self._difference, self._squares = (np.zeros(shape, np.float32) for _ in range(2))
        self._gradient = np.zeros((2, *shape), np.float32)

    def add(self, first_hw: np.ndarray, second_hw: np.ndarray) -> None:
        """Take two frames, uint8, between which nearly all of the picture moves."""
        self.pairs += 1
        self._difference += np.minimum(cv2.absdiff(first_hw, second_hw), MOST_DIFFERENCE)
        smooth = cv2.GaussianBlur(second_hw, (3, 3), 0)
        across, down = (cv2.Scharr(smooth, cv2.CV_32F, *way, scale=1 / 16) for way in ((1, 0), (0, 1)))
        self._gradient += np.stack([across, down])
        self._squares += across**2 + down**2

    def mask(self) -> np.ndarray:
        """Where the picture never moves, bool, (h, w); nowhere where too little was seen.

        A plain sky hardly changes either. What is still has an outline that stays where it is, too. Letters are told
        by their strokes.
        """
        if self.pairs < LEAST_PAIRS:
            return np.zeros(self._difference.shape, bool)
        difference = cv2.GaussianBlur(self._difference, (3, 3), 0) / self.pairs
        steady = difference < max(STEADY, STEADY_SHARE * float(np.quantile(difference, 0.75)))
        edges = self._edges(EDGE, UNCHANGED)
        parts = _regions(steady & ~edges)  # a bonnet is parted from a plain road by its edge
        regions = [part for part in parts if _is_at_the_border(part) and _is_outlined(part, _grown(edges))]
        marks = [mark for mark in _regions(_closed(self._edges(MARK, MARK_UNCHANGED))) if _is_in_the_margin(mark)]
        still = np.any([*regions, *marks, np.zeros_like(steady)], axis=0)
        return _closed(still | (_grown(_grown(still)) & steady & edges))

    def _edges(self, least: float, unchanged: float) -> np.ndarray:
        """Edges that stay where they are, bool, (h, w)."""
        mean = np.hypot(*self._gradient) / self.pairs
        deviation = np.sqrt(np.maximum(self._squares / self.pairs - mean**2, 0))
        return (mean > least) & (deviation < unchanged * mean)


def _regions(flags_hw: np.ndarray) -> Iterator[np.ndarray]:
    """The connected parts of a mask that are large enough to count."""
    count, labels = cv2.connectedComponents(flags_hw.astype(np.uint8), connectivity=4)
    areas = np.bincount(labels.ravel(), minlength=count)
    return (
        labels == label
        for label in range(1, count)
        if LEAST_AREA * labels.size <= areas[label] <= MOST_AREA * labels.size
    )


def _is_in_the_margin(region_hw: np.ndarray) -> bool:
    rows, columns = (np.flatnonzero(region_hw.any(axis=axis)) for axis in (1, 0))
    height, width = region_hw.shape
    most = MARGIN * height
    return bool(rows[-1] < most or rows[0] >= height - most or columns[-1] < most or columns[0] >= width - most)


def _is_at_the_border(region_hw: np.ndarray) -> bool:
    touches = any(side.any() for side in (region_hw[0], region_hw[-1], region_hw[:, 0], region_hw[:, -1]))
    return touches or _is_in_the_margin(region_hw)


def _is_outlined(region_hw: np.ndarray, edges_hw: np.ndarray) -> bool:
    """Whether the outline of a region is for the most part an edge that stays where it is."""
    outline = _grown(region_hw) & ~region_hw
    return bool(outline.any()) and bool(edges_hw[outline].mean() > OUTLINED)


def _grown(region_hw: np.ndarray) -> np.ndarray:
    """A region and a pixel around it."""
    return cv2.dilate(region_hw.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def black_bars(frames: Sequence[np.ndarray]) -> Bars:
    """Return the black bars at the borders, in pixels: rows and columns that are plain and black in every frame.

    Args:
        frames: grey, uint8, (h, w), from all over a video.
    """
    levels = np.stack(frames).astype(np.float32)
    low, high = levels.min(axis=0), levels.max(axis=0)
    dark = (high < BLACK) & (high - low < PLAIN)
    rows, columns = (
        (dark.mean(axis=axis) > 0.98) & (np.ptp(np.quantile(high, (0.05, 0.95), axis=axis), axis=0) < PLAIN)
        for axis in (1, 0)
    )
    if rows.all() or columns.all():
        return Bars()
    return Bars(_leading(columns), _leading(rows), _leading(columns[::-1]), _leading(rows[::-1]))


def _leading(flags: np.ndarray) -> int:
    """How many of the first flags are set, one after the other."""
    return int(np.argmin(flags)) if not flags.all() else len(flags)


def _closed(still_hw: np.ndarray) -> np.ndarray:
    """A mask with small holes and gaps closed."""
    closed = cv2.morphologyEx(still_hw.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return closed.astype(bool)


def is_copy(before_hw: np.ndarray, grey_hw: np.ndarray) -> bool:
    """Whether a frame was made of the one before, but for what an encoder does to it."""
    difference = cv2.absdiff(before_hw, grey_hw).astype(np.float32)
    return float(cv2.resize(difference, BLOCKS, interpolation=cv2.INTER_AREA).max()) < COPY
