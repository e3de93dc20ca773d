"""What a server tells of itself at /modelway/state is what the operator reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from modelserver.traffic import counts, outgoing
from modelserver.traffic.compare import Output, Tolerance, compare
from modelway.manifests import runtime
from modelway.measurement import Report, parse_report
from modelway.measurement.histogram import EDGES


def read(counted: counts.Counts) -> Report:
    """The counts, through JSON, as the operator reads them."""
    parts = {name: getattr(counted, name).told() for name in ("own", "forwarded", "shadow")}
    document = {
        "revision": "6f9c",
        "digest": "",
        "generation": counted.generation,
        "ready": True,
        "since": 1.0,
        **parts,
    }
    return parse_report(json.loads(json.dumps(document)), "digits-x", "uid", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_pod_that_counted_nothing() -> None:
    report = read(counts.Counts(7, 0.0))
    assert (report.generation, report.own.requests, report.shadow.sent) == (7, 0, 0)


def test_what_was_counted_arrives() -> None:
    counted = counts.Counts(7, 0.0)
    for status in (200, 400, 500):
        counted.own.add(status, 0.010, draining=False)
    counted.forwarded.requests = 10
    counted.forwarded.failed["timeout"] = 2
    stable, candidate = (Output("FP32", np.array([[0.02, number]], np.float32)) for number in (0.98, np.inf))
    counted.shadow.sent = 2
    for other in (stable, candidate):
        counted.shadow.add(compare({"y": stable}, {"y": other}, Tolerance(1e-4, 1e-3)), 0.010, 0.020)
    report = read(counted)
    assert (report.own.requests, report.own.errors, report.own.rejected) == (3, 1, 1)
    assert sum(report.forwarded.failed.values()) == 2
    assert (report.shadow.compared, report.shadow.agreed) == (2, 1)
    output = report.shadow.outputs["y"]
    assert (output.compared, output.agreed, output.classes, output.same_class) == (2, 1, 2, 2)
    assert (output.elements, output.stable.classes, output.candidate.classes) == (3, {"1": 2}, {"1": 2})
    assert output.stable.total == pytest.approx(0.02 + 0.98 + 0.02)
    assert output.candidate.squares == pytest.approx(0.02**2 + 0.98**2 + 0.02**2)
    assert output.example.startswith("element [0, 1] was 0.98 from stable")
    assert report.shadow.candidate_latency.quantile(0.5) == pytest.approx(0.020, rel=0.1)


def test_both_count_latencies_in_the_same_buckets() -> None:
    assert pytest.approx(EDGES) == counts.BOUNDS


def test_both_know_the_header_of_shadows() -> None:
    assert outgoing.SHADOW.decode() == runtime.SHADOW_HEADER
