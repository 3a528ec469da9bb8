"""In which numbers and in which memory order the networks compute."""

import time
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monodepth2.errors import UserError

COMPILED_ON_CPU = (
    "--compile: on the CPUs measured so far a compiled step is no quicker than an uncompiled one, and compiling takes "
    "a minute or more (benchmarks/README.md): leave the flag out"
)
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(precision: str, device: torch.device) -> None:
    """Check before the work that a device can compute in the precision asked for.

    Raises:
        UserError: it cannot.
    """
    if precision == "fp16" and device.type != "cuda":
        raise UserError(f"--precision fp16 needs CUDA, and the device is {device.type}: use bf16 or fp32")
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError("--precision bf16: this GPU has no such numbers; use fp16 or fp32")


def speed_remarks(precision: str, compiled: bool, device: torch.device) -> list[str]:
    """Return a remark for each of `--precision` and `--compile` that makes nothing faster on a device.

    What bf16 costs on a CPU is measured, in less than a second.
    """
    if device.type == "cpu":
        remarks = [bf16_remark(bf16_factor())] if precision == "bf16" else []
        return [remark for remark in (*remarks, COMPILED_ON_CPU if compiled else "") if remark]
    if device.type == "cuda":
        return gpu_remarks(precision, torch.cuda.get_device_capability(device))
    return []


def bf16_remark(factor: float) -> str:
    """Return a remark on bf16 that takes `factor` times as long as float32; empty where it is quicker."""
    if factor <= 1:
        return ""
    return (
        f"--precision bf16: on this processor a convolution takes {factor:.1f} times as long in bf16 as in float32 "
        "(measured just now), as it has no arithmetic for such numbers: leave the flag out"
    )


def gpu_remarks(precision: str, capability: tuple[int, int]) -> list[str]:
    """Return remarks on a precision on a GPU of this compute capability."""
    generation = ".".join(map(str, capability))
    if precision == "bf16" and capability < (8, 0):
        return [f"--precision bf16: this GPU (compute capability {generation}) imitates such numbers: use fp16"]
    if precision == "fp16" and capability < (7, 0):
        return [f"--precision fp16: this GPU (compute capability {generation}) is no quicker in such numbers: use fp32"]
    return []


def bf16_factor() -> float:
    """Measure how many times as long a convolution, forward and backward, takes in bf16 as in float32 on the CPU."""

    def seconds(dtype: torch.dtype) -> float:
        images, weight = torch.ones(1, 64, 48, 160, dtype=dtype), torch.ones(64, 64, 3, 3, dtype=dtype)  # none drawn
        images, weight = (tensor.to(memory_format=torch.channels_last) for tensor in (images, weight))
        weight.requires_grad_()
        times = []
        for _ in range(5):
            started = time.process_time()
            F.conv2d(images, weight, padding=1).sum().backward()
            times.append(time.process_time() - started)
        return min(times)

    return seconds(torch.bfloat16) / seconds(torch.float32)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which networks run."""
    return torch.autocast(device.type, DTYPES[precision]) if precision in DTYPES else nullcontext()


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Return a context without autocast, for what must not be rounded to 8 or 11 bits: the heads' outputs."""
    return torch.autocast(x.device.type, enabled=False) if torch.is_autocast_enabled(x.device.type) else nullcontext()


def order_channels(network: nn.Module, choice: str, precision: str, device: torch.device) -> None:
    """Bring a network's weights into channels-last order where asked, or where "auto" knows it to be faster.

    Convolutions then take and give tensors in that order. It saves the CPU's convolutions a reordering of every
    input, and lets a GPU's tensor cores work without one.
    """
    helps = device.type == "cpu" or (device.type == "cuda" and precision in DTYPES)
    if choice == "on" or (choice == "auto" and helps):
        network.to(memory_format=torch.channels_last)
