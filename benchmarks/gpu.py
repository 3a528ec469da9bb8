"""Everything that only a GPU can show, in one run of less than eight minutes: `python benchmarks/gpu.py`.

Golden figures in float32 against float64, the training step in all precisions, a real training fed by the loader,
going on after an end, one process under nccl, ONNX. `--device cpu --quick` tries the program itself.
"""

import argparse
import gc
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/golden")]

from monodepth2.runtime.tuning import tune_process

if __name__ == "__main__":  # else whoever imports this has done so
    tune_process()

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.loader import FRAMES, write_frames
from benchmarks.step import random_batch
from benchmarks.timing import Table, show
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import Options
from monodepth2.config.tools import ExportOptions
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch
from monodepth2.training.graphed_step import GraphedStep
from monodepth2.training.step import TrainingStep

BATCH = 12
LARGER_BATCHES = (48, 96)
EPOCH = 12_000  # samples of the training that the loader feeds
BUSY_RUNS = 5  # of a step, while its kernels are counted


@dataclass(frozen=True)
class Setting:
    """What is measured: where, how thoroughly, and how long at most.

    Attributes:
        device: that is measured.
        quick: small pictures and few rounds, to try the program.
        step_seconds: after which no further row of the step is begun.
        train_seconds: of the training that the loader feeds.
        kernels: how many of the slowest kernels of each row of the step to print.
    """

    device: torch.device
    quick: bool
    step_seconds: float
    train_seconds: float
    kernels: int

    @property
    def size(self) -> dict[str, Any]:
        """Height and width of the pictures; of the quick setting, small networks as well."""
        if self.quick:
            return {"height": 64, "width": 96, "encoder": "lcnet_050", "pose_encoder": "lcnet_050"}
        return {"height": 192, "width": 640}

    @property
    def batch(self) -> int:
        """Pictures of a step where a row says nothing else."""
        return 2 if self.quick else BATCH


def main() -> int:
    """Measure, print as it goes, and write everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small pictures, few rounds: to try the program")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--step_seconds", type=float, default=220, help="no further row of the step after so long")
    parser.add_argument("--train_seconds", type=float, default=60, help="of the training that the loader feeds")
    parser.add_argument("--kernels", type=int, default=0, help="print the slowest kernels of each row of the step")
    parser.add_argument("--output", type=Path, default=Path("gpu.json"))
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("this PyTorch sees no CUDA device; --device cpu --quick tries the program on a CPU")
    setting = Setting(torch.device(args.device), args.quick, args.step_seconds, args.train_seconds, args.kernels)
    machine = {"date": str(date.today()), "torch": torch.__version__, "cores": os.cpu_count(),
               "device": torch.cuda.get_device_name() if args.device == "cuda" else "cpu"}  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    tables: list[Table] = []
    failed = False
    for part in args.parts:
        started = time.monotonic()
        try:
            for table in PARTS[part](setting):
                show([table])
                tables.append(table)
                args.output.write_text(json.dumps({**machine, "tables": [asdict(one) for one in tables]}, indent=2))
        except Exception as error:  # the other parts are worth having
            failed = True
            print(f"{part}: FAILED, {type(error).__name__}: {error}", flush=True)
        print(f"({part}: {time.monotonic() - started:.0f} s)\n", flush=True)
    return int(failed)


def golden(setting: Setting) -> Iterator[Table]:
    """Yield how far float32, without TF32, is from float64 in the golden cases."""
    from check import float32_errors

    cases = json.loads((ROOT / "tests/golden/losses.json").read_text())
    chosen = dict(list(cases.items())[:1]) if setting.quick else cases
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, case in chosen.items():
            root = Path(folder) / f"scene-{case['seed']}-{case['frames']}"
            rows[name] = float32_errors(case, root, device=setting.device.type)
            print(f"  {name}: {', '.join(f'{kind} {size:.1e}' for kind, size in rows[name].items())}", flush=True)
    kinds = tuple(dict.fromkeys(kind for errors in rows.values() for kind in errors))
    yield Table(
        "Golden cases, largest error of float32: millionths of the figure, fractions in pixels",
        kinds,
        {
            name: tuple(errors.get(kind, 0.0) * (1 if "fractions" in kind else 1e6) for kind in kinds)
            for name, errors in rows.items()
        },
    )


def steps(setting: Setting) -> Iterator[Table]:
    """Yield the table of the training step in all precisions, as it is written."""
    rows = _StepRows(setting)
    rows.add("bf16", precision="bf16")
    for size in () if setting.quick else LARGER_BATCHES:
        rows.add(f"bf16, batch {size}", precision="bf16", batch_size=size)
    rows.add("fp32", tf32=False)
    rows.add("TF32", tf32=True)
    rows.add("fp16", precision="fp16")
    rows.add("bf16, channels first", precision="bf16", channels_last="off")
    rows.add("TF32, channels last", tf32=True, channels_last="on")
    rows.add("bf16, recorded", recorded=True, precision="bf16")
    yield rows.table("as it is written")


def compiled(setting: Setting) -> Iterator[Table]:
    """Yield the same, compiled: the most telling rows first, as each takes minutes to compile."""
    rows = _StepRows(setting)
    rows.add("bf16", precision="bf16", compile=True)
    for size in () if setting.quick else LARGER_BATCHES[-1:]:
        rows.add(f"bf16, batch {size}", precision="bf16", compile=True, batch_size=size)
    rows.add("TF32", tf32=True, compile=True)
    rows.add("fp16", precision="fp16", compile=True)
    yield rows.table("--compile")


class _StepRows:
    """Rows of a table of steps, measured as long as there is time; the first one always is."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.began = time.monotonic()
        self.rows: dict[str, tuple[float, ...]] = {}

    def add(self, name: str, tf32: bool | None = None, recorded: bool = False, **changed: object) -> None:
        """Measure a row, with PyTorch's own choice of TF32 where nothing is said."""
        if self.rows and time.monotonic() - self.began > self.setting.step_seconds:
            print(f"  left out for want of time: {name}", flush=True)
            return
        usual = {"weights_init": "scratch", "batch_size": self.setting.batch, **self.setting.size}
        options = Options(**{**usual, **changed})
        try:
            with allowed_tf32(tf32):
                self.rows[name] = _measured_step(options, self.setting, recorded or options.compile)
        except Exception as error:  # out of memory; the CPU has no fp16
            print(f"  {name}: {type(error).__name__}: {str(error)[:200]}", flush=True)
            return
        print(f"  {name}: {', '.join(f'{figure:.1f}' for figure in self.rows[name])}", flush=True)

    def table(self, how: str) -> Table:
        """Return what was measured."""
        size = f"{self.setting.size['width']}x{self.setting.size['height']}"
        columns = ("ms", "samples/s", "GPU busy %", "kernels", "peak GB", "first step s")
        told = f"{size}, batch {self.setting.batch} where nothing is said"
        return Table(f"Training step, {how}, {told}", columns, self.rows)


def _measured_step(options: Options, setting: Setting, recorded: bool) -> tuple[float, ...]:
    """Milliseconds, samples per second, share of busy time, kernels, peak memory, and seconds of the first step."""
    torch.compiler.reset()
    gc.collect()
    batch = random_batch(options).prepared(setting.device)
    torch.manual_seed(0)
    step = TrainingStep(MonodepthModel(options).to(setting.device), options, setting.device)
    on_gpu = setting.device.type == "cuda"
    take_step: Callable[[Batch], object] = GraphedStep(step, print) if recorded and on_gpu else step
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    first = _seconds(lambda: take_step(batch), 1)
    unseen, steps, rounds = (1, 1, 1) if setting.quick else (8, 10, 3)
    _seconds(lambda: take_step(batch), unseen)
    seconds = median(_seconds(lambda: take_step(batch), steps) for _ in range(rounds))
    busy, kernels = _busy(lambda: take_step(batch), setting.kernels) if on_gpu else (float("nan"), 0)
    memory = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan")
    return 1e3 * seconds, options.batch_size / seconds, 100 * busy, kernels, memory, first


def _seconds(run: Callable[[], object], times: int) -> float:
    """Seconds of a run, the mean of several in a row."""
    started = time.perf_counter()
    for _ in range(times):
        run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / times


def _busy(run: Callable[[], object], slowest: int) -> tuple[float, int]:
    """The share of the time in which a kernel runs, and the number of kernels of a run."""
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        seconds = _seconds(run, BUSY_RUNS)
    kernels = [event for event in profiler.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    for kind in sorted(profiler.key_averages(), key=lambda kind: -kind.self_device_time_total)[:slowest]:
        milliseconds = kind.self_device_time_total / 1e3 / BUSY_RUNS
        print(f"    {milliseconds:7.2f} ms {kind.count // BUSY_RUNS:5} {kind.key[:100]}", flush=True)
    return sum(kernel.device_time for kernel in kernels) / 1e6 / BUSY_RUNS / seconds, len(kernels) // BUSY_RUNS


class allowed_tf32:
    """Let the GPU multiply float32 in TF32 within the context, or not, or as PyTorch does (None)."""

    def __init__(self, allowed: bool | None) -> None:
        self.allowed = allowed

    def __enter__(self) -> None:
        """Remember and set."""
        self.before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        if self.allowed is not None:
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = self.allowed

    def __exit__(self, *_: object) -> None:
        """Set as before."""
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = self.before


def training(setting: Setting) -> Iterator[Table]:
    """Yield the speed of a real training, which the loader feeds from kept pictures."""
    ways = {"bf16, compiled": ["--precision", "bf16", "--compile"], "bf16": ["--precision", "bf16"]}
    if setting.quick:
        ways = {"fp32": []}  # a CPU may have to imitate bf16, for seconds a step
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in ways.items():
            loading = ["--cache_dir", f"{folder}/cache", "--device_augment"]
            batch = ["--batch_size", str(setting.batch)]
            command = _train(setting, Path(folder), *flags, *loading, *batch, "--num_epochs", "1000", "--overwrite")
            rows[name] = _fed(command, 0 if setting.quick else setting.train_seconds)
            print(f"  {name}: {rows[name][0]:.0f} samples/s, waiting {rows[name][1]:.0f} %", flush=True)
    yield Table("train.py with --cache_dir and --device_augment", ("samples/s", "data %"), rows)


def _fed(command: list[str], seconds: float) -> tuple[float, float]:
    """Train for so long after the first line of progress, then tell it to end; the medians of what it said."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said: list[tuple[float, float]] = []
    told: list[str] = []
    end = float("inf")
    for line in process.stderr:
        told.append(line)
        if found := re.search(r"([\d.]+) examples/s  data (\d+) %", line):
            said.append((float(found[1]), float(found[2])))
            end = min(end, time.monotonic() + seconds)
        if time.monotonic() >= end:
            process.send_signal(signal.SIGTERM)
            end = float("inf")
    if process.wait() != 128 + signal.SIGTERM:
        raise RuntimeError("".join(told[-10:]))
    steady = said[1:-1] or said  # not while it compiles, nor while it saves
    return median(rate for rate, _ in steady), median(waited for _, waited in steady)


def _train(setting: Setting, folder: Path, *flags: str, samples: int = EPOCH) -> list[str]:
    """A command that trains on made frames of KITTI's size, written to the folder if they are not there."""
    split = folder / "split"
    if not split.exists():
        lines = [str(line) for line in write_frames(folder / "raw", 5 if setting.quick else FRAMES)]
        split.mkdir()
        (split / "train_files.txt").write_text("\n".join((lines * (samples // len(lines) + 1))[:samples]))
        (split / "val_files.txt").write_text("\n".join(lines))
    size = [word for name, value in setting.size.items() for word in (f"--{name}", str(value))]
    where = ["--data_path", str(folder / "raw"), "--split", str(split), "--log_dir", str(folder / "runs")]
    how = ["--weights_init", "scratch", "--device", setting.device.type]
    return [sys.executable, str(ROOT / "train.py"), *where, *size, *how, *flags]


def resume(setting: Setting) -> Iterator[Table]:
    """Yield how many tensors differ between a run and others: the same again, ended and resumed, alone under nccl."""
    rows = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _train(setting, folder, samples=20)  # makes the frames
        for kind, flags in {"without --deterministic": [], "--deterministic": ["--deterministic"]}.items():
            with ThreadPoolExecutor(1 if setting.device.type == "cpu" else 4) as pool:
                ways = ("whole", "again", "ended", "torchrun")
                ends = [pool.submit(_trained, setting, folder, way, f"{way}{len(flags)}", flags) for way in ways]
                whole, *others = (end.result() for end in ends)
            rows[kind] = tuple(_different(whole, other) for other in others)
            if setting.quick:
                break
    yield Table("Tensors that differ from those of a run", ("run again", "ended, --resume", "torchrun, alone"), rows)


def _trained(setting: Setting, folder: Path, way: str, name: str, flags: list[str]) -> dict[str, torch.Tensor]:
    """The weights after two epochs, trained in one of the ways."""
    flags = ["--model_name", name, "--batch_size", "4", *flags, "--num_epochs"]
    if way == "ended":
        _run(_train(setting, folder, *flags, "1"))
        _run(_train(setting, folder, *flags, "2", "--resume"))
    else:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=1"]
        command = _train(setting, folder, *flags, "2")
        _run([*launcher, *command[1:]] if way == "torchrun" else command)
    weights = folder / f"runs/{name}/models/weights_1"
    names = ("encoder", "depth", "pose_encoder", "pose")
    states = {name: torch.load(weights / f"{name}.pth", "cpu", weights_only=True) for name in names}
    return {f"{name}.{key}": value for name, state in states.items() for key, value in state.items()}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])


def _different(some: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> float:
    return float(sum(not np.array_equal(np.asarray(value), np.asarray(others[key])) for key, value in some.items()))


def onnx(setting: Setting) -> Iterator[Table]:
    """Yield what the exported depth network does on the device, where onnxruntime knows it."""
    import onnxruntime

    from monodepth2.onnx.export import export

    provider = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}[setting.device.type]
    if provider not in onnxruntime.get_available_providers():
        print(f"  this onnxruntime has no {provider}: pip install onnxruntime-gpu", flush=True)
        return
    options = Options(weights_init="scratch", **setting.size)
    with tempfile.TemporaryDirectory() as folder:
        model = MonodepthModel(options)
        save_checkpoint(Path(folder) / "weights", model, torch.optim.Adam(model.parameters()), options)
        flags = ExportOptions(load_weights_folder=Path(folder) / "weights", output=Path(folder) / "depth.onnx")
        file = export(flags).path
        session = onnxruntime.InferenceSession(str(file), providers=[provider])
        image = np.random.default_rng(0).random((1, 3, options.height, options.width), np.float32)
        seconds = median(
            _seconds(lambda: session.run(None, {"image": image}), 1 if setting.quick else 20) for _ in range(3)
        )
    yield Table(f"Depth network as ONNX, {provider}", ("ms/picture",), {"batch 1": (1e3 * seconds,)})


PARTS: dict[str, Callable[[Setting], Iterator[Table]]] = {
    "step": steps,
    "resume": resume,
    "golden": golden,
    "training": training,
    "compiled": compiled,
    "onnx": onnx,
}

if __name__ == "__main__":
    sys.exit(main())
