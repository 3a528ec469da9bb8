"""Several processes that train one model: who is who, what they agree on, and how they end together.

`torchrun` starts the processes and tells each its place through the environment. A process on its own initialises
nothing and pays nothing. Small things travel between CPUs (gloo), gradients between GPUs (nccl) where there are any.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from signal import Signals
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from monodepth2.errors import UserError

Kind = TypeVar("Kind")

PLACES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
RENDEZVOUS = ("MASTER_ADDR", "MASTER_PORT")
# long enough for a process that checks millions of pictures or fills a cache; a dead process is noticed at once
PATIENCE = timedelta(hours=6)
LEFT_ALONE = "another process has ended: see its message"


@dataclass(frozen=True)
class Processes:
    """The place of this process among those that train one model.

    Attributes:
        rank: from 0 to `world_size` - 1; rank 0 is the main process, which alone writes.
        local_rank: the same among the processes of this machine.
        world_size: number of processes.
        local_world_size: number of those on this machine.
        launched: whether a launcher has started this process, even as the only one.
    """

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1
    local_world_size: int = 1
    launched: bool = False

    @classmethod
    def from_environment(cls) -> "Processes":
        """The place that `torchrun` has given this process; without `torchrun`, that of a process on its own.

        Raises:
            UserError: the environment states only a part of it.
        """
        if not {"RANK", "WORLD_SIZE"} <= os.environ.keys():
            return cls()
        missing = [name for name in (*PLACES, *RENDEZVOUS) if name not in os.environ]
        if missing:
            raise UserError(f"RANK and WORLD_SIZE are set, but not {' '.join(missing)}: start with torchrun")
        rank, local_rank, world_size, local_world_size = (int(os.environ[name]) for name in PLACES)
        return cls(rank, local_rank, world_size, local_world_size, launched=True)

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes events, checkpoints and progress."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.world_size == 1

    def start(self) -> None:
        """Meet the others; all of them must call it."""
        if not self.alone:
            dist.init_process_group("gloo", timeout=PATIENCE, rank=self.rank, world_size=self.world_size)

    def wait(self) -> None:
        """Wait until all processes have come here."""
        self.gather(None)

    def end(self) -> None:
        """Part from the others, once all of them have come here."""
        self.wait()
        if not self.alone:
            dist.destroy_process_group()

    def device(self, chosen: torch.device) -> torch.device:
        """Return this process's own device of the kind chosen.

        Raises:
            UserError: there are fewer GPUs than processes, or several processes cannot use such a device.
        """
        if self.alone or chosen.type == "cpu":
            return chosen
        if chosen.type != "cuda":
            raise UserError(f"--device {chosen.type} serves one process: use --device cpu, or start without torchrun")
        if self.local_rank >= torch.cuda.device_count():
            raise UserError(
                f"--nproc_per_node {self.local_world_size}: this machine has {torch.cuda.device_count()} GPUs; "
                "start one process for each, or use --device cpu"
            )
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)

    def named(self, message: str) -> str:
        """Put the rank in front of a message where there are several."""
        return message if self.alone else f"rank {self.rank}: {message}"

    def separate_noise(self, seed: int) -> None:
        """Give each process random numbers of its own from now on; the main one's stay as they are."""
        if not self.is_main:
            # 32 bits, well mixed: PyTorch's generator on the CPU reads no more of a seed
            torch.manual_seed(int(np.random.SeedSequence([seed, self.rank]).generate_state(1)[0]))

    def gather(self, thing: Any) -> list[Any]:
        """Return what every process gives, by rank; all of them must call it."""
        if self.alone:
            return [thing]
        things: list[Any] = [None] * self.world_size
        dist.all_gather_object(things, thing)
        return things

    def first(self, thing: Kind) -> Kind:
        """Return what the main process gives; all of them must call it."""
        with self.ending_together():
            return self.gather(thing)[0]

    def mean(self, figures: Mapping[str, Tensor]) -> dict[str, float]:
        """Average scalars over the processes that have them; all of them must call it."""
        gathered: dict[str, list[float]] = defaultdict(list)
        for one in self.gather({tag: figure.item() for tag, figure in figures.items()}):
            for tag, value in one.items():
                gathered[tag].append(value)
        return {tag: sum(values) / len(values) for tag, values in gathered.items()}

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """Go on after the context only if no process found a mistake of the user in it.

        The main process reports the mistakes of all, each once; the others end in silence. No process may wait for
        another inside.

        Raises:
            UserError: in the main process.
            SystemExit: in the others.
        """
        mistake = None
        try:
            yield
        except UserError as error:
            if self.alone:
                raise
            mistake = str(error)
        with self.ending_together():
            mistakes = self.gather(mistake)
        if not any(mistakes):
            return
        if self.is_main:
            raise UserError(report(mistakes))
        with suppress(RuntimeError):
            dist.barrier()  # fails when the main process has gone: the launcher ends all as soon as one has
        raise SystemExit(2)

    def check_same(self, facts: Mapping[str, object]) -> None:
        """Check that the processes train the same thing; else they would wait for each other or drift apart.

        Raises:
            UserError: a process's facts differ from the main one's, see `agreed`.
        """
        with self.ending_together():
            expected = self.gather(dict(facts))[0]
        with self.agreed():
            other = [name for name, value in facts.items() if value != expected[name]]
            if other:
                raise UserError(
                    f"{other[0]} is {facts[other[0]]}, but {expected[other[0]]} on rank 0: "
                    "start every machine with the same command, on the same lists and weights"
                )

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        """Report a mistake in the context with the rank of its process, and say so where another process has ended.

        Raises:
            UserError: either happened.
        """
        try:
            yield
        except UserError as error:
            raise UserError(self.named(str(error))) from error
        except RuntimeError as error:
            if self.alone or not _is_loss_of_company(error):
                raise
            raise UserError(self.named(LEFT_ALONE)) from error

    def wrap(self, model: nn.Module, device: torch.device, sync_bn: bool) -> nn.Module:
        """Return the model as one whose gradients are means over all processes; all of them must call it.

        Weights and running statistics become those of the main process; the plain model shares them.
        """
        if self.alone:
            return model
        group = dist.new_group(backend="nccl") if device.type == "cuda" else None
        if sync_bn:
            share_batch_norms(model, group)
        return nn.parallel.DistributedDataParallel(model, process_group=group, gradient_as_bucket_view=True)


def share_batch_norms(model: nn.Module, group: Any = None) -> None:
    """Make a model's batch norms compute their statistics over all processes of a group, in place.

    Some of timm's batch norms have the activation in them, which PyTorch's own conversion leaves out of the network.
    """
    if any(type(module).__module__.startswith("timm.") for module in model.modules()):
        from timm.layers import convert_sync_batchnorm

        convert_sync_batchnorm(model, group)
    else:
        nn.SyncBatchNorm.convert_sync_batchnorm(model, group)


class StopVote:
    """Tells every process after the same step that one of them was told to end.

    A vote travels while the next step is computed, so that nothing waits for it: its answer is one step old.
    """

    def __init__(self, processes: Processes) -> None:
        self.alone = processes.alone
        self._travelling: tuple[dist.Work, Tensor] | None = None

    def __call__(self, received: Signals | None) -> Signals | None:
        """Vote after a step; return the signal on which all end now, or None."""
        if self.alone:
            return received
        answer = self._answer()
        if answer is None:
            vote = torch.tensor([received or 0])
            self._travelling = dist.all_reduce(vote, dist.ReduceOp.MAX, async_op=True), vote
        return answer

    def _answer(self) -> Signals | None:
        if self._travelling is None:
            return None
        work, vote = self._travelling
        work.wait()
        return Signals(int(vote)) if vote else None


def check_sync_bn(sync_bn: bool, device: torch.device) -> None:
    """Check before the work that batch norms can share their statistics on a device.

    Raises:
        UserError: PyTorch's SyncBatchNorm does not know the device.
    """
    if sync_bn and device.type != "cuda":
        raise UserError(f"--sync_bn: PyTorch synchronises batch norms on GPUs only, not on the {device.type}; drop it")


def scaled_rate(rate: float, rule: str, world_size: int) -> float:
    """Return the learning rate that `--lr_scaling` makes of `--learning_rate` for a number of processes."""
    return rate * {"none": 1.0, "linear": float(world_size), "sqrt": world_size**0.5}[rule]


def report(mistakes: list[str | None]) -> str:
    """Return every mistake once, with the ranks of the processes that found it; without ranks where all of them did.

    Args:
        mistakes: by rank, None where there was none.
    """
    finders: dict[str, list[int]] = defaultdict(list)
    for rank, mistake in enumerate(mistakes):
        if mistake:
            finders[mistake].append(rank)
    return "\n".join(
        mistake if len(ranks) == len(mistakes) else f"rank {', '.join(map(str, ranks))}: {mistake}"
        for mistake, ranks in finders.items()
    )


def _is_loss_of_company(error: RuntimeError) -> bool:
    """Whether an error says that another process cannot be reached; gloo's come without a type of their own."""
    return isinstance(error, dist.DistError) or "gloo/" in str(error) or "by peer" in str(error)
