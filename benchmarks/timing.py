"""How the benchmarks measure and show: medians of runs taken in turns, tables, JSON."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from tabulate import tabulate


@dataclass(frozen=True)
class Table:
    """A table of figures.

    Attributes:
        title: what was measured, at which size.
        columns: names or units of the figures.
        rows: the figures by what they are of.
    """

    title: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[float, ...]]


def in_turns(rows: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, float]:
    """Return the median seconds of each row, after one warming round."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds + 1):
        for name, run in rows.items():
            started = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def show(tables: Iterable[Table]) -> None:
    """Print tables."""
    for table in tables:
        rows = [[name, *figures] for name, figures in table.rows.items()]
        print(tabulate(rows, headers=[table.title, *table.columns], floatfmt=".3f"), end="\n\n", flush=True)
