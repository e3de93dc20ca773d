"""The OpenAPI 3.1 document of one server: its routes table and its model's signature, told to tools.

Source: https://spec.openapis.org/oas/v3.1.1.html; a schema in it is JSON Schema 2020-12. Paths carry the served
model's name, so a generated client or a form needs no parameter.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from modelserver import __version__, example
from modelserver.errors import STATUS_BY_ERROR
from modelserver.server.access import OPEN_PATHS
from modelserver.server.schemas import Schema, error, metadata, object_of, reference, requests_and_answers
from modelserver.tensors import Signature

JSON, TENSORS = "application/json", "application/octet-stream"
HTML = "text/html; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
# Told by every path that is not there, or not with this method; so they are no answers of one that is.
OF_OTHER_PATHS = frozenset({404, 405})
OF_THE_MODEL = frozenset({500, 504})  # what is answered at once neither fails in the model nor waits for it
MEANINGS = {
    400: "The request is not what this path takes; the sentence names the input, what came and what was expected.",
    401: "No API key, or not one of those that the server knows.",
    408: "The request came too slowly.",
    413: "The body is larger than the limit.",
    415: "The body came with a Content-Encoding.",
    417: "An expectation other than 100-continue.",
    431: "Request line and headers are larger than the limit.",
    500: "The model or the server failed; the sentence says how.",
    503: "The model is loading, the server is full or stopping. Retry-After says when to try again.",
    504: "The time that the caller gave had passed before the model began.",
}


class Route(Protocol):
    """What is read of a row of the routes table."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def codec(self) -> str | None: ...


class Operation(NamedTuple):
    """What a route's 200 says; `answer` and `request` are names under `components.schemas`."""

    name: str
    summary: str
    answer: str | None = None
    request: str | None = None
    content_type: str = JSON
    page: bool = False  # browsers get HTML
    optional: bool = False  # whether the request may come without a body
    tensors: bool = False  # takes and gives raw tensors, too (the binary tensor data extension)


class Subject(NamedTuple):
    """Whose document it is. `versions` are what may stand behind `/versions/`; `keys`: whether an API key is asked."""

    model: str
    versions: Sequence[str]
    signature: Signature
    keys: bool = False


V2 = "/v2/models/{model}"
STATES = ["READY", "LOADING", "UNAVAILABLE"]
OPERATIONS = {
    ("GET", "/"): Operation("alive", "Whether the process runs; for browsers a page", "Alive", page=True),
    ("GET", "/openapi.json"): Operation("openapi", "This document", "OpenApi"),
    ("GET", "/v2"): Operation("serverMetadata", "The server's name and version", "ServerMetadata"),
    ("GET", "/v2/health/live"): Operation("live", "Whether the process runs", "Live"),
    ("GET", "/v2/health/ready"): Operation("ready", "Whether the model is loaded and warm", "Ready"),
    ("GET", V2): Operation("modelMetadata", "What the model takes and gives", "ModelMetadata"),
    ("GET", f"{V2}/ready"): Operation("modelReady", "Whether the model is ready", "ModelReady"),
    ("POST", f"{V2}/infer"): Operation(
        "infer", "Infer (Open Inference Protocol v2)", "InferResponse", "InferRequest", tensors=True
    ),
    ("POST", "/model/predict"): Operation("predict", "Predict, the plain way", "PredictResponse", "PredictRequest"),
    ("GET", "/v1/models"): Operation("v1Models", "The models' names", "ModelNames"),
    ("GET", "/v1/models/{model}"): Operation("v1ModelReady", "Whether the model is ready", "ModelReady"),
    ("POST", "/v1/models/{model}:predict"): Operation(
        "v1Predict", "Predict, by rows or by columns", "RowsResponse", "RowsRequest"
    ),
    ("POST", "/v2/repository/index"): Operation(
        "repositoryIndex", "The model and its state (Triton)", "RepositoryIndex", "RepositoryQuestion", optional=True
    ),
    ("GET", "/metrics"): Operation("metrics", "Prometheus metrics", content_type=PROMETHEUS),
    ("GET", "/modelway/serving"): Operation("serving", "Whether requests are answered, also after SIGTERM", "Serving"),
    ("GET", "/modelway/state"): Operation("state", "What the operator asks: counts since the last change", "State"),
}


def document(subject: Subject, routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document. A route that OPERATIONS does not describe is listed with what its table row tells."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = OPERATIONS.get((route.method, route.path)) or Operation("", f"{route.method} {route.path}")
        for number, path in enumerate(concrete(route.path, subject)):
            paths.setdefault(path, {})[route.method.lower()] = _operation(operation, route, subject, number)
    components: dict[str, Any] = {"schemas": _schemas(subject)}
    if subject.keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.1",
        "info": {"title": subject.model, "version": next(iter(subject.versions), __version__)},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components,
    }


def concrete(path: str, subject: Subject) -> list[str]:
    """The paths of a row: the model's name filled in, without and with each version."""
    name = quote(subject.model, safe="")
    models = [name, *(f"{name}/versions/{quote(version, safe='')}" for version in subject.versions)]
    return [path.replace("{model}", model) for model in models] if "{model}" in path else [path]


def _operation(operation: Operation, route: Route, subject: Subject, number: int) -> dict[str, Any]:
    told: dict[str, Any] = {"summary": operation.summary}
    if operation.name:
        told["operationId"] = operation.name + (f"Version{number}" if number else "")
    if operation.request:
        body: dict[str, Any] = {"schema": reference(operation.request)}
        if operation.tensors and (sample := example.infer_request(subject.signature)):
            body["example"] = sample
        told["requestBody"] = {"required": not operation.optional, "content": {JSON: body}}
    told["responses"] = {"200": _success(operation)} | {
        str(status): _refusal(status)
        for status in statuses(route.codec is not None, subject.keys, route.path in OPEN_PATHS)
    }
    if subject.keys and route.path not in OPEN_PATHS:
        told["security"] = [{"key": []}]
    return told


def statuses(model: bool, keys: bool = False, is_open: bool = False) -> list[int]:
    """Every error that can come from a path; `model`: whether the model answers it."""
    without = OF_OTHER_PATHS | (frozenset() if model else OF_THE_MODEL)
    without |= frozenset() if keys and not is_open else frozenset({401})
    return sorted(set(STATUS_BY_ERROR.values()) - without)


def _success(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {operation.content_type: {}}
    if operation.answer:
        content[operation.content_type] = {"schema": reference(operation.answer)}
    if operation.tensors:
        content[TENSORS] = {}
    if operation.page:
        content[HTML] = {}
    return {"description": operation.summary, "content": content}


def _refusal(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": MEANINGS.get(status, HTTPStatus(status).phrase),
        "content": {JSON: {"schema": reference("Error")}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        told["headers"] = {"retry-after": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    return told


def _schemas(subject: Subject) -> dict[str, Schema]:
    name: Schema = {"const": subject.model}
    return {
        "Error": error(),
        "Alive": object_of(status={"const": "alive"}),
        "Live": object_of(live={"const": True}),
        "Ready": object_of(ready={"const": True}),
        "Serving": object_of(serving={"const": True}),
        "ModelReady": object_of(name=name, ready={"const": True}),
        "ModelNames": object_of(models={"type": "array", "items": name}),
        "ServerMetadata": object_of(name={"const": "modelserver"}, version={"type": "string"}),
        "ModelMetadata": metadata(subject.model),
        "RepositoryQuestion": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        "RepositoryIndex": {"type": "array", "items": object_of(name=name, state={"enum": STATES})},
        "State": {"type": "object", "required": ["generation", "ready", "own", "forwarded", "shadow"]},
        "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
        **requests_and_answers(subject.model, subject.signature),
    }
