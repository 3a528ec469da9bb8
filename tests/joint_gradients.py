"""Training steps on four samples, by one process or, started by `torchrun`, by several together.

python joint_gradients.py SCENE OUTPUT saves, from the main process: "gradients" by variant, and "weights", every
process's own after two updates; "figures", means of the ranks, those named "depth" without the main process's; and
"spoilt", by the scaler's scale what every process makes of a loss that is infinite in the last one alone.
"""

import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch
from monodepth2.runtime.processes import Processes
from monodepth2.training.step import TrainingStep
from scene import DRIVE

CPU = torch.device("cpu")
SAMPLES = 4
VARIANTS: dict[str, dict] = {
    "mono": {"pose_model_type": "separate_resnet"},
    "computed again": {"grad_checkpointing": True},
    "half the scales, stereo": {"scales": (2, 1), "use_stereo": True},
    "shared encoder, mask": {"pose_model_type": "shared", "disable_automasking": True, "predictive_mask": True},
}


def joint_gradients(scene: Path, processes: Processes, **variant) -> torch.Tensor:
    """The gradients of all parameters on the samples of all processes, in one vector.

    Batch norms use their running statistics, so that what is said of a sample does not depend on the others.
    """
    step, batch = prepare(scene, processes, **variant)
    step.model.eval()
    step.backward(batch)
    return torch.cat([p.grad.flatten() for p in step.model.parameters() if p.grad is not None])


def weights_after_two_steps(scene: Path, processes: Processes) -> torch.Tensor:
    """All parameters in one vector."""
    step, batch = prepare(scene, processes)
    for _ in range(2):
        step(batch)
    return torch.cat([p.detach().flatten() for p in step.model.parameters()])


def spoilt_step(scene: Path, processes: Processes, scale: float, unspoilt: torch.Tensor) -> dict[str, bool]:
    """What a process makes of a loss that is infinite in the last one alone, its gradients being finite.

    "forgotten" is whether its weights become those of two steps without a spoilt one between them.
    """
    step, batch = prepare(scene, processes)
    step.scaler = torch.amp.GradScaler("cpu", init_scale=scale, enabled=scale > 1)
    step(batch)
    before = torch.cat([p.detach().flatten() for p in step.model.parameters()])
    added = torch.inf if processes.rank == processes.world_size - 1 else 0.0
    loss = step.loss
    with mock.patch.object(step, "loss", lambda part, predictions: loss(part, predictions) + added):
        result = step(batch)
    unchanged = torch.equal(before, torch.cat([p.detach().flatten() for p in step.model.parameters()]))
    good = not step(batch).wrong
    weights = torch.cat([p.detach().flatten() for p in step.model.parameters()])
    forgotten = torch.equal(weights, unspoilt)
    seen = {"lost": bool(result.lost), "wrong": bool(result.wrong), "unchanged": unchanged}
    return {**seen, "good": good, "forgotten": forgotten}


def prepare(scene: Path, processes: Processes, **variant) -> tuple[TrainingStep, Batch]:
    """A step without noise, and this process's share of the samples; the smallest pose network, if nothing is said."""
    share = SAMPLES // processes.world_size
    options = Options(
        data_path=scene, png=True, height=64, width=96, batch_size=share, **{"pose_model_type": "posecnn", **variant}
    )
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, n, "l") for n in range(1, 1 + SAMPLES)], False)
    mine = range(processes.rank * share, (processes.rank + 1) * share)
    torch.manual_seed(processes.rank)  # the main process's weights become everybody's
    step = TrainingStep(MonodepthModel(options), options, CPU)
    step.objective = replace(step.objective, tie_break=False)
    step.share(processes, options)
    return step, stack([data_set.sample(index) for index in mine]).prepared(CPU)


def main(scene: Path, output: Path) -> None:
    torch.set_num_threads(1)
    processes = Processes.from_environment()
    processes.start()
    gradients = {name: joint_gradients(scene, processes, **variant) for name, variant in VARIANTS.items()}
    own = weights_after_two_steps(scene, processes)
    spoilt = {scale: processes.gather(spoilt_step(scene, processes, scale, own)) for scale in (1.0, 1024.0)}
    weights = processes.gather(own)
    rank = torch.tensor(float(processes.rank))
    figures = processes.mean({"rank": rank} if processes.is_main else {"rank": rank, "depth": rank})
    if processes.is_main:
        torch.save({"gradients": gradients, "weights": weights, "figures": figures, "spoilt": spoilt}, output)
    processes.end()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
