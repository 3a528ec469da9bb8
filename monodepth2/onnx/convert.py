"""A module as the content of an `.onnx` file."""

import copy
import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from monodepth2.errors import UserError, first_line
from monodepth2.method.cpu_kernels import BatchNorm
from monodepth2.onnx.graphs import Graph
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.older_opsets import to_older_opset

TRACED_OPSET = 18  # what torch's exporter writes; onnx converts it to any later one


def to_onnx(graph: Graph, metadata: Metadata, opset: int) -> bytes:
    """Return a graph in ONNX, weights and metadata included.

    Raises:
        UserError: the installed packages cannot write it.
    """
    import onnx
    import onnx.version_converter

    try:
        model = _traced(_ready(graph, metadata.precision), metadata)
        gc.collect()  # what the exporter made holds itself in circles, and with it a copy of the weights
        if opset < TRACED_OPSET:
            to_older_opset(model, opset)
        elif opset > TRACED_OPSET:
            model = onnx.version_converter.convert_version(model, opset)
        _strip(model)
        # the lowest that knows the opset: old runtimes refuse a newer one unread
        model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
        _describe(model, graph, metadata)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # of the exporter's, the converter's or the checker's many kinds
        raise UserError(
            f"torch.onnx cannot write this network ({first_line(error)}); "
            "try --opset 18, or other versions of torch, onnx and onnxscript"
        ) from error
    return model.SerializeToString()


def _ready(graph: Graph, precision: str) -> Graph:
    """Return a copy with as few operations as there can be, of the precision that is asked for."""
    copied = copy.deepcopy(graph)
    fold_batch_norms(copied)
    return copied.half() if precision == "fp16" else copied


def fold_batch_norms(network: nn.Module) -> None:
    """Merge each batch norm into the convolution before it, in place; in evaluation mode that changes nothing.

    The exporter would do it too, but in half precision from weights that are already rounded. Norms of timm that hold
    an activation as well are left to the exporter.
    """
    for module in list(network.modules()):
        for (name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            plain = type(norm) in (nn.BatchNorm2d, BatchNorm)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and plain:
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())


def _traced(graph: Graph, metadata: Metadata) -> Any:
    """Return a graph as an `onnx.ModelProto` of the metadata's batch and size, also where these are dynamic.

    Nothing in the graphs depends on either, so that it is enough to say so afterwards. To let the exporter reason about
    dynamic shapes takes twice as long.
    """
    example = torch.zeros(metadata.batch_size, *graph.input_shape)
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            (example,),
            input_names=[graph.input[0]],
            output_names=list(graph.outputs),
            opset_version=TRACED_OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for value in program.model.graph.initializers.values():
        value.const_value = None  # rules of onnxscript keep the last graph that they saw, and with it all weights
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's remarks on its own inner life."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _strip(model: Any) -> None:
    """Remove what tells of the exporting machine (paths and lines of source).

    The shapes of inner values go too: they are those of tracing, and runtimes believe them where a size is dynamic.
    """
    graph = model.graph
    del graph.value_info[:]
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""


def _describe(model: Any, graph: Graph, metadata: Metadata) -> None:
    """Write names of dynamic dimensions, meanings of inputs and outputs, and the metadata."""
    name, meaning = graph.input
    model.producer_name, _, model.producer_version = metadata.program.partition(" ")
    model.graph.name = f"monodepth2_{metadata.network}"
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = graph.outputs.get(value.name, meaning)
        dims = value.type.tensor_type.shape.dim
        if metadata.dynamic_batch:
            dims[0].dim_param = "batch"
        if metadata.dynamic_size and (value.name == name or graph.outputs_are_maps):
            for dim, side, size in zip(dims[2:], ("height", "width"), graph.input_shape[1:], strict=True):
                dim.dim_param = side if dim.dim_value == size else f"{side}/{size // dim.dim_value}"
    for key, text in metadata.to_properties().items():
        model.metadata_props.add(key=key, value=text)
