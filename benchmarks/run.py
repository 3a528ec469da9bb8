"""All benchmarks as tables: `make bench`."""

import argparse
import json
import platform
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from monodepth2.runtime.tuning import tune_process

tune_process()

import torch

from benchmarks import inference, loader, step
from benchmarks.timing import Table, show
from monodepth2.config import Options


def main() -> None:
    """Measure, print as it goes, and write everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no_compile", action="store_true", help="leave out what must be compiled first")
    parser.add_argument("--output", type=Path, help="JSON file")
    args = parser.parse_args()
    tables: list[Table] = []
    for measured in (
        lambda: step.measure(Options(batch_size=4), args.rounds, compiled=not args.no_compile),
        lambda: [Table("Loader, one core, 640x192", ("ms/sample",), {k: (v,) for k, v in loader.measure().items()})],
        lambda: inference.measure(args.rounds),
    ):
        made = measured()
        show(made)
        tables += made
    if args.output:
        machine = {"date": str(date.today()), "machine": platform.processor() or platform.machine(),
                   "threads": torch.get_num_threads(), "torch": torch.__version__}  # fmt: skip
        args.output.write_text(json.dumps({**machine, "tables": [asdict(table) for table in tables]}, indent=2))


if __name__ == "__main__":
    main()
