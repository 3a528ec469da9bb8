"""One self-contained HTML page: pictures and plots are embedded, nothing is fetched."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from monodepth2.config import Options
from monodepth2.demo.showcase import Curve, Row
from monodepth2.metrics import DepthMetrics
from monodepth2.visualise import coloured, embedded_picture, embedded_plot

NEAREST_SHOWN = 4.0  # metres; the brightest colour of disparity
LARGEST_ERROR_SHOWN = 0.5
LOWER_IS_BETTER = 4  # of the seven metrics, the first four

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem; color: #1c2430 }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
table { border-collapse: collapse } th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #d8dee6 }
th:first-child, td:first-child { text-align: left } td.best { font-weight: 700; background: #e6f4ea }
.frames { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 4px; align-items: start }
.frames img { width: 100%; display: block } .frames b { font-size: .9rem }
.frames span { grid-column: 1 / -1; font-size: .8rem; color: #5b6675; margin-top: .4rem }
.note { color: #5b6675 } code { background: #f1f4f8; padding: .1rem .3rem }
@media (max-width: 900px) { .frames { grid-template-columns: repeat(2, minmax(0, 1fr)) } }
"""


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
    options = page.options
    took = ", ".join(f"{name} {value:.0f} s" for name, value in page.seconds.items())
    kind = (
        "mono and stereo" if options.use_stereo and options.temporal_ids else "stereo" if options.use_stereo else "mono"
    )
    body = f"""<h1>Depth learned from video alone</h1>
<p>A ResNet-{options.num_layers} trained from scratch ({kind}, {options.width} x {options.height}) on {page.samples:,}
samples of a rendered street drive for {options.num_epochs} epochs, without seeing a single depth; scored on a street
it has never seen, against the laser scans of that street, in KITTI's protocol (Garg's crop, 80 m, median scaling).
<span class="note">Took: {took}.</span></p>
<h2>Scores</h2>{_table(page.metrics)}
<p class="note">abs_rel to rmse_log are errors, a1 to a3 shares of pixels within a factor of 1.25, 1.25² and 1.25³.
The second row looks at no picture: it answers every frame with the mean true depth of the training set per pixel.</p>
<h2>Loss</h2>{_loss_plot(page.curves)}
<h2>Test frames</h2>
<p class="note">Disparity: bright is near ({NEAREST_SHOWN:.0f} m and less), black is far. Error: |predicted - true| /
true, from dark (none) to bright ({LARGEST_ERROR_SHOWN:.0%} and more); the sky has no truth. Auto-mask: white where a
warped neighbour explains the frame better than the unwarped one; black pixels (cars at our own speed, plain surfaces,
a standing scene) do not train.</p>
<div class="frames"><b>frame</b><b>predicted disparity</b><b>true disparity</b><b>error</b><b>auto-mask</b>
{"".join(map(_row, page.rows))}</div>"""
    title = "monodepth2 demo"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    path.write_text(f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>")


def _table(metrics: dict[str, DepthMetrics]) -> str:
    values = np.array(list(metrics.values()))
    best = np.concatenate([values[:, :LOWER_IS_BETTER].argmin(0), values[:, LOWER_IS_BETTER:].argmax(0)])
    head = "".join(f"<th>{name}</th>" for name in DepthMetrics._fields)
    rows = [
        f"<tr><td>{escape(name)}</td>"
        + "".join(f'<td class="{"best" if best[n] == row else ""}">{value:.3f}</td>' for n, value in enumerate(figures))
        + "</tr>"
        for row, (name, figures) in enumerate(metrics.items())
    ]
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _loss_plot(curves: dict[str, Curve]) -> str:
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), label={"train": "training", "val": "validation"}[name], marker=".")
    axes.set_xlabel("step")
    axes.set_ylabel("loss of one batch")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return embedded_plot(figure)


def _row(row: Row) -> str:
    pictures = [
        row.frame,
        coloured(NEAREST_SHOWN / row.depth, "magma"),
        coloured(np.where(row.truth > 0, NEAREST_SHOWN / np.maximum(row.truth, 1e-6), 0), "magma"),
        coloured(row.error / LARGEST_ERROR_SHOWN, "viridis"),
        _resized_mask(row.automask, row.frame.shape[:2]),
    ]
    return f"<span>{escape(row.name)}</span>" + "".join(map(embedded_picture, pictures))


def _resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Show a mask at the frame's size (h, w)."""
    picture = Image.fromarray((mask * 255).astype(np.uint8))
    return np.asarray(picture.resize(size[::-1], Image.Resampling.NEAREST))
