"""Activations computed again in the backward pass instead of being kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recomputed(owner: nn.Module, function: Callable[..., Any], *args: Any) -> Any:
    """Return `function(*args)`, keeping for the backward pass the arguments alone.

    Args:
        owner: the module whose parameters the function uses; its batch norms count a batch once, not twice.
        function: deterministic.
        args: its arguments.
    """
    return checkpoint(
        function, *args, use_reentrant=False, preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), _statistics_at_rest(owner)),
    )  # fmt: skip


@contextmanager
def _statistics_at_rest(owner: nn.Module) -> Iterator[None]:
    """Within the context, batch norms in training use a batch's statistics without counting it once more."""
    norms = [module for module in owner.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [(norm, norm.momentum, norm.get_buffer("num_batches_tracked").clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, batches in before:
            norm.momentum = momentum
            norm.get_buffer("num_batches_tracked").copy_(batches)
