"""What a training step costs beside its networks alone, where its time goes, and its memory.

Every figure is a median of several runs, the rows taken in turns so that a machine's moods meet all of them; compare
ratios of one run, not seconds of two.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from monodepth2.runtime.tuning import tune_process

if __name__ == "__main__":  # else whoever imports this has done so
    tune_process()

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.timing import Table, in_turns, show
from monodepth2.config import Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch
from monodepth2.runtime.devices import pick_device
from monodepth2.training.step import STAGES, TrainingStep

NETWORKS = "networks alone, forward + backward (N)"
MEMORY_BATCH = 12


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no_compile", action="store_true", help="leave out what must be compiled first")
    parser.add_argument("--memory_of", choices=("kept", "again"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    options = Options(batch_size=args.batch_size, height=args.height, width=args.width)
    if args.memory_of:
        print(_peak_memory(replace(options, grad_checkpointing=args.memory_of == "again")))
    else:
        show(measure(options, args.rounds, compiled=not args.no_compile))


def measure(options: Options, rounds: int, compiled: bool = True) -> list[Table]:
    """Return the tables of the step: times, stages, memory."""
    device = pick_device()
    steps = {
        "step, float32": {},
        "step, bf16": {"precision": "bf16"},
        "step, bf16, --compile": {"precision": "bf16", "compile": True},
    }
    batch = random_batch(options).prepared(device)
    rows: dict[str, Callable[[], object]] = {NETWORKS: _networks_alone(options, batch, device)}
    for name, changed in steps.items():
        if compiled or "compile" not in changed:
            rows[name] = _step(replace(options, **changed), batch, device)
    seconds = in_turns(rows, rounds, device)
    size = f"{options.width}x{options.height}, batch {options.batch_size}, {torch.get_num_threads()} threads"
    times = Table(
        f"Training step, {size}",
        ("s", "N", "samples/s"),
        {name: (s, s / seconds[NETWORKS], options.batch_size / s) for name, s in seconds.items()},
    )
    return [times, _stages(options, batch, device), *([_memory(options)] if device.type == "cpu" else [])]


def random_batch(options: Options) -> Batch:
    """A batch of noise, as the loader hands it over."""
    b, h, w = options.batch_size, options.height, options.width
    generator = torch.Generator().manual_seed(options.seed)

    def picture(level: int) -> torch.Tensor:
        return torch.randint(0, 256, (b, 3, h >> level, w >> level), dtype=torch.uint8, generator=generator)

    color = {i: {level: picture(level) for level in range(4)} for i in options.loaded_ids}
    K = {0: torch.from_numpy(KITTI_INTRINSICS.matrix(w, h)).repeat(b, 1, 1)}
    index = torch.arange(b)
    return Batch(color, {i: levels[0] for i, levels in color.items()}, K, None, index, index < 0)


def _networks_alone(options: Options, batch: Batch, device: torch.device) -> Callable[[], object]:
    """Float32, PyTorch's own order of channels: the yardstick."""
    torch.manual_seed(options.seed)
    model = MonodepthModel(options).to(device)

    def run() -> None:
        predictions = model(batch)
        torch.stack([tensor.sum() for tensor in predictions.tensors]).sum().backward()

    return run


def _step(options: Options, batch: Batch, device: torch.device) -> Callable[[], object]:
    torch.manual_seed(options.seed)
    step = TrainingStep(MonodepthModel(options).to(device), options, device)
    return lambda: step(batch)


def _stages(options: Options, batch: Batch, device: torch.device) -> Table:
    """Where the time of one float32 step goes."""
    run = _step(options, batch, device)
    run()
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        run()
    microseconds = {
        event.key: event.device_time_total if on_gpu else event.cpu_time_total for event in profiler.key_averages()
    }
    total = sum(microseconds[stage] for stage in STAGES)
    rows = {stage: (microseconds[stage] / 1e6, 100 * microseconds[stage] / total) for stage in STAGES}
    return Table("One float32 step by stage", ("s", "%"), rows)


def _memory(options: Options) -> Table:
    """Peak memory of a process that takes two float32 steps; each in a process of its own."""
    rows = {}
    for name, kind in (("float32", "kept"), ("float32, --grad_checkpointing", "again")):
        command = [sys.executable, __file__, "--memory_of", kind, "--batch_size", str(MEMORY_BATCH)]
        command += ["--height", str(options.height), "--width", str(options.width)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows[name] = (int(done.stdout) / 1e9,)
    return Table(f"Peak memory of the process, batch {MEMORY_BATCH}", ("GB",), rows)


def _peak_memory(options: Options) -> int:
    run = _step(options, random_batch(options).prepared(torch.device("cpu")), torch.device("cpu"))
    run()
    run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
