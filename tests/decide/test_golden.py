"""Golden requests: ConfigMaps into cases, answers into verdicts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.decide.finding import State
from modelway.decide.golden import Answer, GoldenVerdict, Tolerance, judge_golden
from modelway.decide.golden_cases import Case, Cases, flat, parse_cases

INPUTS = [{"name": "image", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]


def output(data: list[Any], datatype: str = "FP32", shape: list[int] | None = None, name: str = "y") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [1, len(data)], "data": data}


def ok(*outputs: dict[str, Any]) -> Answer:
    return Answer(200, {"outputs": list(outputs)})


def golden(expected: list[Any] | None = None) -> Cases:
    document: dict[str, Any] = {"inputs": INPUTS} | ({"outputs": expected} if expected else {})
    cases = parse_cases("golden", {"seven.json": json.dumps(document)})
    assert not cases.problems
    return cases


def verdict(cases: Cases, candidate: Answer, stable: Answer | None) -> GoldenVerdict:
    asked = {"seven": stable} if stable is not None else None
    return judge_golden(cases, Tolerance(1e-4, 1e-3), asked, {"seven": candidate})


GOOD, OFF, WITHIN = ok(output([0.02, 0.98])), ok(output([0.33, 0.67])), ok(output([0.0200999, 0.9805]))
DEAD, BUSY = Answer(0, trouble="did not answer within 2 s"), Answer(503, {"error": "Too many requests."})
FAILS, REFUSES = Answer(500, {"error": "The server failed."}), Answer(400, {"error": "Input 'image' is missing."})
KEYLESS = Answer(401, {"error": "There is no API key in the request."})
EXPECTED = [output([0.02, 0.98])]
PASSED, FAILED, INCONCLUSIVE = State.PASSED, State.FAILED, State.INCONCLUSIVE

STORIES = (
    ("as stable", None, GOOD, GOOD, PASSED, "1 golden requests were answered as expected."),
    ("within the tolerance", None, WITHIN, GOOD, PASSED, "as expected"),
    ("other than stable", None, OFF, GOOD, FAILED,
     "case 'seven': output 'y' [0, 0] was 0.02, the candidate says 0.33 (tolerance 0.00012; 2 of 2 elements"),
    ("fails", None, FAILS, GOOD, FAILED, "case 'seven': the candidate answers 500: The server failed."),
    ("other than expected", EXPECTED, OFF, GOOD, FAILED, "and stable answers as expected."),
    ("both other than expected", EXPECTED, OFF, OFF, INCONCLUSIVE, "but stable fails it too: correct key seven.json."),
    ("a request that nobody takes", None, REFUSES, REFUSES, INCONCLUSIVE,
     "there is nothing to compare with: stable answers 400: Input 'image' is missing: correct key"),
    ("a request that only the candidate takes", EXPECTED, GOOD, REFUSES, PASSED, "as expected"),
    ("the candidate is busy", EXPECTED, BUSY, GOOD, INCONCLUSIVE, "the candidate answers 503: Too many requests; it"),
    ("the candidate is not there", None, DEAD, GOOD, INCONCLUSIVE, "the candidate did not answer within 2 s; it will"),
    ("both ask for a key", EXPECTED, KEYLESS, KEYLESS, INCONCLUSIVE,
     "case 'seven': the candidate answers 401: There is no API key in the request. Modelway reads no Secrets"),
    ("only the candidate asks for a key", None, KEYLESS, GOOD, INCONCLUSIVE, "or remove spec.rollout.gates.golden."),
    ("stable is not there", EXPECTED, OFF, DEAD, INCONCLUSIVE, "stable, which would tell whether that is new, did not"),
    ("no stable revision", EXPECTED, OFF, None, FAILED, "the candidate says 0.33"),
    ("no stable revision, nothing expected", None, OFF, None, PASSED, "as expected"),
    ("no stable revision, no answer", None, FAILS, None, FAILED, "answers 500"),
    ("an output is missing", None, ok(output([1], name="z")), GOOD, FAILED, "output 'y' is missing in the candidate's"
     " answer, which has z"),
    ("another datatype", None, ok(output([0.02, 0.98], "FP64")), GOOD, FAILED, "was FP32, the candidate gives FP64"),
    ("another shape", None, ok(output([0.02, 0.98], shape=[2, 1])), GOOD, FAILED, "the candidate gives [2, 1]"),
    ("nonsense", None, Answer(200, ["?"]), GOOD, FAILED, "the candidate answers without a list of outputs"),
    ("ragged", None, ok(output([[1, 2], [3]], shape=[2, 2])), GOOD, FAILED, "whose data has rows of different lengths"),
    ("too short", None, ok(output([1], shape=[1, 2])), GOOD, FAILED, "of shape [1, 2] and 1 elements"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("story", "expected", "candidate", "stable", "state", "said"), STORIES, ids=[row[0] for row in STORIES]
)
def test_verdicts(
    story: str, expected: list[Any] | None, candidate: Answer, stable: Answer | None, state: State, said: str
) -> None:
    found = verdict(golden(expected), candidate, stable)
    assert found.state is state, found.sentence
    assert said in " ".join((found.sentence, *(case.sentence for case in found.cases)))


ELEMENTS = (
    ("FP32", 1.0, 1.001, True), ("FP32", 1.0, 1.01, False), ("FP32", None, None, True), ("FP32", None, 0.0, False),
    ("FP32", 0, 0.00009, True), ("FP32", 1e300, 10**400, False), ("INT64", 7, 7, True), ("INT64", 7000, 7001, False),
    ("INT64", 7, 7.0, True), ("BOOL", True, True, True), ("BOOL", True, 1, False), ("BYTES", "a", "a", True),
    ("BYTES", "a", "b", False), ("FP32", 1.0, "1.0", False),
)  # fmt: skip


@pytest.mark.parametrize(("datatype", "was", "said", "agree"), ELEMENTS)
def test_elements(datatype: str, was: Any, said: Any, agree: bool) -> None:
    found = verdict(golden(), ok(output([said], datatype)), ok(output([was], datatype)))
    assert found.state is (PASSED if agree else FAILED)


def test_one_failure_fails_and_one_doubt_is_a_doubt() -> None:
    cases = Cases(tuple(Case(name, {"inputs": INPUTS}) for name in "abc"))
    stable = dict.fromkeys("abc", GOOD)
    found = judge_golden(cases, Tolerance(), stable, {"a": GOOD, "b": OFF, "c": DEAD})
    assert (found.state, [case.state for case in found.cases]) == (FAILED, [PASSED, FAILED, INCONCLUSIVE])
    assert judge_golden(cases, Tolerance(), stable, {"a": GOOD, "b": GOOD}).state is INCONCLUSIVE
    broken = Cases(cases.cases, ("Key 'x' of ConfigMap golden is not JSON.",))
    assert judge_golden(broken, Tolerance(), stable, stable).state is INCONCLUSIVE


PROBLEMS = (
    ({}, "ConfigMap golden is empty. Add a key"),
    ({"seven": "{}"}, "Key 'seven' of ConfigMap golden does not end in .json. Rename it"),
    ({"a.json": "{"}, "Key 'a.json' of ConfigMap golden is not JSON"),
    ({"a.json": "NaN"}, "NaN is no JSON; null stands for NaN"),
    ({"a.json": "[" * 100_000}, "is not JSON"),
    ({"a.json": "[]"}, 'has no "inputs" list'),
    ({"a.json": json.dumps({"inputs": INPUTS, "output": []})}, "has 'output', which is not known"),
    ({"a.json": json.dumps({"inputs": [{"name": "x"}]})}, "has an input without name, shape, datatype or data"),
    ({"a.json": json.dumps({"inputs": INPUTS, "outputs": []})}, 'has "outputs" that are no list'),
    ({"a.json": json.dumps({"inputs": INPUTS, "outputs": [{"name": "y"}]})}, "has an output without name or data"),
    ({"a.json": json.dumps({"inputs": INPUTS, "outputs": [output([1, 2], shape=[3])]})}, "shape [3] and 2 numbers"),
    ({"a.json": json.dumps({"inputs": INPUTS, "outputs": [output([[1], 2], shape=[2])]})}, "rows of different lengths"),
    ({f"{n}.json": json.dumps({"inputs": INPUTS}) for n in range(101)}, "has 101 keys. Keep at most 100"),
)


@pytest.mark.parametrize(("data", "said"), PROBLEMS, ids=range(len(PROBLEMS)))
def test_what_is_wrong_with_a_config_map_is_said_with_its_key(data: dict[str, str], said: str) -> None:
    problems = parse_cases("golden", data).problems
    assert len(problems) == 1
    assert said in problems[0]


def test_the_request_is_sent_without_what_is_expected() -> None:
    case = golden(EXPECTED).cases[0]
    assert (case.name, case.request) == ("seven", {"inputs": INPUTS})
    assert case.expected is not None
    assert case.expected[0].data == (0.02, 0.98)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_nested_lists_are_flattened_in_row_major_order(shape: list[int]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    assert flat(array.tolist()) == (list(range(array.size)), tuple(shape))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "shape", "data", "x"]), inner),
    max_leaves=8,
)


@given(JSON, st.integers(0, 599))
def test_whatever_a_pod_answers_there_is_a_verdict(document: Any, status: int) -> None:
    for answer in (Answer(status, document), Answer(200, {"outputs": document}), Answer(200, {"outputs": [document]})):
        assert verdict(golden(), answer, GOOD).state in (FAILED, INCONCLUSIVE)
        assert len(verdict(golden(EXPECTED), GOOD, answer).sentence) < 2000
