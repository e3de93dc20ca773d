"""Write the small convolutional network: `python -m bench.quota.graph PATH`. Random weights, the same every time."""

import sys
from pathlib import Path

from onnx import TensorProto as Type
from onnx import helper

from bench.quota.models import CNN
from bench.runtime.graphs import Graph


def build() -> bytes:
    """ResNet's bottlenecks at a twentieth of ResNet-50's work: some 5 ms on one core for a row."""
    graph = Graph()
    x = graph.node("Relu", [graph.convolution("x", 3, 32, 7, stride=2)])
    channels = 32
    for inside, stride in ((16, 1), (32, 2), (64, 2), (128, 2)):
        for block in range(2):
            narrow = graph.node("Relu", [graph.convolution(x, channels, inside, 1)])
            middle = graph.node("Relu", [graph.convolution(narrow, inside, inside, 3, 1 if block else stride)])
            wide = graph.convolution(middle, inside, 4 * inside, 1, gain=0.2)
            past = x if block else graph.convolution(x, channels, 4 * inside, 1, stride, gain=1.0)
            x, channels = graph.node("Relu", [graph.node("Add", [wide, past])]), 4 * inside
    flat = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
    graph.nodes.append(helper.make_node("Identity", [graph.dense(flat, channels, CNN.classes)], ["y"]))
    made = helper.make_graph(
        graph.nodes,
        CNN.name,
        [helper.make_tensor_value_info("x", Type.FLOAT, ["N", *CNN.shape])],
        [helper.make_tensor_value_info("y", Type.FLOAT, ["N", CNN.classes])],
        graph.weights,
    )
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


if __name__ == "__main__":
    target = Path(sys.argv[1])
    partial = target.with_suffix(".partial")
    partial.write_bytes(build())
    partial.replace(target)  # a run that was stopped leaves no half model
