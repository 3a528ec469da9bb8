"""What a training begins with: networks and their weights, and Adam's moments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.learnt_cameras import check_begun_alike, other_cameras
from monodepth2.checkpoints.networks import (
    ITS_FLAGS,
    WITHOUT_IT,
    holds_network,
    load_networks,
    network_file,
    read_network,
    weights_folder,
)
from monodepth2.checkpoints.optimizer import load_optimizer
from monodepth2.checkpoints.records import trained_facts
from monodepth2.config import NETWORKS, Options
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError, tell
from monodepth2.method.model import MonodepthModel
from monodepth2.runtime.processes import Processes, scaled_rate
from monodepth2.training.run_checkpoints import ResumePoint
from monodepth2.training.step import TrainingStep


@dataclass(frozen=True)
class Beginning:
    """What a training begins with, or goes on with.

    Attributes:
        learn: a step of it, with the networks and their optimizer.
        origin: where it begins or goes on, in words.
        afresh: whether Adam has no moments yet.
        facts: what is known of the training that its first weights come from; the defaults where they come from none.
    """

    learn: TrainingStep
    origin: str
    afresh: bool
    facts: TrainingFacts

    @classmethod
    def of_new_run(
        cls, options: Options, processes: Processes, device: torch.device, cameras: Sequence[Camera]
    ) -> "Beginning":
        """New networks, with weights as `--weights_init` and `--load_weights_folder` say.

        Args:
            options: of the run.
            processes: that train together; the main one reads ImageNet's weights, the others get them from it.
            device: to train on.
            cameras: of the run, whose focal lengths may be learnt.

        Raises:
            UserError: weights cannot be used.
        """
        model = MonodepthModel(options, len(cameras))
        folder = options.load_weights_folder and weights_folder(options.load_weights_folder)
        if options.weights_init == "pretrained" and processes.is_main:
            for name in model.load_imagenet(options, options.models_to_load if folder else ()):
                tell(
                    f"warning: --pretrained_weights {options.pretrained_weights} is for the depth network; the pose "
                    f"network's {name} begins from scratch"
                )
        facts = _loaded(model, options, folder, processes.is_main) if folder else TrainingFacts()
        if "intrinsics" in model.networks:
            check_begun_alike(facts.cameras, cameras, model.intrinsics)
        if "intrinsics" not in options.models_to_load and processes.is_main:
            for remark in other_cameras(facts.cameras, cameras):
                tell(f"warning: {remark}")
        options = _with_scaled_rates(options, processes)
        learn = TrainingStep(model.to(device), options, device)
        moments = _taken_moments(learn, options, folder) if folder else "fresh"
        return cls(learn, f"Adam's moments {moments}", moments.startswith("fresh"), facts)

    @classmethod
    def of_checkpoint(
        cls, options: Options, processes: Processes, device: torch.device, cameras: Sequence[Camera], point: ResumePoint
    ) -> "Beginning":
        """The networks of the run's own checkpoint; the optimizer's state is not read yet.

        Args:
            options: of the run.
            processes: that train together.
            device: to train on.
            cameras: of the run, whose focal lengths may be learnt.
            point: where the run goes on; every byte of it, and its record, have been checked.

        Raises:
            UserError: the checkpoint cannot be used, or what it learnt of cameras is not of these.
        """
        model = MonodepthModel(options, len(cameras))
        load_networks(model, point.folder, NETWORKS)
        facts = facts_of(point.folder)
        if "intrinsics" in model.networks:
            check_begun_alike(facts.cameras, cameras, model.intrinsics, resumed=True)
        learn = TrainingStep(model.to(device), _with_scaled_rates(options, processes), device)
        origin = f"going on after step {point.step:,} from {point.folder.name}"
        return cls(learn, origin, False, facts)


def _with_scaled_rates(options: Options, processes: Processes) -> Options:
    """Apply `--lr_scaling` to the learning rates."""
    factor = scaled_rate(1.0, options.lr_scaling, processes.world_size)
    own = options.encoder_lr and factor * options.encoder_lr
    return replace(options, learning_rate=factor * options.learning_rate, encoder_lr=own)


def _loaded(model: MonodepthModel, options: Options, folder: Path, told: bool) -> TrainingFacts:
    """Load the networks of `--models_to_load` from another run's folder; return what it says of its training."""
    loaded = load_networks(model, folder, options.models_to_load, missing=WITHOUT_IT, misfit=ITS_FLAGS)
    if not loaded:
        raise UserError(
            f"--models_to_load {' '.join(options.models_to_load)}: this run has {' '.join(model.networks)}: name some "
            "of these, or drop --load_weights_folder"
        )
    depths_are_loaded = "depth" in loaded
    try:
        facts = facts_of(folder)
    except UserError:
        if depths_are_loaded:  # the unit and the range of its depths must be known
            raise
        return TrainingFacts()
    if told and depths_are_loaded:
        for remark in other_depths(options, folder, facts):
            tell(f"warning: {remark}")
    return facts if {"encoder", "depth"} & set(loaded) else TrainingFacts(cameras=facts.cameras)


def _taken_moments(learn: TrainingStep, options: Options, folder: Path) -> str:
    """Load Adam's moments where they belong to all of the networks; say what became of them."""
    others = [name for name in learn.model.networks if name not in options.models_to_load]
    if others:
        return f"fresh (--models_to_load leaves out {' '.join(others)})"
    reason = load_optimizer(learn.optimizer, folder)
    return f"fresh ({reason})" if reason else f"taken from {folder}"


def facts_of(folder: Path) -> TrainingFacts:
    """Return what a checkpoint says of its training. Its encoder says that: without one these are 2019's defaults.

    Raises:
        UserError: the record of its run is there but unusable.
    """
    if not holds_network(folder, "encoder"):
        return TrainingFacts()
    return trained_facts(read_network(network_file(folder, "encoder")), folder)


def other_depths(options: Options, folder: Path, facts: TrainingFacts) -> list[str]:
    """Return warnings about a loaded depth network with these facts, whose depths mean something else in this run."""
    if not holds_network(folder, "encoder"):  # where facts are kept
        return []
    path, remarks = network_file(folder, "encoder"), []
    if (facts.min_depth, facts.max_depth) != (options.min_depth, options.max_depth):
        remarks.append(
            f"{path} was trained with --min_depth {facts.min_depth:g} --max_depth {facts.max_depth:g}: with others its "
            "depths are others, too; give these to keep them"
        )
    alone = "where that is another one, its depths begin too near or too far; --models_to_load encoder leaves them out"
    if options.poses == "tracked":
        remarks.append(f"the unit of {path} is not known to be that of --poses tracked: {alone}")
    elif options.start_depth and facts.metric_scale is None:
        remarks.append(f"the unit of {path} is not known to be the metre, as this run's is: {alone}")
    elif options.use_stereo and facts.metric_scale:
        remarks.append(
            f"the unit of {path} is {facts.metric_scale:g} m, and this run's is ten baselines of its rig: {alone}"
        )
    return remarks
