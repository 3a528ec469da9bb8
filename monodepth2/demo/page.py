"""What the demo leaves to look at: scores, loss, test frames, on one page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from monodepth2 import pages
from monodepth2.config import Options
from monodepth2.demo.showcase import Row
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.pages.colours import coloured
from monodepth2.report.curves import Curve

NEAREST_SHOWN = 4.0  # metres; the brightest colour of disparity
LARGEST_ERROR_SHOWN = 0.5
LOWER_IS_BETTER = 4  # of the seven metrics, the first four


@dataclass(frozen=True)
class Page:
    """All that the page shows.

    Attributes:
        metrics: the seven metrics per predictor, in the table's order.
        curves: loss per step, per kind.
        rows: the test frames.
        seconds: what each stage took.
        options: of the run.
        samples: training samples.
    """

    metrics: dict[str, DepthMetrics]
    curves: dict[str, Curve]
    rows: list[Row]
    seconds: dict[str, float]
    options: Options
    samples: int


def write_page(path: Path, page: Page) -> None:
    """Write the page."""
    values = np.array(list(page.metrics.values()))
    pages.write_page(
        path,
        "demo.html",
        options=page.options,
        kind=_kind(page.options),
        samples=page.samples,
        seconds=page.seconds,
        names=DepthMetrics._fields,
        metrics=page.metrics,
        best=[*values[:, :LOWER_IS_BETTER].min(0), *values[:, LOWER_IS_BETTER:].max(0)],
        loss=_loss_plot(page.curves),
        rows=[{"title": row.name, "pictures": _pictures(row)} for row in page.rows],
        nearest=f"{NEAREST_SHOWN:g}",
        largest_error=f"{100 * LARGEST_ERROR_SHOWN:g}",
    )


def _kind(options: Options) -> str:
    if not options.use_stereo:
        return "mono"
    return "mono and stereo" if options.temporal_ids else "stereo"


def _loss_plot(curves: dict[str, Curve]) -> Figure:
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes: Any = figure.subplots()
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), label={"train": "training", "val": "validation"}[name], marker=".")
    axes.set_xlabel("step")
    axes.set_ylabel("loss of one batch")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _pictures(row: Row) -> list[np.ndarray]:
    return [
        row.frame,
        coloured(NEAREST_SHOWN / row.depth),
        coloured(np.where(row.truth > 0, NEAREST_SHOWN / np.maximum(row.truth, 1e-6), 0)),
        coloured(row.error / LARGEST_ERROR_SHOWN, "viridis"),
        _resized_mask(row.automask, row.frame.shape[:2]),
    ]


def _resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Show a mask at the frame's size (h, w)."""
    picture = Image.fromarray((mask * 255).astype(np.uint8))
    return np.asarray(picture.resize(size[::-1], Image.Resampling.NEAREST))
