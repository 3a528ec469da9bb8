"""A depth model of anybody's making in an `.onnx` file: pictures in, a map out.

Legend of shapes: b batch, h w pixels.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monodepth2.errors import UserError
from monodepth2.onnx.network import make_session, read_model, run_session
from monodepth2.runtime.extras import require_packages


class DepthModel:
    """A model with one input, float32 `b3hw`, and an output of one map.

    Args:
        path: of the file. Other files are not read for it.
        device: where it is to run; onnxruntime takes CUDA where it was built for it, else the CPU.
        input_size: (height, width) of its input, where the file leaves that open; may be empty.
        output: name of the output to take; None: the only one.

    Attributes:
        content: of the file.
        height: of its input.
        width: of its input.

    Raises:
        UserError: the file is missing, damaged, has parts in other files, takes something else than one picture, or
            its size or output is not told.
    """

    def __init__(self, path: Path, device: torch.device, input_size: tuple[int, ...], output: str | None) -> None:
        require_packages("onnx", ".onnx files", "onnx", "onnxruntime")
        self.path = path.expanduser()
        self.content, model = read_model(self.path)
        _require_whole(model, self.path)
        self.session = make_session(self.content, device, str(self.path))
        self.input, shape = self._only_input()
        self.height, self.width = self._size(shape, input_size)
        self.output = self._chosen(output)

    def __call__(self, pixels_hw3: np.ndarray) -> np.ndarray:
        """Return the map that the model says of a picture, float32, (h, w) at the model's own size.

        Args:
            pixels_hw3: of the input's size, normalised as the model expects it.

        Raises:
            UserError: onnxruntime cannot run it, or the output is no single map.
        """
        image = torch.from_numpy(np.ascontiguousarray(pixels_hw3.transpose(2, 0, 1), dtype=np.float32))[None]
        (found,) = run_session(self.session, {self.input: image}, [self.output], str(self.path))
        shape = tuple(found.shape)
        if len(shape) not in (2, 3, 4) or set(shape[:-2]) - {1} or min(shape) < 1 or not found.is_floating_point():
            raise UserError(f"{self.path}: its output {self.output} is {_words(shape)} of {found.dtype}, expected one "
                            "map of floats: 1 x 1 x H x W, 1 x H x W or H x W")  # fmt: skip
        return found.reshape(shape[-2:]).float().numpy()

    def _only_input(self) -> tuple[str, list[Any]]:
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(value.name for value in inputs) or "none"
            raise UserError(
                f"{self.path}: has {len(inputs)} inputs ({names}); a model with one, the picture, is needed"
            )
        value = inputs[0]
        if value.type != "tensor(float)":
            raise UserError(f"{self.path}: its input {value.name} is {value.type}; a model of float32 is needed")
        shape = list(value.shape)
        if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
            raise UserError(
                f"{self.path}: its input {value.name} is {_words(shape)}; batch x 3 x height x width is needed"
            )
        if isinstance(shape[0], int) and shape[0] != 1:
            raise UserError(f"{self.path}: takes batches of {shape[0]} pictures; export it for a batch of 1, or any")
        return value.name, shape

    def _size(self, shape: list[Any], asked: tuple[int, ...]) -> tuple[int, int]:
        stated = [side if isinstance(side, int) and side > 0 else None for side in shape[2:]]
        if not asked and None in stated:
            raise UserError(f"{self.path}: leaves the size of its input open ({_words(shape)}): add --input_size H W")
        if asked and any(side not in (None, own) for side, own in zip(stated, asked, strict=True)):
            raise UserError(f"--input_size {asked[0]} {asked[1]}: the input of {self.path} is {_words(shape)}; drop "
                            "--input_size, or give that size")  # fmt: skip
        height, width = asked or stated
        assert height
        assert width
        return height, width

    def _chosen(self, asked: str | None) -> str:
        names = [value.name for value in self.session.get_outputs()]
        if asked is None and len(names) != 1:
            raise UserError(f"{self.path}: has the outputs {', '.join(names)}; choose one with --output_name")
        if asked is not None and asked not in names:
            raise UserError(f"--output_name {asked}: {self.path} has {', '.join(names)}")
        return asked or str(names[0])


def _require_whole(model: Any, path: Path) -> None:
    """Refuse a model whose weights lie in other files."""
    import onnx

    if any(onnx.external_data_helper.uses_external_data(tensor) for tensor in _tensors(model.graph)):
        raise UserError(f"{path}: has its weights in other files, which are not read; save it as a single file")


def _tensors(graph: Any) -> Iterator[Any]:
    """All constants of a graph and of those in it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _tensors(inner)


def _words(shape: tuple[Any, ...] | list[Any]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
