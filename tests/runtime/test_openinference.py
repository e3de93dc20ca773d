"""Open Inference Protocol v2 documents against a signature: what is read, what is refused and how it is told."""

import json
from typing import Any

import numpy as np
import pytest

from modelserver.errors import InvalidTensor, MalformedRequest, RequestError
from modelserver.inference import Inference
from modelserver.protocol.openinference import decode, encode, model_metadata
from modelserver.tensors import DATATYPES, Signature, TensorSpec

X = TensorSpec("x", DATATYPES["FP32"], (-1, 4))
N = TensorSpec("n", DATATYPES["INT64"], ())
Y = TensorSpec("y", DATATYPES["FP32"], (-1, 3))
LABEL = TensorSpec("label", DATATYPES["BYTES"], (-1,))
ONE = Signature((X,), (Y, LABEL))
TWO = Signature((X, N), (Y,))


def entry(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]} | changes


def body(*inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": list(inputs), **more}).encode()


def read(document: bytes, signature: Signature) -> Inference:
    return decode(document, None, {"model_name": "m"}, signature)


def test_flat_and_nested_data_mean_the_same() -> None:
    flat = read(body(entry()), ONE).inputs["x"]
    nested = read(body(entry(data=[[1, 2, 3, 4]])), ONE).inputs["x"]
    assert flat.tolist() == nested.tolist() == [[1.0, 2.0, 3.0, 4.0]]


def test_a_scalar_and_several_inputs_in_any_order() -> None:
    scalar = {"name": "n", "shape": [], "datatype": "INT64", "data": [5]}
    request = read(body(scalar, entry()), TWO)
    assert request.inputs["n"].shape == ()
    assert request.inputs["n"].item() == 5


def test_an_empty_batch() -> None:
    assert read(body(entry(shape=[0, 4], data=[])), ONE).inputs["x"].shape == (0, 4)


def test_requested_outputs_are_honoured_in_their_order() -> None:
    request = read(body(entry(), outputs=[{"name": "label"}, {"name": "y"}]), ONE)
    assert request.outputs == (LABEL, Y)
    assert read(body(entry(), outputs=[]), ONE).outputs is None


def test_the_id_comes_back_and_parameters_do_no_harm() -> None:
    request = read(body(entry(parameters={"a": True}), id="abc", parameters={"b": 1}), ONE)
    assert json.loads(request.encode([]).body)["id"] == "abc"


@pytest.mark.parametrize(
    ("document", "kind", "told"),
    [
        (b"", MalformedRequest, "The body is empty"),
        (b"{", MalformedRequest, "The body is not JSON"),
        (b"[]", MalformedRequest, "The body is a JSON array"),
        (b'{"inputs": NaN}', MalformedRequest, "not JSON"),
        (b"{}", MalformedRequest, "no 'inputs' list"),
        (body(), InvalidTensor, "Input 'x' is missing"),
        (body(entry(name="z")), InvalidTensor, "no input 'z'; the model takes 'x'"),
        (body(3), InvalidTensor, "no input None"),
        (body(entry(), entry()), InvalidTensor, "Input 'x' came twice"),
        (body(entry(datatype="FP64")), InvalidTensor, "Input 'x' came as FP64, but the model takes FP32"),
        (body(entry(datatype=None)), InvalidTensor, "Input 'x' came as None"),
        (body(entry(shape=[1, 5], data=[1] * 5)), InvalidTensor, "shape [1, 5], but the model takes [-1, 4]"),
        (body(entry(shape=[4])), InvalidTensor, "shape [4], but the model takes [-1, 4]"),
        (body(entry(shape=None)), InvalidTensor, "Input 'x' has no usable 'shape'"),
        (body(entry(shape=[-1, 4])), InvalidTensor, "Input 'x' has no usable 'shape'"),
        (body(entry(shape=[True, 4])), InvalidTensor, "Input 'x' has no usable 'shape'"),
        (body(entry(shape=[2, 4])), InvalidTensor, "4 elements, but its shape [2, 4] takes 8"),
        (body(entry(shape=[2**62, 4])), InvalidTensor, "larger than any memory"),
        (body(entry(shape=[0, 4], data=[[]])), InvalidTensor, "nested as [1, 0]"),
        (body(entry(data=[[1, 2], [3, 4]])), InvalidTensor, "nested as [2, 2]"),
        (body(entry(data=None)), InvalidTensor, "no 'data' list"),
        (body(entry(data={"a": 1})), InvalidTensor, "no 'data' list"),
        (body(entry(), id=7), MalformedRequest, "'id' is a JSON number"),
        (body(entry(), outputs=[{"name": "q"}]), InvalidTensor, "no output 'q'; the model gives 'y', 'label'"),
        (body(entry(), outputs={"name": "y"}), MalformedRequest, "'outputs' is a JSON object"),
        (
            body(entry(), outputs=[{"name": "y", "parameters": {"classification": 2}}]),
            InvalidTensor,
            "'classification', which is not offered",
        ),
    ],
)
def test_refusals_name_what_came_and_what_was_expected(document: bytes, kind: type[RequestError], told: str) -> None:
    with pytest.raises(kind) as refused:
        read(document, ONE)
    assert told in str(refused.value)
    assert str(refused.value).endswith(".")


def test_an_answer_holds_names_datatypes_shapes_and_flat_data() -> None:
    outputs = [(Y, np.array([[0.1, 2, 3]], np.float32)), (LABEL, np.array(["ä"], object))]
    assert json.loads(encode({"model_name": "m", "model_version": "1"}, "7", (), outputs).body) == {
        "model_name": "m",
        "model_version": "1",
        "id": "7",
        "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [1, 3], "data": [0.1, 2.0, 3.0]},
            {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["ä"]},
        ],
    }


def test_what_json_cannot_say_is_null_and_counted() -> None:
    outputs = [(Y, np.array([[np.nan, np.inf, 3]], np.float32)), (LABEL, np.array(["null"], object))]
    told = json.loads(encode({"model_name": "m"}, None, (), outputs).body)["outputs"]
    assert told[0]["data"] == [None, None, 3.0]
    assert told[0]["parameters"] == {"non_finite": 2}
    assert "parameters" not in told[1]


def test_metadata_tells_open_dimensions_as_minus_one() -> None:
    told = json.loads(model_metadata("m", ["7"], ONE, {}))
    assert told["versions"] == ["7"]
    assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert [output["name"] for output in told["outputs"]] == ["y", "label"]
