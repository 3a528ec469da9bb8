"""The depth network of an `.onnx` file that `export_depth.py` wrote, run by onnxruntime.

A file is taken for hostile: it is parsed without following references to other files, and only what the exporter
writes is handed to onnxruntime.

Legend of shapes: b batch, h w pixels.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monodepth2.errors import UserError, first_line
from monodepth2.files.input_files import required_input
from monodepth2.onnx.metadata import Metadata
from monodepth2.runtime.extras import require_packages

LARGEST_GROWTH = 64  # from a batch of pictures to the largest tensor; exported networks come to 9
LARGEST_FILE = (1 << 31) - 1  # protobuf's own limit
LARGEST_SHAPE = 1024  # bytes; what is longer is no shape that a network computes with
OPERATORS = frozenset(  # of exported networks, and what versions of PyTorch's exporter differ in
    (
        *("Add", "Cast", "Concat", "Conv", "Div", "Elu", "MaxPool", "Mul", "Pad", "Reciprocal", "Relu", "Resize"),
        *("DequantizeLinear", "QuantizeLinear"),
        # of backbones of timm
        *("AveragePool", "BatchNormalization", "Erf", "Expand", "Flatten", "Gelu", "Gemm", "GlobalAveragePool"),
        *("HardSigmoid", "HardSwish", "LayerNormalization", "LeakyRelu", "MatMul", "Pow", "ReduceL2", "ReduceMean"),
        *("ReduceSum", "Reshape", "Softmax", "Split", "Sqrt", "Transpose"),
        *("Sigmoid", "Sub", "Clip", "Constant", "Gather", "Identity", "Neg", "Shape", "Slice", "Squeeze", "Unsqueeze"),
    )
)


class OnnxDepthNetwork:
    """A file's network as a function from images to disparity (a `predictor.DepthFunction`).

    Args:
        path: of the file.
        device: where it is to run; onnxruntime takes CUDA where it was built for it, else the CPU.
        min_depth: nearest depth, if it is to be checked against the one that is built into the file.
        max_depth: farthest, likewise.

    Attributes:
        metadata: what the file says of itself.
        height: of the pictures that it takes.
        width: of the pictures that it takes.
        min_depth: nearest depth that it expresses, in its own unit.
        max_depth: farthest.
        facts: what is known of its training.

    Raises:
        UserError: the file is missing, damaged, not a depth network of `export_depth.py`, or of another depth range;
            or onnx and onnxruntime are not installed.
    """

    def __init__(
        self, path: Path, device: torch.device, min_depth: float | None = None, max_depth: float | None = None
    ) -> None:
        self.path = path.expanduser()
        require_packages("onnx", ".onnx files", "onnx", "onnxruntime")
        content, model = read_model(self.path, "; export the checkpoint again")
        properties = {item.key: item.value for item in model.metadata_props}
        self.metadata = Metadata.from_properties(properties, str(self.path))
        if self.metadata.min_depth is None or self.metadata.max_depth is None:
            raise UserError(f"{self.path}: holds no depth network; export one with --network depth")
        for found in _foreign_parts(model):
            raise UserError(f"{self.path}: not a file of export_depth.py (it has {found}), refused")
        self.height, self.width = self.metadata.height, self.metadata.width
        self.min_depth, self.max_depth = self.metadata.min_depth, self.metadata.max_depth
        self.facts = self.metadata.facts(str(self.path))
        self._check_depth_range(min_depth, max_depth)
        model = _without_weights(model)
        self.session = make_session(content, device, str(self.path))
        self._check_input()
        self._check_memory(model)

    def __call__(self, image_b3hw: Tensor) -> Tensor:
        """Return the scaled disparity (1 / depth) of images in [0, 1], b1hw; a fixed batch is filled up with zeros.

        Raises:
            UserError: onnxruntime cannot run the file.
        """
        if self.metadata.dynamic_batch:
            return self._run(image_b3hw)
        size = self.metadata.batch_size
        chunks = [self._run(_filled(chunk, size))[: len(chunk)] for chunk in image_b3hw.split(size)]
        return torch.cat(chunks)

    def _run(self, image_b3hw: Tensor) -> Tensor:
        (disp,) = run_session(self.session, {"image": image_b3hw}, ["disp"], str(self.path))
        if disp.dim() != 4 or disp.shape[:2] != (len(image_b3hw), 1):
            raise UserError(f"{self.path}: damaged, its disparity has shape {tuple(disp.shape)}; export it again")
        return disp.to(image_b3hw.device)

    def _check_input(self) -> None:
        """Refuse a file whose metadata contradict its network."""
        facts = self.metadata
        size = ("height", "width") if facts.dynamic_size else (facts.height, facts.width)
        stated = ["batch" if facts.dynamic_batch else facts.batch_size, 3, *size]
        found = [(value.name, value.shape) for value in self.session.get_inputs()]
        if found != [("image", stated)]:
            raise UserError(f"{self.path}: its metadata contradict its network; export it again")

    def _check_memory(self, model: Any) -> None:
        """Refuse a file that would take far more memory than its pictures."""
        facts = self.metadata
        size = facts.batch_size, 3, facts.height, facts.width
        if not _largest_tensor(model, size) <= LARGEST_GROWTH * math.prod(size):
            raise UserError(f"{self.path}: not a file of export_depth.py (its tensors are too large), refused")

    def _check_depth_range(self, min_depth: float | None, max_depth: float | None) -> None:
        asked = (self.min_depth if min_depth is None else min_depth, self.max_depth if max_depth is None else max_depth)
        if asked != (self.min_depth, self.max_depth):
            raise UserError(
                f"{self.path}: its depths from {self.min_depth:g} to {self.max_depth:g} are built in, "
                f"--min_depth {asked[0]:g} --max_depth {asked[1]:g} cannot change them: pass "
                f"--min_depth {self.min_depth:g} --max_depth {self.max_depth:g}, or export the checkpoint with others"
            )


def _filled(images_b3hw: Tensor, size: int) -> Tensor:
    missing = size - len(images_b3hw)
    return torch.cat([images_b3hw, images_b3hw.new_zeros(missing, *images_b3hw.shape[1:])]) if missing else images_b3hw


def read_model(path: Path, remedy: str = "") -> tuple[bytes, Any]:
    """Return a file's bytes and what they mean, an `onnx.ModelProto`.

    Args:
        path: of the file.
        remedy: what to do about a damaged one, after a semicolon.

    Raises:
        UserError: the file is missing, too large, or damaged.
    """
    import onnx

    content = required_input(path, LARGEST_FILE, "no such file")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's kinds differ between its versions
        raise UserError(f"{path}: not an .onnx file, or a damaged one{remedy}") from error
    return content, model


def _foreign_parts(model: Any) -> Iterator[str]:
    """Name what no exported depth network has, and what could reach out of it or take memory for little."""
    import onnx

    graph = model.graph
    tensors = list(graph.initializer)
    for node in graph.node:
        if node.domain:
            yield f"operators of {node.domain[:40]!r}"
        elif node.op_type not in OPERATORS:
            yield f"operators {node.op_type[:40]!r}"
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            if attribute.HasField("g") or attribute.graphs:
                yield "inner graphs"
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                yield "sparse weights"
    if any(onnx.external_data_helper.uses_external_data(tensor) for tensor in tensors):
        yield "weights in other files"
    if model.functions or model.training_info:
        yield "functions"
    if graph.sparse_initializer:
        yield "sparse weights"


def _without_weights(model: Any) -> Any:
    """Return a model without its large weights, whose shapes stay; to infer shapes copies all that there is."""
    import onnx

    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > LARGEST_SHAPE:
            tensor.ClearField("raw_data")
    bare = onnx.ModelProto()
    bare.CopyFrom(model)  # protobuf keeps what was cleared as long as the message that it was in
    return bare


def _largest_tensor(model: Any, size: tuple[int, ...]) -> float:
    """The numbers of the largest tensor that a network makes of pictures; infinity where that cannot be told."""
    import onnx

    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    for value in sized.graph.input:
        for dim, side in zip(value.type.tensor_type.shape.dim, size, strict=True):
            dim.dim_value = side
    del sized.graph.value_info[:], sized.graph.output[:]  # what they state need not be so
    try:
        inferred = onnx.shape_inference.infer_shapes(sized).graph
    except Exception:  # of onnx's many kinds
        return math.inf
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in inferred.value_info}
    kept = {tensor.name for tensor in inferred.initializer}  # of int8 files the weights: as large as in the file
    nodes = [node for node in inferred.node if node.op_type != "DequantizeLinear" or not kept & {*node.input[:1]}]
    sizes = [math.prod(shapes.get(name, [math.inf])) or math.inf for node in nodes for name in node.output]
    return max(sizes, default=0)


def make_session(content: bytes, device: torch.device, source: str) -> Any:
    """Return an `onnxruntime.InferenceSession` that uses as many threads as torch does.

    Raises:
        UserError: onnxruntime refuses the content; the message names `source`.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # errors are raised, not printed too
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as `runtime.tuning` has it for torch
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    try:
        # constants may stand for far larger ones, and an exported file has none left to fold;
        # and where loading fails, a second attempt would be announced on the terminal
        unwanted: dict[str, Any] = {"disabled_optimizers": ["ConstantFolding"], "enable_fallback": 0}
        return onnxruntime.InferenceSession(content, settings, providers=providers, **unwanted)
    except Exception as error:  # of onnxruntime's many kinds
        told = first_line(error)
        remedy = "; update onnxruntime, or export with a lower --opset, e.g. 18" if "NOT_IMPLEMENTED" in told else ""
        raise UserError(f"{source}: onnxruntime cannot load it ({told}){remedy}") from error


def run_session(session: Any, inputs: dict[str, Tensor], outputs: Sequence[str], source: str) -> list[Tensor]:
    """Run a session and return the named outputs, on the CPU.

    Raises:
        UserError: onnxruntime fails; the message names `source`.
    """
    arrays = {name: tensor.cpu().contiguous().numpy() for name, tensor in inputs.items()}
    try:
        return [torch.from_numpy(output) for output in session.run(list(outputs), arrays)]
    except Exception as error:  # of onnxruntime's many kinds
        raise UserError(f"{source}: onnxruntime cannot run it ({first_line(error)})") from error
