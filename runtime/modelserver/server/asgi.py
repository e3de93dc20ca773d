"""The same answers as a plain ASGI application: for other servers, and a surface for tests without sockets.

A request's head is written down as HTTP/1.1, and from there on takes the same way as one that came over a socket: the
same table of routes, keys, workers, and the same splitting and copying while there is a candidate.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelserver.errors import BodyTooLarge, HeadTooLarge, MalformedRequest, Overloaded, RequestError
from modelserver.server.access import Keys
from modelserver.server.access_log import AccessLog
from modelserver.server.app import App, Reply, refusal
from modelserver.server.heads import Known, KnownHeads
from modelserver.server.http1 import UNREADABLE
from modelserver.server.routes import UNKNOWN, Router
from modelserver.server.watched import Watched
from modelserver.server.workers import INLINE_BYTES, Workers
from modelserver.threads import available

if TYPE_CHECKING:
    from modelserver.traffic.traffic import Traffic

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LOOK_SECONDS = 0.5  # how often the file of keys is looked at, where requests come
IN_PATHS = "/:@!$&'()*+,;=~"  # beside letters and digits: RFC 3986 §3.3
# Settled between the caller and the server that this application runs in.
BETWEEN_NEIGHBOURS = frozenset(
    {b"connection", b"keep-alive", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"}
)
BODILESS = frozenset({"GET", "HEAD"})


class AsgiApp:
    """ASGI 3: HTTP, and lifespan where the server has it. Everything belongs to the event loop of the first request."""

    def __init__(self, app: App) -> None:
        """Raises BadSettings where there is a file of keys that can't be used."""
        self.app, settings = app, app.settings
        keys = Keys(settings.api_keys_file) if settings.api_keys_file else None
        self._watched = Watched((keys.path,), keys.read) if keys else None
        self._looked = monotonic()
        self._heads = KnownHeads(Router(app), settings, keys)
        self._log = AccessLog(settings.access_log_sample) if settings.access_log_sample > 0 else None
        self._workers: Workers | None = None
        self._traffic: Traffic | None = None
        self.held = 0  # bytes of the bodies of all requests

    @property
    def in_flight(self) -> int:
        """Requests that wait for or run in worker threads."""
        return self._workers.in_flight if self._workers is not None else 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"Only HTTP is served, not {scope['type']}.")
        workers, started, body = self._begun(), perf_counter(), bytearray()
        known: Known | None = None
        try:
            known = self._known(scope)
            if known.endpoint.label != UNKNOWN and scope["method"] not in BODILESS:
                await self._read(receive, body)
                started = perf_counter()
            reply = await self._answer(known, bytes(body), workers)
        except RequestError as error:
            reply = refusal(error)
        finally:
            self.held -= len(body)
        self.app.count(known.endpoint.label if known else UNKNOWN, reply, started)
        head = known.head if known else UNREADABLE
        echo = self._log.record(head, reply, perf_counter() - started) if self._log else head.echo
        await send({"type": "http.response.start", "status": reply.status, "headers": self._headers(reply, echo)})
        content = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": content})

    # --- the life of it

    def _begun(self) -> Workers:
        if self._workers is None:
            loop = asyncio.get_running_loop()
            self._workers = Workers(self.app, loop, available().threads, self.app.settings.max_in_flight)
            self.app.gauges = lambda: {
                "modelserver_buffered_bytes": self.held,
                "modelserver_requests_in_flight": self.in_flight,
            }
            if self.app.settings.revision is not None:
                from modelserver.traffic.traffic import Traffic  # of no ModelDeployment: nothing to share

                self._traffic = Traffic(self.app, self._workers, loop)
                self._traffic.start()
        return self._workers

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._begun()
            else:
                self.app.drain()
                self.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def close(self) -> None:
        """The end: users have been answered."""
        if self._traffic is not None:
            self._traffic.close()
        if self._workers is not None:
            self._workers.close()

    # --- one request

    def _known(self, scope: Scope) -> Known:
        """Raises MalformedRequest, HeadTooLarge."""
        if self._watched is not None and monotonic() > self._looked + LOOK_SECONDS:
            self._looked = monotonic()
            if self._watched.look():
                self._heads.forget()
        raw = head_of(scope)
        limit = self.app.settings.max_header_bytes
        if len(raw) > limit:
            raise HeadTooLarge(f"Request line and headers are larger than {limit} bytes.")
        return self._heads.read(raw)

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Into `body`, whose bytes are counted in `held`. Raises BodyTooLarge, Overloaded."""
        largest, most = self.app.settings.max_body_bytes, self.app.settings.max_buffered_bytes
        more = True
        while more:
            message = await receive()
            part = message.get("body", b"")
            if len(body) + len(part) > largest:
                raise BodyTooLarge(f"The body is larger than the limit of {largest} bytes.")
            if self.held + len(part) > most and self.held > len(body):
                raise Overloaded(f"The server holds {most} bytes of unfinished requests, its limit. Try again.")
            body += part
            self.held += len(part)
            more = message.get("more_body", False)

    async def _answer(self, known: Known, body: bytes, workers: Workers) -> Reply:
        """A caller who goes away meanwhile (the task is cancelled) is forgotten."""
        app, endpoint, splitter = self.app, known.endpoint, self.app.splitter
        if endpoint.answer is not None:
            return app.tell(endpoint, body)
        if splitter is None and (app.core is None or (app.inline and len(body) <= INLINE_BYTES)):
            return app.infer(endpoint, body, known.head.json_length)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def done(reply: Reply) -> None:
            if not answer.done():
                answer.set_result(reply)

        cancel = splitter.submit(known, body, done) if splitter else workers.submit(endpoint, body, known.head, done)
        try:
            return await answer
        except asyncio.CancelledError:
            cancel()
            raise

    def _headers(self, reply: Reply, echo: str) -> list[tuple[bytes, bytes]]:
        if reply.head:  # the candidate's; the date is the server's that this application runs in
            lines = (line.partition(b": ") for line in reply.head.splitlines())
            given = [(name.lower(), value) for name, _, value in lines if name.lower() != b"date"]
            return [*given, (b"content-length", b"%d" % len(reply.body))]
        headers = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **self.app.headers}
        for line in (reply.extra + echo).splitlines():
            name, _, value = line.partition(": ")
            headers[name] = value
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def head_of(scope: Scope) -> bytes:
    """A request's head as HTTP/1.1, with the empty line at its end. Raises MalformedRequest."""
    query = scope.get("query_string", b"")
    target = quote(scope["path"], safe=IN_PATHS).encode() + (b"?" + query if query else b"")
    headers = [(name, value) for name, value in scope["headers"] if name not in BETWEEN_NEIGHBOURS]
    if not any(name == b"host" for name, _ in headers):  # HTTP/1.0, and tests
        headers.append((b"host", b"asgi"))
    lines = [scope["method"].encode() + b" " + target + b" HTTP/1.1", *(b": ".join(header) for header in headers)]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise MalformedRequest("A header holds a line break.")
    return b"\r\n".join(lines) + b"\r\n\r\n"
