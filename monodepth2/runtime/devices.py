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
    found = torch.device(device)
    several = torch.cuda.device_count() if found.type == "cuda" else 1
    if not available.get(found.type) or (found.index or 0) >= several:
        raise UserError(f"--device {device}: this PyTorch sees no such device; use --device auto or cpu")
    return found


def make_deterministic(deterministic: bool) -> None:
    """Let a GPU compute the same from the same where it is asked to, though slower; a CPU does so anyway.

    PyTorch warns of operations for which it has no such way. That of sampling the sources is none for us: only the
    gradient of the pictures adds up in no certain order, and nothing asks for it.
    """
    if deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
