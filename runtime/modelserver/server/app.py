"""What this server is and answers, whatever carries the requests: own connections or ASGI."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import orjson

from modelserver.errors import (
    RETRY_AFTER_SECONDS,
    STATUS_BY_ERROR,
    InternalError,
    MethodNotAllowed,
    NotReady,
    RequestError,
    sentence,
)
from modelserver.metrics import Metrics
from modelserver.server.http1 import JSON, JSON_LENGTH
from modelserver.server.newcomers import Newcomers
from modelserver.settings import ServeSettings
from modelserver.traffic.counts import Counts

if TYPE_CHECKING:
    # Imported for real only when the model is loaded: 0.1 s.
    from modelserver.core import Core
    from modelserver.execution.execution import Execution
    from modelserver.inference import Answer, Inference, Outputs
    from modelserver.traffic.splitter import Splitter

log = logging.getLogger("modelserver")
LOADING = "The model '{name}' is still being loaded and warmed up. Wait for /v2/health/ready."
DRAINING = "The server is stopping; it still answers, but takes itself out of service."
TENSORS = "application/octet-stream"  # the content type of JSON with raw tensors behind it


class Reply(NamedTuple):
    """An answer: `extra` are further header lines, each ending in CRLF; `error` is the kind, where it is one.

    `head` are all header lines of an answer that another server gave, but for those that frame it; then `content_type`
    and `extra` do not count.
    """

    status: int
    body: bytes
    content_type: str = JSON
    extra: str = ""
    error: str = ""
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a request: the model, spoken to by the `codec` of this name, or `answer`, which is done at once.

    `answer` gets the body, which hardly any cares for. `label` is the request's path in the metrics. Exactly one of
    `codec` and `answer` is there.
    """

    label: str
    codec: str | None = None
    answer: Callable[[bytes], Reply] | None = None


class App:
    """The state of one server, and its answers."""

    def __init__(self, settings: ServeSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.metrics = Metrics()
        self.core: Core | None = None
        self.execution: Execution | None = None
        self.inline = False
        self.draining = False
        self.newcomers = Newcomers(math.inf, 0.0)
        self.splitter: Splitter | None = None  # takes all requests for the model while there is a candidate
        self.trace_call: Callable[[Reply, float, str], None] | None = None  # reply, seconds, traceparent of a gRPC call
        self.counts = Counts(0, time.monotonic())
        self.headers: dict[str, str] = {}
        self.documents: dict[str, bytes] = {}  # made once: a flood of questions for one of 1.4 ms is an attack
        self.gauges: Callable[[], dict[str, float]] = dict  # what the edge that carries requests knows of itself
        if settings.revision:
            self.headers["x-modelway-revision"] = settings.revision
        if settings.model_version:
            self.headers["x-modelway-version"] = settings.model_version

    @property
    def ready(self) -> bool:
        return self.core is not None and not self.draining

    def serve(self, core: "Core", execution: "Execution") -> None:
        """The model is loaded and warm: from now on requests are answered with it."""
        self.core, self.execution, self.inline = core, execution, execution.mode == "inline"
        self.metrics.gauges["modelserver_ready"] = 1

    def drain(self) -> None:
        self.draining = True
        settings = self.settings
        self.newcomers = Newcomers(time.monotonic() + settings.drain_min_seconds, settings.drain_seconds / 2)
        self.metrics.gauges |= {"modelserver_ready": 0, "modelserver_draining": 1}

    def tell(self, endpoint: Endpoint, body: bytes) -> Reply:
        """What the server itself answers; never raises."""
        assert endpoint.answer is not None
        try:
            return endpoint.answer(body)
        except Exception as problem:
            return failure(endpoint.label, problem)

    def infer(self, endpoint: Endpoint, body: bytes, json_length: int | None) -> Reply:
        """Decode, run and encode, here and now; never raises. May be called from several threads at once."""
        try:
            core = self.loaded
            answer = core.infer(core.codecs[endpoint.codec or ""], body, json_length)
        except Exception as problem:
            return failure(endpoint.label, problem)
        return told(answer)

    def decode(self, endpoint: Endpoint, body: bytes, json_length: int | None) -> "Inference | Reply":
        """The request as tensors, or the reply that refuses it; never raises."""
        try:
            core = self.loaded
            return core.decode(core.codecs[endpoint.codec or ""], body, json_length)
        except Exception as problem:
            return failure(endpoint.label, problem)

    def encode(self, endpoint: Endpoint, inference: "Inference", outputs: "Outputs | RequestError") -> Reply:
        """What execution made of a request, as the reply; never raises."""
        try:
            return refusal(outputs) if isinstance(outputs, RequestError) else told(inference.encode(outputs))
        except Exception as problem:
            return failure(endpoint.label, problem)

    @property
    def loaded(self) -> "Core":
        """The core; raises NotReady before there is one."""
        if self.core is None:
            raise NotReady(LOADING.format(name=self.name))
        return self.core

    def count(self, label: str, reply: Reply, started: float) -> None:
        """Metrics of one answer; `started` by `time.perf_counter`."""
        self.metrics.answered(label, reply.status, time.perf_counter() - started)
        if reply.error:
            self.metrics.failed(reply.error)


def told(answer: "Answer") -> Reply:
    """The reply that carries an encoded answer."""
    if answer.json_length is None:
        return Reply(200, answer.body)
    return Reply(200, answer.body, TENSORS, _json_length(answer.json_length))


@lru_cache(maxsize=256)
def _json_length(length: int) -> str:
    return f"{JSON_LENGTH.decode()}: {length}\r\n"


def failure(label: str, problem: Exception) -> Reply:
    """The reply to a request that failed: a refusal, or a failure of ours, which the log explains."""
    if isinstance(problem, RequestError):
        return refusal(problem)
    log.error("A request to %s failed", label, exc_info=problem)
    return refusal(InternalError("The server failed on this request; its log says why."))


def refusal(error: RequestError) -> Reply:
    """The answer that tells an error."""
    status = STATUS_BY_ERROR[type(error)]
    extra = ""
    if status == 503:
        extra = f"retry-after: {RETRY_AFTER_SECONDS}\r\n"
    elif isinstance(error, MethodNotAllowed):
        extra = f"allow: {error.allow}\r\n"
    return Reply(status, orjson.dumps({"error": sentence(error)}), JSON, extra, type(error).__name__)
