"""Models that load, are ready, and are worse than version 1 of the digits all the same: a rollout has to find out."""

from __future__ import annotations

import base64

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from e2e.load import MODELS


def files() -> dict[str, str]:
    """File name → content in base64."""
    contents = {
        "erroring.onnx": erroring(),
        "slow.onnx": slow(),
        "perturbed.onnx": perturbed(0.3),
        "rounded.onnx": perturbed(1e-6),
        "wide.onnx": wide(),
        "leaning.onnx": leaning(),
    }
    return {name: base64.b64encode(content).decode() for name, content in contents.items()}


def first() -> onnx.ModelProto:
    return onnx.load(MODELS / "1" / "model.onnx")


def add_to_output(model: onnx.ModelProto, nodes: list[onnx.NodeProto], scalar: str) -> bytes:
    """The model with something added to its probabilities; most add a 0, so that the nodes are run."""
    graph = model.graph
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name == "probabilities":
                node.output[place] = "probabilities_before"
    graph.node.extend([*nodes, helper.make_node("Add", ["probabilities_before", scalar], ["probabilities"])])
    return bytes(model.SerializeToString())


def constant(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    model.graph.initializer.append(numpy_helper.from_array(value, name))


def erroring() -> bytes:
    """Fails on images that are brighter than most: an index out of bounds, as a bug in a preprocessing step does."""
    model = first()
    constant(model, "bright", np.array(320.0, np.float32))
    constant(model, "nothing", np.zeros(1, np.float32))
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "bright"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["nothing", "index"], ["zero"]),
    ]
    return add_to_output(model, nodes, "zero")


def slow() -> bytes:
    """The same answers, some tens of milliseconds later."""
    model = first()
    constant(model, "none", np.array(0.0, np.float32))
    constant(model, "size", np.array([500, 500], np.int64))
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Mul", ["total", "none"], ["nought"]),
        helper.make_node("Expand", ["nought", "size"], ["m0"]),
        *(helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(4)),
        helper.make_node("ReduceMax", ["m4"], ["zero"], keepdims=0),
    ]
    return add_to_output(model, nodes, "zero")


def perturbed(by: float) -> bytes:
    """Every weight a little off: the same signature, no errors, as fast, and more or less wrong."""
    model, chance = first(), np.random.default_rng(7)
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.ndim == 2:
            noise = chance.normal(0.0, by * float(np.abs(value).mean()), value.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value + noise, tensor.name))
    return bytes(model.SerializeToString())


def leaning() -> bytes:
    """Sees a nine wherever it is not quite sure: a class that was over-represented in its training."""
    model = first()
    constant(model, "lean", np.array([0.0] * 9 + [0.99], np.float32))
    return add_to_output(model, [], "lean")


def wide() -> bytes:
    """Takes another input: x of 100 numbers."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 100])
    y = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 100])
    node = helper.make_node("Softmax", ["x"], ["probabilities"])
    graph = helper.make_graph([node], "wide", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
