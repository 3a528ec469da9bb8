"""What is exported: a checkpoint's networks with everything that surrounds them, as modules from tensors to tensors.

Legend of shapes: b batch, k stacked frames, m motions, h w pixels.
"""

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from monodepth2.checkpoints.depth_network import DepthNetwork, load_depth_network
from monodepth2.checkpoints.networks import holds_network
from monodepth2.checkpoints.records import trained_options
from monodepth2.config.tools import ExportOptions
from monodepth2.errors import UserError
from monodepth2.method.geometry import disp_to_depth
from monodepth2.method.networks import TimmEncoder
from monodepth2.method.networks.depth_decoder import DepthDecoder, double, elu, reflect
from monodepth2.odometry.network import MotionNetwork, load_motion_network
from monodepth2.onnx.metadata import of_training

CPU = torch.device("cpu")


class Graph(nn.Module):
    """A module to export, with the names and meanings of its input and outputs.

    Attributes:
        outputs_are_maps: of the input's size or a fraction of it, and nowhere near zero.
        height: of the input.
        width: of the input.
        channels: of the input.
        facts: what the file's metadata say of this network.
    """

    input: ClassVar[tuple[str, str]]
    outputs: ClassVar[dict[str, str]]
    outputs_are_maps: ClassVar[bool]
    height: int
    width: int
    channels: int
    facts: dict[str, Any]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights and of the arithmetic."""
        return next(self.parameters()).dtype


class SummingDecoder(DepthDecoder):
    """A decoder that convolves upsampled and skipped maps apart and adds the results, instead of concatenating first.

    The sums are the same. OpenCV 4 loads a network of any size as if its pictures had no pixels; every map then counts
    as 1x1 until it is doubled, and what differs in size cannot be concatenated, but can be added.
    """

    def __init__(self, decoder: DepthDecoder) -> None:
        nn.Module.__init__(self)
        self.scales, self.decoder = decoder.scales, decoder.decoder
        joints = {stage: decoder.decoder[2 * (4 - stage) + 1].get_submodule("conv.conv") for stage in range(4, 0, -1)}
        # a joint has as many outputs as upsampled inputs
        counts = {stage: len(joint.get_parameter("weight")) for stage, joint in joints.items()}
        self.upsampled = nn.ModuleDict({str(n): _part(joint, 0, counts[n]) for n, joint in joints.items()})
        self.skipped = nn.ModuleDict({str(n): _part(joint, counts[n], None) for n, joint in joints.items()})

    def _stage(self, stage: int, x: Tensor, *skip: Tensor) -> Tensor:
        if not skip:
            return super()._stage(stage, x)
        x = double(self.decoder[2 * (4 - stage)](x))
        upsampled, skipped = self.upsampled[str(stage)], self.skipped[str(stage)]
        return elu(upsampled(reflect(x)) + skipped(reflect(skip[0])))


def _part(joint: nn.Module, first: int, end: int | None) -> nn.Conv2d:
    """Return the convolution of some of the input channels; that of the first ones adds the bias."""
    weight = joint.get_parameter("weight")[:, first:end]
    part = nn.Conv2d(weight.shape[1], weight.shape[0], 3, bias=first == 0)
    part.weight = nn.Parameter(weight.clone())
    if part.bias is not None:
        part.bias = nn.Parameter(joint.get_parameter("bias").clone())
    return part


class DepthGraph(Graph):
    """Images to disparity and depth.

    Args:
        network: encoder and decoder.
        factor: from depth in the network's unit to the output.
        any_size: the file is to take pictures of any size.
    """

    input = ("image", "RGB in [0, 1], (batch, 3, height, width)")
    outputs: ClassVar = {
        "disp": "scaled disparity, (batch, 1, height, width); smaller where the network has no finest scale",
        "depth": "monodepth2.depth_factor / disp, in monodepth2.depth_unit, same shape",
    }
    outputs_are_maps = True
    channels = 3

    def __init__(self, network: DepthNetwork, factor: float, any_size: bool) -> None:
        super().__init__()
        self.encoder = network.encoder
        depth = network.depth
        self.depth = SummingDecoder(depth) if any_size and isinstance(depth, DepthDecoder) else depth
        self.height, self.width = network.height, network.width
        self.min_depth, self.max_depth, self.factor = network.min_depth, network.max_depth, factor

    def forward(self, image_b3hw: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled disparity and depth, b1hw, float32: that much is float32 in half precision too."""
        disps = self.depth(self.encoder(image_b3hw.to(self.dtype)))
        disp, _ = disp_to_depth(disps[min(disps)].float(), self.min_depth, self.max_depth)
        return disp, disp.new_tensor(self.factor) / disp  # a quotient: TensorRT lists no reciprocal


class PoseGraph(Graph):
    """Stacked frames to the motions of the sources relative to the target."""

    input = ("frames", "RGB in [0, 1], stacked in the order of monodepth2.frames, (batch, 3 * frames, height, width)")
    outputs: ClassVar = {
        "axisangle": "rotations in radians, (batch, motions, 3); one motion per frame other than 0",
        "translation": "in the unit of depth, for posecnn in units of the mean inverse depth, (batch, motions, 3)",
        "transform": "source_T_target, rotate then translate, (batch, motions, 4, 4)",
    }
    outputs_are_maps = False

    def __init__(self, network: MotionNetwork) -> None:
        super().__init__()
        model = network.model
        self.kind, self.pairs, self.pose = model.pose_model_type, model.pairs, model.pose
        if self.kind == "shared":
            self.encoder = model.encoder
        elif self.kind == "separate_resnet":
            self.pose_encoder = model.pose_encoder
        self.frame_ids = [0, *network.temporal_ids]
        self.channels, self.height, self.width = 3 * len(self.frame_ids), network.height, network.width

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return axis-angles and translations, bm3, and transforms, bm44, float32, of frames (b, 3k, h, w)."""
        axisangles, translations = self._motions(frames.to(self.dtype))
        if self.pairs:  # 2019's decoder states two motions: a pair's is the first
            axisangles, translations = axisangles[:, :1], translations[:, :1]
        axisangles, translations = axisangles.float(), translations.float()
        return axisangles, translations, transforms_of_any_batch(axisangles, translations)

    def _motions(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        if self.kind == "posecnn":
            return self.pose(frames)
        if self.kind == "separate_resnet":
            return self.pose([self.pose_encoder(frames)[-1]])
        singles = [frames[:, n : n + 3] for n in range(0, self.channels, 3)]  # slices: Split changed in opset 18
        return self.pose([self.encoder(frame)[-1] for frame in singles])


def transforms_of_any_batch(axisangles_bm3: Tensor, translations_bm3: Tensor) -> Tensor:
    """Return what `geometry.transform_from_parameters` returns, bm44, with nothing in it that depends on the batch.

    A graph traced at one batch size so serves any other. It is written out entry by entry, because old runtimes lack
    operators that add axes or sum over them; as products of matrices it would lose digits where GPUs round these.
    """
    angle = torch.linalg.vector_norm(axisangles_bm3, dim=-1, keepdim=True)
    axis = axisangles_bm3 / (angle + 1e-7)
    x, y, z = (axis[..., n : n + 1] for n in range(3))
    tx, ty, tz = (translations_bm3[..., n : n + 1] for n in range(3))
    cos, sin = angle.cos(), angle.sin()
    vx, vy, vz = ((1 - cos) * component for component in (x, y, z))
    zero = 0 * angle
    entries = [
        *(vx * x + cos, vx * y - sin * z, vx * z + sin * y, tx),
        *(vx * y + sin * z, vy * y + cos, vy * z - sin * x, ty),
        *(vx * z - sin * y, vy * z + sin * x, vz * z + cos, tz),
        *(zero, zero, zero, zero + 1),
    ]
    return torch.cat(entries, -1).view(-1, axisangles_bm3.shape[1], 4, 4)


def load_graph(folder: Path, options: ExportOptions) -> Graph:
    """Load the network that the options ask for, in evaluation mode.

    Raises:
        UserError: the checkpoint cannot be used, metres are asked of one that knows none, or a baseline is stated for
            one that has no use for it.
    """
    graph = _load_depth(folder, options) if options.network == "depth" else _load_pose(folder, options)
    graph.height, graph.width = options.height or graph.height, options.width or graph.width
    _check_size(graph, options.dynamic_size)
    return graph.eval().requires_grad_(False)


def _check_size(graph: Graph, dynamic: bool) -> None:
    """Refuse other sizes than the only one that a backbone takes."""
    for encoder in (module for module in graph.modules() if isinstance(module, TimmEncoder)):
        if encoder.only_size and (dynamic or encoder.only_size != (graph.height, graph.width)):
            height, width = encoder.only_size
            raise UserError(f"{encoder.name} was trained for pictures of {width}x{height} and takes no others; leave "
                            "out --dynamic_size, --height and --width")  # fmt: skip


def _load_depth(folder: Path, options: ExportOptions) -> DepthGraph:
    network = load_depth_network(folder, CPU, options.min_depth, options.max_depth, options.height, options.width)
    facts = network.facts.with_baseline(options.baseline, folder)
    depths, asked = (network.min_depth, network.max_depth), (options.pred_metric_depth, options.pred_depth_scale_factor)
    factor = facts.depth_factor(*asked, depths)
    graph = DepthGraph(network, factor, options.dynamic_size)
    graph.facts = {
        **_training(folder, network.facts.use_stereo),
        "min_depth": float(network.min_depth),
        "max_depth": float(network.max_depth),
        "depth_factor": float(factor),
        "depth_unit": "m" if options.pred_metric_depth or factor != 1 else "arbitrary",
        **of_training(facts),
        "learnt_depths": None if depths == (facts.min_depth, facts.max_depth) else [facts.min_depth, facts.max_depth],
    }
    return graph


def _load_pose(folder: Path, options: ExportOptions) -> PoseGraph:
    network = load_motion_network(folder, CPU, options.height, options.width)
    graph = PoseGraph(network)
    graph.facts = {
        **_training(folder, network.facts.use_stereo),
        "pose_model_type": graph.kind,
        "frames": graph.frame_ids,
        **of_training(network.facts),
    }
    return graph


def _training(folder: Path, use_stereo: bool) -> dict[str, Any]:
    """The kind of training; what `opt.json` does not tell, the presence of a pose network does."""
    trained = trained_options(folder)
    temporal = bool(trained.temporal_ids) if trained else holds_network(folder, "pose")
    kind = "mono" if not use_stereo else "mono+stereo" if temporal else "stereo"
    return {"training": kind, "use_stereo": use_stereo}
