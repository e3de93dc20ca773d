"""One kept-alive connection to the candidate: a request out, its answer in, one at a time (RFC 9112)."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import NamedTuple, cast

import httptools

AT_ONCE = struct.pack("ii", 1, 0)  # on, for 0 seconds: what is unsent is dropped (socket(7))
LARGEST_BYTES = 256 * 1024 * 1024  # of an answer: a candidate that never ends one must not fill this pod's memory


class Answer(NamedTuple):
    """`headers` as they came, those that frame the body or concern the connection included."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Unreachable(Exception):
    """The connection was refused, reset, or ended where an answer was expected, or what came is not HTTP."""


class Stale(Unreachable):
    """It ended before anything of an answer came: a kept-alive connection may have been closed in that very moment."""


class Refused(Unreachable):
    """No connection, and it was known at once."""


class Upstream(asyncio.Protocol):
    """`exchange` by one task at a time; a connection that can't be used again has `open` false."""

    __slots__ = ("_answer", "_body", "_headers", "_parser", "_received", "_transport", "born", "gone", "open", "used")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._received = 0  # bytes of this answer
        self.gone = asyncio.get_running_loop().create_future()  # done when the connection is
        self.open = False
        self.used = 0  # requests so far
        self.born = 0.0  # by the pool's clock

    async def exchange(self, head: bytes, body: bytes) -> Answer:
        """Raises Unreachable. Cancelled, it closes the connection, so that the candidate hears of it."""
        if self._transport is None or not self.open:
            raise Stale("The candidate has closed the connection.")
        self._answer = asyncio.get_running_loop().create_future()
        self.used, self._received = self.used + 1, 0
        self._transport.writelines((head, body))
        try:
            return await self._answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._answer = self._parser = None

    def abort(self) -> None:
        """By a reset: an end alone the candidate must take for a caller who has sent all and still waits."""
        self.open = False
        if self._transport is not None:
            with suppress(OSError, ValueError):  # it has ended by itself in this very moment: no descriptor
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self._transport.abort()

    def close(self) -> None:
        """Close politely; nothing is under way."""
        self.open = False
        if self._transport is not None:
            self._transport.close()

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def connection_lost(self, exc: Exception | None) -> None:
        kind = Stale if self._parser is None else Unreachable
        self._fail(kind(f"The candidate ended the connection{f': {exc}' if exc else ''}."))
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nothing was asked: whatever this is, the next answer would be taken for another's
            return
        self._received += len(data)
        if self._received > LARGEST_BYTES:
            self._fail(Unreachable(f"The candidate's answer is larger than {LARGEST_BYTES} bytes."))
            self.abort()
            return
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._fail(Unreachable(f"What the candidate answered is not HTTP/1.1: {problem}."))
            self.abort()

    # --- what llhttp calls

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.open = False  # a second answer to one request: nothing behind it can be trusted
        self._headers, self._body = [], []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        # Asked here, because llhttp forgets it when the message is complete.
        self.open = self.open and bool(self._parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue and the like: the answer is still to come
            self.open = True
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, problem: Unreachable) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(problem)
