"""The v1 protocol: rows of instances or columns of inputs, and their answers."""

import json
from typing import Any

import numpy as np
import pytest

from modelserver.errors import RequestError
from modelserver.inference import Inference
from modelserver.protocol.instances import decode, encode_columns, encode_rows
from modelserver.tensors import DATATYPES, Signature, TensorSpec


def spec(name: str, datatype: str, *shape: int, optional: bool = False) -> TensorSpec:
    return TensorSpec(name, DATATYPES[datatype], shape, optional=optional)


Y = spec("y", "FP32", -1, 2)
LABEL = spec("label", "BYTES", -1)
ONE = Signature((spec("x", "FP32", -1, 2),), (Y,))
TWO = Signature((spec("a", "FP32", -1), spec("b", "INT64", -1, 2), spec("c", "FP32", 1, optional=True)), (Y, LABEL))
TEXT = Signature((spec("t", "BYTES", -1),), (LABEL,))


def read(document: Any, signature: Signature) -> Inference:
    return decode(json.dumps(document).encode(), None, {}, signature)


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[1, 2], [3, 4]]},
        {"instances": [{"x": [1, 2]}, {"x": [3, 4]}], "signature_name": "serving_default"},
        {"inputs": [[1, 2], [3, 4]]},
        {"inputs": {"x": [[1, 2], [3, 4]]}},
    ],
)
def test_one_input_by_rows_and_by_columns_with_and_without_its_name(document: Any) -> None:
    assert read(document, ONE).inputs["x"].tolist() == [[1, 2], [3, 4]]


def test_several_inputs_by_rows_and_by_columns() -> None:
    rows = read({"instances": [{"a": 0.5, "b": [1, 2]}, {"b": [3, 4], "a": 1.5}]}, TWO).inputs
    columns = read({"inputs": {"a": [0.5, 1.5], "b": [[1, 2], [3, 4]]}}, TWO).inputs
    for inputs in (rows, columns):
        assert {name: array.tolist() for name, array in inputs.items()} == {"a": [0.5, 1.5], "b": [[1, 2], [3, 4]]}


def test_no_instances_are_an_empty_batch() -> None:
    inference = read({"instances": []}, ONE)
    assert inference.inputs["x"].shape == (0, 2)
    assert json.loads(inference.encode([(Y, np.zeros((0, 2), np.float32))]).body) == {"predictions": []}


def test_strings_come_as_they_are_or_as_base64() -> None:
    for rows in (["grüße", {"b64": "Z3LDvMOfZQ=="}], [{"t": "grüße"}, {"t": {"b64": "Z3LDvMOfZQ=="}}]):
        assert read({"instances": rows}, TEXT).inputs["t"].tolist() == ["grüße", "grüße"]
    assert read({"inputs": [{"b64": "YQ=="}]}, TEXT).inputs["t"].tolist() == ["a"]


def test_answers_have_the_form_of_the_question() -> None:
    two = [(Y, np.array([[1, np.nan], [3, 4]], np.float32)), (LABEL, np.array(["p", "q"], object))]
    assert json.loads(encode_rows(2, two[:1]).body) == {"predictions": [[1.0, None], [3.0, 4.0]]}
    assert json.loads(encode_rows(2, two).body) == {
        "predictions": [{"y": [1.0, None], "label": "p"}, {"y": [3.0, 4.0], "label": "q"}]
    }
    assert json.loads(encode_columns(two[1:]).body) == {"outputs": ["p", "q"]}
    assert json.loads(encode_columns(two).body) == {"outputs": {"y": [[1.0, None], [3.0, 4.0]], "label": ["p", "q"]}}


@pytest.mark.parametrize("datatype", DATATYPES)
def test_rows_of_several_outputs_may_be_of_every_datatype_and_rank(datatype: str) -> None:
    array = np.full((2, 1), "" if datatype == "BYTES" else 0, DATATYPES[datatype].dtype)
    flat, nested = (spec("flat", datatype, -1), array[:, 0]), (spec("nested", datatype, -1, 1), array)
    [row, _] = json.loads(encode_rows(2, [flat, nested]).body)["predictions"]
    assert row["nested"] == [row["flat"]]
    assert row["flat"] == array[0, 0]


@pytest.mark.parametrize(
    ("document", "signature", "told"),
    [
        ({}, ONE, 'either "instances"'),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, ONE, 'either "instances"'),
        ({"instances": 3}, ONE, "'instances' is a JSON number"),
        ({"instances": [[1, 2]], "signature_name": "train"}, ONE, "no signature 'train'"),
        ({"instances": [[1, 2], [3]]}, ONE, "ragged"),
        ({"instances": [[1], [3]]}, ONE, "shape [2, 1], but the model takes [-1, 2]"),
        ({"instances": [{"z": [1, 2]}]}, ONE, "instances[0] names 'z'"),
        ({"instances": [{"x": [1, 2]}, [3, 4]]}, ONE, "instances[1] has a JSON array"),
        ({"instances": [[1, 2], {"x": [3, 4]}]}, ONE, "ragged"),
        ({"instances": [[1, 2]]}, TWO, "The model takes 2 inputs"),
        ({"instances": [{"a": 1, "b": [1, 2]}, {"a": 1}]}, TWO, "instances[1] has ['a'], but instances[0]"),
        ({"instances": [{"a": 1}]}, TWO, "Input 'b' is missing"),
        ({"inputs": {"a": [1]}}, TWO, "Input 'b' is missing"),
        ({"inputs": {"x": [[1, 2]], "z": 1}}, ONE, "{\"inputs\": …} names 'z'"),
        ({"instances": [[{"b64": "YQ=="}, 1]]}, ONE, "a JSON object at position 0"),
        ({"instances": [{"b64": "%"}]}, TEXT, "not the base64 of UTF-8"),
        ({"instances": [{"b64": "/w=="}]}, TEXT, "not the base64 of UTF-8"),
        ({"instances": [{"b64": 3}]}, TEXT, "a JSON object at position 0"),
    ],
)
def test_refusals(document: Any, signature: Signature, told: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(document, signature)
    assert told in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_raw_tail_is_not_for_this_protocol() -> None:
    with pytest.raises(RequestError, match="send plain JSON here"):
        decode(b"{}", 2, {}, ONE)


def test_an_output_without_a_row_for_each_instance_is_refused_with_a_way_out() -> None:
    with pytest.raises(RequestError, match=r"shape \[\], not one row for each of the 2 instances; send"):
        encode_rows(2, [(spec("n", "INT64"), np.array(1))])
