"""A checkpoint's pose network as a function from frames to the motion between them.

Legend of shapes: b targets, h w pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monodepth2.checkpoints.depth_network import DepthNetwork, load_depth_network
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.kinds import backbone_of, input_size, num_layers
from monodepth2.checkpoints.networks import holds_network, load_networks, network_file, read_network, weights_folder
from monodepth2.checkpoints.records import checkpoint_of, trained_facts, trained_options
from monodepth2.checkpoints.shared import CONFIG
from monodepth2.checkpoints.undrawn import Undrawn
from monodepth2.config import FrameId, Options
from monodepth2.errors import UserError, tell
from monodepth2.method.depth_maps import resized
from monodepth2.method.geometry import transform_from_parameters
from monodepth2.method.model import MonodepthModel

FRAMES = "frames"  # entry of a shared pose network, see `stated_frames`
FEATURES = 256  # of each feature set that a pose decoder looks at
NETWORKS_READ = {"separate_resnet": ("pose_encoder", "pose"), "shared": ("encoder", "pose"), "posecnn": ("pose",)}


@dataclass(frozen=True)
class MotionNetwork:
    """The pose network of a checkpoint.

    Attributes:
        folder: of the checkpoint.
        model: holds it, in evaluation mode; networks that it does not need are not loaded.
        temporal_ids: the sources to which it states the target's motion.
        height: of the pictures that it takes.
        width: of the pictures that it takes.
        num_layers: of its ResNet; None if it has none.
        facts: what is known of its training.
        depth: PoseCNN's partner: its translations are in units of that network's mean inverse depth.
        device: where it runs.
    """

    folder: Path
    model: MonodepthModel
    temporal_ids: tuple[int, ...]
    height: int
    width: int
    num_layers: int | None
    facts: TrainingFacts
    depth: DepthNetwork | None
    device: torch.device

    @property
    def description(self) -> str:
        """Kind of the network and what it looks at, in words."""
        return f"{self.model.pose_model_type} on {self.frames}"

    @property
    def frames(self) -> str:
        """What it looks at, in words."""
        return "pairs" if self.model.pairs else " ".join(map(str, ("frames 0", *self.temporal_ids)))

    def transforms(self, images: dict[FrameId, Tensor]) -> dict[FrameId, np.ndarray]:
        """Return `source_T_target` for every source, see `transforms_of`."""
        return transforms_of(self.model, images, self.depth, self.device)


@torch.inference_mode()
def transforms_of(
    model: MonodepthModel, images: dict[FrameId, Tensor], depth: DepthNetwork | None, device: torch.device
) -> dict[FrameId, np.ndarray]:
    """Return `source_T_target` for every source, float64, (b, 4, 4), in a model's unit of depth.

    Args:
        model: in evaluation mode.
        images: the target (0) and its sources, uint8, b3hw.
        depth: PoseCNN's partner, by whose mean inverse depth translations are multiplied; where PoseCNN has none,
            their unit is unknown.
        device: of both networks.
    """
    images = {frame: image.to(device).float() / 255 for frame, image in images.items()}
    unit = resized(depth(images[0]), images[0].shape[-2:]).mean((2, 3)).cpu() if depth else 1.0
    return {
        source: transform_from_parameters(
            pose.axisangle.cpu().double(), pose.translation.cpu().double() * unit, pose.invert
        ).numpy()
        for source, pose in model.motions(images).items()
    }


def load_motion_network(
    folder: Path, device: torch.device, height: int | None = None, width: int | None = None
) -> MotionNetwork:
    """Load the pose network of a checkpoint folder; its kind and number of frames are read off the tensors.

    Args:
        folder: of the checkpoint.
        device: where the network is to run.
        height: of its pictures, where `encoder.pth` does not state it.
        width: likewise.

    Raises:
        UserError: the folder has none, its files are missing or unusable, or they contradict the run's `opt.json`.
    """
    folder = weights_folder(folder)
    encoder_path = network_file(folder, "encoder")
    encoder = read_network(encoder_path)
    height, width = input_size(encoder, encoder_path, height, width)
    options = replace(options_of_pose_network(folder, encoder), height=height, width=width)
    with Undrawn():
        model = MonodepthModel(options)
    read = load_networks(model, folder, NETWORKS_READ[options.pose_model_type])
    for name in model.networks.keys() - set(read):
        delattr(model, name)
    with_depth = options.pose_model_type == "posecnn" and holds_network(folder, "depth")
    return MotionNetwork(
        folder=folder,
        model=model.eval().to(device),
        temporal_ids=options.temporal_ids,
        height=height,
        width=width,
        num_layers=None if options.pose_model_type == "posecnn" or options.pose_backbone else options.num_layers,
        facts=trained_facts(encoder, folder),
        depth=load_depth_network(folder, device, height=height, width=width) if with_depth else None,
        device=device,
    )


def options_of_pose_network(folder: Path, encoder: dict[str, Any]) -> Options:
    """Return the options whose `MonodepthModel` has the folder's pose network, as the tensors tell them.

    Args:
        folder: of the checkpoint.
        encoder: the depth network's state, which a shared pose network sees through.

    Raises:
        UserError: there is none, or what states its frames cannot be used or contradicts the tensors.
    """
    path = network_file(folder, "pose")
    if not holds_network(folder, "pose"):
        raise UserError(
            f"{folder} holds no pose network ({path.name}), as after training on stereo pairs alone, "
            "with --poses known or with --poses tracked: odometry needs a checkpoint trained with neighbours in "
            "--frame_ids"
        )
    state = read_network(path)
    if "pose_conv.weight" in state:
        kind, frames = "posecnn", _input_channels(state, "net.0.weight", path) / 3
    elif (sets := _input_channels(state, "net.1.weight", path) / FEATURES) > 1:
        kind, frames = "shared", sets
    else:
        path = network_file(folder, "pose_encoder")
        encoder, kind = read_network(path), "separate_resnet"
        backbone = backbone_of(encoder, path)
        frames = backbone[1] if backbone else _input_channels(encoder, "encoder.conv1.weight", path) / 3
    if frames < 2 or frames % 1:
        raise UserError(f"{path}: not a pose network, which looks at two frames or more")
    pairs, frame_ids = _frames_of_pose_network(folder, state, kind, int(frames))
    options = replace(
        Options(),
        pose_model_type=kind,
        pose_model_input="pairs" if pairs else "all",
        frame_ids=frame_ids,
    )
    backbone = backbone_of(encoder, path)
    if backbone is None:
        return replace(options, num_layers=num_layers(encoder, path))
    if kind == "separate_resnet":
        return replace(options, pose_encoder=backbone[0])
    return replace(options, encoder=backbone[0])


def _input_channels(state: dict[str, Any], key: str, path: Path) -> int:
    weight = state.get(key)
    if not isinstance(weight, Tensor) or weight.dim() != 4:
        raise UserError(f"{path}: not the weights of a pose network ({key} is missing or no convolution)")
    return weight.shape[1]


def stated_frames(folder: Path, pose: Mapping[str, Any]) -> str | list[int] | None:
    """Which frames a pose network looks at: "pairs", or their ids, the target's 0 first; None where nothing states it.

    Args:
        folder: of the checkpoint, whose run states it in `opt.json`.
        pose: the network's state; in a shared folder, which belongs to no run, an entry of it states it.

    Raises:
        UserError: what states it cannot be used.
    """
    frames = pose.get(FRAMES)
    if frames is None and (trained := trained_options(folder)):
        return "pairs" if trained.pose_model_input == "pairs" else [0, *trained.at_smallest_gap.temporal_ids]
    ids = frames if isinstance(frames, list) else [0]
    if frames not in (None, "pairs", ids) or ids[:1] != [0] or not all(type(n) is int and abs(n) < 1000 for n in ids):
        raise UserError(f"{network_file(folder, 'pose')}: the frames that it looks at cannot be used ({frames!r:.40}); "
                        "take another copy of the folder")  # fmt: skip
    return frames


def _frames_of_pose_network(
    folder: Path, pose: Mapping[str, Any], kind: str, frames: int
) -> tuple[bool, tuple[int, ...]]:
    """Whether a pose network looks at pairs, and which frames it looks at, the target first.

    Tensors tell the number of frames, other files which ones; without these 2019's defaults are taken.
    """
    stated, trained = stated_frames(folder, pose), None if FRAMES in pose else trained_options(folder)
    if stated is None and frames > 3:
        raise UserError(f"{folder}: its pose network looks at {frames} frames, and no opt.json beside it tells which")
    if stated is None:
        if frames == 3:
            tell(f"{folder}: no opt.json tells which frames its pose network looks at; 0 -1 1 are assumed")
        stated = "pairs" if frames == 2 else [0, -1, 1]
    ids = (0, 1) if stated == "pairs" else tuple(map(int, stated))
    if len(ids) != frames or (trained and trained.pose_model_type != kind):
        record = checkpoint_of(folder).parent / "opt.json" if trained else folder / CONFIG
        said = f"{trained.pose_model_type if trained else kind} on {len(ids)}"
        remedy = "one is of another run; correct or remove opt.json" if trained else "take another copy of the folder"
        raise UserError(
            f"{folder}: its pose network is {kind} on {frames} frames, but {record} states {said}: {remedy}"
        )
    return stated == "pairs", ids
