"""Exports of one network in several forms, which torch's exporter traces once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import pytest

from monodepth2.onnx import convert
from monodepth2.onnx.graphs import Graph
from monodepth2.onnx.metadata import Metadata


@contextmanager
def traced_once() -> Iterator[None]:
    """Within the context, `export` traces what it exports of a checkpoint once, whatever the opset and the output.

    Tracing takes most of an export's time. Give one checkpoint only: of another one the first one's weights come back.
    """
    trace, kept = convert._traced, {}

    def traced(graph: Graph, metadata: Metadata) -> Any:
        key = (type(graph), graph.dtype, graph.input_shape, metadata.batch_size, metadata.dynamic_size)
        if key not in kept:
            kept[key] = trace(graph, metadata).SerializeToString()
        return onnx.load_model_from_string(kept[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "_traced", traced)
        yield
