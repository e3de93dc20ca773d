"""Arrays through every codec and back; and documents that nobody would write: refused or read, never anything else."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelserver.bfloat16 import widen
from modelserver.errors import RequestError
from modelserver.inference import Array, Inference
from modelserver.protocol import instances, openinference, predict
from modelserver.tensors import DATATYPES, Signature, TensorSpec

HEAD = {"model_name": "m"}
CODECS = {"openinference": openinference.decode, "predict": predict.decode, "instances": instances.decode}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@st.composite
def arrays(draw: st.DrawFn, datatype: str) -> Array:
    """Of up to three dimensions, empty ones among them; numbers by their bits, so NaN and infinities too."""
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    count = math.prod(shape)
    if datatype == "BYTES":
        return np.array(draw(st.lists(TEXT, min_size=count, max_size=count)), dtype=object).reshape(shape)
    if datatype == "BOOL":
        return np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool).reshape(shape)
    dtype = DATATYPES[datatype].dtype
    content = draw(st.binary(min_size=count * dtype.itemsize, max_size=count * dtype.itemsize))
    return np.frombuffer(content, dtype).reshape(shape)


def same(spec: TensorSpec, got: Array, expected: Array, bits: bool) -> None:
    """Equal in dtype, shape and value; `bits`: NaN's bits too. JSON has one NaN, and null for the infinities."""
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    if spec.datatype.name == "BF16" and not bits:
        got, expected = widen(got), widen(expected)
    if got.dtype.kind == "f" and not bits:
        expected = np.where(np.isfinite(expected), expected, np.nan)
        np.testing.assert_array_equal(got, expected)
    else:
        assert got.tolist() == expected.tolist() if got.dtype.kind == "O" else got.tobytes() == expected.tobytes()


def echoed(spec: TensorSpec, array: Array, binary: bool) -> Array:
    """Written as an answer, sent back as a request, and read."""
    signature = Signature((spec,), (spec,))
    answer = openinference.encode(HEAD, None, frozenset(["x"] if binary else []), [(spec, array)])
    document = json.loads(answer.body[: answer.json_length])
    document["inputs"] = document.pop("outputs")
    text = json.dumps(document).encode()
    raw = answer.body[answer.json_length :] if answer.json_length is not None else b""
    return openinference.decode(text + raw, len(text) if binary else None, HEAD, signature).inputs["x"]


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
@pytest.mark.parametrize("datatype", DATATYPES)
@settings(max_examples=50)
@given(data=st.data())
def test_an_array_that_is_answered_can_be_sent_back(datatype: str, binary: bool, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype))
    spec = TensorSpec("x", DATATYPES[datatype], (-1,) * array.ndim)
    same(spec, echoed(spec, array, binary), array, bits=binary)


@pytest.mark.parametrize("datatype", DATATYPES)
@settings(max_examples=50)
@given(data=st.data())
def test_the_nested_protocols_carry_the_same(datatype: str, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype).filter(lambda array: array.size and array.ndim))
    spec = TensorSpec("x", DATATYPES[datatype], (-1,) * array.ndim)
    signature = Signature((spec,), (spec,))
    told = json.loads(predict.encode([(spec, array)]).body)["predictions"]
    for decode, key in ((predict.decode, "data"), (instances.decode, "instances"), (instances.decode, "inputs")):
        got = decode(json.dumps({key: told}).encode(), None, HEAD, signature).inputs["x"]
        same(spec, got, array, bits=False)
    assert json.loads(instances.encode_rows(len(array), [(spec, array)]).body)["predictions"] == told
    assert json.loads(instances.encode_columns([(spec, array)]).body)["outputs"] == told


SIGNATURES = [
    Signature(tuple(TensorSpec(f"x{i}", row, (-1, 2)[: i % 3]) for i, row in enumerate(DATATYPES.values())), ()),
    *(Signature((TensorSpec("x", row, (-1, 2)),), (TensorSpec("y", row, (-1,)),)) for row in DATATYPES.values()),
    Signature((TensorSpec("x", DATATYPES["FP32"], (-1,), optional=True),), ()),
]
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
# The words that the protocols know, so that documents get past the first check.
WORDS = st.sampled_from(
    ["inputs", "outputs", "name", "x", "y", "datatype", "shape", "data", "parameters", "id", "instances", "b64",
     "binary_data_size", "binary_data", "binary_data_output", "signature_name", *DATATYPES]
)  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | TEXT, inner, max_size=5),
    max_leaves=20,
)


@st.composite
def near_requests(draw: st.DrawFn) -> dict[str, Any]:
    """An Open Inference request with something odd in any of its places."""
    odd = draw(DOCUMENTS)
    datatype = draw(st.sampled_from(sorted(DATATYPES)))
    entry = {"name": "x", "datatype": datatype, "shape": [1, 2], "data": [[1, 2]]}
    entry |= draw(st.sampled_from([{}, {"data": odd}, {"shape": odd}, {"shape": [draw(st.integers(0, 2**70)), 2]},
                                   {"parameters": odd}, {"parameters": {"binary_data_size": odd}}]))  # fmt: skip
    return {"inputs": [entry]} | draw(st.sampled_from([{}, {"id": odd}, {"outputs": odd}, {"parameters": odd}]))


def tried(codec: str, body: bytes, length: int | None, signature: Signature) -> None:
    try:
        inference = CODECS[codec](body, length, HEAD, signature)
    except RequestError as refused:
        assert str(refused)
        return
    assert isinstance(inference, Inference)
    for name, array in inference.inputs.items():
        spec = signature.input_by_name[name]
        assert array.dtype == spec.datatype.dtype
        assert spec.accepts(array.shape)
    assert all(spec.name in inference.inputs for spec in signature.required)


@pytest.mark.parametrize("codec", CODECS)
@given(body=st.binary(max_size=60), length=st.none() | st.integers(-2, 70), signature=st.sampled_from(SIGNATURES))
def test_any_bytes_are_refused_or_read(codec: str, body: bytes, length: int | None, signature: Signature) -> None:
    tried(codec, body, length, signature)


@pytest.mark.parametrize("codec", CODECS)
@given(
    document=near_requests()
    | st.fixed_dictionaries({}, optional={"data": DOCUMENTS, "instances": DOCUMENTS, "inputs": DOCUMENTS})
    | DOCUMENTS,
    raw=st.none() | st.binary(max_size=20),
    signature=st.sampled_from(SIGNATURES),
)
def test_any_document_is_refused_or_read(codec: str, document: Any, raw: bytes | None, signature: Signature) -> None:
    text = json.dumps(document).encode()
    tried(codec, text + (raw or b""), None if raw is None else len(text), signature)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_nesting_beyond_reason_is_refused(codec: str, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    bodies = {
        "openinference": b'{"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1, 2], "data": %s}]}' % deep,
        "predict": b'{"data": %s}' % deep,
        "instances": b'{"instances": %s}' % deep,
    }
    signature = Signature((TensorSpec("x", DATATYPES["BYTES"], (-1, 2)),), ())
    with pytest.raises(RequestError):
        CODECS[codec](bodies[codec], None, HEAD, signature)
