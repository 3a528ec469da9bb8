"""A picture of a trajectory: seen from above, and its error by length of the path."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monodepth2.files.output_paths import whole_file
from monodepth2.files.picture_opening import MARK
from monodepth2.odometry.metrics import LENGTHS, SNIPPET, OdometryFigures
from monodepth2.odometry.result import OdometryResult

TRUE_COLOUR, PREDICTED_COLOUR = "#222222", "#d95f02"
ROTATION_COLOUR = "#1b6ca8"


def draw_trajectory(path: Path, result: OdometryResult) -> None:
    """Write a PNG: the predicted path (aligned) and the true one, where it is known; errors where there are any."""
    with_errors = result.figures is not None and len(result.figures.segments) > 0
    figure = Figure(figsize=(12 if with_errors else 7, 6.5), layout="constrained")
    axes = figure.subplots(1, 2 if with_errors else 1, squeeze=False)[0]
    _draw_top_view(axes[0], result)
    if result.figures:
        figure.suptitle(_title(result, result.figures))
        if with_errors:
            _draw_errors(axes[1], result.figures)
    else:
        figure.suptitle(f"{result.title}, predicted")
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=110, metadata={"Comment": MARK})


def _title(result: OdometryResult, figures: OdometryFigures) -> str:
    kind = "SE(3)" if figures.metric else "Sim(3)"
    snippets = figures.snippets
    text = (
        f"{result.title}: {SNIPPET}-frame ATE {snippets.mean():.3f} ± {snippets.std():.3f} m, "
        f"ATE {figures.ate:.2f} m after {kind}"
    )
    if means := figures.segments.means():
        text += "\nt_err {:.2f} %, r_err {:.2f}° per 100 m".format(*means)
    return text


def _draw_top_view(axes: Axes, result: OdometryResult) -> None:
    positions = result.predicted[:, :3, 3]
    if result.truth is not None and result.figures:
        positions = result.figures.alignment(positions)
        true = result.truth[:, :3, 3]
        axes.plot(true[:, 0], true[:, 2], color=TRUE_COLOUR, label="true")
        axes.plot(*true[0, [0, 2]], "o", color=TRUE_COLOUR, label="start")
    label = "predicted, aligned" if result.figures else "predicted"
    axes.plot(positions[:, 0], positions[:, 2], color=PREDICTED_COLOUR, label=label)
    axes.plot(*positions[0, [0, 2]], "o", color=PREDICTED_COLOUR, label=None if result.figures else "start")
    unit = "m" if result.metric or result.figures else result.unit
    axes.set(xlabel=f"x, to the right of the first frame ({unit})", ylabel=f"z, ahead of it ({unit})")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_errors(axes: Axes, figures: OdometryFigures) -> None:
    means = {length: found for length in LENGTHS if (found := figures.segments.means(length))}
    t_errs, r_errs = zip(*means.values(), strict=True)
    axes.plot([*means], t_errs, "o-", color=PREDICTED_COLOUR)
    axes.set(xlabel="length of the segment (m)", xticks=LENGTHS, xlim=(50, 850), ylim=(0, 1.1 * max(t_errs) or 1))
    axes.set_ylabel("t_err (%)", color=PREDICTED_COLOUR)
    axes.grid(alpha=0.3)
    right = axes.twinx()
    right.plot([*means], r_errs, "s--", color=ROTATION_COLOUR)
    right.set_ylim(0, 1.4 * max(r_errs) or 1)  # another share than on the left, so that no curve hides the other
    right.set_ylabel("r_err (° per 100 m)", color=ROTATION_COLOUR)
