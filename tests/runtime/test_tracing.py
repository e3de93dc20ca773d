"""Traces: a real server, a real HTTP collector, and OTLP's JSON checked against the specification's own field names."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver.errors import BadSettings
from modelserver.settings import ServeSettings
from modelserver.tracing.exporter import MOST_WAITING, Exporter
from modelserver.tracing.otlp import SERVER, Span, document
from modelserver.tracing.sampling import Parent, parent_of, samples
from modelserver.tracing.tracer import tracer_of
from tests.runtime.collectors import Collector, collecting
from tests.runtime.processes import Reader, environment, infer_body, post, running, scraped

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INFER = "/v2/models/tiny/infer"
SPAN = Span(TRACE, "00f067aa0ba902b7", CALLER, "POST /x", SERVER, 1, 2, {"a": "b", "n": 1})


def traceparent(sampled: bool) -> str:
    return f"traceparent: 00-{TRACE}-{CALLER}-0{int(sampled)}"


def asked(model: Path, collector: Collector, *requests: bytes, **settings: str) -> list[int]:
    """Statuses of requests to a server that is then stopped, which sends what waits."""
    with running(model, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings) as server:
        with server.connect() as client:
            reader, statuses = Reader(client), []
            for request in requests:
                client.sendall(request)
                statuses.append(reader.answer().status)
        server.terminate()
        assert server.wait() == 0
    return statuses


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def check(span: dict[str, Any]) -> None:
    """Against opentelemetry-proto's trace.proto and the JSON mapping of OTLP."""
    assert set(span) <= {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
                         "attributes", "status"}  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
    assert isinstance(span["startTimeUnixNano"], str) and isinstance(span["endTimeUnixNano"], str)
    assert 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert span["kind"] in (1, 2)
    for one in span["attributes"]:
        [(kind, value)] = one["value"].items()
        assert set(one) == {"key", "value"} and kind in ("stringValue", "intValue") and isinstance(value, str)


@pytest.mark.parametrize(
    ("execution", "phases"),
    [("inline", ["decode", "run", "encode"]), ("thread", ["decode", "queue", "run", "encode"])],
)
def test_a_request_is_a_span_with_its_phases(linear_model: Path, execution: str, phases: list[str]) -> None:
    with collecting() as collector:
        request = post(INFER + "?secret=1", infer_body([1, 2, 3, 4]), traceparent(True))
        settings = {"MODELSERVER_EXECUTION": execution, "MODELSERVER_BATCHING": "off", "MODELSERVER_REVISION": "6f9c"}
        more = {"OTEL_SERVICE_NAME": "digits", "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=a%20b"}
        headers = {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=blue"}
        assert asked(linear_model, collector, request, **settings, **more, **headers) == [200]
        [(path, headers, told)] = collector.exports
    assert (path, headers["content-type"], headers["x-tenant"]) == ("/v1/traces", "application/json", "blue")
    [resource] = told["resourceSpans"]
    [scope] = resource["scopeSpans"]
    assert scope["scope"]["name"] == "modelserver"
    about = attributes(resource["resource"])
    assert about == {"service.name": "digits", "modelway.revision": "6f9c", "k8s.pod.name": "a b"}
    server, *children = scope["spans"]
    for span in scope["spans"]:
        check(span)
    assert (server["traceId"], server["parentSpanId"], server["kind"]) == (TRACE, CALLER, 2)
    assert server["name"] == "POST /v2/models/{model}/infer"
    assert attributes(server) == {
        "http.request.method": "POST",
        "url.path": INFER,
        "http.response.status_code": "200",
        "http.route": "/v2/models/{model}/infer",
    }
    assert [child["name"] for child in children] == phases
    assert {(child["traceId"], child["parentSpanId"]) for child in children} == {(TRACE, server["spanId"])}
    ends = [int(child["endTimeUnixNano"]) for child in children]
    assert ends == sorted(ends)


def test_batched_requests_each_have_their_own_run(linear_model: Path) -> None:
    with collecting() as collector:
        request = post(INFER, infer_body([1, 2, 3, 4]))
        assert asked(linear_model, collector, *[request] * 3, MODELSERVER_BATCHING="on") == [200] * 3
        names = [span["name"] for span in collector.spans]
        assert names == ["POST /v2/models/{model}/infer", "decode", "queue", "run", "encode"] * 3
        assert len({span["traceId"] for span in collector.spans}) == 3


def test_what_fails_says_so(linear_model: Path) -> None:
    with collecting() as collector:
        assert asked(linear_model, collector, post(INFER, b"{")) == [400]
        server, decode = collector.spans
        assert attributes(server)["error.type"] == "MalformedRequest"
        assert "status" not in server and decode["name"] == "decode"


def test_the_callers_flag_decides_and_probes_are_not_traced(linear_model: Path) -> None:
    with collecting() as collector:
        body = infer_body([1, 2, 3, 4])
        probe = f"GET /v2/health/ready HTTP/1.1\r\nHost: t\r\n{traceparent(True)}\r\n\r\n".encode()
        asked(linear_model, collector, post(INFER, body, traceparent(False)), probe)
        assert collector.exports == []


def test_the_ratio_is_for_requests_without_a_parent(linear_model: Path) -> None:
    with collecting() as collector:
        body = infer_body([1, 2, 3, 4])
        sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
        asked(linear_model, collector, post(INFER, body), post(INFER, body, traceparent(True)), **sampler)
        assert {span["traceId"] for span in collector.spans} == {TRACE}


def test_a_collector_that_is_away_costs_nothing_but_the_spans(linear_model: Path) -> None:
    with running(linear_model, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:9/traces") as server:
        with server.connect() as client:
            client.sendall(post(INFER, infer_body([1, 2, 3, 4])))
            assert Reader(client).answer().status == 200
        assert 'modelserver_spans_total{outcome="failed"} 0' in scraped(server)
        server.terminate()
        assert server.wait() == 0
        assert server.process.stderr is not None
        assert "collector of traces at 127.0.0.1:9 could not be reached" in server.process.stderr.read()


def sent(collector: Collector, *spans: Span) -> dict[str, int]:
    exporter = Exporter(f"{collector.url}/v1/traces", {}, {})
    exporter.add(list(spans))
    exporter.close()
    return exporter.counts


def test_a_busy_collector_is_asked_again() -> None:
    with collecting() as collector:
        collector.answers = [(503, b"")]
        exporter = Exporter(f"{collector.url}/v1/traces", {}, {})
        exporter.add([SPAN] * 512)  # a whole batch is sent at once
        assert collector.came.wait(10)
        collector.came.clear()
        assert collector.came.wait(10)
        exporter.close()
        assert (len(collector.exports), exporter.counts["exported"]) == (2, 512)


@pytest.mark.parametrize(
    ("answer", "exported", "failed"),
    [
        ((200, b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "old"}}'), 1, 1),
        ((200, b'{"partialSuccess": {}}'), 2, 0),
        ((200, b"no json"), 2, 0),
        ((400, b""), 0, 2),
    ],
)
def test_what_the_collector_did_not_take_is_counted(answer: tuple[int, bytes], exported: int, failed: int) -> None:
    with collecting() as collector:
        collector.answers = [answer]
        assert sent(collector, SPAN, SPAN) == {"exported": exported, "dropped": 0, "failed": failed}


def test_a_full_queue_drops_and_counts() -> None:
    with collecting() as collector:
        exporter = Exporter(f"{collector.url}/v1/traces", {}, {})
        exporter.add([SPAN] * (MOST_WAITING + 1))
        assert exporter.counts["dropped"] == MOST_WAITING + 1
        exporter.close()
    assert collector.exports == []


def test_the_document_of_one_span() -> None:
    assert document([SPAN], {"service.name": "m"})["resourceSpans"][0]["scopeSpans"][0]["spans"] == [
        {
            "traceId": TRACE,
            "spanId": "00f067aa0ba902b7",
            "name": "POST /x",
            "kind": 2,
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
            "attributes": [{"key": "a", "value": {"stringValue": "b"}}, {"key": "n", "value": {"intValue": "1"}}],
            "parentSpanId": CALLER,
        }
    ]


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        (f"00-{TRACE}-{CALLER}-01", Parent(TRACE, CALLER, True)),
        (f"00-{TRACE}-{CALLER}-02", Parent(TRACE, CALLER, False)),
        (f"00-{'0' * 32}-{CALLER}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"ff-{TRACE}-{CALLER}-01", None),
        ("nonsense", None),
    ],
)
def test_traceparents(text: str, parent: Parent | None) -> None:
    assert parent_of(text) == parent


@pytest.mark.parametrize(
    ("sampler", "with_sampled", "with_unsampled", "without"),
    [
        ("always_on", True, True, True),
        ("always_off", False, False, False),
        ("parentbased_always_on", True, False, True),
        ("parentbased_always_off", True, False, False),
    ],
)
def test_samplers(sampler: str, with_sampled: bool, with_unsampled: bool, without: bool) -> None:
    parents = (Parent(TRACE, CALLER, True), Parent(TRACE, CALLER, False), None)
    assert [samples(sampler, 1, one, TRACE) for one in parents] == [with_sampled, with_unsampled, without]


@given(st.integers(1, 2**128 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_trace_taken_at_a_ratio_is_taken_at_every_higher_one(trace: int, one: float, other: float) -> None:
    taken = [samples("traceidratio", part, None, f"{trace:032x}") for part in sorted((0, one, other, 1))]
    assert taken == sorted(taken) and not taken[0] and taken[-1]


def test_another_protocol_is_refused_with_the_remedy() -> None:
    with pytest.raises(BadSettings, match="'grpc', but traces are written as http/json only"):
        tracer_of(ServeSettings(otlp_endpoint="http://c:4317", otlp_protocol="grpc"), "m")


def test_nothing_of_it_is_imported_when_it_is_off() -> None:
    program = """
import sys
import modelserver.server.lifecycle
loaded = [name for name in sys.modules if name.startswith("modelserver.tracing") or name == "http.client"]
assert loaded == ["modelserver.tracing", "modelserver.tracing.sampling"], loaded
"""
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)
