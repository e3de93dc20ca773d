"""Somebody scribbles over the traffic document: it is written anew, and the rollout goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modelway.world import Kind
from tests.decide.cluster import Cluster
from tests.decide.test_canary import step
from tests.decide.test_interrupted import at_a_quarter

SCRIBBLES: tuple[tuple[str, Any], ...] = (
    ("generation", "x"),
    ("generation", [1]),
    ("generation", 1e400),
    ("generation", 10**30),
    ("generation", -5),
    ("generation", True),
    ("generation", None),
    ("candidate", "x"),
    ("candidate", ["x"]),
    ("digests", []),
    ("at", 5),
    ("at", "9999-12-31T23:59:59Z"),
    ("at", "0001-01-01T00:00:00Z"),
    ("step", "x"),
    ("pods", 5),
    ("epoch", 5),
    ("weight", "x"),
    ("shadow", 5),
    ("plan", 5),
    ("stable", []),
    ("gateway", "x"),
)


def scribble(cluster: Cluster, key: str, value: Any) -> None:
    found = next(child for (kind, _), child in cluster.children.items() if kind is Kind.CONFIG_MAP)
    text = json.dumps({**cluster.document, key: value})
    cluster.children[found.kind, found.name] = replace(found, body={"data": {"traffic.json": text}})


@pytest.mark.parametrize(("key", "value"), SCRIBBLES)
def test_a_scribble_ends_no_decision(key: str, value: Any) -> None:
    """A generation or a candidate of another kind was an internal error at every look, for good."""
    cluster = at_a_quarter()
    scribble(cluster, key, value)
    for _ in range(60):
        step(cluster)
    assert cluster.resource.status["phase"] == "Ready"
    assert "stable" not in cluster.document
