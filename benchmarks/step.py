"""What a training step costs beside its networks alone: `make bench`.

Prints one table and writes it as JSON where `--output` says. Every figure is a median of several runs, the rows taken
in turns so that a machine's moods meet all of them; compare ratios of one run, not seconds of two.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from monodepth2.config import Options
from monodepth2.datasets.layouts import KITTI_INTRINSICS
from monodepth2.losses import Objective
from monodepth2.model import MonodepthModel
from monodepth2.stages import Batch
from monodepth2.view_synthesis import ViewSynthesis


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    options = Options(batch_size=args.batch_size, height=args.height, width=args.width)
    seconds = _measure(_rows(options), args.rounds)
    networks = seconds["networks, forward + backward (N)"]
    print(f"{args.width}x{args.height}, batch {args.batch_size}, {torch.get_num_threads()} threads, float32")
    for name, value in seconds.items():
        print(f"{name:40} {value:7.3f} s {value / networks:6.2f} N")
    if args.output:
        args.output.write_text(json.dumps({"arguments": vars(args), "seconds": seconds}, default=str, indent=2))


def _rows(options: Options) -> dict[str, Callable[[], None]]:
    torch.manual_seed(options.seed)
    model = MonodepthModel(options)
    optimizer = torch.optim.Adam(model.parameters(), options.learning_rate, fused=True)
    synthesise, objective = ViewSynthesis.from_options(options), Objective.from_options(options)
    batch = _random_batch(options)

    def networks() -> None:
        predictions = model(batch)
        outputs = [*predictions.disps.values(), *(p.axisangle for p in predictions.poses.values())]
        torch.stack([output.sum() for output in outputs]).sum().backward()

    def step() -> None:
        predictions = model(batch)
        losses = objective(batch, predictions, synthesise(batch, predictions))
        optimizer.zero_grad(set_to_none=True)
        losses.total.backward()
        optimizer.step()

    with torch.no_grad():
        predictions = model(batch)
    leaves = {scale: disp.clone().requires_grad_() for scale, disp in predictions.disps.items()}

    def losses_alone() -> None:
        seen = replace(predictions, disps=leaves)
        objective(batch, seen, synthesise(batch, seen)).total.backward()

    return {
        "networks, forward + backward (N)": networks,
        "view synthesis + losses, both ways": losses_alone,
        "whole step": step,
    }


def _random_batch(options: Options) -> Batch:
    b, h, w = options.batch_size, options.height, options.width
    color = {i: {level: torch.rand(b, 3, h >> level, w >> level) for level in range(4)} for i in options.loaded_ids}
    K = {0: torch.from_numpy(KITTI_INTRINSICS.matrix(w, h)).repeat(b, 1, 1)}
    index = torch.arange(b)
    return Batch(color, {i: levels[0] for i, levels in color.items()}, K, None, index, index < 0)


def _measure(rows: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each row, after one warming round."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds + 1):
        for name, run in rows.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
