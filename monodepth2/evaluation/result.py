"""The figures of one checkpoint on one split."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from monodepth2.datasets.split_lines import SplitLine
from monodepth2.evaluation.bootstrap import mean_interval
from monodepth2.evaluation.metrics import DepthMetrics, ImageScore, Protocol, mean_metrics


@dataclass(frozen=True)
class Example:
    """A prediction kept for its picture.

    Attributes:
        position: of its line in the split.
        score: of the image.
        disp: scaled disparity, float32, (h, w).
    """

    position: int
    score: ImageScore
    disp: np.ndarray


@dataclass(frozen=True)
class EvaluationResult:
    """The figures of one checkpoint on one split.

    Attributes:
        name: of the checkpoint.
        protocol: how they were computed.
        lines: of the images scored.
        scores: one per line.
        skipped: lines without a pixel of ground truth to score.
        notes: what the reader should know of the figures.
        worst: the images with the largest abs_rel, that first.
    """

    name: str
    protocol: Protocol
    lines: tuple[SplitLine, ...]
    scores: tuple[ImageScore, ...]
    skipped: tuple[SplitLine, ...]
    notes: tuple[str, ...] = ()
    worst: tuple[Example, ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def figures(self) -> np.ndarray:
        """The seven metrics of every image, (n, 7)."""
        return np.array([score.metrics for score in self.scores])

    @property
    def mean(self) -> DepthMetrics:
        """The average over images."""
        return mean_metrics([score.metrics for score in self.scores])

    @cached_property
    def interval(self) -> tuple[DepthMetrics, DepthMetrics]:
        """Lower and upper end of the 95 % interval of every mean."""
        low, high = mean_interval(self.figures)
        return DepthMetrics(*map(float, low)), DepthMetrics(*map(float, high))

    def difference(self, other: "EvaluationResult") -> tuple[np.ndarray, np.ndarray]:
        """Return the mean difference to another checkpoint on the same images, (7,), and its 95 % interval, (2, 7).

        Both are paired: how hard an image is cancels out.
        """
        assert self.lines == other.lines
        differences = self.figures - other.figures
        return differences.mean(0), mean_interval(differences)

    @property
    def ratio_statistics(self) -> tuple[float, float] | None:
        """Median of the scaling ratios and their standard deviation as a share of it; None without median scaling."""
        ratios = np.array([score.ratio for score in self.scores if score.ratio is not None])
        if not ratios.size:
            return None
        median = float(np.median(ratios))
        return median, float(np.std(ratios / median))

    def as_dict(self) -> dict[str, Any]:
        """Mean, intervals and per-image figures, ready for JSON."""
        statistics, (low, high) = self.ratio_statistics, self.interval
        images = [
            {"line": str(line), **score.metrics._asdict(), "ratio": score.ratio}
            for line, score in zip(self.lines, self.scores, strict=True)
        ]
        return {
            "name": self.name,
            "protocol": vars(self.protocol),
            "mean": self.mean._asdict(),
            "interval_95": {"low": low._asdict(), "high": high._asdict()},
            "ratios": statistics and dict(zip(("median", "spread"), statistics, strict=True)),
            "notes": list(self.notes),
            "images": images,
            "skipped": [str(line) for line in self.skipped],
        }


def describe_protocol(protocol: Protocol) -> str:
    """Say in words how figures were computed."""
    region = "Garg's crop up to 80 m" if protocol.garg else "all ground truth"
    scaling = "median scaling" if protocol.median_scaling else "no median scaling"
    factor = "" if protocol.factor == 1 else f", depths times {protocol.factor:g}"
    return f"{region}, {scaling}{factor}"
