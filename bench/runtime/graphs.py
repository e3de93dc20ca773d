"""Write a measured model: `python -m bench.runtime.graphs NAME PATH`. Weights are random, but the same every time."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto as Type
from onnx import helper, numpy_helper

from bench.runtime.models import MODELS, Model

# ResNet-50 (He et al. 2015, table 1): blocks of each stage, and channels inside a bottleneck; four times as many out.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))


class Graph:
    """Nodes and weights as they are added; each adding method gives the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._random = np.random.default_rng(1)

    def node(self, kind: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """The name of the last output; the ones before it are not asked for."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [*([""] * (outputs - 1)), name], name=name, **attributes))
        return name

    def weight(self, *shape: int, scale: float) -> str:
        array = (self._random.standard_normal(shape) * scale).astype(np.float32)
        return self.constant(array)

    def constant(self, array: Any) -> str:
        self.weights.append(numpy_helper.from_array(array, f"w{len(self.weights)}"))
        return str(self.weights[-1].name)

    def dense(self, x: str, width: int, classes: int) -> str:
        return self.node("Gemm", [x, self.weight(width, classes, scale=width**-0.5), self.weight(classes, scale=0.1)])

    def convolution(self, x: str, inside: int, out: int, size: int, stride: int = 1, gain: float = 1.4) -> str:
        """With bias, as batch normalisation is after export; `gain` 1.4 keeps the variance through a ReLU (He)."""
        weight = self.weight(out, inside, size, size, scale=gain * (inside * size * size) ** -0.5)
        inputs = [x, weight, self.weight(out, scale=0.01)]
        return self.node("Conv", inputs, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[size // 2] * 4)


def linear(graph: Graph, model: Model) -> str:
    return graph.dense("x", model.elements, model.classes)


def lstm(graph: Graph, model: Model, units: int = 32) -> str:
    steps_first = graph.node("Transpose", ["x"], perm=[1, 0, 2])
    weight = graph.weight(1, 4 * units, model.shape[1], scale=0.3)
    last = graph.node(
        "LSTM", [steps_first, weight, graph.weight(1, 4 * units, units, scale=0.2)], outputs=2, hidden_size=units
    )
    rows = graph.node("Squeeze", [last, graph.constant(np.array([0], np.int64))])
    return graph.dense(rows, units, model.classes)


def resnet50(graph: Graph, model: Model) -> str:
    x = graph.node("Relu", [graph.convolution("x", 3, 64, 7, stride=2)])
    x = graph.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, (blocks, inside) in enumerate(STAGES):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            narrow = graph.node("Relu", [graph.convolution(x, channels, inside, 1)])
            middle = graph.node("Relu", [graph.convolution(narrow, inside, inside, 3, stride)])
            # A small gain: sixteen sums of equal parts would grow past FP32's comfort.
            wide = graph.convolution(middle, inside, 4 * inside, 1, gain=0.2)
            past = x if block else graph.convolution(x, channels, 4 * inside, 1, stride, gain=1.0)
            x, channels = graph.node("Relu", [graph.node("Add", [wide, past])]), 4 * inside
    flat = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
    return graph.dense(flat, channels, model.classes)


BUILDERS = {"tiny": linear, "mnist": linear, "lstm": lstm, "resnet50": resnet50}


def build(model: Model) -> bytes:
    """The model as ONNX bytes: opset 17, batch axis `N`."""
    graph = Graph()
    graph.nodes.append(helper.make_node("Identity", [BUILDERS[model.name](graph, model)], ["y"]))
    made = helper.make_graph(
        graph.nodes,
        model.name,
        [helper.make_tensor_value_info("x", Type.FLOAT, ["N", *model.shape])],
        [helper.make_tensor_value_info("y", Type.FLOAT, ["N", model.classes])],
        graph.weights,
    )
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def main() -> None:
    name, path = sys.argv[1], Path(sys.argv[2])
    partial = path.with_suffix(".partial")
    partial.write_bytes(build(MODELS[name]))
    partial.replace(path)  # a run that was stopped leaves no half model


if __name__ == "__main__":
    main()
