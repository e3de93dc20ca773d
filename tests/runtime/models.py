"""Real, tiny ONNX models, each made for one question."""

from collections.abc import Sequence

import onnx
from onnx import TensorProto as Type
from onnx import helper

OPSET, IR = 17, 8

ONNX_TYPES = {
    "BOOL": Type.BOOL,
    "INT8": Type.INT8,
    "INT16": Type.INT16,
    "INT32": Type.INT32,
    "INT64": Type.INT64,
    "UINT8": Type.UINT8,
    "UINT16": Type.UINT16,
    "UINT32": Type.UINT32,
    "UINT64": Type.UINT64,
    "FP16": Type.FLOAT16,
    "FP32": Type.FLOAT,
    "FP64": Type.DOUBLE,
    "BYTES": Type.STRING,
    "BF16": Type.BFLOAT16,
}


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: object,
    outputs: object,
    initializers: Sequence[onnx.TensorProto] = (),
    opset: int = OPSET,
) -> bytes:
    """`inputs` and `outputs`: (name, ONNX type, shape) triples or ready ValueInfoProtos."""

    def infos(given: object) -> list[onnx.ValueInfoProto]:
        return [
            one if isinstance(one, onnx.ValueInfoProto) else helper.make_tensor_value_info(*one)
            for one in given  # type: ignore[attr-defined]
        ]

    domains = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph(nodes, "test", infos(inputs), infos(outputs), list(initializers))
    made = helper.make_model(graph, opset_imports=domains, ir_version=IR)
    return bytes(made.SerializeToString())


def linear() -> bytes:
    """y[N,3] = x[N,4] · 0.1 + (0, 1, 2)."""
    weights = [
        helper.make_tensor("w", Type.FLOAT, [4, 3], [0.1] * 12),
        helper.make_tensor("b", Type.FLOAT, [3], [0.0, 1.0, 2.0]),
    ]
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    return model([node], [("x", Type.FLOAT, ["N", 4])], [("y", Type.FLOAT, ["N", 3])], initializers=weights)


def squares() -> bytes:
    """total = the sum of x[N] · x[N]: as much memory again as x takes, while it runs."""
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("ReduceSum", ["s"], ["total"])]
    return model(nodes, [("x", Type.FLOAT, ["N"])], [("total", Type.FLOAT, [1])])


def echo(datatype: str, shape: Sequence[object] = ("N",)) -> bytes:
    """out = in, of any datatype and shape."""
    node = helper.make_node("Identity", ["in"], ["out"])
    kind = ONNX_TYPES[datatype]
    return model([node], [("in", kind, list(shape))], [("out", kind, list(shape))])


def every_datatype() -> bytes:
    """out_T = in_T of [2, 2] for every datatype T but BF16; an input that is left out is zeros, false or empty."""
    kinds = {name: kind for name, kind in ONNX_TYPES.items() if name != "BF16"}
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in kinds]
    defaults = [
        helper.make_tensor(f"in_{name}", kind, [2, 2], [b""] * 4 if name == "BYTES" else [0] * 4)
        for name, kind in kinds.items()
    ]
    return model(
        nodes,
        [(f"in_{name}", kind, [2, 2]) for name, kind in kinds.items()],
        [(f"out_{name}", kind, [2, 2]) for name, kind in kinds.items()],
        initializers=defaults,
    )


def two_in_two_out() -> bytes:
    """sum = a + b and difference = a - b, of [N, M]."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])]
    both = [(name, Type.FLOAT, ["N", "M"]) for name in ("a", "b")]
    return model(nodes, both, [(name, Type.FLOAT, ["N", "M"]) for name in ("sum", "difference")])


def classifier() -> bytes:
    """What scikit-learn's export looks like: an int64 label, and probabilities as a sequence of maps."""
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=[1.0, 0.0, 0.0, 1.0],
            intercepts=[0.0, 0.0],
            classlabels_ints=[7, 9],
            multi_class=1,
            post_transform="SOFTMAX",
        ),
        helper.make_node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[7, 9]),
    ]
    map_type = helper.make_map_type_proto(Type.INT64, helper.make_tensor_type_proto(Type.FLOAT, []))
    maps = helper.make_value_info("probabilities", helper.make_sequence_type_proto(map_type))
    return model(nodes, [("x", Type.FLOAT, ["N", 2])], [("label", Type.INT64, ["N"]), maps])


def sequence() -> bytes:
    """parts = x[4] split into two tensors [2], as a sequence."""
    split = helper.make_node("Constant", [], ["two"], value=helper.make_tensor("two", Type.INT64, [], [2]))
    node = helper.make_node("SplitToSequence", ["x", "two"], ["parts"], axis=0)
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(Type.FLOAT, [2]))
    return model([split, node], [("x", Type.FLOAT, [4])], [helper.make_value_info("parts", kind)])


def identity(kind: onnx.TypeProto) -> bytes:
    """out = in, of any type, sequences and optionals too."""
    node = helper.make_node("Identity", ["in"], ["out"])
    return model([node], [helper.make_value_info("in", kind)], [helper.make_value_info("out", kind)], opset=18)


def present() -> bytes:
    """there = whether the optional input x[N] was given."""
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(Type.FLOAT, ["N"]))
    node = helper.make_node("OptionalHasElement", ["x"], ["there"])
    return model([node], [helper.make_value_info("x", kind)], [("there", Type.BOOL, [])], opset=18)


def with_default() -> bytes:
    """y = x + w, where w[1] is 5 unless it is given."""
    five = helper.make_tensor("w", Type.FLOAT, [1], [5.0])
    inputs = [("x", Type.FLOAT, ["N"]), ("w", Type.FLOAT, [1])]
    return model([helper.make_node("Add", ["x", "w"], ["y"])], inputs, [("y", Type.FLOAT, ["N"])], initializers=[five])


def mapped(key: str) -> bytes:
    """scores[N, 2] as a sequence of maps with keys of `key` ("int64" or "string")."""
    keys = {"int64": {"classlabels_int64s": [7, 9]}, "string": {"classlabels_strings": ["cat", "dog"]}}[key]
    node = helper.make_node("ZipMap", ["scores"], ["out"], domain="ai.onnx.ml", **keys)
    number = Type.INT64 if key == "int64" else Type.STRING
    kind = helper.make_map_type_proto(number, helper.make_tensor_type_proto(Type.FLOAT, []))
    maps = helper.make_value_info("out", helper.make_sequence_type_proto(kind))
    return model([node], [("scores", Type.FLOAT, ["N", 2])], [maps])


def vectorizer() -> bytes:
    """Takes a map, which no served protocol can carry."""
    node = helper.make_node("DictVectorizer", ["in"], ["out"], domain="ai.onnx.ml", string_vocabulary=["a", "b"])
    kind = helper.make_map_type_proto(Type.STRING, helper.make_tensor_type_proto(Type.FLOAT, []))
    return model([node], [helper.make_value_info("in", kind)], [("out", Type.FLOAT, [None, 2])])


def uneven() -> bytes:
    """parts = x[3] split into tensors of two and one."""
    split = helper.make_node("Constant", [], ["two"], value=helper.make_tensor("two", Type.INT64, [], [2]))
    node = helper.make_node("SplitToSequence", ["x", "two"], ["parts"], axis=0)
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(Type.FLOAT, [None]))
    return model([split, node], [("x", Type.FLOAT, [3])], [helper.make_value_info("parts", kind)])


def bfloat16_beside_strings() -> bytes:
    """Two echoes in one, whose values ONNX Runtime's Python interface can't exchange together."""
    kinds = {"number": Type.BFLOAT16, "text": Type.STRING}
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds]
    return model(nodes, [(n, k, ["N"]) for n, k in kinds.items()], [(f"{n}_out", k, ["N"]) for n, k in kinds.items()])


def logarithm() -> bytes:
    """out = log(in), so that zero gives -Inf and a negative number NaN."""
    return model([helper.make_node("Log", ["in"], ["out"])], [("in", Type.FLOAT, ["N"])], [("out", Type.FLOAT, ["N"])])


def slow(size: int = 320) -> bytes:
    """About 10 ms a run: x[N] is added to the trace-like sum of a row of large matrix products."""
    fill = helper.make_node(
        "ConstantOfShape", ["shape"], ["m0"], value=helper.make_tensor("v", Type.FLOAT, [1], [0.001])
    )
    products = [helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(4)]
    # The sizes depend on the input, so the products can't be folded away when the model is loaded.
    nodes = [
        helper.make_node("Shape", ["x"], ["n"]),
        helper.make_node("Mul", ["n", "sizes"], ["shape"]),
        fill,
        *products,
        helper.make_node("ReduceSum", ["m4"], ["total"], keepdims=0),
        helper.make_node("Mul", ["total", "zero"], ["nothing"]),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    constants = [
        helper.make_tensor("sizes", Type.INT64, [2], [size, size]),
        helper.make_tensor("zero", Type.FLOAT, [], [0.0]),
    ]
    return model(nodes, [("x", Type.FLOAT, ["N"])], [("y", Type.FLOAT, ["N"])], initializers=constants)


def always_fails() -> bytes:
    """Loads, but no input works: x[2] reshaped to three elements."""
    node = helper.make_node("Reshape", ["x", "three"], ["y"])
    three = helper.make_tensor("three", Type.INT64, [1], [3])
    return model([node], [("x", Type.FLOAT, ["N"])], [("y", Type.FLOAT, [3])], initializers=[three])


def resized() -> bytes:
    """y = x[1, 1, 2, 2] in another size; of the scales none may be 0."""
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"])
    inputs = [("x", Type.FLOAT, [1, 1, 2, 2]), ("scales", Type.FLOAT, [4])]
    return model([node], inputs, [("y", Type.FLOAT, [None] * 4)])


def unsqueezed() -> bytes:
    """y = x[2] with two axes more; the axes must differ."""
    inputs = [("x", Type.FLOAT, [2]), ("axes", Type.INT64, [2])]
    return model([helper.make_node("Unsqueeze", ["x", "axes"], ["y"])], inputs, [("y", Type.FLOAT, [None] * 3)])


def unknown_operator() -> bytes:
    made = onnx.load_from_string(linear())
    made.graph.node[0].op_type = "Frobnicate"
    return bytes(made.SerializeToString())


def future_opset() -> bytes:
    made = onnx.load_from_string(linear())
    made.opset_import[0].version = 99
    return bytes(made.SerializeToString())


def softmax_over_rows() -> bytes:
    """y = x, divided so that each column of the whole batch sums to one: no row is answered by itself."""
    node = helper.make_node("Softmax", ["x"], ["y"], axis=0)
    return model([node], [("x", Type.FLOAT, ["N", 4])], [("y", Type.FLOAT, ["N", 4])])


def dynamically_quantized() -> bytes:
    """y = x as eight bits and back; the scale is the whole batch's."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    return model(nodes, [("x", Type.FLOAT, ["N", 4])], [("y", Type.FLOAT, ["N", 4])])
