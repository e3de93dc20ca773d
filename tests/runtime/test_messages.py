"""Protocol buffer messages ⇄ tensors: both forms of input, what is refused, and answers that are always raw."""

from typing import Any

import numpy as np
import pytest

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.protocol import raw_tensors
from modelserver.protocol.descriptors import parse as parse_proto
from modelserver.protocol.messages import LISTS, InferRequest, InferResponse, decode
from modelserver.tensors import DATATYPES, Signature, TensorSpec

HEAD = {"model_name": "m", "model_version": "7"}
VALUES: dict[str, list[Any]] = {"BOOL": [True, False], "BYTES": ["", "zwölf"]}


def signature(datatype: str, names: tuple[str, ...] = ("x",)) -> Signature:
    kind = DATATYPES[datatype]
    specs = tuple(TensorSpec(name, kind, (-1,)) for name in names)
    return Signature(specs, (TensorSpec("y", kind, (-1,)), TensorSpec("z", kind, (-1,))))


def request(datatype: str, name: str = "x", shape: tuple[int, ...] = (2,), **contents: Any) -> Any:
    made = InferRequest(model_name="m", id="a1")
    tensor = made.inputs.add(name=name, datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(tensor.contents, field).extend(values)
    return made


@pytest.mark.parametrize("datatype", DATATYPES)
def test_raw_in_raw_out(datatype: str) -> None:
    kind = DATATYPES[datatype]
    array = np.array(VALUES.get(datatype, [0, 1]), dtype=kind.dtype)
    asked = request(datatype)
    asked.raw_input_contents.append(bytes(raw_tensors.encode(TensorSpec("x", kind, (-1,)), array)))
    inference = decode(asked, HEAD, signature(datatype))
    assert inference.inputs["x"].dtype == kind.dtype
    assert inference.inputs["x"].tolist() == array.tolist()
    answer = InferResponse.FromString(inference.encode([(signature(datatype).outputs[0], inference.inputs["x"])]).body)
    assert (answer.model_name, answer.model_version, answer.id) == ("m", "7", "a1")
    assert answer.raw_output_contents[:] == asked.raw_input_contents[:]
    assert answer.outputs[0].datatype == datatype


@pytest.mark.parametrize("datatype", LISTS)
def test_typed_lists(datatype: str) -> None:
    values = VALUES.get(datatype, [0, 1])
    sent = [value.encode() for value in values] if datatype == "BYTES" else values
    inference = decode(request(datatype, **{LISTS[datatype]: sent}), HEAD, signature(datatype))
    assert inference.inputs["x"].dtype == DATATYPES[datatype].dtype
    assert inference.inputs["x"].tolist() == values


def mixed() -> Any:
    made = request("FP32", fp32_contents=[1, 2])
    made.raw_input_contents.append(bytes(8))
    return made


def raw(datatype: str, *contents: bytes) -> Any:
    made = request(datatype)
    made.raw_input_contents.extend(contents)
    return made


def twice() -> Any:
    made = request("FP32", fp32_contents=[1, 2])
    made.inputs.add().CopyFrom(made.inputs[0])
    return made


def wanting(*names: str, **parameters: str) -> Any:
    made = request("FP32", fp32_contents=[1, 2])
    for name in names:
        output = made.outputs.add(name=name)
        for key, value in parameters.items():
            output.parameters[key].string_param = value
    return made


REFUSED = {
    "both forms": (mixed(), MalformedRequest, "has contents, though the request has raw_input_contents"),
    "raw for another number of inputs": (raw("FP32", bytes(8), bytes(8)), MalformedRequest, "1 inputs, but 2 raw_"),
    "raw that is too short": (raw("FP32", bytes(7)), InvalidTensor, "7 bytes"),
    "FP16 as a list": (request("FP16", fp32_contents=[1, 2]), InvalidTensor, "only raw_input_contents can carry"),
    "another list": (request("FP64", fp32_contents=[1, 2]), InvalidTensor, "belong into fp64_contents"),
    "too few": (request("FP32", fp32_contents=[1]), InvalidTensor, "1 elements in fp32_contents, but its shape [2]"),
    "nothing": (request("FP32"), InvalidTensor, "0 elements in fp32_contents"),
    "out of range": (request("INT8", int_contents=[1, 200]), InvalidTensor, "has 200 at position 1"),
    "no text": (request("BYTES", bytes_contents=[b"a", b"\xff"]), InvalidTensor, "position 1 that are not UTF-8"),
    "a negative size": (request("FP32", shape=(-2,)), InvalidTensor, "can't be negative"),
    "an input twice": (twice(), InvalidTensor, "Input 'x' came twice."),
    "an unknown output": (wanting("w"), InvalidTensor, "There is no output 'w'; the model gives 'y', 'z'."),
    "an output twice": (wanting("y", "y"), InvalidTensor, "Output 'y' was requested twice."),
    "classes": (wanting("y", classification="3"), InvalidTensor, "the parameter 'classification', which is not"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    asked, kind, words = REFUSED[what]
    with pytest.raises(kind) as told:
        decode(asked, HEAD, signature(asked.inputs[0].datatype))
    assert words in str(told.value)


def test_requested_outputs_in_their_order() -> None:
    outputs = decode(wanting("z", "y"), HEAD, signature("FP32")).outputs
    assert outputs is not None
    assert [spec.name for spec in outputs] == ["z", "y"]
    assert decode(wanting(), HEAD, signature("FP32")).outputs is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [("bool_param", True), ("int64_param", -1), ("string_param", "s"), ("double_param", 0.5), ("uint64_param", 2**63)],
)
def test_parameters_of_every_kind_change_nothing(kind: str, value: Any) -> None:
    asked = request("FP32", fp32_contents=[1, 2])
    setattr(asked.parameters["priority"], kind, value)
    setattr(asked.inputs[0].parameters["note"], kind, value)
    assert decode(asked, HEAD, signature("FP32")).inputs["x"].tolist() == [1, 2]


def test_a_proto_file_that_is_not_understood_is_told() -> None:
    with pytest.raises(ValueError, match="'import' is not understood here"):
        parse_proto('syntax = "proto3"; import "x.proto";', "x.proto")
