"""Our figures for golden cases, under the names that the case files use.

A case is one entry of `losses.json` (flags, seed, frames, lines → losses, poses, gradient norms) or `evaluation.json`
(flags, seed, frames, lines, size → metrics, disparity statistics, ground truth), or the whole of `odometry.json` (seed,
frames → snippet error). README.md beside this file says more.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import Options
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import steps
from monodepth2.evaluation.scoring import evaluate
from monodepth2.method.geometry import transform_from_parameters
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Predictions
from monodepth2.odometry.metrics import snippet_errors
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.training.depth_figures import training_depth_metrics
from monodepth2.training.step import TrainingStep
from options import parse
from recipe import fill
from scene import write_kitti_raw
from trajectory import trajectory

Case = dict[str, Any]
CPU = torch.device("cpu")


def case_figures(
    case: Case,
    root: Path,
    flags: Sequence[str] = (),
    float64: bool = False,
    device: torch.device = CPU,
    share: bool = False,
) -> Case:
    """Compute everything that a case states.

    Args:
        case: one entry of a case file.
        root: where its scene lies, or is written to.
        flags: of the command line, besides the case's own; they and the rest are for the figures of losses alone.
        float64: compute all of it in float64, from weights and depth maps in float32.
        device: where.
        share: let networks say again what they said for the case before, where the two differ in their losses alone.
    """
    if "ate_mean" in case:
        return _odometry_figures(case)
    if not root.exists():
        write_kitti_raw(root, case["frames"], case["seed"])
    given = [*case["flags"], *flags]
    options = parse([*given, "--data_path", str(root), "--png", "--weights_init", "scratch", "--no_cuda"])
    lines = [SplitLine.parse(line) for line in case["lines"]]
    if "metrics" in case:
        return _evaluation_figures(case, options, lines)
    data_set = MonoDataset.from_options(options, lines, augment=False, dtype=np.float64 if float64 else np.float32)
    return _loss_figures(options, data_set, case["seed"], device, share)


def _odometry_figures(case: Case) -> Case:
    poses, predicted = trajectory(case["seed"], case["frames"])
    errors = snippet_errors(steps(poses), predicted)
    return {"ate_mean": float(errors.mean()), "ate_std": float(errors.std())}


def _loss_figures(options: Options, data_set: MonoDataset, seed: int, device: torch.device, share: bool) -> Case:
    samples = range(len(data_set))
    batch = stack([data_set.sample(index) for index in samples]).prepared(device)
    if share:
        step = said(options, batch, seed).step(options)
    else:
        step = TrainingStep(recipe_model(options, seed).to(device, batch.K[0].dtype), options, device)
    step.objective = replace(step.objective, tie_break=False)
    figures, depth = _evaluation_mode(step, batch)
    maps = {index: data_set.depth(index, mirrored=False) for index in samples}
    known = {index: depth_map for index, depth_map in maps.items() if depth_map is not None}
    if known:
        metrics = training_depth_metrics(depth[list(known)], torch.stack(list(known.values())).to(device))
        figures["depth_metrics"] = {tag: value.item() for tag, value in metrics.items()}
    return figures | _training_mode(step, batch)


def recipe_model(options: Options, seed: int) -> MonodepthModel:
    """The options' networks with recipe weights."""
    with torch.device("meta"):  # initial weights, which nobody reads, take a while
        model = MonodepthModel(options)
    model.to_empty(device=CPU)
    for name, network in model.networks.items():
        fill(name, network, seed)
    return model


@dataclass(frozen=True)
class Said:
    """Recipe networks on the CPU, and what they say of a batch in evaluation mode."""

    model: MonodepthModel
    evaluated: Predictions

    def step(self, options: Options) -> TrainingStep:
        """A step that learns by the options' losses, and does not compute again what is said in evaluation mode."""
        step = TrainingStep(self.model, options, CPU)
        step.predict = lambda batch: self.evaluated  # type: ignore[method-assign]
        return step


LAST: dict[str, Said] = {}
# which networks know nothing of; and the names of the flags that were given
OF_LOSSES = ("v1_multiscale", "avg_reprojection", "disable_automasking", "no_ssim", "given")


def said(options: Options, batch: Batch, seed: int) -> Said:
    """What recipe networks say, kept until others are asked: they take hundreds of megabytes."""
    seen = {name: value for name, value in vars(options).items() if name not in OF_LOSSES}
    key = f"{seed} {seen}"
    if key not in LAST:
        LAST.clear()
        step = TrainingStep(recipe_model(options, seed).to(CPU, batch.K[0].dtype), options, CPU)
        step.model.eval()
        LAST[key] = Said(step.model, step.predict(batch))
    return LAST[key]


def _evaluation_mode(step: TrainingStep, batch: Batch) -> tuple[Case, torch.Tensor]:
    step.model.eval()
    predictions = step.predict(batch)
    views, losses = step.judge(batch, predictions)
    finest = predictions.disps[min(predictions.disps)]
    poses = {
        str(source): transform_from_parameters(pose.axisangle, pose.translation, pose.invert)[0].tolist()
        for source, pose in predictions.poses.items()
    }
    statistics = {"disp_0_mean": finest.mean().item(), "disp_0_std": finest.std().item()}
    return {"eval": {**_losses(losses), **statistics, "poses": poses}}, views.depths[min(views.depths)]


def _training_mode(step: TrainingStep, batch: Batch) -> Case:
    step.model.train()
    with _squares(step.model) as squares:
        predictions, loss, _ = step.backward(batch)
    losses = step.judge(batch, predictions)[1]
    assert abs(loss.item() - losses.total.item()) < 1e-5 * losses.total.item()
    norms = {name: float(torch.stack(of_network).sum().sqrt()) for name, of_network in squares.items()}
    fractions = {str(scale): mask.double().mean().item() for scale, mask in losses.automask.items()}
    return {"train": _losses(losses), "grad_norm": norms, "automask_fraction": fractions}


@contextmanager
def _squares(model: MonodepthModel) -> Iterator[dict[str, list[torch.Tensor]]]:
    """The sum of squares of each gradient, by network; a gradient is gone as soon as it is summed, as all are large."""
    squares: dict[str, list[torch.Tensor]] = {name: [] for name in model.networks}

    def note(name: str, parameter: torch.Tensor) -> None:
        assert parameter.grad is not None
        squares[name].append(parameter.grad.double().square().sum())
        parameter.grad = None

    with ExitStack() as stack:
        for name, network in model.networks.items():
            for parameter in (p for p in network.parameters() if p.requires_grad):
                stack.callback(parameter.register_post_accumulate_grad_hook(partial(note, name)).remove)
        yield squares


def _losses(losses: Any) -> Case:
    return {"loss": losses.total.item(), **{f"loss/{s}": loss.item() for s, loss in losses.per_scale.items()}}


def _evaluation_figures(case: Case, options: Options, lines: list[SplitLine]) -> Case:
    with tempfile.TemporaryDirectory() as folder:
        split = Path(folder) / options.eval_split  # its name tells the protocol
        split.mkdir()
        (split / "test_files.txt").write_text("\n".join(case["lines"]))
        weights = Path(folder) / "weights"
        trained = replace(options, height=case["height"], width=case["width"])
        model = recipe_model(trained, case["seed"])
        save_checkpoint(weights, model, torch.optim.Adam(model.parameters()), trained)
        options = replace(options, load_weights_folder=weights, eval_split=str(split))
        metrics, predictor = evaluate(options).mean, DepthPredictor.from_checkpoint(weights, CPU)
    layout = KittiRaw(options.data_path, ".png")
    predicted = predictor.predict_all(map(layout.picture_path, lines), 16, options.post_process)
    disps = np.stack([one.network_disp for one in predicted])
    return {
        "metrics": metrics._asdict(),
        "disp_mean": float(disps.mean(dtype=np.float64)),
        "disp_std": float(disps.std(dtype=np.float64)),
        "disp_corner": disps[0, :2, :3].tolist(),
        "gt_forward": _map_checks(layout.depth(replace(lines[0], side="l"), forward=True)),
        "gt_projected_cam3": _map_checks(layout.depth(replace(lines[0], side="r"))),
    }


def _map_checks(depth: np.ndarray) -> Case:
    return {"count": int((depth > 0).sum()), "total": float(depth.sum(dtype=np.float64))}
