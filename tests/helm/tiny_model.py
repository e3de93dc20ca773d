"""The model that `helm test` serves: what helm/modelway/files/model.onnx contains, and how it was made.

`python tests/helm/tiny_model.py` writes the file again; test_helm_test.py compares it with what this builds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PATH = Path(__file__).parents[2] / "helm" / "modelway" / "files" / "model.onnx"
WEIGHTS = np.array([[1, 2], [3, 4]], dtype=np.float32)
OFFSETS = np.array([0.5, -0.5], dtype=np.float32)


def build() -> onnx.ModelProto:
    """y = x @ WEIGHTS + OFFSETS for x of shape (batch, 2)."""
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "weights", "offsets"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(OFFSETS, "offsets")],
    )
    # An old opset and format, so that every ONNX Runtime of these years loads it.
    model = helper.make_model(
        graph, producer_name="modelway", opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    PATH.write_bytes(build().SerializeToString(deterministic=True))
    print(f"wrote {PATH.stat().st_size} bytes")
