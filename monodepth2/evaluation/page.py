"""The report of an evaluation as a page: figures with intervals, every image, the worst as pictures."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from monodepth2 import pages
from monodepth2.config import Options
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.evaluation.extra_metrics import LOWER_IS_BETTER
from monodepth2.evaluation.pictures import read_split_picture
from monodepth2.evaluation.protocol import scored_split, split_layout
from monodepth2.evaluation.regions import Region, evaluation_mask
from monodepth2.evaluation.result import EvaluationResult, Example, describe_common, describe_left_out
from monodepth2.files.pictures import PictureError
from monodepth2.method.depth_maps import resize_bilinear
from monodepth2.pages.colours import coloured

NEAREST_SHOWN = 4.0  # metres; the brightest colour of disparity
LARGEST_ERROR_SHOWN = 0.5
POINT_SIZE = 5  # pixels; single points of a scan would not be seen


def write_page(path: Path, results: Sequence[EvaluationResult], options: Options) -> None:
    """Write the report of one or several checkpoints on one split."""
    first, *others = results
    pages.write_page(
        path,
        "evaluation.html",
        split=Path(scored_split(options)).name,
        results=results,
        names=first.names,
        lower=[name for name in first.names if name in LOWER_IS_BETTER],
        protocol=describe_common(results),
        left_out=describe_left_out(first),
        ratios=first.protocol.align == "median",
        differences={result.name: _difference(result, first) for result in others},
        plot=_plot(results),
        drives=_drives(results),
        galleries=_galleries(results, options),
        nearest=f"{NEAREST_SHOWN:g}",
        largest_error=f"{100 * LARGEST_ERROR_SHOWN:g}",
    )


def _difference(result: EvaluationResult, first: EvaluationResult) -> list[tuple[float, ...]]:
    """Mean difference of each figure and, of several images, both ends of its interval."""
    mean, ends = result.difference(first)
    return list(zip(*np.vstack([mean[None], *([] if ends is None else [ends])]).tolist(), strict=True))


def _plot(results: Sequence[EvaluationResult]) -> Figure:
    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.subplots()
    for result in results:
        axes.plot(result.figures[:, 0], ".", markersize=4, label=result.name)
    axes.set_xlabel("image, in the order of the split")
    axes.set_ylabel("abs_rel")
    axes.set_ylim(0, max(1e-3, 1.05 * max(float(result.figures[:, 0].max()) for result in results)))
    axes.grid(alpha=0.3)
    if len(results) > 1:
        axes.legend()
    return figure


def _drives(results: Sequence[EvaluationResult]) -> list[dict[str, Any]]:
    """Mean abs_rel per drive and checkpoint."""
    positions: dict[str, list[int]] = defaultdict(list)
    for position, line in enumerate(results[0].lines):
        positions[line.folder].append(position)
    return [
        {"name": name, "images": len(own), "abs_rel": [float(result.figures[own, 0].mean()) for result in results]}
        for name, own in positions.items()
    ]


def _galleries(results: Sequence[EvaluationResult], options: Options) -> list[dict[str, Any]]:
    layout = split_layout(options)
    galleries = []
    for result in results:
        rows = []
        for example in result.worst:
            metrics = example.score.metrics
            title = f"{example.line}: abs_rel {metrics.abs_rel:.3f}, rmse {metrics.rmse:.2f}, a1 {metrics.a1:.3f}"
            rows.append({"title": title, "pictures": _pictures(layout, example, result.protocol.region)})
        galleries.append({"name": result.name, "rows": rows})
    return galleries


def _pictures(layout: Layout, example: Example, region: Region) -> list[np.ndarray]:
    """Frame, predicted disparity, true disparity and error, uint8, (h, w, 3) each."""
    gt = example.gt
    depth = example.score.alignment.depth(resize_bilinear(example.disp, *gt.shape))
    known = gt > 0
    scored = evaluation_mask(gt, region, example.mask)
    error = np.where(scored, np.abs(depth - gt) / np.where(known, gt, 1), np.nan)
    return [
        _frame(layout, example.line, gt.shape),
        coloured(NEAREST_SHOWN / depth),
        coloured(_points(np.where(known, NEAREST_SHOWN / np.where(known, gt, 1), np.nan))),
        coloured(_points(error / LARGEST_ERROR_SHOWN), "viridis"),
    ]


def _frame(layout: Layout, line: SplitLine, shape: tuple[int, ...]) -> np.ndarray:
    """The picture; grey where only an array of disparities is at hand."""
    try:
        return np.asarray(read_split_picture(layout, line))
    except PictureError:
        return np.full((*shape, 3), 228, dtype=np.uint8)


def _points(values_hw: np.ndarray) -> np.ndarray:
    """Enlarge the known pixels of a sparse map, the larger value winning; the rest is not a number."""
    filled = torch.from_numpy(np.where(np.isnan(values_hw), -np.inf, values_hw))[None, None]
    grown = F.max_pool2d(filled, POINT_SIZE, stride=1, padding=POINT_SIZE // 2)[0, 0].numpy()
    return np.where(np.isinf(grown), np.nan, grown)
