"""Spans as OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Pure.

Field names are protobuf's in lowerCamelCase, ids hexadecimal, 64-bit numbers strings, enumerations numbers. Attributes
follow the semantic conventions for HTTP servers (https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelserver import __version__

INTERNAL, SERVER = 1, 2  # SpanKind
ERROR = 2  # StatusCode


@dataclass(frozen=True, slots=True)
class Span:
    """Ids in hexadecimal, `parent` empty for none; times in nanoseconds since the epoch."""

    trace: str
    identity: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Mapping[str, str | int]
    failed: bool = False


def document(spans: Sequence[Span], resource: Mapping[str, str]) -> dict[str, Any]:
    """An ExportTraceServiceRequest."""
    scope = {"name": "modelserver", "version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": scope, "spans": [_span(span) for span in spans]}],
            }
        ]
    }


def _span(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {
        "traceId": span.trace,
        "spanId": span.identity,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
    }
    if span.parent:
        told["parentSpanId"] = span.parent
    if span.failed:
        told["status"] = {"code": ERROR}
    return told


def _attributes(values: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]
