"""What came of an odometry evaluation, as text for people and as JSON for programs."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from tabulate import tabulate

from monodepth2.datasets.trajectories import distances
from monodepth2.errors import counted
from monodepth2.odometry.metrics import LENGTHS, SNIPPET, OdometryFigures, Similarity

ENDINGS = (".txt", ".tum", ".png")  # of what is written of a drive: KITTI's format, TUM's, a plot


@dataclass(frozen=True)
class OdometryResult:
    """A predicted trajectory and, where the truth is known, its figures.

    Attributes:
        drive: its folder; of odometry's sequences the number as KITTI writes it.
        first_frame: of the trajectory.
        checkpoint: where the weights are.
        network: kind of the pose network and what it looks at.
        metric: the prediction claims metres.
        factor: by which the network's translations were multiplied.
        predicted: `world_T_camera`, (n, 4, 4), the first the identity; in metres only if `metric`.
        times: of the poses in seconds, (n,).
        truth: the true poses in metres; None without evaluation.
        figures: None without evaluation.
        notes: what the reader should know.
    """

    drive: str
    first_frame: int
    checkpoint: str
    network: str
    metric: bool
    factor: float
    predicted: np.ndarray
    times: np.ndarray
    truth: np.ndarray | None
    figures: OdometryFigures | None
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The drive's name for files: the last folder."""
        return self.drive.rpartition("/")[2]

    @property
    def title(self) -> str:
        """The drive in words."""
        return f"{'sequence' if self.drive.isdecimal() else 'drive'} {self.name}"

    @property
    def unit(self) -> str:
        """The unit of the predicted path in words."""
        times = "" if self.factor == 1 else f" times {self.factor:g}"
        return "metres" if self.metric else f"the network's unit{times}"

    def text(self) -> str:
        """The figures as tables."""
        last = self.first_frame + len(self.predicted) - 1
        text = [f"{self.title}, frames {self.first_frame} to {last}; {self.checkpoint}: {self.network}"]
        text += [f"note: {note}" for note in self.notes]
        if self.figures:
            text += ["", _summary(self.figures)]
            if len(self.figures.segments):
                text += ["", _segments(self.figures)]
        return "\n".join(text)

    def to_json(self) -> str:
        """Everything but the trajectories, which have files of their own."""
        values: dict[str, Any] = {
            "sequence": self.name,
            "drive": self.drive,
            "first_frame": self.first_frame,
            "poses": len(self.predicted),
            "checkpoint": self.checkpoint,
            "network": self.network,
            "metric": self.metric,
            "translation_factor": self.factor,
            "notes": list(self.notes),
        }
        if self.figures and self.truth is not None:
            values |= {"path_m": float(distances(self.truth)[-1]), **_values(self.figures, self.first_frame)}
        return json.dumps(values, indent=2)


def _summary(figures: OdometryFigures) -> str:
    snippets = figures.snippets
    rows = [
        [f"{SNIPPET}-frame ATE", f"{snippets.mean():.4f} ± {snippets.std():.4f} m", counted(len(snippets), "snippet")]
    ]
    if figures.metric:
        rows.append(["ATE of the whole after SE(3)", f"{figures.ate_se3:.3f} m", "no scaling"])
    rows.append(["ATE of the whole after Sim(3)", f"{figures.ate_sim3:.3f} m", f"scale {figures.sim3.scale:.4g}"])
    return tabulate(rows, tablefmt="plain")


def _segments(figures: OdometryFigures) -> str:
    rows: list[list[Any]] = []
    for length in (*LENGTHS, None):
        means = figures.segments.means(length) or (None, None)
        rows.append([f"{length} m" if length else "all", figures.segments.count(length), *means])
    headers = ["segments of", "number", "t_err %", "r_err deg/100 m"]
    return tabulate(rows, headers, floatfmt=".3f", numalign="right", stralign="right", missingval="n/a")


def _values(figures: OdometryFigures, first_frame: int) -> dict[str, Any]:
    snippets, segments = figures.snippets, figures.segments
    return {
        "snippet_ate": {
            "frames": SNIPPET,
            "mean_m": float(snippets.mean()),
            "std_m": float(snippets.std()),
            "errors_m": snippets.tolist(),
        },
        "ate": {
            "sim3": {"rmse_m": figures.ate_sim3, **_alignment(figures.sim3)},
            "se3": {"rmse_m": figures.ate_se3, **_alignment(figures.se3)} if figures.metric else None,
        },
        "kitti": {
            "scaled_by": 1.0 if figures.metric else figures.sim3.scale,
            **_means(figures, None),
            "per_length": [{"length_m": length, **_means(figures, length)} for length in LENGTHS],
            "segments": [
                {"first_frame": first_frame + first, "length_m": length, "t_err_percent": t, "r_err_deg_per_100m": r}
                for first, length, t, r in zip(
                    segments.first.tolist(),
                    segments.length.tolist(),
                    segments.translation.tolist(),
                    segments.rotation.tolist(),
                    strict=True,
                )
            ],
        },
    }


def _means(figures: OdometryFigures, length: float | None) -> dict[str, Any]:
    t_err, r_err = figures.segments.means(length) or (None, None)
    return {"number": figures.segments.count(length), "t_err_percent": t_err, "r_err_deg_per_100m": r_err}


def _alignment(alignment: Similarity) -> dict[str, Any]:
    return {
        "scale": alignment.scale,
        "rotation": alignment.rotation.tolist(),
        "translation": alignment.translation.tolist(),
    }
