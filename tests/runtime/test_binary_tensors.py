"""The binary tensor data extension: raw tensors after the JSON, both ways, and sizes that lie."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from modelserver.errors import InvalidTensor, MalformedRequest, RequestError
from modelserver.inference import Answer, Inference
from modelserver.protocol.openinference import decode
from modelserver.tensors import DATATYPES, Signature, TensorSpec


def spec(name: str, datatype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name, DATATYPES[datatype], shape)


SIGNATURE = Signature(
    (spec("x", "FP32", -1, 2), spec("b", "BOOL", -1), spec("s", "BYTES", -1)),
    (spec("y", "FP32", -1), spec("t", "BYTES", -1), spec("h", "BF16", -1)),
)
ONE = Signature((spec("x", "FP32", -1, 2),), SIGNATURE.outputs)
FLAG = Signature((spec("b", "BOOL", -1),), ())
TEXT = Signature((spec("s", "BYTES", -1),), ())
X = struct.pack("<4f", 1, 2, 3, 4)
S = struct.pack("<I", 2) + b"\xc3\xa4" + struct.pack("<I", 0)
OUTPUTS = [
    (SIGNATURE.outputs[0], np.array([0.5, np.nan], np.float32)),
    (SIGNATURE.outputs[1], np.array(["ä", ""], object)),
    (SIGNATURE.outputs[2], np.array([0x3FC0], np.uint16)),
]


def entry(name: str, datatype: str, shape: list[int], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape} | more


def sized(name: str, datatype: str, shape: list[int], size: Any) -> dict[str, Any]:
    return entry(name, datatype, shape, parameters={"binary_data_size": size})


def read(signature: Signature, inputs: list[Any], raw: bytes, **more: Any) -> Inference:
    text = json.dumps({"inputs": inputs, **more}).encode()
    return decode(text + raw, len(text), {"model_name": "m"}, signature)


def written(answer: Answer) -> tuple[dict[str, Any], bytes]:
    return json.loads(answer.body[: answer.json_length]), answer.body[answer.json_length or len(answer.body) :]


def test_raw_tensors_follow_in_the_order_of_the_inputs_and_mix_with_json() -> None:
    inputs = [
        sized("s", "BYTES", [2], len(S)),
        entry("b", "BOOL", [2], data=[True, False]),
        sized("x", "FP32", [2, 2], 16),
    ]
    got = read(SIGNATURE, inputs, S + X).inputs
    assert got["s"].tolist() == ["ä", ""]
    assert got["b"].tolist() == [True, False]
    assert got["x"].tolist() == [[1, 2], [3, 4]]


def test_few_numbers_are_moved_onto_a_boundary_and_many_only_where_they_do_not_lie_on_one() -> None:
    for rows, expected in ((2, [True] * 16), (3000, [False] + [True] * 15)):
        numbers = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
        copied = []
        for padding in range(16):
            given = [sized("x", "FP32", [rows, 2], 8 * rows)]
            array = read(ONE, given, numbers.tobytes(), id="i" * padding).inputs["x"]
            assert (array == numbers).all()
            assert array.__array_interface__["data"][0] % 16 == 0  # else ONNX Runtime adds in another order
            copied.append(array.flags.writeable)  # a view of the request's bytes is not
        assert sorted(copied) == expected


def test_the_same_json_with_other_bytes_behind_it_is_another_request() -> None:
    given = [sized("x", "FP32", [1, 2], 8)]
    first = read(ONE, given, struct.pack("<2f", 1, 2))
    second = read(ONE, given, struct.pack("<2f", 3, 4))
    assert first.inputs["x"].tolist() == [[1, 2]]
    assert second.inputs["x"].tolist() == [[3, 4]]
    with pytest.raises(InvalidTensor, match="only 7 bytes of the body are left"):
        read(ONE, given, bytes(7))
    with pytest.raises(MalformedRequest, match="1 bytes more than"):
        read(ONE, given, bytes(9))
    third = read(ONE, given, struct.pack("<2f", 5, 6))
    assert third.inputs["x"].tolist() == [[5, 6]]


def test_the_same_json_means_something_else_to_another_model() -> None:
    given = [sized("x", "FP32", [1, 2], 8)]
    assert read(ONE, given, bytes(8)).inputs["x"].shape == (1, 2)
    with pytest.raises(InvalidTensor, match=r"the model takes \[-1, 3\]"):
        read(Signature((spec("x", "FP32", -1, 3),), ()), given, bytes(8))


def test_tensors_inside_the_json_are_not_mixed_up_between_requests() -> None:
    both = Signature((spec("x", "FP32", -1, 2), spec("b", "BOOL", -1)), ())
    given = [entry("b", "BOOL", [1], data=[True]), sized("x", "FP32", [1, 2], 8)]
    first = read(both, given, struct.pack("<2f", 1, 2)).inputs
    second = read(both, given, struct.pack("<2f", 3, 4)).inputs
    assert first["x"].tolist() == [[1, 2]]
    assert second["x"].tolist() == [[3, 4]]
    assert first["b"].tolist() == second["b"].tolist() == [True]


def test_empty_tensors_have_no_bytes() -> None:
    assert read(ONE, [sized("x", "FP32", [0, 2], 0)], b"").inputs["x"].shape == (0, 2)
    assert read(TEXT, [sized("s", "BYTES", [0], 0)], b"").inputs["s"].shape == (0,)


def test_empty_raw_tensors_need_no_header() -> None:
    """As KServe's client writes them: a size of 0, no data, and no length of the JSON where nothing follows it."""
    text = json.dumps({"inputs": [sized("x", "FP32", [0, 2], 0) | {"data": None}]}).encode()
    assert decode(text, None, {"model_name": "m"}, ONE).inputs["x"].shape == (0, 2)


def test_bit_patterns_come_through_raw_as_they_are() -> None:
    bits = np.array([0x7FC00001, 0xFF800000], np.uint32)
    array = read(ONE, [sized("x", "FP32", [1, 2], 8)], bits.tobytes()).inputs["x"]
    assert array.tobytes() == bits.tobytes()


@pytest.mark.parametrize(
    ("signature", "inputs", "raw", "told"),
    [
        (ONE, [sized("x", "FP32", [2, 2], 20)], X, "binary_data_size 20, but only 16 bytes"),
        (ONE, [sized("x", "FP32", [2, 2], 12)], X, "12 bytes, but FP32 of shape [2, 2] takes 16"),
        (ONE, [sized("x", "FP32", [1, 2], 8)], X, "The body has 8 bytes more"),
        (ONE, [sized("x", "FP32", [2, 2], -16)], X, "binary_data_size -16, but a number of bytes"),
        (ONE, [sized("x", "FP32", [2, 2], "16")], X, "binary_data_size '16', but a number of bytes"),
        (ONE, [sized("x", "FP32", [2, 2], True)], X, "binary_data_size True"),
        (ONE, [sized("x", "FP32", [2**62, 2], 16)], X, "larger than any memory"),
        (ONE, [sized("x", "FP32", [2**40, 2], 16)], X, "16 bytes, but FP32 of shape"),
        (ONE, [sized("x", "FP32", [3], 12)], X, "shape [3], but the model takes [-1, 2]"),
        (ONE, [sized("x", "FP64", [2, 2], 32)], X, "came as FP64, but the model takes FP32"),
        (ONE, [sized("x", "FP32", [2, 2], 16) | {"data": [1]}], X, "both 'data' and 'binary_data_size'"),
        (ONE, [entry("x", "FP32", [2, 2], parameters=[])], X, "'parameters' as a JSON array"),
        (ONE, [entry("x", "FP32", [2, 2], parameters={"shared_memory_region": "r"})], b"", "is not offered"),
        (ONE, [entry("x", "FP32", [2, 2], parameters={})], b"", "no 'data' list"),
        (FLAG, [sized("b", "BOOL", [2], 2)], b"\x01\x02", "a byte 2 as a BOOL"),
        (TEXT, [sized("s", "BYTES", [2], 4)], bytes(4), "4 bytes, which end before"),
        (TEXT, [sized("s", "BYTES", [1], 6)], b"\x03\x00\x00\x00ab", "6 bytes, which end before"),
        (TEXT, [sized("s", "BYTES", [2], 9)], b"\x05\x00\x00\x00abcde", "9 bytes, which end before"),
        (TEXT, [sized("s", "BYTES", [1], 8)], bytes(8), "end after 4"),
        (TEXT, [sized("s", "BYTES", [0], 4)], bytes(4), "end after 0"),
        (TEXT, [sized("s", "BYTES", [1], 5)], b"\x01\x00\x00\x00\xff", "not UTF-8"),
        (TEXT, [sized("s", "BYTES", [2**50], 4)], bytes(4), "which end before"),
    ],
)
def test_sizes_and_bytes_that_lie(signature: Signature, inputs: list[Any], raw: bytes, told: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(signature, inputs, raw)
    assert told in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("body", "length", "told"),
    [
        (b"{}", 3, "Inference-Header-Content-Length is 3, but the body has 2 bytes"),
        (b"{}", -1, "Inference-Header-Content-Length is -1"),
        (b"{}", 0, "The body is empty"),
        (b'{"inputs": []}', 5, "The body is not JSON"),
    ],
)
def test_lengths_of_the_json_that_lie(body: bytes, length: int, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        decode(body, length, {}, ONE)


def test_a_size_without_the_header_is_told_what_is_missing() -> None:
    text = json.dumps({"inputs": [sized("x", "FP32", [2, 2], 16)]}).encode()
    with pytest.raises(RequestError, match="no Inference-Header-Content-Length"):
        decode(text, None, {}, ONE)


def test_all_outputs_as_raw_bytes() -> None:
    inference = read(ONE, [sized("x", "FP32", [2, 2], 16)], X, parameters={"binary_data_output": True}, id="7")
    document, raw = written(inference.encode(OUTPUTS))
    assert document == {
        "model_name": "m",
        "id": "7",
        "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},
            {"name": "t", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 10}},
            {"name": "h", "datatype": "BF16", "shape": [1], "parameters": {"binary_data_size": 2}},
        ],
    }
    assert raw == OUTPUTS[0][1].tobytes() + S + b"\xc0\x3f"


def test_an_outputs_own_word_counts_more_than_the_requests() -> None:
    wanted = [{"name": "y", "parameters": {"binary_data": False}}, {"name": "t"}, {"name": "h"}]
    inference = read(ONE, [sized("x", "FP32", [2, 2], 16)], X, parameters={"binary_data_output": True}, outputs=wanted)
    assert inference.outputs == SIGNATURE.outputs
    document, raw = written(inference.encode(OUTPUTS))
    assert document["outputs"][0]["data"] == [0.5, None]
    assert document["outputs"][0]["parameters"] == {"non_finite": 1}
    assert raw == S + b"\xc0\x3f"


def test_one_output_raw_in_answer_to_a_request_in_json() -> None:
    request = {
        "inputs": [entry("x", "FP32", [1, 2], data=[1, 2])],
        "outputs": [{"name": "h", "parameters": {"binary_data": True}}],
    }
    inference = decode(json.dumps(request).encode(), None, {"model_name": "m"}, ONE)
    document, raw = written(inference.encode(OUTPUTS[2:]))
    assert (document["outputs"][0]["parameters"], raw) == ({"binary_data_size": 2}, b"\xc0\x3f")


def test_json_answers_to_raw_requests_have_no_length() -> None:
    inference = read(ONE, [sized("x", "FP32", [2, 2], 16)], X)
    assert inference.encode(OUTPUTS).json_length is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"parameters": {"binary_data_output": 1}}, "'binary_data_output' is a JSON number"),
        ({"outputs": [{"name": "y", "parameters": {"binary_data": "yes"}}]}, "'binary_data' is a JSON string"),
        ({"outputs": [{"name": "y"}, {"name": "y"}]}, "Output 'y' was requested twice"),
        ({"parameters": 3}, "'parameters' as a JSON number"),
        ({"parameters": {"sequence_id": 3}}, "'sequence_id', which is not offered"),
    ],
)
def test_wishes_for_the_answer_that_cannot_be_met(more: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        read(ONE, [sized("x", "FP32", [2, 2], 16)], X, **more)
