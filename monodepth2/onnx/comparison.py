"""An exported network beside the checkpoint it was made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from monodepth2.errors import UserError
from monodepth2.onnx.graphs import Graph
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.network import make_session, run_session


@dataclass(frozen=True)
class Difference:
    """How far an output is from the checkpoint's, at most.

    Attributes:
        relative: of disparity and depth to the value itself, of a motion to the largest value of that output.
        absolute: in the unit of the output.
    """

    relative: float
    absolute: float


def trial_inputs(graph: Graph, metadata: Metadata) -> Iterator[Tensor]:
    """Yield inputs of every batch and size that is worth a try: noise, black, grey, and a smooth gradient each."""
    channels, height, width = graph.input_shape
    shapes = [(metadata.batch_size, height, width)]
    if metadata.dynamic_batch:
        shapes.append((3, height, width))
    if metadata.dynamic_size:
        shapes += [(metadata.batch_size, 64, 128), (metadata.batch_size, 160, 96)]
    generator = torch.Generator().manual_seed(0)
    for batch, h, w in shapes:
        yield torch.rand(batch, channels, h, w, generator=generator)
        yield torch.zeros(batch, channels, h, w)
        yield torch.full((batch, channels, h, w), 0.45)
        across = torch.linspace(0, 1, w) * torch.linspace(0.2, 1, batch * channels).view(batch, channels, 1, 1)
        yield (across + torch.linspace(0, 1, h)[:, None]) / 2


def compare(graph: Graph, content: bytes, inputs: Sequence[Tensor], source: Path) -> dict[str, Difference]:
    """Return per output the largest difference between a graph and its ONNX form over the inputs.

    Raises:
        UserError: onnxruntime cannot load or run it, or the graph's own outputs are not finite.
    """
    session = make_session(content, torch.device("cpu"), str(source))
    worst = dict.fromkeys(graph.outputs, Difference(0.0, 0.0))
    for images in inputs:
        with torch.inference_mode():
            expected = graph(images)
        found = run_session(session, {graph.input[0]: images}, list(graph.outputs), str(source))
        for name, ours, theirs in zip(graph.outputs, found, expected, strict=True):
            if not theirs.isfinite().all():
                raise UserError(f"the checkpoint's own {name} is not finite: use other weights")
            scale = theirs.abs() if graph.outputs_are_maps else theirs.abs().max()
            apart, scale = (ours - theirs).abs(), scale.clamp(min=torch.finfo().tiny)
            worst[name] = Difference(_larger(worst[name].relative, apart / scale), _larger(worst[name].absolute, apart))
    return worst


def _larger(before: float, values: Tensor) -> float:
    """The larger of two, where one that is no number is larger than any."""
    return torch.cat([values.new_tensor([before]), values.flatten()]).max().item()
