"""A pod's state as a report; whatever a pod says, the answer is a report or a sentence."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.measurement import Histogram, Report, Spread, Tensor, parse_report

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATENCY = {"count": 3, "sum": 0.5, "buckets": {"17": 2, "18": 1}}
STATE: dict[str, Any] = {
    "revision": "6f9c81ab2d",
    "digest": "sha256:ab",
    "version": "7",
    "generation": 7,
    "ready": True,
    "signature": {
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 64]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10], "optional": True}],
    },
    "since": 12.5,
    "own": {"requests": 1200, "errors": 3, "rejected": 5, "latency": LATENCY},
    "forwarded": {"requests": 120, "failed": {"unreachable": 1, "error": 2}, "latency": LATENCY},
    "shadow": {
        "sent": 90,
        "dropped": 0,
        "failed": 1,
        "compared": 89,
        "agreed": 88,
        "outputs": {
            "probabilities": {
                "compared": 89,
                "agreed": 88,
                "classes": 89,
                "sameClass": 88,
                "maxAbsolute": 0.31,
                "maxRelative": None,
                "sumAbsolute": 1.25,
                "elements": 890,
                "stableSum": 89.0,
                "stableSquares": 85.5,
                "candidateSum": -88.5,
                "candidateSquares": 80.25,
                "stableClasses": {"3": 80, "NaN": 9},
                "candidateClasses": {"3": 79, "8": 10},
                "example": "element [0, 3] was 0.98 from stable and 0.67 from the candidate",
            }
        },
        "stableLatency": LATENCY,
        "candidateLatency": LATENCY,
    },
}


def parsed(document: Any) -> Report:
    return parse_report(document, "digits-x", "uid-1", NOW)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The state with one value replaced; a path is keys with dots."""
    document = deepcopy(STATE)
    *parents, last = path.split(".")
    owner = document
    for key in parents:
        owner = owner[key]
    owner[last] = value
    return document


def test_everything_is_read() -> None:
    report = parsed(STATE)
    assert (report.pod, report.uid, report.revision, report.generation) == ("digits-x", "uid-1", "6f9c81ab2d", 7)
    assert (report.ready, report.since, report.taken_at) == (True, 12.5, NOW)
    assert report.signature is not None
    assert report.signature.inputs == (Tensor("image", "FP32", (-1, 64)),)
    assert report.signature.outputs == (Tensor("probabilities", "FP32", (-1, 10), optional=True),)
    assert (report.own.requests, report.own.errors, report.own.rejected) == (1200, 3, 5)
    assert report.own.latency == Histogram(3, 0.5, {17: 2, 18: 1})
    assert report.forwarded.failed == {"unreachable": 1, "error": 2}
    output = report.shadow.outputs["probabilities"]
    assert (output.same_class, output.max_absolute, output.max_relative) == (88, 0.31, inf)
    assert output.elements == 890
    assert output.stable == Spread(89.0, 85.5, {"3": 80, "NaN": 9})
    assert output.candidate == Spread(-88.5, 80.25, {"3": 79, "8": 10})
    assert output.example.startswith("element [0, 3]")


def test_a_pod_that_has_only_begun() -> None:
    report = parsed({"revision": "a", "generation": 0, "ready": False, "since": 0})
    assert report.signature is None
    assert report.own.requests == 0


def test_what_is_not_known_is_overlooked() -> None:
    assert parsed(STATE | {"weather": [1]}) == parsed(STATE)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("generation", -1, "generation is -1, and no count"),
        ("generation", 10**400, "generation is beyond 2^53"),
        ("generation", True, "generation is True"),
        ("ready", "yes", "neither true nor false"),
        ("since", float("nan"), "since is nan"),
        ("revision", "a\nb", "not printable"),
        ("revision", "a" * 1000, "longer than 256"),
        ("own.errors", 5000, "own: errors and rejected are 5005, more than requests (1200)"),
        ("own.latency.buckets", {"151": 1}, "own: latency: buckets has the index '151'"),
        ("own.latency.buckets", {"-1": 1}, "the index '-1'"),
        ("own.latency.buckets", {"¹": 1}, "the index"),
        ("own.latency.sum", -1.0, "sum is -1.0"),
        ("forwarded.failed", {str(number): 0 for number in range(20)}, "more than 16 causes"),
        ("forwarded.failed.error", 500, "failed are 501, more than requests (120)"),
        ("shadow.agreed", 90, "agreed are 90, more than compared (89)"),
        ("shadow.outputs.probabilities.sameClass", 90, "more than classes"),
        ("shadow.outputs.probabilities.maxAbsolute", float("nan"), "maxAbsolute is nan"),
        ("shadow.outputs.probabilities.stableSum", float("nan"), "stableSum is nan, and no number"),
        ("shadow.outputs.probabilities.stableSum", 10**400, "stableSum is beyond 2^53, and no number"),
        ("shadow.outputs.probabilities.candidateSquares", -1.0, "candidateSquares is -1.0"),
        ("shadow.outputs.probabilities.stableClasses", {"3": 90}, "stableClasses are 90, more than classes (89)"),
        ("shadow.outputs.probabilities.stableClasses", {"three": 1}, "stableClasses has the name 'three'"),
        ("shadow.outputs.probabilities.stableClasses", {str(place): 1 for place in range(65)}, "more than 64 names"),
        ("shadow.outputs.probabilities.example", 7, "example is no string"),
        ("signature.inputs", [STATE["signature"]["inputs"][0]] * 2, "a name twice"),
        ("signature.inputs", [{"name": "a", "datatype": "FP32", "shape": [-2]}], "each -1 or more"),
        ("signature.inputs", [{"name": "a", "datatype": "FP32", "shape": [1] * 65}], "at most 64 sizes"),
        ("signature.outputs", [{}] * 257, "no list of at most 256"),
        ("own", [], "own is no object"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(path: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"^Pod digits-x reports a state that cannot be used: ") as refused:
        parsed(changed(path, value))
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_an_example_is_cut_and_has_no_control_characters() -> None:
    report = parsed(changed("shadow.outputs.probabilities.example", "\x1b[31m" + "x" * 10_000))
    example = report.shadow.outputs["probabilities"].example
    assert len(example) <= 300
    assert example.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
PATHS = [
    "revision", "generation", "ready", "since", "signature", "signature.inputs", "own", "own.requests",
    "own.latency", "own.latency.buckets", "forwarded", "forwarded.failed", "shadow", "shadow.outputs",
    "shadow.outputs.probabilities", "shadow.outputs.probabilities.maxRelative",
]  # fmt: skip


@given(st.sampled_from(PATHS), JSON)
def test_any_answer_is_a_report_or_a_sentence(path: str, value: Any) -> None:
    try:
        report = parsed(changed(path, value))
    except ValueError as error:
        assert str(error).startswith("Pod digits-x ")
    else:
        own, shadow = report.own, report.shadow
        assert 0 <= own.errors + own.rejected <= own.requests
        assert 0 <= shadow.agreed <= shadow.compared <= shadow.sent
        assert own.latency.count == sum(own.latency.buckets.values())


@given(JSON)
def test_any_document_is_a_report_or_a_sentence(document: Any) -> None:
    with pytest.raises(ValueError, match="Pod digits-x"):
        parsed(document)


def test_a_document_passes_through_json() -> None:
    assert parsed(json.loads(json.dumps(STATE))) == parsed(STATE)
