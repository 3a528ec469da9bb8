"""The generators of random numbers that a process draws from, PyTorch's, as something that can be saved."""

from typing import Any

import torch


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the state of the generators of PyTorch and of the device: tensors."""
    return {
        "torch": torch.get_rng_state(),
        "device": None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(),
    }


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Put the generators into a state that `random_state` returned; those of earlier versions hold more.

    Raises:
        KeyError, TypeError, RuntimeError: it is no such state.
    """
    torch.set_rng_state(state["torch"])
    if device.type != "cpu" and state["device"] is not None:
        torch.get_device_module(device).set_rng_state(state["device"])
