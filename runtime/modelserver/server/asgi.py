"""The same answers as a plain ASGI application: for other servers, and a surface for tests without sockets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from modelserver.errors import BodyTooLarge, RequestError
from modelserver.server.app import App, Endpoint, Reply, refusal
from modelserver.server.http1 import json_length, timeout
from modelserver.server.routes import Router

if TYPE_CHECKING:
    from modelserver.inference import Outputs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class AsgiApp:
    """ASGI 3, HTTP only. Models that run too long for the event loop run in the default executor."""

    def __init__(self, app: App) -> None:
        self.app, self.router = app, Router(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"Only HTTP is served, not {scope['type']}.")
        endpoint = self.router.find(scope["method"], scope["path"])
        body = await self._body(receive)
        started = perf_counter()
        if body is None:
            limit = self.app.settings.max_body_bytes
            reply = refusal(BodyTooLarge(f"The body is larger than the limit of {limit} bytes."))
        else:
            reply = await self._answer(endpoint, body, scope["headers"])
        self.app.count(endpoint.label, reply, started)
        await send({"type": "http.response.start", "status": reply.status, "headers": self._headers(reply)})
        content = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": content})

    async def _body(self, receive: Receive) -> bytes | None:
        """None when it is larger than the limit."""
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.app.settings.max_body_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    async def _answer(self, endpoint: Endpoint, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Reply:
        if endpoint.answer is not None:
            return endpoint.answer()
        named: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            named.setdefault(name, []).append(value)
        try:
            length, seconds = json_length(named), timeout(named)
        except RequestError as error:
            return refusal(error)
        if self.app.inline:
            return self.app.infer(endpoint, body, length)
        deadline = None if seconds is None else monotonic() + seconds
        return await asyncio.to_thread(self._wait, endpoint, body, length, deadline)

    def _wait(self, endpoint: Endpoint, body: bytes, length: int | None, deadline: float | None) -> Reply:
        inference = self.app.decode(endpoint, body, length)
        if isinstance(inference, Reply):
            return inference
        assert self.app.execution is not None
        outputs: Outputs | RequestError
        try:
            outputs = self.app.execution.wait(inference, deadline)
        except RequestError as error:
            outputs = error
        return self.app.encode(endpoint, inference, outputs)

    def _headers(self, reply: Reply) -> list[tuple[bytes, bytes]]:
        headers = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **self.app.headers}
        for line in reply.extra.splitlines():
            name, _, value = line.partition(": ")
            headers[name] = value
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
