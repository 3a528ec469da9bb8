"""`report.html`: what was kept of a video, and why not the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from monodepth2 import pages
from monodepth2.datasets.trajectories import chained
from monodepth2.files.evenly import evenly
from monodepth2.files.pictures import read_picture
from monodepth2.motion.limits import LEAST_FLOW, MOST_FLOW
from monodepth2.prepare.part import Part, WrittenDrive
from monodepth2.prepare.plan import BETWEEN, KEPT, VERDICTS
from monodepth2.prepare.prepared import Prepared
from monodepth2.prepare.staging import REPORT
from monodepth2.prepare.writing import camera_values

THUMBNAILS = 12
THUMBNAIL_WIDTH = 240
MOST_BINS = 1200  # of a curve
MOST_PATHS, PATHS_ABREAST = 12, 4
COLOURS = ("#3a9d5d", "#cfead8", "#8d99ae", "#d1495b", "#edae49", "#30638e", "#c9ada7")  # of the verdicts
TINT = np.array([214, 40, 57])


def write_report(folder: Path, prepared: Prepared) -> None:
    """Write the page into the folder of a data set whose pictures are there.

    Raises:
        UserError: it cannot be written.
    """
    drives = prepared.drives
    pages.write_page(
        folder / REPORT,
        "prepare.html",
        drives=[_row(drive) for drive in drives],
        lists=prepared.counts,
        advice=prepared.advice,
        command=prepared.command,
        thumbnails=_thumbnails(folder, drives),
        parts=[_part(folder, part, drives) for part in prepared.parts],
        paths=_paths(drives),
    )


def _row(written: WrittenDrive) -> dict[str, Any]:
    start, end = written.span
    return {
        "name": written.name,
        "source": written.part.name,
        "start": f"{start:.1f}",
        "end": f"{end:.1f}",
        "pictures": len(written.drive.frames),
        "told": f"{written.path.told} of {len(written.path.steps)}" if written.path else "no path",
        "gap": written.drive.gap,
    }


def _thumbnails(folder: Path, drives: Sequence[WrittenDrive]) -> list[dict[str, Any]]:
    """Pictures from all over the data set, in order."""
    every = [(drive, n) for drive in drives for n in range(len(drive.drive.frames))]
    found = []
    for drive, n in evenly(every, THUMBNAILS):
        picture = read_picture(folder / drive.name / f"{n:06d}.jpg")
        picture.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
        time = drive.part.analysis.times[drive.drive.frames[n]]
        found.append({"pixels": np.asarray(picture), "title": f"{drive.name} {n:06d}, {time:.1f} s"})
    return found


def _part(folder: Path, part: Part, drives: Sequence[WrittenDrive]) -> dict[str, Any]:
    own = [drive for drive in drives if drive.part is part]
    times = part.analysis.times
    return {
        "name": str(part.source.path),
        "size": part.framing.frame_size,
        "seconds": f"{times[-1] - times[0]:.1f}",
        "frames": len(times),
        "cuts": [f"{times[frame]:.1f}" for frame in part.plan.cuts],
        "camera": camera_values(part),
        "fov": f"{part.known.camera.fov:.0f}",
        "box": [round(side) for side in part.framing.box],
        "picture_size": part.framing.size,
        "curve": _curve(part),
        "masks": not part.mask.all(),
        "masked": _masked(folder, own[len(own) // 2]) if own else None,
    }


def _masked(folder: Path, written: WrittenDrive) -> np.ndarray:
    """A picture from the middle of a drive, what is left out in red."""
    number = len(written.drive.frames) // 2
    pixels = np.asarray(read_picture(folder / written.name / f"{number:06d}.jpg"))
    out = written.part.mask == 0
    tinted = pixels.copy()
    tinted[out] = (0.45 * pixels[out] + 0.55 * TINT).astype(np.uint8)
    return tinted


def _curve(part: Part) -> Figure:
    """Motion over time, and below it what became of the frames."""
    times, flows, codes = part.analysis.times, part.plan.flows, _codes(part)
    size = -(-len(times) // MOST_BINS)
    starts = np.arange(0, len(times), size)
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=(6, 1))
    axes.axhspan(LEAST_FLOW, MOST_FLOW, color="#e6f4ea", zorder=0)
    shown = np.array([np.median(flows[start : start + size]) for start in starts])
    axes.plot(times[starts], shown, color="#1c2430", linewidth=1)
    for cut in part.plan.cuts[:MOST_BINS]:
        axes.axvline(times[cut], color="#d1495b", linewidth=0.8, linestyle="--")
    axes.set_ylim(0, max(MOST_FLOW + 3, 1.1 * float(np.quantile(shown, 0.98))))
    axes.set_ylabel("motion between\nneighbours [pixels]")
    ends = np.append(times[starts[1:]], times[-1] + (times[-1] - times[0]) / max(1, len(times) - 1))
    # of the frames of a bin the one that says most: kept frames lie among others
    worst = [max(codes[start : start + size], key=lambda code: (code != BETWEEN_CODE, code)) for start in starts]
    norm = BoundaryNorm(np.arange(len(VERDICTS) + 1) - 0.5, len(VERDICTS))
    edges = np.append(times[starts], ends[-1])
    strip.pcolormesh(edges, [0, 1], np.array([worst]), cmap=ListedColormap(COLOURS), norm=norm, rasterized=True)
    strip.set_yticks([])
    strip.set_xlabel("seconds")
    seen = [code for code in range(len(VERDICTS)) if code in codes]
    handles = [Patch(color=COLOURS[code], label=VERDICTS[code]) for code in seen]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=8, frameon=False)
    return figure


def _paths(drives: Sequence[WrittenDrive]) -> Figure | None:
    """The drives' paths from above, of the longest drives, each in its own unit and from its own first picture."""
    known = sorted((one for one in drives if one.path), key=lambda one: -len(one.drive.frames))[:MOST_PATHS]
    if not known:
        return None
    columns = min(PATHS_ABREAST, len(known))
    rows = -(-len(known) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(known) :]:
        axes.set_visible(False)
    for axes, one in zip(panels, sorted(known), strict=False):
        assert one.path
        x, z = chained(one.path.steps)[:, (0, 2), 3].T
        side = 0.55 * max(np.ptp(x), np.ptp(z), 1e-6)
        middle_x, middle_z = (x.min() + x.max()) / 2, (z.min() + z.max()) / 2
        axes.plot(x, z, color="#1c2430", linewidth=1.2)
        axes.plot(x[0], z[0], "o", color="#3a9d5d")
        axes.plot(x[-1], z[-1], "s", color="#d1495b")
        axes.set(xlim=(middle_x - side, middle_x + side), ylim=(middle_z - side, middle_z + side))
        axes.set_aspect("equal")
        axes.set_title(one.name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    return figure


BETWEEN_CODE = VERDICTS.index(BETWEEN)


def _codes(part: Part) -> np.ndarray:
    """The verdicts as numbers; what lies between two kept pictures counts as kept."""
    codes = np.array([VERDICTS.index(verdict) for verdict in part.plan.verdicts])
    inside = np.zeros(len(codes), bool)
    for drive in part.plan.drives:
        inside[drive.frames[0] : drive.frames[-1] + 1] = True
    codes[inside & (codes == BETWEEN_CODE)] = VERDICTS.index(KEPT)
    return codes
