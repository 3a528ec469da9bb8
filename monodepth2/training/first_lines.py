"""What a training says of itself before its first step."""

import torch

from monodepth2.config import Options, launched_as
from monodepth2.errors import counted
from monodepth2.method.model import MonodepthModel
from monodepth2.runtime.processes import Processes
from monodepth2.training.data import TrainingData
from monodepth2.training.schedule import Schedule


def first_lines(
    options: Options,
    data: TrainingData,
    processes: Processes,
    model: MonodepthModel,
    schedule: Schedule,
    device: torch.device,
    origin: str,
    taught: str,
) -> str:
    """How much data, how many steps, what is trained, where, and where from (`origin`).

    `taught` is what the weights learn from beside pictures, in words.
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    joint = options.batch_size * processes.world_size
    shares = "" if processes.alone else f" ({processes.world_size} processes of {options.batch_size})"
    warming = min(options.motion_warmup, options.num_epochs * data.steps_per_epoch)
    warm_up = f"the first {counted(warming, 'step')} for motion, " if warming else ""
    name = f"{options.model_name}, with {taught}" if taught else options.model_name
    return (
        f"{name}: {len(data.train_set):,} training and {len(data.val_set):,} validation samples, "
        f"{counted(options.num_epochs, 'epoch')} of {counted(data.steps_per_epoch, 'step')}, "
        f"{warm_up}{parameters / 1e6:.1f} M parameters, batches of {joint}{shares}, learning rate {schedule.in_words}, "
        f"{_in_words(device, processes)}, loader processes: {data.workers}, {origin}\n"
        f"writing to {options.run_folder}"
    )


def _in_words(device: torch.device, processes: Processes) -> str:
    """The device in words, and whether others like it stand idle."""
    others = torch.cuda.device_count() if device.type == "cuda" and processes.alone else 1
    if others < 2:
        return str(device)
    start = f"torchrun --standalone --nproc_per_node={others} {launched_as('train')} ..."
    return f"one of {others} GPUs (to use all of them: {start})"
