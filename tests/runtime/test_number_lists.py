"""Long lists of numbers: read by simdjson exactly as by orjson and struct, or left to them."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelserver.errors import InvalidTensor, RequestError
from modelserver.inference import Inference
from modelserver.protocol import number_lists
from modelserver.protocol.openinference import decode
from modelserver.tensors import DATATYPES, Signature, TensorSpec

PADDING = "p" * number_lists.WORTHWHILE_BYTES  # makes a short request a long one


def signature(datatype: str = "FP32") -> Signature:
    return Signature((TensorSpec("x", DATATYPES[datatype], (-1,)),), (TensorSpec("y", DATATYPES["FP32"], (-1,)),))


def entry(data: Any, **changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [len(data)], "datatype": "FP32", "data": data} | changes


def body(*entries: Any, **more: Any) -> bytes:
    return json.dumps({"id": PADDING, "inputs": list(entries), **more}).encode()


def read(text: bytes, datatype: str = "FP32") -> Inference:
    return decode(text, None, {"model_name": "m"}, signature(datatype))


def plainly(text: bytes, datatype: str = "FP32") -> Any:
    """What orjson and struct make of it: spaces make number_lists take it for short, or an error's words."""
    short = json.loads(text) | {"id": "short"}
    try:
        return read(json.dumps(short).encode(), datatype).inputs["x"]
    except RequestError as error:
        return str(error)


@pytest.mark.parametrize(
    "text",
    [
        body(entry([0.1, 2, -3.5, 1e-300])),
        body(entry([1.5] * 500)),
        body(entry([]), parameters={"a": {"b": 1}}),
        body(entry([0.5, 2.0]), outputs=[{"name": "y"}]),
        body(entry([0.5]), outputs=[], parameters={"binary_data_output": True}),
        body(entry([0.5]), note="[ data"),
        body(entry([0.5])).replace(b'"name": "x"', b'"name": "z", "name": "x"'),
    ],
)
def test_plain_lists_are_read(text: bytes) -> None:
    assert number_lists.document(text) is not None
    assert read(text).inputs["x"].tolist() == plainly(text).tolist()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[" * 3000,
        body(entry([0.5]))[:-1],
        body(entry([0.5]))[:-1] + b"\xff}",
        body(entry([[0.5, 1.5], [2.5, 3.5]], shape=[4])),
        body(entry([0.5, [1.5]])),
        body(entry([[0.5], [1.5]])),
        body(entry([0.5, None])),
        body(entry([0.5, True])),
        body(entry([0.5, "1"])),
        body(entry([0.5, 16777217])),
        body(entry([0.5, 2**64])),
        body(entry([1, 2], datatype="INT64")),
        body(entry([0.5], datatype=None)),
        body({"name": "x", "shape": [1], "data": [0.5]}),
        body("x"),
        body(entry([0.5, [1.5]]), outputs=None),
        body(*[entry([0.5])] * (number_lists.MOST_INPUTS + 1)),
        body(entry([0.5]), data=[1.5]),
        body(entry([0.5]), parameters={"data": [1.5]}),
        body(entry([0.5]), note='"data": [1.5]'),
        body(entry([0.5]), note="\\"),
        body(entry([0.5])).replace(b'"data": [0.5]', b'"d\\u0061ta": [], "other": {"data": [0.5]}'),
        body(entry([0.5])).replace(b'"data": [', b'"data" [ '),
        body(entry([0.5])).replace(b'"data": [0.5]', b'"data": [0.5, "data"]'),
        body(entry([0.5]), note="data") + b"x",
        body(entry([0.5])).replace(b'"data": [0.5]', b'"data": [0.5], "data": [1.5]'),
        body(entry([0.5]))[:-1] + b', "inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}',
        body(entry([0.5] * (number_lists.LARGEST_BYTES // 5))),
        body().replace(b'"inputs": []', b'"inputs": 5'),
        *(body(entry([0.5])).replace(b"[0.5]", other) for other in (b"null", b"3", b'"s"', b"{}", b"true")),
        body(entry([0.5])).replace(b"0.5", b"NaN"),
        body(entry([0.5])).replace(b"0.5", b"1e999"),
        json.dumps({"id": PADDING}).encode(),
        json.dumps([PADDING]).encode(),
    ],
)
def test_whatever_is_not_plain_is_left_to_the_plain_way(text: bytes) -> None:
    assert number_lists.document(text) is None


def test_short_requests_are_left_to_it_too() -> None:
    assert number_lists.document(json.dumps({"inputs": [entry([0.5])]}).encode()) is None


def test_a_wrong_count_is_refused_in_the_same_words() -> None:
    text = body(entry([0.5] * 500, shape=[499]))
    assert number_lists.document(text) is not None
    with pytest.raises(InvalidTensor, match="has 500 elements") as refused:
        read(text)
    assert str(refused.value) == plainly(text)


def test_a_body_longer_than_what_a_parser_keeps() -> None:
    data = [i / 7 for i in range(number_lists.KEPT_BYTES // 10)]
    assert read(body(entry(data))).inputs["x"].tolist() == np.array(data, np.float32).tolist()


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**66), 2**66) | st.floats(width=32)
words = st.sampled_from(["-0", "-0.0", "1E5", "5e-324", "1e-400", "123456789.123456789123456789", "0.1", "16777216"])


@settings(max_examples=300)
@given(st.lists(numbers.map(repr).filter(lambda w: w not in ("nan", "inf", "-inf")) | words, max_size=6), st.booleans())
def test_every_number_is_read_as_the_plain_way_reads_it(texts: list[str], double: bool) -> None:
    datatype = "FP64" if double else "FP32"
    start = f'{{"inputs": [{{"name": "x", "shape": [{len(texts)}], "datatype": "{datatype}", "data": ['
    short = (start + ", ".join(texts) + "]}]}").encode()
    long = short[:-1] + f', "id": "{PADDING}"}}'.encode()
    try:
        expected: Any = read(short, datatype).inputs["x"]
    except RequestError as error:
        with pytest.raises(type(error)) as refused:
            read(long, datatype)
        assert str(refused.value) == str(error)
        return
    got = read(long, datatype).inputs["x"]
    assert got.dtype == expected.dtype
    assert got.tolist() == expected.tolist()
    assert [math.copysign(1, v) for v in got.tolist()] == [math.copysign(1, v) for v in expected.tolist()]
