"""The generators of random numbers of a process, as something that can be saved."""

import random
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed the generators of Python, NumPy, PyTorch and all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  # the old generator, where a library uses it
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the state of the generators of Python, NumPy, PyTorch, the device: tensors, numbers, strings, tuples."""
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys, np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "device": None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(),
    }


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Put the generators into a state that `random_state` returned.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: it is no such state.
    """
    kind, keys, position, *rest = state["numpy"]
    if not 0 <= position <= len(keys) == 624:  # NumPy does not check it, and would read beyond its array
        raise ValueError("NumPy's generator stands nowhere")
    random.setstate(state["python"])
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if device.type != "cpu" and state["device"] is not None:
        torch.get_device_module(device).set_rng_state(state["device"])
