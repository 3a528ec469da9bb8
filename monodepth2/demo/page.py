"""What the demo leaves to look at: scores, loss, test frames, on one page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from monodepth2 import pages
from monodepth2.config import Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.demo.showcase import Row
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.pages.colours import coloured
from monodepth2.report.curves import Curve

NEAREST_SHOWN = 4.0  # metres; the brightest colour of disparity
LARGEST_ERROR_SHOWN = 0.5
POINT_STEP = 3  # pixels between two points of the cloud
FARTHEST_POINT = 40.0  # metres
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
        milliseconds: that onnxruntime needs for a picture.
        megabytes: of the ONNX file.
    """

    metrics: dict[str, DepthMetrics]
    curves: dict[str, Curve]
    rows: list[Row]
    seconds: dict[str, float]
    options: Options
    samples: int
    milliseconds: float
    megabytes: float


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
        scratch=page.options.load_weights_folder is None,
        milliseconds=page.milliseconds,
        megabytes=page.megabytes,
        points=_points(page.rows[len(page.rows) // 2]),
    )


def _points(row: Row) -> list[list[int]]:
    """A frame's points for the page's script: x, y, z in centimetres (right, down, forward), then red, green, blue."""
    h, w = row.depth.shape
    v, u = np.mgrid[0:h:POINT_STEP, 0:w:POINT_STEP].reshape(2, -1)
    z = row.depth[v, u]
    K = KITTI_INTRINSICS.matrix(w, h)
    x, y = (u - K[0, 2]) / K[0, 0] * z, (v - K[1, 2]) / K[1, 1] * z
    shown = z < FARTHEST_POINT
    points = np.stack([100 * x, 100 * y, 100 * z, *row.frame[v, u].T], 1)[shown]
    return points.round().astype(int).tolist()


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
