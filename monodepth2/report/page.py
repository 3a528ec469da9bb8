"""The page that says whether a run has learnt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from monodepth2 import pages
from monodepth2.checkpoints.learnt_cameras import sentences
from monodepth2.config import STEREO, Options
from monodepth2.datasets.camera_report import camera_remarks, describe_cameras, views_of
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.evenly import evenly
from monodepth2.files.output_paths import write_whole
from monodepth2.pages.colours import coloured, coloured_disparity, disparity_limits
from monodepth2.report import FIGURES, PAGE
from monodepth2.report import verdict as limits
from monodepth2.report.curves import Curve, read_curves
from monodepth2.report.evidence import CLEARLY, JUDGED, Evidence, Frame, TrainedRun, look_at
from monodepth2.report.path import CameraPath, camera_path
from monodepth2.report.verdict import Verdict, judge

LARGEST_ERROR_SHOWN = 0.4


def write_page(path: Path, run: TrainedRun, shown: int) -> Verdict:
    """Look at held-out frames and write the page about them; return the verdict.

    Beside the run's own page, and no other, the verdict is written for programs, too.
    What cannot be shown, for want of pictures or of a pose network, is said on the page in its place.

    Args:
        path: of the page.
        run: what it is about.
        shown: frames that are shown.

    Raises:
        UserError: the page cannot be written.
    """
    options, cameras = run.options, run.cameras
    run.model.eval()
    evidence, verdict = _evidence(run, max(JUDGED, shown))
    walked, no_path = _walked(run)
    curves = read_curves(options.run_folder)
    layout = layout_of(options)
    views = views_of(layout, run.lines)
    pages.write_page(
        path,
        "report.html",
        options=options,
        weights=run.weights,
        taught=run.taught,
        verdict=verdict,
        limits=limits,
        evidence=evidence,
        held_out=len(run.lines),
        clearly=f"{CLEARLY:g}",
        largest_error=f"{LARGEST_ERROR_SHOWN:g}",
        source=_in_words(options),
        rows=_rows(evidence, layout, shown) if evidence else [],
        by_row=_row_plot(evidence.rows) if evidence else None,
        losses=loss_plot(curves) if any(curves.values()) else None,
        walked=walked,
        no_path=no_path,
        above=_path_plot(walked) if walked else None,
        first_step=_name(layout, walked.lines[0]) if walked else "",
        cameras=describe_cameras(views),
        learnt=sentences(cameras, run.model.intrinsics) if cameras else [],
        camera_remarks=camera_remarks(views, (options.width, options.height), options.input_fit),
    )
    if path.resolve() == (options.run_folder / PAGE).resolve():
        # the card of a model that is shared quotes it
        write_whole(path.with_name(FIGURES), json.dumps({"weights": run.weights, **verdict._asdict()}, indent=2))
    return verdict


def _evidence(run: TrainedRun, count: int) -> tuple[Evidence | None, Verdict]:
    try:
        evidence = look_at(run, count)
    except UserError as error:
        return None, Verdict("unknown", f"Whether it has learnt cannot be said: {error}.", [])
    return evidence, judge(evidence.figures, run.options, run.taught)


def _walked(run: TrainedRun) -> tuple[CameraPath | None, str]:
    """The path, or why there is none."""
    if not run.options.temporal_ids:
        return None, "This run learns from stereo pairs alone and has no network of motion"
    if run.options.knows_motion:
        return None, "This run takes the motion from the drives' poses and has no network of motion"
    try:
        walked = camera_path(run)
    except UserError as error:
        return None, str(error)
    return walked, "" if walked else "The predicted motion is not finite, or no validation line has all its pictures"


def _in_words(options: Options) -> str:
    """Which source the pictures show warped: with `--frame_gap` that of the smallest gap."""
    first = options.at_smallest_gap.source_ids[0]
    if first == STEREO:
        return "the other camera's picture"
    count, side = abs(int(first)), "before" if int(first) < 0 else "after"
    return f"the frame {side} it" if count == 1 else f"the frame {count} frames {side} it"


def _rows(evidence: Evidence, layout: Layout, shown: int) -> list[dict[str, Any]]:
    frames = evenly(evidence.frames, shown)
    return [{"title": _name(layout, frame.line), "pictures": _pictures(frame)} for frame in frames]


def _name(layout: Layout, line: SplitLine) -> str:
    """The picture of a line, as it lies in the data set."""
    return str(layout.picture_path(line).relative_to(layout.root))


def _pictures(frame: Frame) -> list[np.ndarray]:
    """Frame, warped source, disparity, both errors, where the warp explains better; uint8, (h, w, 3) each."""
    nearest = disparity_limits(frame.disp)[1] if np.isfinite(frame.disp).any() else 1.0
    better = np.where(np.isnan(frame.warped_error), np.nan, frame.unwarped_error - frame.warped_error > CLEARLY)
    return [
        frame.target,
        frame.warped,
        coloured_disparity(frame.disp, limits=(0.0, nearest)),  # from 0: a constant one must not look like a scene
        coloured(frame.unwarped_error / LARGEST_ERROR_SHOWN, "viridis"),
        coloured(frame.warped_error / LARGEST_ERROR_SHOWN, "viridis"),
        coloured(better, "gray"),
    ]


def _row_plot(rows_h: np.ndarray) -> Figure:
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes: Any = figure.subplots()
    axes.plot(rows_h, np.arange(len(rows_h)))
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set(xlabel="disparity, by its mean: right is near", ylabel="row of the picture, the top is 0")
    axes.grid(alpha=0.3)
    return figure


def loss_plot(curves: Mapping[str, Curve], height: float = 3.6) -> Figure:
    """Draw the losses of a run by step, `height` inches high."""
    figure = Figure(figsize=(9, height), layout="constrained")
    axes: Any = figure.subplots()
    for mode, name in (("train", "training"), ("val", "validation")):
        if curve := curves[mode]:
            axes.plot(*zip(*curve, strict=True), label=name, marker=".")
    axes.set(xlabel="step", ylabel="loss of one batch")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _path_plot(walked: CameraPath) -> Figure:
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes: Any = figure.subplots()
    x, z = walked.poses[:, 0, 3], walked.poses[:, 2, 3]
    axes.plot(x, z, marker=".")
    axes.plot(x[0], z[0], "o", label="start")
    axes.set(xlabel="to the right of the first frame (network's unit)", ylabel="ahead of it (network's unit)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
