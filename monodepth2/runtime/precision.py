"""In which numbers and in which memory order the networks compute."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from monodepth2.errors import UserError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(precision: str, device: torch.device) -> None:
    """Find out before the work whether a device has the numbers asked for.

    Raises:
        UserError: it has not.
    """
    if precision == "fp16" and device.type != "cuda":
        raise UserError(f"--precision fp16 needs CUDA, and the device is {device.type}: use bf16 or fp32")
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError("--precision bf16: this GPU has no such numbers; use fp16 or fp32")


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
