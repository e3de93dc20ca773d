"""The traffic document and the state: what one side writes, the other understands, and ARCHITECTURE.md tells both."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelserver.server.app import App
from modelserver.server.routes import ROUTES
from modelserver.settings import ServeSettings
from modelserver.traffic import state, watch
from modelserver.traffic.compare import Output, Tolerance, compare
from modelserver.traffic.counts import BOUNDS, FAILURES, Latencies
from modelserver.traffic.document import Pin, parse
from modelway.manifests import names, runtime
from modelway.measurement.document import parse_report
from modelway.measurement.histogram import LAST, Histogram
from tests.decide.cluster import settled, spec_of

ARCHITECTURE = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS: list[dict[str, Any]] = [
    {"shadow": {"percent": 50, "duration": "2m"}},
    {"setWeight": 25},
    {"pause": {"duration": "1m"}},
]


def canary(uri: str) -> dict[str, Any]:
    return spec_of(
        uri,
        scaling={"replicas": 4},
        serving={"grpc": True},
        rollout={"strategy": "Canary", "steps": STEPS, "gates": {"signature": "Ignore"}},
        traffic={"headers": [{"name": "x-model", "value": "candidate"}], "sticky": {"header": "x-user-id"}},
    )


def test_the_server_reads_every_document_that_a_canary_brings() -> None:
    cluster = settled(canary("s3://models/digits/1/"))
    cluster.change(canary("s3://models/digits/2/"))
    documents: list[dict[str, Any]] = []
    for _ in range(80):
        plan = cluster.look()
        if cluster.document not in documents[-1:]:
            documents.append(cluster.document)
        if not (cluster.run_controllers() or plan.writes or plan.status is not None):
            if plan.recheck_after is None:
                break
            cluster.wait(plan.recheck_after + 0.001)
    read = [parse(json.dumps(document).encode()) for document in documents]
    for one, other in pairwise(read):  # what is the operator's own may change without the pods reading anything new
        assert other == one or other.generation == one.generation + 1
    shared = [one for one in read if one.candidate is not None]
    assert {one.weight for one in shared} >= {0, 2500}
    assert 5000 in {one.shadow.share for one in shared if one.shadow}
    for one in shared:
        assert one.candidate is not None and one.candidate.grpc is not None
        assert (one.candidate.http.port, one.candidate.grpc.port) == (names.SERVICE_PORT, names.GRPC_PORT)
        assert one.candidate.http.host == one.candidate.grpc.host
        assert one.pins == (Pin(b"x-model", b"candidate"),) and one.sticky == b"x-user-id"
        assert one.stable and one.stable != one.candidate.revision
    assert read[-1].candidate is None, "after the rollout nobody splits"


def counted() -> App:
    """A server that has counted something of everything."""
    app = App(ServeSettings(revision="6f9c81ab2d", model_version="7"), "digits")
    counts = app.counts
    for status in (200, 200, 400, 500):
        counts.own.add(status, 0.003, draining=False)
    counts.forwarded.requests = 5
    counts.forwarded.latency.observe(0.004)
    counts.forwarded.failed |= dict.fromkeys(FAILURES, 1)
    one = {"probabilities": Output("FP32", np.array([[0.25, 0.75]]))}
    other = {"probabilities": Output("FP32", np.array([[0.75, 0.25]]))}
    counts.shadow.sent, counts.shadow.failed, counts.shadow.failure = 3, 1, "The candidate answered 500."
    for candidate in (one, other):
        counts.shadow.add(compare(one, candidate, Tolerance(1e-4, 1e-3)), 0.001, 0.002)
    return app


def test_the_operator_reads_the_state_that_the_server_tells() -> None:
    report = parse_report(json.loads(state.describe(counted())), "pod", "uid", NOW)
    assert (report.revision, report.generation, report.ready, report.signature) == ("6f9c81ab2d", 0, False, None)
    assert (report.own.requests, report.own.errors, report.own.rejected) == (4, 1, 1)
    assert report.own.latency.count == 4
    assert (report.forwarded.requests, dict(report.forwarded.failed)) == (5, dict.fromkeys(FAILURES, 1))
    shadow = report.shadow
    assert (shadow.sent, shadow.failed, shadow.compared, shadow.agreed) == (3, 1, 2, 1)
    assert shadow.failure == "The candidate answered 500."
    output = shadow.outputs["probabilities"]
    assert (output.compared, output.agreed, output.classes, output.same_class) == (2, 1, 2, 1)
    assert (output.max_absolute, output.max_relative, output.sum_absolute) == (0.5, 2.0, 1.0)
    assert output.example == "element [0, 0] was 0.25 from stable and 0.75 from the candidate"
    assert (shadow.stable_latency.count, shadow.candidate_latency.count) == (2, 2)


def test_a_difference_that_is_not_finite_is_told_as_such() -> None:
    app = counted()
    one, other = ({"y": Output("FP32", np.array([number]))} for number in (1.0, np.nan))
    app.counts.shadow.add(compare(one, other, Tolerance(1, 1)), 0.001, 0.002)
    app.counts.shadow.sent += 1
    report = parse_report(json.loads(state.describe(app)), "pod", "uid", NOW)
    assert report.shadow.outputs["y"].max_absolute == float("inf")
    assert report.shadow.outputs["y"].sum_absolute == 0.0


@pytest.mark.parametrize("seconds", [0.0, 60e-6, 0.001, 0.5, 30.0])
def test_both_mean_the_same_by_a_bucket(seconds: float) -> None:
    latencies = Latencies()
    latencies.observe(seconds)
    told = latencies.told()
    buckets = {int(bucket): count for bucket, count in told["buckets"].items()}
    found = Histogram(told["count"], told["sum"], buckets).quantile(0.5)
    assert found is not None
    assert seconds / 1.1 <= found <= max(seconds * 1.1, BOUNDS[0])
    assert len(BOUNDS) == LAST


def test_both_know_the_same_place_and_key() -> None:
    assert runtime.STATE_PATH in {route.path for route in ROUTES}
    assert watch.FILE == runtime.TRAFFIC_KEY


def test_architecture_names_every_key() -> None:
    told = json.loads(state.describe(counted()))
    told["signature"] = {"inputs": [], "outputs": []}
    shadow = told["shadow"]
    keys = {*told, *told["own"], *told["forwarded"], *shadow, *shadow["outputs"]["probabilities"], *FAILURES}
    document = {"generation", "digests", "stable", "candidate", "weight", "headers", "sticky", "shadow"}
    assert not sorted(key for key in keys | document if f"`{key}`" not in ARCHITECTURE)
