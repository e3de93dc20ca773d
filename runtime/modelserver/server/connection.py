"""One client's connection: bytes to requests, replies to bytes, in order, within limits.

At most one request of a connection is being answered; what a client sends ahead (pipelining) waits in the buffer.
A body that has to wait for a worker thread stops the reading, so a fast client can't fill the memory.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, cast

from modelserver.errors import BodyTooLarge, HeadTooLarge, MalformedRequest, Overloaded, RequestError, RequestTimeout
from modelserver.server.app import Endpoint, Reply, refusal
from modelserver.server.heads import Known
from modelserver.server.http1 import CONTINUE, END_OF_HEAD, Chunks
from modelserver.server.routes import UNKNOWN
from modelserver.server.workers import INLINE_BYTES

if TYPE_CHECKING:
    from modelserver.server.acceptor import Acceptor

PIPELINE_BYTES = 64 * 1024  # read ahead while a request is being answered
LINGER_SECONDS = 3.0  # time for a refused client to read why, before its unread bytes reset the connection


class Connection(asyncio.Protocol):
    """Created for each accepted connection by the Acceptor, which also sweeps over `deadline`s."""

    __slots__ = (
        "acceptor",
        "accounted",
        "buffer",
        "busy",
        "cancel",
        "chunks",
        "closing",
        "current",
        "deadline",
        "lingering",
        "transport",
        "working_bytes",
        "write_blocked",
    )

    def __init__(self, acceptor: "Acceptor") -> None:
        self.acceptor = acceptor
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.current: Known | None = None  # the request whose body is being read or answered
        self.chunks: Chunks | None = None
        self.busy = False  # a worker thread has the request
        self.closing = False  # the last answer was written (and lingering: reads go nowhere)
        self.lingering = False
        self.write_blocked = False
        self.cancel: Callable[[], object] | None = None
        self.working_bytes = 0  # of the body that a worker thread has
        self.accounted = 0  # bytes of ours in acceptor.buffered
        self.deadline = 0.0

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        acceptor = self.acceptor
        self.deadline = acceptor.now() + acceptor.settings.idle_timeout
        if not acceptor.opened(self):
            limit = acceptor.settings.max_connections
            self.refuse(Overloaded(f"The server holds {limit} connections, its limit. Try again in a second."))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport, self.closing = None, True
        self.buffer = bytearray()
        self.chunks = None
        self._account()
        if self.cancel is not None:
            self.cancel()
        self.acceptor.closed(self)

    def data_received(self, data: bytes) -> None:
        if self.current is None and not self.buffer and not self.closing:
            end = data.find(END_OF_HEAD) + 4
            known = self.acceptor.heads.get(data[:end])
            # The usual request: head seen before, whole in one piece, nothing behind it.
            if known is not None and known.plain and end + cast(int, known.head.length) == len(data):
                self.current = known
                self._answer(data[end:])
                return
        if self.lingering:
            return
        self.buffer += data
        self._advance()

    def eof_received(self) -> bool:
        # A client that has sent all it wants may half-close and still wait for the answer.
        if self.current is None or not self.busy:
            return False
        self.closing = True
        return True

    def pause_writing(self) -> None:
        self.write_blocked = True
        self._pause_reading()
        self.deadline = self.acceptor.now() + self.acceptor.settings.write_timeout

    def resume_writing(self) -> None:
        self.write_blocked = False
        self._rest()
        self._advance()

    def expire(self) -> None:
        """`deadline` has passed: the sweeper calls this."""
        if self.busy and not self.write_blocked:
            return
        if self.write_blocked or self.closing:
            if self.transport is not None:
                self.transport.abort()
        elif self.current is not None:
            seconds = self.acceptor.settings.body_timeout
            self.refuse(RequestTimeout(f"The request's body did not arrive within {seconds:g} seconds."))
        elif self.buffer:
            seconds = self.acceptor.settings.header_timeout
            self.refuse(RequestTimeout(f"The request's head did not arrive within {seconds:g} seconds."))
        else:
            self.close()

    # --- reading

    def _advance(self) -> None:
        """Read as many requests from the buffer as can be answered now."""
        while not (self.busy or self.closing or self.write_blocked):
            try:
                body = self._next_request()
            except RequestError as error:
                self.refuse(error)
                return
            if body is None:
                break
            self._answer(body)
        self._account()
        if self.busy and len(self.buffer) > PIPELINE_BYTES:
            self._pause_reading()

    def _next_request(self) -> bytes | None:
        """The body of the next whole request, `current` being its head; None while something is missing."""
        if self.current is None:
            self.current = self._next_head()
            if self.current is None:
                return None
        head, buffer = self.current.head, self.buffer
        if self.chunks is not None:
            if not self.chunks.take(buffer):
                return None
            body, self.chunks = bytes(self.chunks.body), None
            return body
        length = cast(int, head.length)
        if len(buffer) < length:
            return None
        body = bytes(memoryview(buffer)[:length])
        del buffer[:length]
        return body

    def _next_head(self) -> Known | None:
        buffer, settings = self.buffer, self.acceptor.settings
        while buffer[:2] == b"\r\n":  # RFC 9112 §2.2: empty lines before a request line are to be ignored
            del buffer[:2]
        if not buffer:
            return None
        end = buffer.find(END_OF_HEAD) + 4
        if end < 4 or end > settings.max_header_bytes:
            if len(buffer) > settings.max_header_bytes:
                raise HeadTooLarge(f"Request line and headers are larger than {settings.max_header_bytes} bytes.")
            if not buffer[:1].isalpha() or b"\n\n" in buffer:
                raise MalformedRequest("This is not an HTTP/1.1 request.")
            self.deadline = min(self.deadline, self.acceptor.now() + settings.header_timeout)
            return None
        raw = bytes(memoryview(buffer)[:end])
        known = self.acceptor.heads.read(raw)
        del buffer[:end]
        limit = settings.max_body_bytes
        if known.head.length is not None and known.head.length > limit:
            raise BodyTooLarge(f"The body has {known.head.length} bytes; the limit is {limit}.")
        self.chunks = Chunks(limit) if known.head.length is None else None
        if known.head.length != 0:
            self.deadline = self.acceptor.now() + settings.body_timeout
        if known.head.expects_continue and not buffer and self.transport is not None:
            self.transport.write(CONTINUE)
        return known

    def _account(self) -> None:
        held = len(self.buffer) + self.working_bytes + (len(self.chunks.body) if self.chunks is not None else 0)
        acceptor = self.acceptor
        acceptor.buffered += held - self.accounted
        self.accounted = held
        if acceptor.buffered > acceptor.settings.max_buffered_bytes and held and not (self.busy or self.closing):
            limit = acceptor.settings.max_buffered_bytes
            self.refuse(Overloaded(f"The server holds {limit} bytes of unfinished requests, its limit. Try again."))

    # --- answering

    def _answer(self, body: bytes) -> None:
        assert self.current is not None
        endpoint, app = self.current.endpoint, self.acceptor.app
        started = perf_counter()
        if endpoint.answer is not None:
            self._reply(endpoint.label, endpoint.answer(), started)
        elif app.core is None or (app.inline and len(body) <= INLINE_BYTES):
            self._reply(endpoint.label, app.infer(endpoint, body, self.current.head.json_length), started)
        else:
            self._submit(endpoint, body, started)

    def _submit(self, endpoint: Endpoint, body: bytes, started: float) -> None:
        assert self.current is not None

        at_once = True

        def done(reply: Reply) -> None:
            self.busy, self.cancel, self.working_bytes = False, None, 0
            half_closed, self.closing = self.closing, False
            self._reply(endpoint.label, reply, started, last=half_closed)
            if not at_once:  # else whoever called is reading on by itself
                self._advance()

        self.busy, self.working_bytes = True, len(body)
        cancel = self.acceptor.workers.submit(endpoint, body, self.current.head, done)
        at_once = False
        if self.busy:
            self.cancel = cancel

    def _reply(self, label: str, reply: Reply, started: float, last: bool = False) -> None:
        self.acceptor.app.count(label, reply, started)
        transport, known = self.transport, self.current
        if transport is None or known is None:
            return  # the caller has gone
        self.current = None
        # While draining, the last of the requests that have already arrived gets `connection: close`.
        close = last or not known.head.keep_alive or (self.acceptor.app.draining and not self.buffer)
        echo, access_log = known.head.echo, self.acceptor.access_log
        if access_log is not None:
            echo = access_log.record(known.head, reply, perf_counter() - started)
        self._write(reply, close, known.head.method == "HEAD", echo)
        if close:
            self.close()
        elif not self.busy:
            self._rest()

    def _write(self, reply: Reply, close: bool, headless: bool, echo: str = "") -> None:
        assert self.transport is not None
        start = self.acceptor.response_heads.start(reply.status, close, reply.content_type, reply.extra + echo)
        body = b"" if headless else reply.body
        self.transport.write(b"%b%d\r\n\r\n%b" % (start, len(reply.body), body))

    def _rest(self) -> None:
        """Between two requests: wait for the next one."""
        if self.transport is None or self.write_blocked:
            return
        self.deadline = self.acceptor.now() + self.acceptor.settings.idle_timeout
        if not self.transport.is_reading():
            self.transport.resume_reading()

    def _pause_reading(self) -> None:
        if self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    # --- ending

    def refuse(self, error: RequestError) -> None:
        """Answer an error that ends the connection, and let the client read it before unread bytes reset it."""
        transport = self.transport
        if transport is None or self.closing:
            return
        label = self.current.endpoint.label if self.current is not None else UNKNOWN
        reply = refusal(error)
        self.acceptor.app.count(label, reply, perf_counter())
        self._write(reply, close=True, headless=False)
        self.buffer, self.chunks, self.current = bytearray(), None, None
        self.closing = self.lingering = True
        self._account()
        self.deadline = self.acceptor.now() + LINGER_SECONDS
        if transport.can_write_eof():
            transport.write_eof()

    def close(self) -> None:
        """Close after what was written has gone out."""
        self.closing = True
        if self.transport is not None:
            self.transport.close()
            self.deadline = self.acceptor.now() + self.acceptor.settings.write_timeout

    @property
    def idle(self) -> bool:
        """Nothing of a request has arrived that is not answered."""
        return self.current is None and not self.buffer
