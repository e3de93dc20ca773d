"""JSON arrays ⇄ tensors: what fits comes back equal, what does not is refused in a sentence."""

import json
import math
from typing import Any, Literal

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver.bfloat16 import narrow
from modelserver.errors import InvalidTensor
from modelserver.protocol.json_values import flatten, has_booleans, jsonable, non_finite, to_array, writable
from modelserver.tensors import DATATYPES, TensorSpec

INTEGERS = {
    "INT8": (-(2**7), 2**7 - 1),
    "INT16": (-(2**15), 2**15 - 1),
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
    "UINT8": (0, 2**8 - 1),
    "UINT16": (0, 2**16 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
}


def cut_off(number: float) -> float:
    """The bfloat16 below: a float32 without the lower half of its bits."""
    bits = np.float32(number).view(np.uint32) & 0xFFFF0000
    return float(bits.view(np.float32))


def array_of(datatype: str, elements: list[Any]) -> Any:
    if datatype == "BF16":
        return narrow(np.array(elements, np.float32))[0]
    return np.array(elements, dtype=DATATYPES[datatype].dtype)


def values(datatype: str) -> st.SearchStrategy[Any]:
    if datatype in INTEGERS:
        return st.integers(*INTEGERS[datatype])
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return st.text(st.characters(exclude_categories=["Cs"]))
    if datatype == "BF16":
        return st.floats(width=32, allow_infinity=False).map(cut_off)
    widths: dict[str, Literal[16, 32, 64]] = {"FP16": 16, "FP32": 32, "FP64": 64}
    return st.floats(width=widths[datatype], allow_infinity=False)


def spec(datatype: str) -> TensorSpec:
    return TensorSpec("x", DATATYPES[datatype], (-1,))


def decoded(datatype: str, text: bytes) -> Any:
    elements, shape = flatten("x", orjson.loads(text))
    return to_array(spec(datatype), shape, elements, has_booleans(text))


@pytest.mark.parametrize("datatype", DATATYPES)
@given(data=st.data())
def test_what_is_written_is_read_back_equal(datatype: str, data: st.DataObject) -> None:
    elements = data.draw(st.lists(values(datatype), max_size=20))
    original = array_of(datatype, elements)
    text = orjson.dumps(jsonable(writable(spec(datatype), original), flat=True), option=orjson.OPT_SERIALIZE_NUMPY)
    back = decoded(datatype, text)
    assert back.dtype == original.dtype
    assert back.shape == original.shape
    if original.dtype.kind == "f":
        np.testing.assert_array_equal(back, original)
    else:
        assert back.tolist() == original.tolist()


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_nested_lists_have_the_shape_that_numpy_sees(shape: list[int], data: st.DataObject) -> None:
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    elements, seen = flatten("x", array.tolist())
    assert seen == tuple(shape)
    assert elements == array.reshape(-1).tolist()


@given(st.sampled_from(sorted(INTEGERS)), st.integers())
def test_integers_out_of_range_are_refused_and_others_kept(datatype: str, number: int) -> None:
    low, high = INTEGERS[datatype]
    if low <= number <= high:
        assert to_array(spec(datatype), (1,), [number], False).tolist() == [number]
    else:
        with pytest.raises(InvalidTensor, match="position 0"):
            to_array(spec(datatype), (1,), [number], False)


@pytest.mark.parametrize(
    ("datatype", "text", "told"),
    [
        ("INT64", b"[1, 2.5]", "2.5 at position 1"),
        ("INT64", b"[1, null]", "null at position 1"),
        ("INT64", b'[1, "2"]', '"2" at position 1'),
        ("INT64", b"[true]", "true at position 0"),
        ("UINT8", b"[1, 256]", "256 at position 1"),
        ("UINT64", b"[-1]", "-1 at position 0"),
        ("FP32", b"[0.5, true]", "true at position 1"),
        ("FP32", b'["0.5"]', '"0.5" at position 0'),
        ("FP32", b"[1e39]", "1e+39 at position 0"),
        ("FP16", b"[65520]", "65520 at position 0"),
        ("FP32", b"[1, 16777217]", "16777217 at position 1"),
        ("FP32", b"[null, -16777217]", "the nearest that it holds is -16777216"),
        ("FP16", b"[2049]", "2049 at position 0"),
        ("FP64", b"[9007199254740993]", "the nearest that it holds is 9007199254740992"),
        ("FP64", b"[18446744073709551615]", "18446744073709551615 at position 0"),
        ("INT64", b"[9223372036854775808]", "9223372036854775808 at position 0"),
        ("INT64", b"[18446744073709551616]", "1.8446744073709552e+19 at position 0"),
        ("INT8", b"[1.0]", "1.0 at position 0"),
        ("BF16", b"[0.5, 0.1]", "0.1 at position 1"),
        ("BF16", b"[257]", "257 at position 0"),
        ("BF16", b"[1, 16777217]", "16777217 at position 1"),
        ("BF16", b"[1e39]", "1e+39 at position 0"),
        ("BF16", b"[true]", "true at position 0"),
        ("BF16", b'["1"]', '"1" at position 0'),
        ("FP32", b"[1, [2]]", "a JSON array at position 1"),
        ("FP32", b"[null, false]", "false at position 1"),
        ("BOOL", b"[true, 1]", "1 at position 1"),
        ("BOOL", b"[null]", "null at position 0"),
        ("BYTES", b'["a", 1]', "1 at position 1"),
        ("BYTES", b'["a", null]', "null at position 1"),
        ("FP32", b"[[1, 2], [3]]", "ragged"),
        ("FP32", b"[[1, 2], 3]", "ragged"),
    ],
)
def test_misfits_are_told_by_name_value_and_expectation(datatype: str, text: bytes, told: str) -> None:
    with pytest.raises(InvalidTensor) as refused:
        decoded(datatype, text)
    assert told in str(refused.value)
    assert "'x'" in str(refused.value)
    assert told == "ragged" or datatype in str(refused.value)


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "BF16"])
def test_null_is_nan_in_both_directions(datatype: str) -> None:
    array = decoded(datatype, b"[1, null]")
    array = writable(spec(datatype), array)
    assert array[0] == 1
    assert np.isnan(array[1])
    assert json.loads(orjson.dumps(jsonable(array, flat=True), option=orjson.OPT_SERIALIZE_NUMPY)) == [1, None]
    assert non_finite(np.array([1, np.nan, np.inf], dtype=array.dtype)) == 2


@given(st.text("truefals ,", max_size=60))
def test_booleans_are_found_wherever_they_stand(text: str) -> None:
    assert has_booleans(text.encode()) == ("true" in text or "false" in text)


def test_the_words_true_and_false_elsewhere_in_the_document_do_no_harm() -> None:
    assert to_array(spec("FP32"), (2,), [1, 2.5], True).tolist() == [1.0, 2.5]


def test_empty_lists_are_empty_tensors_of_every_datatype() -> None:
    for datatype in DATATYPES:
        assert to_array(spec(datatype), (0,), [], False).shape == (0,)


def test_absurdly_deep_nesting_is_refused() -> None:
    deep: list[Any] = [1]
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InvalidTensor, match="more than 32 lists deep"):
        flatten("x", deep)


@pytest.mark.parametrize("count", [1, 1000])
def test_whole_numbers_that_a_float_holds_are_kept_and_decimal_fractions_are_read_to_the_nearest(count: int) -> None:
    for datatype, number in (("FP16", 4096), ("FP32", 2**24 + 2), ("FP64", 2**60), ("FP32", 0.1), ("FP64", 0.1)):
        expected = np.array([number] * count, DATATYPES[datatype].dtype)
        assert to_array(spec(datatype), (count,), [number] * count, False).tolist() == expected.tolist()


def test_numbers_that_are_too_close_to_zero_become_zero_and_keep_their_sign() -> None:
    assert decoded("FP32", b"[1e-50, -0.0]").tobytes() == np.array([0.0, -0.0], np.float32).tobytes()


def test_among_many_elements_the_one_that_would_be_rounded_is_named() -> None:
    with pytest.raises(InvalidTensor, match="16777219 at position 700"):
        to_array(spec("FP32"), (1000,), [0.5] * 700 + [2**24 + 3] + [1] * 299, False)
