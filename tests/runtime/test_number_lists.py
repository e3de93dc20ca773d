"""Lists of numbers cut out of a request: read exactly as the plain way reads the whole, or left to it."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelserver.errors import InvalidTensor, RequestError
from modelserver.inference import Inference
from modelserver.protocol import asked, number_lists
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


def outlined(text: bytes, datatype: str = "FP32") -> asked.Asked | None:
    return asked.outlined(text, signature(datatype))


def plainly(text: bytes, datatype: str = "FP32") -> Any:
    """What orjson and struct make of it, or an error's words: the backslash has nothing cut out."""
    whole = text[:-1] + b', "note": "\\\\"}'
    assert outlined(whole, datatype) is None
    try:
        return read(whole, datatype).inputs["x"]
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
    assert outlined(text) is not None
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
        body(entry([0.5] * 200 + [None])),
        body(entry([0.5, True])),
        body(entry([0.5, "1"])),
        body(entry([0.5] * 200 + [16777217])),
        body(entry([0.5] * 200 + [2**64])),
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
    assert outlined(text) is None


def test_a_wrong_count_is_refused_in_the_same_words() -> None:
    text = body(entry([0.5] * 500, shape=[499]))
    assert outlined(text) is None
    with pytest.raises(InvalidTensor, match="has 500 elements") as refused:
        read(text)
    assert str(refused.value) == plainly(text)


def test_a_body_longer_than_what_a_parser_keeps() -> None:
    data = [i / 7 for i in range(number_lists.KEPT_BYTES // 10)]
    assert read(body(entry(data))).inputs["x"].tolist() == np.array(data, np.float32).tolist()


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**66), 2**66) | st.floats(width=32)
words = st.sampled_from(["-0", "-0.0", "1E5", "5e-324", "1e-400", "123456789.123456789123456789", "0.1", "16777216"])


@settings(max_examples=400)
@given(
    st.lists(numbers.map(repr).filter(lambda w: w not in ("nan", "inf", "-inf")) | words, max_size=6),
    st.sampled_from(["FP32", "FP64", "FP16", "INT64", "UINT8"]),
    st.sampled_from([0, number_lists.WORTHWHILE_BYTES // len("0.5, ")]),
)
def test_every_number_is_read_as_the_plain_way_reads_it(texts: list[str], datatype: str, more: int) -> None:
    """A long list goes through simdjson where the datatype has fractions, a short one through orjson."""
    listed = ", ".join(texts + ["0.5"] * more)
    text = (
        f'{{"inputs": [{{"name": "x", "shape": [{len(texts) + more}], "datatype": "{datatype}", "data": [{listed}]}}]}}'
    )
    expected = plainly(text.encode(), datatype)
    if isinstance(expected, str):
        with pytest.raises(RequestError) as refused:
            read(text.encode(), datatype)
        assert str(refused.value) == expected
        return
    got = read(text.encode(), datatype).inputs["x"]
    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()


NAMES = st.sampled_from(["data", "name", "x"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, "data", "x", "]", "[", '"data": [', ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y", "data"]),
        "shape": st.sampled_from([[1], [2], [0], []]),
        "datatype": st.sampled_from(["FP32", "BYTES", "BOOL", "data"]),
        "data": VALUES | st.lists(st.sampled_from([0.5, 1, True, None, "a]", "data"]), max_size=2),
        "parameters": VALUES,
    },
)


@settings(max_examples=400)
@given(st.lists(ENTRIES, max_size=2), VALUES, st.sampled_from(["FP32", "BYTES", "BOOL"]), st.booleans())
def test_whatever_is_cut_the_request_means_the_same(entries: Any, more: Any, datatype: str, first: bool) -> None:
    inputs, other = f'"inputs": {json.dumps(entries)}', f'"parameters": {json.dumps(more)}'
    text = f"{{{inputs if first else other}, {other if first else inputs}}}".encode()
    taken = signature(datatype)
    cut = asked.outlined(text, taken)
    if cut is not None:
        plain = asked.read(text[:-1] + b', "note": "\\\\"}', taken)
        assert [(n, a.dtype, a.tolist()) for n, a in cut.inputs.items()] == [
            (n, a.dtype, pytest.approx(a.tolist(), nan_ok=True) if a.dtype.kind == "f" else a.tolist())
            for n, a in plain.inputs.items()
        ]
        assert cut[1:] == plain[1:]
