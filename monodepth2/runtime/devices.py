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
    """Make a GPU give the same results from the same inputs where that is asked for, though slower; a CPU always does.

    PyTorch warns of operations that it cannot compute so. Its warning about sampling the sources does not matter here:
    only the gradient of the pictures is summed in no fixed order, and nothing asks for that gradient.
    """
    if deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
