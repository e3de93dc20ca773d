"""A request that was answered becomes a span with a child for each phase, if it is one of the sampled."""

import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelserver.errors import BadSettings
from modelserver.server.app import Reply
from modelserver.server.http1 import Head
from modelserver.settings import ServeSettings
from modelserver.tracing.exporter import Exporter
from modelserver.tracing.otlp import INTERNAL, SERVER, Span
from modelserver.tracing.sampling import Parent, parent_of, samples
from modelserver.tracing.timed import Phase, TimedReply

if TYPE_CHECKING:
    from modelserver.server.access_log import RequestLog

TRACES = "/v1/traces"
CALL = (
    "inference.GRPCInferenceService/ModelInfer",
    {"rpc.system": "grpc", "rpc.service": "inference.GRPCInferenceService", "rpc.method": "ModelInfer"},
)


def tracer_of(settings: ServeSettings, name: str) -> "Tracer":
    """For a server that has a collector; `name` of the model. Raises BadSettings."""
    if settings.otlp_protocol != "http/json":
        raise BadSettings(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {settings.otlp_protocol!r}, but traces are written as http/json only. Set "
            "it to http/json, and the endpoint to the collector's port for HTTP (4318), which takes both kinds."
        )
    url = settings.otlp_traces_endpoint or f"{(settings.otlp_endpoint or '').rstrip('/')}{TRACES}"
    resource = {
        "service.name": settings.service_name or name,
        "service.version": settings.model_version or "",
        "modelway.revision": settings.revision or "",
    }
    resource = {key: value for key, value in resource.items() if value} | dict(settings.resource_attributes or {})
    exporter = Exporter(url, settings.otlp_headers or {}, resource)
    return Tracer(exporter, settings.traces_sampler, settings.traces_sampler_arg)


class Tracer:
    """Used from the event loop's thread; `sampler` and its `part` are OpenTelemetry's."""

    def __init__(self, exporter: Exporter, sampler: str, part: float) -> None:
        self.exporter, self._sampler, self._part = exporter, sampler, part

    def record(self, head: Head, reply: Reply, seconds: float) -> None:
        """After a reply that took `seconds`: its spans, if it answers a request for the model and is sampled."""
        if head.method != "POST":  # probes and scrapes are no requests for the model
            return
        parent = _parent(head)
        if trace := self._sampled(parent):
            self.exporter.add(spans(described(head, reply), reply, seconds, trace, parent))

    def record_call(self, reply: Reply, seconds: float, traceparent: str) -> None:
        """After a gRPC call of ModelInfer, whose `reply` tells only what became of it."""
        parent = parent_of(traceparent)
        if trace := self._sampled(parent):
            self.exporter.add(spans(CALL, reply, seconds, trace, parent))

    def _sampled(self, parent: Parent | None) -> str | None:
        """The trace that the request belongs to, or None where it is not traced."""
        trace = parent.trace if parent else secrets.token_hex(16)
        return trace if samples(self._sampler, self._part, parent, trace) else None


def _parent(head: Head) -> Parent | None:
    for line in head.echo.splitlines():
        name, _, value = line.partition(": ")
        if name == "traceparent":
            return parent_of(value)
    return None


def described(head: Head, reply: Reply) -> tuple[str, dict[str, str | int]]:
    """The name and the attributes of an HTTP request's span."""
    attributes: dict[str, str | int] = {
        "http.request.method": head.method,
        "url.path": head.target.partition("?")[0],  # what stands in a query may be a secret
        "http.response.status_code": reply.status,
    }
    if not isinstance(reply, TimedReply):  # refused before the model's codec saw it
        return head.method, attributes
    return f"{head.method} {reply.label}", attributes | {"http.route": reply.label}


def spans(
    what: tuple[str, Mapping[str, str | int]], reply: Reply, seconds: float, trace: str, parent: Parent | None
) -> list[Span]:
    """The server's span, which ends now, and one for each phase that is known."""
    name, attributes = what
    end = time.time_ns()
    server = Span(
        trace,
        secrets.token_hex(8),
        parent.span if parent else "",
        name,
        SERVER,
        end - int(seconds * 1e9),
        end,
        {**attributes, "error.type": reply.error} if reply.error else attributes,
        failed=reply.status >= 500,  # 4xx is the caller's error, not this span's
    )
    phases = reply.phases if isinstance(reply, TimedReply) else ()
    return [server, *(_child(server, phase) for phase in phases)]


def _child(server: Span, phase: Phase) -> Span:
    identity = secrets.token_hex(8)
    return Span(server.trace, identity, server.identity, phase.name, INTERNAL, phase.start, phase.end, {})


class TracingLog:
    """Stands where the access log stands, and passes on to it: what each answered request goes by."""

    def __init__(self, tracer: Tracer, log: "RequestLog | None") -> None:
        self._tracer, self._log = tracer, log

    def record(self, head: Head, reply: Reply, seconds: float) -> str:
        """The header lines that go back to the caller."""
        self._tracer.record(head, reply, seconds)
        return head.echo if self._log is None else self._log.record(head, reply, seconds)
