"""Where do two answers differ? One row a question."""

import math
from typing import Any

import numpy as np
import pytest

from modelserver.inference import Answer
from modelserver.protocol import instances, openinference, predict
from modelserver.tensors import DATATYPES, TensorSpec
from modelserver.traffic.answers import read
from modelserver.traffic.compare import Difference, Output, Tolerance, compare

TOLERANCE = Tolerance(1e-4, 1e-3)
NAN, INF = math.nan, math.inf


def difference(datatype: str, stable: Any, candidate: Any) -> Difference:
    kind = DATATYPES[datatype].dtype
    one, other = (Output(datatype, np.array(value, kind)) for value in (stable, candidate))
    return compare({"y": one}, {"y": other}, TOLERANCE)["y"]


@pytest.mark.parametrize(
    ("datatype", "stable", "candidate"),
    [
        ("FP32", [1.0, 2.0], [1.0, 2.0]),
        ("FP32", [1.0], [1.0011]),  # 1e-4 + 1e-3 · 1.0
        ("FP32", [0.0], [0.00009]),
        ("FP64", [1000.0], [1001.0]),
        ("FP32", [NAN, INF, -INF], [NAN, INF, -INF]),
        ("FP16", [[1.0, 2.0]], [[1.0, 2.0]]),
        ("INT64", [7, 8], [7, 8]),
        ("BOOL", [True], [True]),
        ("BYTES", ["cat"], ["cat"]),
        ("FP32", [], []),
        ("INT64", [], []),
        ("FP32", 1.0, 1.0),
    ],
)
def test_these_agree(datatype: str, stable: Any, candidate: Any) -> None:
    found = difference(datatype, stable, candidate)
    assert found.agreed and not found.why


@pytest.mark.parametrize(
    ("datatype", "stable", "candidate", "sentence"),
    [
        ("FP32", [1.0], [1.0012], "element [0] was 1 from stable and 1.0012 from the candidate"),
        ("FP32", [[0.1, 0.98]], [[0.1, 0.67]], "element [0, 1] was 0.98 from stable and 0.67 from the candidate"),
        ("FP32", [1.0, 5.0, 1.0], [1.1, 9.0, 1.2], "element [1] was 5 from stable and 9 from the candidate"),
        ("FP32", [NAN], [1.0], "element [0] was nan from stable and 1 from the candidate"),
        ("FP32", [INF], [1e30], "element [0] was inf from stable and 1e+30 from the candidate"),
        ("FP32", [INF], [-INF], "element [0] was inf from stable and -inf from the candidate"),
        ("FP64", 2.0, 3.0, "it was 2 from stable and 3 from the candidate"),
        ("INT64", [7, 8], [7, 9], "element [1] was 8 from stable and 9 from the candidate"),
        ("BOOL", [True], [False], "element [0] was True from stable and False from the candidate"),
        ("BYTES", ["cat"], ["dog"], "element [0] was 'cat' from stable and 'dog' from the candidate"),
        ("FP32", [1.0, 2.0], [1.0], "its shape was [2] from stable and [1] from the candidate"),
    ],
)
def test_these_do_not_and_the_worst_element_is_told(datatype: str, stable: Any, candidate: Any, sentence: str) -> None:
    found = difference(datatype, stable, candidate)
    assert not found.agreed
    assert found.why == sentence
    assert found.excess > 0


def test_outputs_of_one_side_only_and_of_another_datatype() -> None:
    a, b = Output("FP32", np.zeros(1)), Output("FP64", np.zeros(1))
    found = compare({"x": a, "y": a}, {"y": b, "z": a}, TOLERANCE)
    assert {name: one.why for name, one in found.items()} == {
        "x": "it was answered by stable and not by the candidate",
        "y": "its datatype was FP32 from stable and FP64 from the candidate",
        "z": "it was answered by the candidate and not by stable",
    }


def test_what_is_measured() -> None:
    found = difference("FP32", [[0.25, 0.75], [0.5, 0.25]], [[0.5, 0.25], [0.5, 0.25]])
    assert found.sums == {
        "classes": 2, "sameClass": 1, "elements": 4, "sumAbsolute": 0.75,
        "stableSum": 1.75, "stableSquares": 0.9375, "candidateSum": 1.5, "candidateSquares": 0.625,
    }  # fmt: skip
    assert found.largest == {"maxAbsolute": 0.5, "maxRelative": 1.0}
    assert found.classes == ({"0": 1, "1": 1}, {"0": 2})


def test_single_numbers_are_no_classes_and_rows_with_nan_have_their_own() -> None:
    assert difference("FP32", [[1.0]], [[1.0]]).sums["classes"] == 0
    found = difference("FP32", [[1.0, NAN]], [[1.0, NAN]])
    assert (found.agreed, found.classes, found.sums["sameClass"]) == (True, ({"NaN": 1}, {"NaN": 1}), 1)


def test_nothing_infinite_is_told_to_json() -> None:
    found = difference("FP64", [1e308, 1e308], [-1e308, 1e308])
    assert all(math.isfinite(number) for number in (*found.sums.values(), *found.largest.values(), found.excess))


LABEL = (TensorSpec("label", DATATYPES["INT64"], (-1,)), np.array([3, 1]))
SCORES = (TensorSpec("scores", DATATYPES["FP32"], (-1, 2)), np.array([[0.25, 0.75], [1, NAN]], np.float32))
TEXT = (TensorSpec("text", DATATYPES["BYTES"], (-1,)), np.array(["a", "b"], object))
HALF = (TensorSpec("half", DATATYPES["BF16"], (-1,)), np.array([0x3F80, 0x4000], np.uint16))


@pytest.mark.parametrize(
    ("codec", "answer", "outputs"),
    [
        ("openinference", openinference.encode({}, None, (), [LABEL, SCORES, TEXT]), [LABEL, SCORES, TEXT]),
        (
            "openinference",
            openinference.encode({}, "1", {"scores", "text"}, [LABEL, SCORES, TEXT]),
            [LABEL, SCORES, TEXT],
        ),
        ("predict", predict.encode([SCORES]), [SCORES]),
        ("predict", predict.encode([LABEL, SCORES]), [LABEL, SCORES]),
        ("predict", predict.encode([SCORES, TEXT, LABEL]), [SCORES, TEXT, LABEL]),
        ("instances", instances.encode_rows(2, [SCORES]), [SCORES]),
        ("instances", instances.encode_rows(2, [SCORES, TEXT]), [SCORES, TEXT]),
        ("instances", instances.encode_columns([TEXT]), [TEXT]),
        ("instances", instances.encode_columns([LABEL, TEXT]), [LABEL, TEXT]),
    ],
)
def test_every_codec_s_answers_are_read(codec: str, answer: Answer, outputs: Any) -> None:
    found = read(codec, answer.body, answer.json_length, [spec.name for spec, _ in outputs])
    assert list(found) == [spec.name for spec, _ in outputs]
    for spec, array in outputs:
        assert np.array_equal(found[spec.name].array, array, equal_nan=spec.datatype.name == "FP32")


def test_bfloat16_is_read_as_the_numbers_that_it_means() -> None:
    for binary in ((), {"half"}):
        answer = openinference.encode({}, None, binary, [HALF])
        assert read("openinference", answer.body, answer.json_length, ["half"])["half"].array.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"outputs": [{"name": "y"}]}', b'{"outputs": 3}'])
def test_bytes_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):
        read("openinference", body, None, ["y"])
