"""What the demo leaves to look at: scores, loss, test frames, on one page."""

from pathlib import Path

import numpy as np
from PIL import Image

from monodepth2 import pages
from monodepth2.config import Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.demo.showcase import Row
from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.evaluation.page import LARGEST_ERROR_SHOWN, NEAREST_SHOWN
from monodepth2.pages.colours import coloured
from monodepth2.report.curves import Curve
from monodepth2.report.page import loss_plot

POINT_STEP = 3  # pixels between two points of the cloud
FARTHEST_POINT = 40.0  # metres
LOWER_IS_BETTER = 4  # of the seven metrics, the first four


def write_page(
    path: Path,
    *,
    metrics: dict[str, DepthMetrics],
    curves: dict[str, Curve],
    rows: list[Row],
    seconds: dict[str, float],
    options: Options,
    samples: int,
    milliseconds: float,
    megabytes: float,
) -> None:
    """Write the page.

    Args:
        path: of the page.
        metrics: the seven metrics per predictor, in the table's order.
        curves: loss per step, per kind.
        rows: the test frames.
        seconds: what each stage took.
        options: of the run.
        samples: training samples.
        milliseconds: that onnxruntime needs for a picture.
        megabytes: of the ONNX file.

    Raises:
        UserError: it cannot be written.
    """
    values = np.array(list(metrics.values()))
    pages.write_page(
        path,
        "demo.html",
        options=options,
        kind=_kind(options),
        samples=samples,
        seconds=seconds,
        names=DepthMetrics._fields,
        metrics=metrics,
        best=[*values[:, :LOWER_IS_BETTER].min(0), *values[:, LOWER_IS_BETTER:].max(0)],
        loss=loss_plot(curves, height=3),
        rows=[{"title": row.name, "pictures": _pictures(row)} for row in rows],
        nearest=f"{NEAREST_SHOWN:g}",
        largest_error=f"{100 * LARGEST_ERROR_SHOWN:g}",
        scratch=options.load_weights_folder is None,
        milliseconds=milliseconds,
        megabytes=megabytes,
        points=_points(rows[len(rows) // 2]),
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
