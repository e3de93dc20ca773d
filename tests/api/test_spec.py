"""Specs in, values or sentences out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from modelway.api.field import amount, seconds
from modelway.api.resource import InvalidSpec, parse_spec
from modelway.decide.revision import revision_hash, snapshot

MODEL = {"uri": "s3://models/digits/7/"}


def test_the_smallest_spec_is_an_address() -> None:
    spec = parse_spec({"model": MODEL})
    assert spec.scaling.replicas == 1
    assert spec.rollout.deadline_seconds == 600
    assert spec.serving.warmup.requests == 3


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({}, "spec.model is missing. Set it."),
    "a misspelt field": (
        {"model": MODEL, "scalling": {}},
        "spec.scalling is a field that this operator does not know.",
    ),
    "a field of a newer CRD": ({"model": {**MODEL, "verify": {}}}, "spec.model.verify is a field that this operator"),
    "a scheme of a newer CRD": ({"model": {"uri": "gs://a/b"}}, "spec.model.uri is 'gs://a/b': uri must be http://"),
    "credentials in an address": ({"model": {"uri": "https://me:secret@h/m"}}, "credentials"),
    "a pin that is none": (
        {"model": {**MODEL, "digest": "sha256:1"}},
        "spec.model.digest is 'sha256:1': digest must be",
    ),
    "too few pods": ({"model": MODEL, "scaling": {"replicas": -1}}, "spec.scaling.replicas is -1"),
    "a duration": ({"model": MODEL, "rollout": {"progressDeadline": "soon"}}, "must be a duration such as 90s, 10m"),
    "an amount": (
        {"model": MODEL, "serving": {"resources": {"limits": {"cpu": "lots"}}}},
        "must be a quantity such as",
    ),
    "our own variables": (
        {"model": MODEL, "serving": {"pod": {"env": [{"name": "MODELSERVER_THREADS", "value": "1"}]}}},
        "variables that begin with MODELSERVER_ are set by Modelway",
    ),
    "our own labels": ({"model": MODEL, "serving": {"pod": {"labels": {"modelway.io/x": "1"}}}}, "belong to Modelway"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_can_not_be_read_is_told_in_a_sentence(case: str) -> None:
    spec, sentence = WRONG[case]
    with pytest.raises(InvalidSpec) as told:
        parse_spec(spec)
    assert sentence in str(told.value)
    assert str(told.value).endswith(".")


@pytest.mark.parametrize(("text", "number"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h1m1s", 3661)])
def test_durations(text: str, number: float) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        (2, "2"),
        ("1Gi", "1073741824"),
        ("1k", "1000"),
        ("1e3", "1000"),
        ("1.5", "1.5"),
        ("1E", "1e18"),
    ],
)
def test_quantities(text: str | int, number: str) -> None:
    assert amount(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", ".", "lots", "1..2", "1 Gi", "Gi"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        amount(text)


def hash_of(image: str = "modelserver:1", **spec: Any) -> str:
    """The revision's hash of a spec."""
    return revision_hash(snapshot(parse_spec({"model": MODEL, **spec}), image))


SAME: dict[str, dict[str, Any]] = {
    "scaling": {"scaling": {"replicas": 7}},
    "rollout": {"rollout": {"paused": True, "progressDeadline": "1h"}},
    "a default that is written out": {"serving": {"threads": "Auto", "warmup": {"requests": 3}, "pod": {}}},
}
OTHER: dict[str, dict[str, Any]] = {
    "the address": {"model": {"uri": "s3://models/digits/8/"}},
    "the label": {"model": {**MODEL, "version": "8"}},
    "threads": {"serving": {"threads": 2}},
    "resources": {"serving": {"resources": {"limits": {"memory": "1Gi"}}}},
    "the server's image": {"image": "modelserver:2"},
}


@pytest.mark.parametrize("case", SAME)
def test_what_makes_no_new_revision(case: str) -> None:
    assert hash_of(**SAME[case]) == hash_of()


@pytest.mark.parametrize("case", OTHER)
def test_what_makes_a_new_revision(case: str) -> None:
    assert hash_of(**OTHER[case]) != hash_of()


def test_a_revisions_hash_stays_the_same_over_versions_of_the_operator() -> None:
    """It names objects in clusters. Who changes it on purpose raises RENDER_VERSION and this constant."""
    assert hash_of() == "3f13a361f2"
