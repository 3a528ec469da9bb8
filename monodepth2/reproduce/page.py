"""The page: what the paper states, what the published weights reach here, and what is trained here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monodepth2 import pages
from monodepth2.reproduce.rows import RECIPES, RULE, Row
from monodepth2.reproduce.scores import PUBLISHED, Score

TITLES = {
    "table1": "Table 1: KITTI, Eigen split, 640x192",
    "1024x320": "KITTI, Eigen split, 1024x320",
    "table2": "Table 2: ablation, mono, 640x192",
    "pose_networks": "Pose networks that look at two or three frames",
    "eigen_benchmark": "KITTI, Eigen split, improved ground truth",
    "make3d": "Make3D",
    "odom_9": "Odometry, sequence 09: error of five frames in metres, its deviation",
    "odom_10": "Odometry, sequence 10: error of five frames in metres, its deviation",
    "additions": "What this program adds: encoders by recipes, mono, 640x192",
}
Found = Mapping[tuple[str, str], Score | str]


@dataclass(frozen=True)
class Cell:
    """What one weights reach in one row.

    Attributes:
        title: which weights.
        figures: name, value, and ends of the interval if there is one, in words each.
        inside: whether they are in the band.
        note: why there are no figures.
    """

    title: str
    figures: Sequence[tuple[str, str, str]] = ()
    inside: bool = False
    note: str = ""


def write_page(path: Path, rows: Sequence[Row], seeds: Sequence[int], found: Found, rehearsal: bool) -> None:
    """Write the page of some rows.

    Args:
        path: of the page.
        rows: to show.
        seeds: of the trainings to show.
        found: by row and column the score, or why there is none.
        rehearsal: whether the figures mean nothing.
    """
    tables: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        recipe = RECIPES[row.recipe]
        tables.setdefault(TITLES[row.table], []).append({
            "name": row.recipe,
            "flags": recipe.words_of_flags,
            "assumed": recipe.assumed,
            "paper": Cell("", _shown(row, row.paper, {})) if row.paper else Cell("", note="not in the paper"),
            "published": [_of(row, PUBLISHED, "", found)],
            "trained": [_of(row, f"seed{seed}", f"seed {seed}", found) for seed in seeds],
        })  # fmt: skip
    pages.write_page(path, "reproduce.html", tables=tables, rule=RULE, rehearsal=rehearsal)


def _of(row: Row, column: str, title: str, found: Found) -> Cell:
    score = found.get((row.name, column), "not done yet")
    if isinstance(score, str):
        return Cell(title, note=score)
    title = ", ".join(part for part in (title, score.how) if part)
    return Cell(title, _shown(row, score.figures, score.interval), row.inside(score.figures))


def _shown(
    row: Row, figures: Mapping[str, float], interval: Mapping[str, Sequence[float]]
) -> list[tuple[str, str, str]]:
    shown = []
    for name in row.names:
        low, high = interval.get(name, (math.nan, math.nan))
        ends = "" if math.isnan(low) else f"{_number(low)} to {_number(high)}"
        shown.append((name.replace("ate_std", "±"), _number(figures[name]), ends))
    return shown


def _number(value: float) -> str:
    """As the paper prints it."""
    return f"{value:.3f}".removeprefix("0") if abs(value) < 1 else f"{value:.3f}"
