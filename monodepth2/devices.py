"""The device a run uses."""

import torch

from monodepth2.errors import UserError


def pick_device(device: str = "auto", no_cuda: bool = False) -> torch.device:
    """Return the device that `--device` and `--no_cuda` ask for; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        UserError: the device asked for is not there.
    """
    if no_cuda and device == "auto":
        return torch.device("cpu")
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[device]:
        raise UserError(f"--device {device}: this PyTorch sees no such device; use --device auto or cpu")
    return torch.device(device)
