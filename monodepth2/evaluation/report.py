"""Figures as text for people and as JSON for programs."""

import json
from collections.abc import Sequence

import numpy as np
from tabulate import tabulate

from monodepth2.errors import counted
from monodepth2.evaluation.result import EvaluationResult, describe_common, describe_left_out, describe_protocol

WORST_SHOWN = 5


def text_report(results: Sequence[EvaluationResult]) -> str:
    """Return the figures of one checkpoint in full, or those of several as a table."""
    return _one(results[0]) if len(results) == 1 else _comparison(results)


def json_report(results: Sequence[EvaluationResult]) -> str:
    """Return mean and per-image figures: one object, or of several checkpoints a list of them in `checkpoints`."""
    values = [result.as_dict() for result in results]
    return json.dumps(values[0] if len(values) == 1 else {"checkpoints": values}, indent=2)


def _one(result: EvaluationResult) -> str:
    rows = {"mean": result.means}
    if result.intervals is not None:  # the figures of one image have neither interval nor spread
        rows |= dict(zip(("95 % from", "95 % to"), result.intervals, strict=True))
        rows |= {
            "min": result.figures.min(0),
            "median": np.median(result.figures, axis=0),
            "max": result.figures.max(0),
        }
    text = [*_heading(result, describe_protocol(result.protocol)), *_notes(result)]
    if result.ratio_statistics:
        text.append("scaling ratios: median {:.3f}, spread {:.3f}".format(*result.ratio_statistics))
    text += [_table(result, [[name, *values] for name, values in rows.items()]), "worst images by abs_rel:"]
    worst = np.argsort(-result.figures[:, 0], kind="stable")[:WORST_SHOWN]
    return "\n".join(text + [f"{result.figures[n, 0]:9.3f}  {result.lines[n]}" for n in worst])


def _comparison(results: Sequence[EvaluationResult]) -> str:
    first, *others = results
    text = _heading(first, describe_common(results))
    for result in results:
        text += [f"{result.name}: {note}" for note in _notes(result)]
    text.append(_table(first, [[result.name, *result.means] for result in results]))
    interval = "" if first.intervals is None else ", with its 95 % interval from the same images"
    text.append(f"difference to {first.name}{interval}:")
    return "\n".join([*text, _table(first, [[result.name, *_differences(result, first)] for result in others])])


def _differences(result: EvaluationResult, first: EvaluationResult) -> list[str]:
    mean, ends = result.difference(first)
    if ends is None:
        return [f"{m:+.3f}" for m in mean]
    return [f"{m:+.3f}\n[{low:+.3f},\n {high:+.3f}]" for m, low, high in zip(mean, *ends, strict=True)]


def _heading(result: EvaluationResult, protocol: str) -> list[str]:
    images, pixels = counted(len(result.lines), "image"), counted(result.pixels.scored, "pixel")
    return [f"{images}, {pixels}: {protocol}", f"ground truth from {result.truth}", *describe_left_out(result)]


def _notes(result: EvaluationResult) -> list[str]:
    return [f"note: {note}" for note in result.notes]


def _table(result: EvaluationResult, rows: Sequence[Sequence[object]]) -> str:
    return tabulate(rows, headers=["", *result.names], floatfmt=".3f", stralign="right")
