"""Models that cannot be served, each a few hundred bytes: what people really put behind a URI by mistake."""

from __future__ import annotations

import base64
import json

import onnx
from onnx import TensorProto, helper

from e2e.load import MODELS


def files() -> dict[str, str]:
    """File name → content in base64."""
    contents = {
        "page.onnx": b"<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>",
        "truncated.onnx": (MODELS / "2" / "model.onnx").read_bytes()[:20_000],
        "other.onnx": (MODELS / "2" / "model.onnx").read_bytes(),
        "opset.onnx": unsupported_operator(),
        "hungry.onnx": hungry(),
    }
    return {name: base64.b64encode(content).decode() for name, content in contents.items()}


def unsupported_operator() -> bytes:
    """A well-formed model with an operator that no ONNX Runtime knows."""
    node = helper.make_node("Levitate", ["x"], ["y"], domain="com.example.research")
    return _model([node], [helper.make_opsetid("com.example.research", 1)])


def hungry() -> bytes:
    """A model of a few hundred bytes whose first answer needs 4 GB: 2^30 floats, made at run time."""
    big = helper.make_tensor("big", TensorProto.INT64, [1], [1 << 30])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [0, 1])
    nodes = [
        helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=0),
        helper.make_node("Expand", ["total", "big"], ["wide"]),
        helper.make_node("Softmax", ["wide"], ["soft"], axis=0),
        helper.make_node("ReduceMax", ["soft"], ["y"], keepdims=0),
    ]
    return _model(nodes, [], [big, axes], output_shape=[])


def _model(
    nodes: list[onnx.NodeProto],
    extra_opsets: list[onnx.OperatorSetIdProto],
    initializers: list[onnx.TensorProto] | None = None,
    output_shape: list[str | int] | None = None,
) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64] if output_shape is None else output_shape)
    graph = helper.make_graph(nodes, "bad", [x], [y], initializers or [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), *extra_opsets], ir_version=9)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    print(json.dumps({name: len(content) for name, content in files().items()}, indent=2))
