"""Exported graphs in the operators of an opset before 18, and in those that runtimes of that time know.

torch's exporter writes opset 18 or later, and onnx's converter knows no way back. Of the few operators in these graphs
only some have changed since opset 11, and all of these by taking as inputs what were attributes, or by new attributes
that these graphs leave at what was the rule before.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

FIRST_OPSET = 11  # the first whose Resize states how PyTorch doubles a map
NO_ROI = "no_region"  # Resize's second input, which opset 11 wants even where nothing reads it


def to_older_opset(model: Any, opset: int) -> None:
    """Rewrite an `onnx.ModelProto` of opset 18 in place, for one from `FIRST_OPSET` to 17.

    What it cannot rewrite does not pass `onnx.checker`, or differs from the checkpoint when it is compared.
    """
    import onnx

    graph = model.graph
    constants = _short_constants(graph)
    nodes: list[Any] = []
    for node in _known_nodes(graph, opset):
        _to_older_signature(node, opset, constants)
        nodes += _mirrored_border(node, graph) if _is_reflection(node, constants) else [node]
    del graph.node[:]
    graph.node.extend(nodes)
    if opset < 13 and any(node.op_type == "Resize" for node in graph.node):
        graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(0, np.float32), NO_ROI))
    _drop_unread(graph)
    model.opset_import[0].version = opset


def _known_nodes(graph: Any, opset: int) -> Iterator[Any]:
    """Yield the nodes in order, HardSwish in parts where an opset has no such operator."""
    import onnx

    for node in list(graph.node):
        if node.op_type != "HardSwish" or opset >= 14:
            yield node
            continue
        gate = f"{node.output[0]}.gate"
        yield onnx.helper.make_node("HardSigmoid", [node.input[0]], [gate], name=gate, alpha=1 / 6, beta=0.5)
        yield onnx.helper.make_node("Mul", [node.input[0], gate], list(node.output), name=node.name)


def _short_constants(graph: Any) -> dict[str, np.ndarray]:
    """Return the numbers and lists of numbers in a graph; versions of torch differ in where they keep them."""
    import onnx

    stored = {tensor.name: tensor for tensor in graph.initializer}
    stored |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    return {name: onnx.numpy_helper.to_array(tensor) for name, tensor in stored.items() if len(tensor.dims) < 2}


def _to_older_signature(node: Any, opset: int, constants: dict[str, np.ndarray]) -> None:
    """Give a node the attributes and inputs that its operator has in an opset."""
    import onnx

    known = onnx.defs.get_schema(node.op_type, opset)
    for attribute in [item for item in node.attribute if item.name not in known.attributes]:
        node.attribute.remove(attribute)
    if "axes" in known.attributes and len(node.input) > known.max_input:
        axes = constants[node.input.pop()].tolist()
        node.attribute.append(onnx.helper.make_attribute("axes", axes))
    if node.op_type == "Resize" and opset < 13:
        node.input[1] = NO_ROI


def _is_reflection(node: Any, constants: dict[str, np.ndarray]) -> bool:
    """Whether a node mirrors a border of one pixel in."""
    modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
    if node.op_type != "Pad" or modes != [b"reflect"]:
        return False
    assert constants[node.input[1]].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    return True


def _mirrored_border(pad: Any, graph: Any) -> Iterator[Any]:
    """Yield slices and concatenations that do what a reflecting Pad does: TensorRT 7 pads with zeros alone."""
    import onnx

    source, (result,) = pad.input[0], pad.output
    for axis, target in ((2, f"{result}.rows"), (3, result)):
        borders = []
        for start, end in ((1, 2), (-2, -1)):
            names = [_integer(graph, value) for value in (start, end, axis)]
            borders.append(f"{target}.border{start}")
            yield onnx.helper.make_node("Slice", [source, *names], [borders[-1]], name=borders[-1])
        yield onnx.helper.make_node("Concat", [borders[0], source, borders[1]], [target], name=target, axis=axis)
        source = target


def _integer(graph: Any, value: int) -> str:
    """Return the name of an initializer that holds one integer, added where it is missing."""
    import onnx

    name = f"integer_{value}"
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([value], np.int64), name))
    return name


def _drop_unread(graph: Any) -> None:
    read = {name for node in graph.node for name in node.input}
    for tensor in [item for item in graph.initializer if item.name not in read]:
        graph.initializer.remove(tensor)
