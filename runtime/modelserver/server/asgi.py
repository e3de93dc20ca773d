"""The same answers as a plain ASGI application: for other servers, and a surface for tests without sockets."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from modelserver.errors import BodyTooLarge, Overloaded, RequestError
from modelserver.server.access import Keys, guarded
from modelserver.server.app import App, Endpoint, Reply, refusal
from modelserver.server.http1 import credential, json_length, timeout
from modelserver.server.routes import Router
from modelserver.server.watched import Watched
from modelserver.threads import available

if TYPE_CHECKING:
    from modelserver.inference import Outputs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LOOK_SECONDS = 0.5  # how often the file of keys is looked at, where requests come


class AsgiApp:
    """ASGI 3, HTTP only. What does not run in the event loop is (de)coded in a few threads, within the usual limits."""

    def __init__(self, app: App) -> None:
        """Raises BadSettings where there is a file of keys that can't be used."""
        self.app, self.router = app, Router(app)
        self.keys = Keys(app.settings.api_keys_file) if app.settings.api_keys_file else None
        self._watched = Watched((self.keys.path,), self.keys.read) if self.keys else None
        self._looked = monotonic()
        self._pool = ThreadPoolExecutor(available().threads, thread_name_prefix="asgi")
        self.in_flight = self.held = 0  # requests for the model, and bytes of the bodies of all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"Only HTTP is served, not {scope['type']}.")
        named: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            named.setdefault(name, []).append(value)
        endpoint, started, body = self._endpoint(scope, named), perf_counter(), bytearray()
        try:
            if endpoint.answer is not None:
                reply = self.app.tell(endpoint, b"")
            else:
                await self._read(receive, body)
                started = perf_counter()
                reply = await self._answer(endpoint, bytes(body), named)
        except RequestError as error:
            reply = refusal(error)
        finally:
            self.held -= len(body)
        self.app.count(endpoint.label, reply, started)
        await send({"type": "http.response.start", "status": reply.status, "headers": self._headers(reply)})
        content = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": content})

    def _endpoint(self, scope: Scope, named: dict[bytes, list[bytes]]) -> Endpoint:
        html = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
        endpoint = self.router.find(scope["method"], scope["path"], html)
        if self.keys is None or self._watched is None:
            return endpoint
        if monotonic() > self._looked + LOOK_SECONDS:
            self._looked = monotonic()
            self._watched.look()
        return guarded(endpoint, self.keys, credential(named))

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

    async def _answer(self, endpoint: Endpoint, body: bytes, named: dict[bytes, list[bytes]]) -> Reply:
        """Raises RequestError."""
        length, seconds = json_length(named), timeout(named)
        if self.app.inline:
            return self.app.infer(endpoint, body, length)
        limit = self.app.settings.max_in_flight
        if self.in_flight >= limit:
            raise Overloaded(f"The server has {limit} requests in flight, its limit. Try again.")
        self.in_flight += 1
        try:
            deadline = None if seconds is None else monotonic() + seconds
            return await self._run(endpoint, body, length, deadline)
        finally:
            self.in_flight -= 1

    async def _run(self, endpoint: Endpoint, body: bytes, length: int | None, deadline: float | None) -> Reply:
        """Decode, wait for the model, encode. A caller who goes away meanwhile (the task is cancelled) is forgotten."""
        loop = asyncio.get_running_loop()
        inference = await loop.run_in_executor(self._pool, self.app.decode, endpoint, body, length)
        if isinstance(inference, Reply):
            return inference
        assert self.app.execution is not None
        answer: asyncio.Future[Outputs | RequestError] = loop.create_future()

        def settle(outputs: "Outputs | RequestError") -> None:
            if not answer.done():
                answer.set_result(outputs)

        def ran(outputs: "Outputs | RequestError") -> None:
            loop.call_soon_threadsafe(settle, outputs)

        cancel = self.app.execution.submit(inference, deadline, ran)
        try:
            outputs = await answer
        finally:
            cancel()  # changes nothing where it has been answered
        return await loop.run_in_executor(self._pool, self.app.encode, endpoint, inference, outputs)

    def _headers(self, reply: Reply) -> list[tuple[bytes, bytes]]:
        headers = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **self.app.headers}
        for line in reply.extra.splitlines():
            name, _, value = line.partition(": ")
            headers[name] = value
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
