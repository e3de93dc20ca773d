"""The table of calls: every method that is answered, and by what. Runs in the gRPC server's threads."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from modelserver import __version__
from modelserver.errors import (
    RETRY_AFTER_SECONDS,
    InternalError,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    RequestError,
    sentence,
)
from modelserver.grpc_api.admission import Admission
from modelserver.grpc_api.splitting import Answered
from modelserver.grpc_api.status import code_of
from modelserver.grpc_api.waiting import Gone, execute
from modelserver.protocol import messages
from modelserver.protocol.descriptors import ProtoFile
from modelserver.protocol.messages import PROTO
from modelserver.server import repository
from modelserver.server.access_log import AccessLog
from modelserver.server.app import App, Reply, refusal
from modelserver.traffic.channel import Metadata

log = logging.getLogger("modelserver")
HEALTH = ProtoFile(Path(__file__).with_name("health.proto"))
SERVICE = "inference.GRPCInferenceService"
CONTROL = frozenset({f"/{SERVICE}/RepositoryModelLoad", f"/{SERVICE}/RepositoryModelUnload"})
SERVING, NOT_SERVING = 1, 2
RETRY_LATER = ("grpc-retry-pushback-ms", str(RETRY_AFTER_SECONDS * 1000))  # gRPC's Retry-After


def _versions(app: App) -> list[str]:
    return [version for version in (app.settings.model_version, app.settings.revision) if version]


def _find(app: App, name: str, version: str) -> None:
    """Raises NotFound unless the served model is meant."""
    if name != app.name:
        raise NotFound(f"There is no model '{name}' here; this server has '{app.name}'.")
    versions = _versions(app)
    if version and version not in versions:
        has = f"version '{versions[0]}'" if versions else "no versions; leave the version empty"
        raise NotFound(f"There is no version '{version}' of '{name}' here; this server has {has}.")


def _infer(app: App, request: Any, context: grpc.ServicerContext) -> bytes:
    _find(app, request.model_name, request.model_version)
    core = app.loaded
    inference = messages.decode(request, core.head, core.session.signature)
    return inference.encode(execute(app, inference, context)).body


def _server_live(app: App, request: Any, context: grpc.ServicerContext) -> dict[str, Any]:
    return {"live": True}


def _server_ready(app: App, request: Any, context: grpc.ServicerContext) -> dict[str, Any]:
    return {"ready": app.ready}


def _model_ready(app: App, request: Any, context: grpc.ServicerContext) -> dict[str, Any]:
    _find(app, request.name, request.version)
    return {"ready": app.ready}


def _server_metadata(app: App, request: Any, context: grpc.ServicerContext) -> dict[str, Any]:
    return {"name": "modelserver", "version": __version__}


def _model_metadata(app: App, request: Any, context: grpc.ServicerContext) -> bytes:
    _find(app, request.name, request.version)
    core = app.loaded
    versions = [core.version] if core.version else []
    told: bytes = messages.model_metadata(core.name, versions, core.session.signature).SerializeToString()
    return told


def _repository_index(app: App, request: Any, context: grpc.ServicerContext) -> dict[str, Any]:
    return {"models": repository.index(app, request.ready)}


def _health(app: App, request: Any, context: grpc.ServicerContext) -> dict[str, Any]:
    if request.service not in ("", SERVICE):
        raise NotFound(f"There is no service '{request.service}' here; ask for '' or '{SERVICE}'.")
    return {"status": SERVING if app.ready else NOT_SERVING}


Answer = Callable[[App, Any, grpc.ServicerContext], "bytes | dict[str, Any]"]
ANSWERS: Mapping[str, Answer] = {
    f"/{SERVICE}/ServerLive": _server_live,
    f"/{SERVICE}/ServerReady": _server_ready,
    f"/{SERVICE}/ModelReady": _model_ready,
    f"/{SERVICE}/ServerMetadata": _server_metadata,
    f"/{SERVICE}/ModelMetadata": _model_metadata,
    f"/{SERVICE}/ModelInfer": _infer,
    f"/{SERVICE}/RepositoryIndex": _repository_index,
    "/grpc.health.v1.Health/Check": _health,
}
UNKNOWN = "grpc other"  # the metrics' label of every method that is not in the table: names are the callers' choice


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table: `label` is the method in the metrics; `request` and `response` are message classes."""

    label: str
    answer: Answer
    request: Any
    response: Any


def methods() -> dict[str, Method]:
    """Every method of the .proto files, by its path."""
    return {
        path: Method(f"grpc {path.rpartition('/')[2]}", ANSWERS[path], proto.message(request), proto.message(response))
        for proto in (PROTO, HEALTH)
        for path, (request, response) in proto.methods().items()
    }


class _Call(NamedTuple):
    """`label` is the method in the metrics, `arrived` by time.perf_counter."""

    path: str
    label: str
    arrived: float
    context: grpc.ServicerContext


class Calls:
    """Answers calls; a grpc.GenericRpcHandler in all but name.

    At most so many inferences are under way as `inferences` says; the rest are told to come again.
    """

    def __init__(
        self,
        app: App,
        loop: asyncio.AbstractEventLoop,
        admission: Admission,
        inferences: int,
        access_log: AccessLog | None,
    ) -> None:
        self.app, self._loop, self.admission, self._access_log = app, loop, admission, access_log
        self._most = inferences
        self._methods = methods()
        self._metadata = tuple(app.headers.items())
        self._lock = threading.Lock()
        self.in_flight = 0
        self.last_seen = -math.inf  # when the last inference was asked for, by time.monotonic
        self.longest_age = math.inf  # seconds for which a client keeps its connection; whoever has the server says

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """What handles a call; asked in the server's own thread, so that waiting for one of the pool's is timed."""
        method = self._methods.get(handler_call_details.method)
        arrived = time.perf_counter()
        if method is None:
            # As a stream of streams, which every client's call fits: a unary handler would wait for a message.
            return grpc.stream_stream_rpc_method_handler(partial(self._refuse, handler_call_details.method, arrived))
        # As a stream of one message, which we read ourselves: not before it is known that the caller may ask.
        path = handler_call_details.method
        return grpc.stream_unary_rpc_method_handler(partial(self._admit, path, method, arrived))

    def _refuse(self, path: str, arrived: float, requests: Any, context: grpc.ServicerContext) -> None:
        offered = ", ".join(known.rpartition("/")[2] for known in self._methods)
        said = f"{path} is not offered by this server, which answers {offered}."
        if path in CONTROL:
            said = repository.no_control(self.app)
        self._end(_Call(path, UNKNOWN, arrived, context), MethodNotAllowed(said, ""))

    def _admit(
        self, path: str, method: Method, arrived: float, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> bytes:
        try:
            with self.admission.message(path, requests, context) as body:
                return self._answer(method, _Call(path, method.label, arrived, context), body)
        except Gone:
            pass
        except RequestError as error:
            self._end(_Call(path, method.label, arrived, context), error)
        return b""

    def _answer(self, method: Method, call: "_Call", body: bytes) -> bytes:
        error: RequestError | None = None
        answer, trailing = b"", self._metadata
        try:
            request = messages.parse(method.request, body)
            if method.answer is _infer:
                answer, trailing = self._infer(request, body, call.context)
            else:
                told = method.answer(self.app, request, call.context)
                answer = told if isinstance(told, bytes) else bytes(method.response(**told).SerializeToString())
        except Gone:
            return b""
        except RequestError as problem:
            error = problem
        except Exception:
            log.exception("A call of %s failed", method.label)
            error = InternalError("The server failed on this request; its log says why.")
        self._end(call, error, answer, trailing)
        return answer

    def _infer(self, request: Any, body: bytes, context: grpc.ServicerContext) -> Answered:
        """Of one of these few calls; here, or by the candidate of a rollout."""
        app, splitter = self.app, self.app.splitter
        self.last_seen = time.monotonic()
        if app.draining:
            app.newcomers.asked(self.last_seen - self.longest_age)
        with self._lock:  # `+= 1` by several threads would lose some
            if self.in_flight >= self._most:
                raise Overloaded(f"{self._most} calls are under way, which is the limit. Try again in a second.")
            self.in_flight += 1
        try:
            own = partial(_infer, app, request, context)
            if splitter is None or splitter.grpc is None:
                return Answered(own(), self._metadata)
            settled = bool(request.model_version) or request.model_name != app.name
            return splitter.grpc.answer(body, settled, context, own)
        finally:
            with self._lock:
                self.in_flight -= 1

    def _end(self, call: "_Call", error: RequestError | None, answer: bytes = b"", trailing: Metadata = ()) -> None:
        """Count the call; then the metadata, and the error if there is one (which leaves by an exception of gRPC's)."""
        reply = refusal(error) if error is not None else Reply(200, answer)
        label, arrived, context = call.label, call.arrived, call.context
        self._count(label, reply, arrived)
        if self.app.trace_call is not None and label == "grpc ModelInfer":
            parent = next((str(value) for key, value in context.invocation_metadata() if key == "traceparent"), "")
            seconds = time.perf_counter() - arrived
            with suppress(RuntimeError):  # as in _count
                self._loop.call_soon_threadsafe(self.app.trace_call, reply, seconds, parent)
        if error is not None:
            trailing = (*self._metadata, RETRY_LATER) if reply.status == 503 else self._metadata
        if self._access_log is not None:
            metadata, seconds = context.invocation_metadata(), time.perf_counter() - arrived
            trailing = self._access_log.record_call(call.path, metadata, trailing, reply, seconds)
        context.set_trailing_metadata(trailing)
        if error is not None:
            context.abort(code_of(error), sentence(error))

    def _count(self, label: str, reply: Reply, arrived: float) -> None:
        # Where the loop is closed, the drain is over, and nobody will read the numbers again.
        with suppress(RuntimeError):
            # The numbers belong to the event loop's thread: a lock would cost HTTP's every request, a call over to it
            # costs only gRPC's.
            self._loop.call_soon_threadsafe(self.app.count, label, reply, arrived)
