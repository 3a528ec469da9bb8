"""Figures as text for people and as JSON for programs."""

import json
from collections.abc import Sequence

import numpy as np
from tabulate import tabulate

from monodepth2.evaluation.metrics import DepthMetrics
from monodepth2.evaluation.result import EvaluationResult, describe_protocol

WORST_SHOWN = 5


def text_report(results: Sequence[EvaluationResult]) -> str:
    """Return the figures of one checkpoint in full, or those of several as a table."""
    return _one(results[0]) if len(results) == 1 else _comparison(results)


def json_report(results: Sequence[EvaluationResult]) -> str:
    """Return mean and per-image figures: one object, or of several checkpoints a list of them in `checkpoints`."""
    values = [result.as_dict() for result in results]
    return json.dumps(values[0] if len(values) == 1 else {"checkpoints": values}, indent=2)


def _one(result: EvaluationResult) -> str:
    rows = {
        "mean": result.mean,
        "95 % from": result.interval[0],
        "95 % to": result.interval[1],
        "min": result.figures.min(0),
        "median": np.median(result.figures, axis=0),
        "max": result.figures.max(0),
    }
    text = [*_heading(result), *_notes(result)]
    if result.ratio_statistics:
        text.append("scaling ratios: median {:.3f}, spread {:.3f}".format(*result.ratio_statistics))
    text += [_table([[name, *values] for name, values in rows.items()]), "worst images by abs_rel:"]
    worst = np.argsort(-result.figures[:, 0], kind="stable")[:WORST_SHOWN]
    return "\n".join(text + [f"{result.figures[n, 0]:9.3f}  {result.lines[n]}" for n in worst])


def _comparison(results: Sequence[EvaluationResult]) -> str:
    first, *others = results
    text = _heading(first)
    for result in results:
        text += [f"{result.name}: {note}" for note in _notes(result)]
    text.append(_table([[result.name, *result.mean] for result in results]))
    text.append(f"difference to {first.name}, with its 95 % interval from the same images:")
    rows = []
    for result in others:
        mean, (low, high) = result.difference(first)
        cells = [f"{m:+.3f}\n[{a:+.3f},\n {b:+.3f}]" for m, a, b in zip(mean, low, high, strict=True)]
        rows.append([result.name, *cells])
    return "\n".join([*text, _table(rows)])


def _heading(result: EvaluationResult) -> list[str]:
    text = [f"{len(result.lines)} images, {describe_protocol(result.protocol)}"]
    if result.skipped:
        text.append(f"{len(result.skipped)} images skipped, no ground truth to score, e.g. {result.skipped[0]}")
    return text


def _notes(result: EvaluationResult) -> list[str]:
    return [f"note: {note}" for note in result.notes]


def _table(rows: Sequence[Sequence[object]]) -> str:
    return tabulate(rows, headers=["", *DepthMetrics._fields], floatfmt=".3f", stralign="right")
