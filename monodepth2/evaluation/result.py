"""The figures of one checkpoint on one split."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, counted
from monodepth2.evaluation.bootstrap import mean_interval
from monodepth2.evaluation.metrics import DepthMetrics, ImageScore, Protocol, mean_metrics
from monodepth2.evaluation.regions import PixelCounts
from monodepth2.method.ground_plane import GroundScale

CROPS = {"garg": "Garg's crop", "eigen": "Eigen's crop", "none": "no crop", "mask": "the data set's mask"}
MOST_LISTED = 10  # lines
ALIGNMENTS = {
    "none": "no median scaling",
    "median": "median scaling",
    "ground": "one scale, by the camera's height above the ground",
    "scale_shift": "scale and shift of disparity fitted to each image",
}


@dataclass(frozen=True)
class Example:
    """A prediction and its score; the worst are kept for their pictures.

    Attributes:
        position: of its line in the split.
        line: that line.
        score: of the image.
        disp: scaled disparity, float32, (h', w').
        gt: ground truth in metres, 0 where unknown, (h, w).
        mask: where the picture is usable and the network has seen it, bool, (h, w); None: everywhere.
    """

    position: int
    line: SplitLine
    score: ImageScore
    disp: np.ndarray
    gt: np.ndarray
    mask: np.ndarray | None


@dataclass(frozen=True)
class EvaluationResult:
    """The figures of one checkpoint on one split.

    Attributes:
        name: of the checkpoint.
        protocol: how they were computed.
        truth: where the ground truth comes from, in words.
        lines: of the images scored.
        scores: one per line.
        skipped: lines without a pixel of ground truth to score.
        missing: lines whose file with ground truth is missing.
        skipped_pixels: what the skipped lines have instead.
        notes: what the reader should know of the figures.
        worst: the images with the largest abs_rel, that first.
        ground: the scale by the camera's height, and how far it spreads; None where that is not known.
    """

    name: str
    protocol: Protocol
    truth: str
    lines: tuple[SplitLine, ...]
    scores: tuple[ImageScore, ...]
    skipped: tuple[SplitLine, ...] = ()
    missing: tuple[SplitLine, ...] = ()
    skipped_pixels: PixelCounts = PixelCounts()
    notes: tuple[str, ...] = ()
    worst: tuple[Example, ...] = field(default=(), compare=False, repr=False)
    ground: GroundScale | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the figures, the seven metrics first."""
        return self.protocol.figure_names

    @cached_property
    def figures(self) -> np.ndarray:
        """The figures of every image, (n, k)."""
        return np.array([score.figures for score in self.scores])

    @property
    def mean(self) -> DepthMetrics:
        """The averages of the seven metrics over images."""
        return mean_metrics([score.metrics for score in self.scores])

    @property
    def means(self) -> np.ndarray:
        """The average of every figure over images, (k,)."""
        return self.figures.mean(axis=0)

    @cached_property
    def intervals(self) -> np.ndarray | None:
        """Lower and upper ends of the 95 % interval of every mean, (2, k); None of a single image."""
        return mean_interval(self.figures) if len(self.scores) > 1 else None

    def difference(self, other: "EvaluationResult") -> tuple[np.ndarray, np.ndarray | None]:
        """Return the mean difference to another checkpoint on the same images, (k,), and its 95 % interval, (2, k).

        Both are paired: how hard an image is cancels out. A single image has no interval.
        """
        assert self.lines == other.lines
        differences = self.figures - other.figures
        return differences.mean(0), mean_interval(differences) if len(differences) > 1 else None

    @property
    def ratio_statistics(self) -> tuple[float, float] | None:
        """Median of the scaling ratios and their standard deviation as a share of it; None without median scaling."""
        ratios = np.array([score.ratio for score in self.scores if score.ratio is not None])
        if not ratios.size:
            return None
        median = float(np.median(ratios))
        return median, float(np.std(ratios / median))

    @cached_property
    def pixels(self) -> PixelCounts:
        """Pixels of known depth, over all images."""
        return PixelCounts(*np.sum([self.skipped_pixels, *(score.pixels for score in self.scores)], axis=0).tolist())

    def as_dict(self) -> dict[str, Any]:
        """Protocol, counts, mean, intervals and per-image figures, ready for JSON."""
        statistics = self.ratio_statistics
        ends = None if self.intervals is None else dict(zip(("low", "high"), self.intervals, strict=True))
        return {
            "name": self.name,
            "protocol": protocol_values(self.protocol),
            "ground_truth": self.truth,
            "pixels": self.pixels._asdict(),
            "mean": self._named(self.means),
            "interval_95": ends and {end: self._named(values) for end, values in ends.items()},
            "ratios": statistics and dict(zip(("median", "spread"), statistics, strict=True)),
            "ground": self.ground and self.ground.values,
            "notes": list(self.notes),
            "images": [
                {
                    "line": str(line),
                    **dict(zip(self.names, score.figures, strict=True)),
                    "ratio": score.ratio,
                    "scale_shift": score.alignment.scale_shift,
                    "pixels": score.pixels._asdict(),
                }
                for line, score in zip(self.lines, self.scores, strict=True)
            ],
            "skipped": [str(line) for line in self.skipped],
            "missing_ground_truth": [str(line) for line in self.missing],
        }

    def _named(self, values: np.ndarray) -> dict[str, float]:
        return dict(zip(self.names, values.tolist(), strict=True))


def of_common_lines(results: Sequence[EvaluationResult]) -> list[EvaluationResult]:
    """Return the results on the images that all of them have scored, so that they can be compared.

    Raises:
        UserError: there is no such image.
    """
    if not results:
        return []
    common = set.intersection(*(set(result.lines) for result in results))
    if not common:
        raise UserError("no image was scored of every checkpoint: score each of them alone, without --compare")
    compared = [_of_lines(result, common) for result in results]
    scored = [result.pixels.scored for result in compared]
    if len(set(scored)) == 1:
        return compared
    told = "scored on {:,} pixels, and not on the same ones as the others: its field of view or its maps differ"
    return [replace(one, notes=(*one.notes, told.format(n))) for one, n in zip(compared, scored, strict=True)]


def _of_lines(result: EvaluationResult, lines: set[SplitLine]) -> EvaluationResult:
    kept = [n for n, line in enumerate(result.lines) if line in lines]
    left_out = len(result.lines) - len(kept)
    if not left_out:
        return result
    return replace(
        result,
        lines=tuple(result.lines[n] for n in kept),
        scores=tuple(result.scores[n] for n in kept),
        worst=tuple(example for example in result.worst if example.line in lines),
        notes=(*result.notes, f"{counted(left_out, 'image')} left out, as another checkpoint has no figures of it"),
    )


def protocol_values(protocol: Protocol) -> dict[str, Any]:
    """Return a protocol ready for JSON."""
    return {
        "crop": protocol.region.crop,
        "cap": protocol.region.cap,
        "clamped_to": protocol.region.limits,
        "factor": protocol.factor,
        "align": protocol.align,
        "metrics": protocol.metrics,
    }


def describe_protocol(protocol: Protocol) -> str:
    """Say in words how figures were computed."""
    cap = protocol.region.cap
    truth = f"ground truth between {cap[0]:g} and {cap[1]:g} m" if cap else "all ground truth"
    clamp = "" if cap else ", predictions clamped to {:g} to {:g} m".format(*protocol.region.limits)
    factor = "" if protocol.factor == 1 else f", depths times {protocol.factor:g}"
    return f"{CROPS[protocol.region.crop]}, {truth}{clamp}, {ALIGNMENTS[protocol.align]}{factor}"


def describe_common(results: Sequence[EvaluationResult]) -> str:
    """Say in words how the figures of several checkpoints were computed, whose factors may differ."""
    first, *others = (result.protocol for result in results)
    if all(other.factor == first.factor for other in others):
        return describe_protocol(first)
    factors = ", ".join(f"{result.name} {result.protocol.factor:g}" for result in results)
    return f"{describe_protocol(replace(first, factor=1.0))}, depths times: {factors}"


def describe_left_out(result: EvaluationResult) -> list[str]:
    """Say in words what was not scored, and why; a sentence each."""
    cap, pixels = result.protocol.region.cap, result.pixels
    beyond = "beyond the cap (at most {:g} m or at least {:g} m)".format(*cap) if cap else ""
    reasons = (
        (pixels.masked, "masked or not seen by the network"),
        (pixels.outside_crop, "outside the crop"),
        (pixels.beyond_cap, beyond),
    )
    parts = [f"{count:,} {reason}" for count, reason in reasons if count]
    text = [f"pixels of ground truth left out: {', '.join(parts)}"] if parts else []
    if result.skipped:
        text.append(
            f"{counted(len(result.skipped), 'image')} skipped, no ground truth to score, e.g. {result.skipped[0]}"
        )
    if result.missing:
        text.append(f"{counted(len(result.missing), 'image')} left out, the file with ground truth is missing: "
                    f"{listed(result.missing)}")  # fmt: skip
    return text


def listed(lines: tuple[SplitLine, ...]) -> str:
    """Name lines of a split, the first ones where there are many."""
    more = len(lines) - MOST_LISTED
    return "; ".join(map(str, lines[:MOST_LISTED])) + (f"; and {more:,} more" if more > 0 else "")
