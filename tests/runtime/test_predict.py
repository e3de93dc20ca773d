"""The plain way: {"data": …} → {"predictions": …}."""

import json
from typing import Any

import numpy as np
import pytest

from modelserver.errors import RequestError
from modelserver.protocol.predict import decode, encode
from modelserver.tensors import DATATYPES, Signature, TensorSpec


def spec(name: str, datatype: str, *shape: int, parts: str = "tensor") -> TensorSpec:
    return TensorSpec(name, DATATYPES[datatype], shape, parts)


ONE = Signature((spec("x", "FP32", -1, 2),), (spec("y", "FP32", -1, 3),))
TWO = Signature((spec("a", "FP32", -1), spec("b", "INT64", -1)), (spec("y", "FP32", -1),))


def read(body: bytes, signature: Signature) -> dict[str, Any]:
    return decode(body, None, {}, signature).inputs


def test_one_input_takes_the_array_itself() -> None:
    assert read(b'{"data": [[1, 2], [3, 4]]}', ONE)["x"].tolist() == [[1, 2], [3, 4]]


def test_several_inputs_take_an_object() -> None:
    inputs = read(b'{"data": {"a": [0.5], "b": [2]}}', TWO)
    assert (inputs["a"].tolist(), inputs["b"].tolist()) == ([0.5], [2])


@pytest.mark.parametrize(
    ("body", "signature", "told"),
    [
        (b"{}", ONE, 'has no "data"'),
        (b'{"data": [1, 2]}', ONE, "Input 'x' has shape [2], but the model takes [-1, 2]"),
        (b'{"data": 3}', ONE, "shape [], but"),
        (b'{"data": [["a", "b"]]}', ONE, '"a" at position 0'),
        (b'{"data": [1]}', TWO, '{"data": {"a": [...], "b": [...]}}'),
        (b'{"data": {"a": [1]}}', TWO, "Input 'b' is missing; the model takes 'a', 'b'"),
        (b'{"data": {"a": [1], "b": [1], "c": [1]}}', TWO, "names 'c', but the model takes ['a', 'b']"),
    ],
)
def test_refusals(body: bytes, signature: Signature, told: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(body, signature)
    assert told in str(refused.value)


def test_one_output_is_nested_as_the_model_gave_it() -> None:
    answer = encode([(ONE.outputs[0], np.array([[1, 2, 3]], np.float32))])
    assert json.loads(answer.body) == {"predictions": [[1.0, 2.0, 3.0]]}


def test_a_classifier_predicts_labels_and_tells_probabilities() -> None:
    outputs = [
        (spec("label", "BYTES", -1), np.array(["cat"], object)),
        (spec("p", "FP32", -1, -1, parts="maps"), np.array([[0.25, 0.75]], np.float32)),
    ]
    assert json.loads(encode(outputs).body) == {"predictions": ["cat"], "probabilities": [[0.25, 0.75]]}


def test_other_outputs_are_told_by_name() -> None:
    outputs = [(spec("a", "FP32"), np.array(1, np.float32)), (spec("b", "INT64", -1), np.array([2]))]
    assert json.loads(encode(outputs).body) == {"predictions": {"a": 1.0, "b": [2]}}
