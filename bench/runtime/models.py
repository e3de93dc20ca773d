"""The models that are measured: so small that what is measured is the server."""

from pathlib import Path

from onnx import TensorProto as Type
from onnx import helper


def linear(width: int, classes: int) -> bytes:
    """y[N, classes] = x[N, width] · w + b."""
    weights = [((i * 37) % 101 - 50) / 1000 for i in range(width * classes)]
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", Type.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("y", Type.FLOAT, ["N", classes])],
        [
            helper.make_tensor("w", Type.FLOAT, [width, classes], weights),
            helper.make_tensor("b", Type.FLOAT, [classes], [0.0] * classes),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


WIDTHS = {"tiny": (4, 3), "mnist": (784, 10)}


def write(folder: Path) -> dict[str, Path]:
    """Write all models; gives their paths by name."""
    paths = {name: folder / f"{name}.onnx" for name in WIDTHS}
    for name, (width, classes) in WIDTHS.items():
        paths[name].write_bytes(linear(width, classes))
    return paths
