"""One client's connection: bytes to requests, replies to bytes, in order, within limits.

At most one request of a connection is being answered; what a client sends ahead (pipelining) waits in the buffer.
A body that has to wait for a worker thread stops the reading, so a fast client can't fill the memory.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, cast

from modelserver.errors import BodyTooLarge, Overloaded, RequestError
from modelserver.server.app import Endpoint, Reply, refusal
from modelserver.server.framing import END_OF_HEAD, Chunks, take_body, take_head
from modelserver.server.heads import Known
from modelserver.server.http1 import CONTINUE, UNREADABLE
from modelserver.server.routes import UNKNOWN
from modelserver.server.stream import Stream
from modelserver.server.unsent import HIGH_WATER
from modelserver.server.workers import INLINE_BYTES

if TYPE_CHECKING:
    from modelserver.server.acceptor import Acceptor

PIPELINE_BYTES = 64 * 1024  # read ahead while a request is being answered
TURN = 16  # requests of one connection that are answered in a row before all others have had their turn
LINGER_SECONDS = 3.0  # time for a refused client to read why, before its unread bytes reset the connection


class Connection(Stream):
    """Created for each accepted connection by the Acceptor, whose sweep looks at the `deadline`s."""

    __slots__ = (
        "accounted", "buffer", "busy", "cancel", "chunks", "current", "half_closed", "queued", "working_bytes"
    )  # fmt: skip

    def __init__(self, acceptor: "Acceptor") -> None:
        super().__init__(acceptor)
        self.buffer = bytearray()
        self.current: Known | None = None  # the request whose body is being read or answered
        self.chunks: Chunks | None = None
        self.busy = False  # a worker thread has the request
        self.half_closed = False  # the client has sent all it wants
        self.queued = False  # its next turn is in the event loop's queue
        self.cancel: Callable[[], object] | None = None
        self.working_bytes = 0  # of the body that a worker thread has
        self.accounted = 0  # bytes of ours in acceptor.buffered

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)
        self.opened_at = self.acceptor.now()
        self.deadline = self.opened_at + self.acceptor.settings.idle_timeout
        if not self.acceptor.opened(self) and not self.transport.is_closing():
            limit = self.acceptor.settings.max_connections
            self.refuse(Overloaded(f"The server holds {limit} connections, its limit. Try again in a second."))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport, self.closing = None, True
        self.buffer = bytearray()
        self.chunks = None
        self.working_bytes = 0  # `done` will not be called for a request that is cancelled
        self._account()
        self.acceptor.unsent.freed(self)
        if self.cancel is not None:
            self.cancel()
        self.acceptor.closed(self)

    def data_received(self, data: bytes) -> None:
        if self.current is None and not self.buffer and not self.closing:
            end = data.find(END_OF_HEAD) + 4
            known = self.acceptor.heads.get(data[:end])
            # The usual request: head seen before, whole in one piece, nothing behind it.
            if known is not None and known.plain and known.head.length == len(data) - end:
                self.current = known
                self._answer(data[end:])
                return
        if self.closing:
            return
        self.buffer += data
        if self.queued:
            self._pause_reading()
        else:
            self._advance()

    def eof_received(self) -> bool:
        # A client that has sent all it wants may half-close and still wait for its answers; TLS has no half.
        self.half_closed = (self.busy or self.queued) and self.transport is not None and self.transport.can_write_eof()
        if not self.half_closed:
            self.close()
        return self.half_closed

    def pause_writing(self) -> None:
        self.write_blocked = True
        self._pause_reading()
        self.deadline = self.acceptor.now() + self.acceptor.settings.write_timeout
        self.acceptor.unsent.blocked(self)

    def resume_writing(self) -> None:
        self.write_blocked = False
        self.acceptor.unsent.freed(self)
        if self.closing:
            self.deadline = self.acceptor.now() + self.acceptor.settings.write_timeout
            self._read_on()
            return
        self._rest()
        if self.current is not None:  # a request's body that had begun to come
            self.deadline = self.acceptor.now() + self.acceptor.settings.body_timeout
        self._advance()

    # --- reading

    def _advance(self) -> None:
        """Read as many requests from the buffer as can be answered in this turn."""
        body: bytes | None = b""
        for _ in range(TURN):
            if self.busy or self.closing or self.write_blocked:
                break
            try:
                body = self._next_request()
            except RequestError as error:
                self.refuse(error)
                return
            if body is None:
                break
            self._answer(body)
        else:
            if self.buffer and not self.closing:
                self.queued = True
                self.acceptor.loop.call_soon(self._next_turn)
        self._account()
        if (self.busy or self.queued) and len(self.buffer) > PIPELINE_BYTES:
            self._pause_reading()
        if self.half_closed and not (self.busy or self.queued or self.write_blocked or self.closing):
            self.close()

    def _next_turn(self) -> None:
        self.queued = False
        self._advance()
        if not (self.busy or self.queued):
            self._read_on()  # or what is missing of the next request would never come

    def _next_request(self) -> bytes | None:
        """The body of the next whole request, `current` being its head; None while something is missing."""
        if self.current is None:
            self._next_head()
            if self.current is None:
                return None
        if self.chunks is None:
            return take_body(self.buffer, cast(int, self.current.head.length))
        if not self.chunks.take(self.buffer):
            return None
        body, self.chunks = bytes(self.chunks.body), None
        return body

    def _next_head(self) -> None:
        buffer, settings = self.buffer, self.acceptor.settings
        raw = take_head(buffer, settings.max_header_bytes)
        if raw is None:
            if buffer:
                self.deadline = min(self.deadline, self.acceptor.now() + settings.header_timeout)
            return
        self.current = known = self.acceptor.heads.read(raw)
        limit = settings.max_body_bytes
        if known.head.length is not None and known.head.length > limit:
            raise BodyTooLarge(f"The body has {known.head.length} bytes; the limit is {limit}.")
        self.chunks = Chunks(limit) if known.head.length is None else None
        if known.head.length != 0:
            self.deadline = self.acceptor.now() + settings.body_timeout
        if known.head.expects_continue and not buffer and self.transport is not None:
            self.transport.write(CONTINUE)

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
            self._reply(endpoint.label, app.tell(endpoint, body), started)
        elif app.splitter is None and (app.core is None or (app.inline and len(body) <= INLINE_BYTES)):
            self._reply(endpoint.label, app.infer(endpoint, body, self.current.head.json_length), started)
        else:
            self._submit(endpoint, body, started)

    def _submit(self, endpoint: Endpoint, body: bytes, started: float) -> None:
        assert self.current is not None
        at_once = True

        def done(reply: Reply) -> None:
            self.busy, self.cancel, self.working_bytes = False, None, 0
            self._reply(endpoint.label, reply, started)
            if not at_once:  # else whoever called is reading on by itself
                self._advance()

        self.busy, self.working_bytes = True, len(body)
        known, workers, splitter = self.current, self.acceptor.workers, self.acceptor.app.splitter
        cancel = splitter.submit(known, body, done) if splitter else workers.submit(endpoint, body, known.head, done)
        at_once = False
        if self.busy:
            self.cancel = cancel
            self._account()

    def _reply(self, label: str, reply: Reply, started: float) -> None:
        self.acceptor.app.count(label, reply, started)
        transport, known = self.transport, self.current
        if transport is None or known is None:
            return  # the caller has gone
        self.current = None
        # While draining, the last of the requests that have already arrived gets `connection: close`.
        draining = self.acceptor.app.draining
        if draining and known.endpoint.codec is not None:
            self.acceptor.asked(self)
        last = (draining or self.half_closed) and not self.buffer
        close = last or not known.head.keep_alive
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
        heads = self.acceptor.response_heads
        start = heads.start(reply.status, close, reply.content_type, reply.extra + echo, reply.head)
        body = b"" if headless else reply.body
        self.transport.write(b"%b%d\r\n\r\n%b" % (start, len(reply.body), body))

    # --- ending

    def refuse(self, error: RequestError) -> None:
        """Answer an error that ends the connection, and let the client read it before unread bytes reset it."""
        transport = self.transport
        if transport is None or self.closing:
            return
        label = self.current.endpoint.label if self.current is not None else UNKNOWN
        reply = refusal(error)
        self.acceptor.app.count(label, reply, perf_counter())
        log, head = self.acceptor.access_log, self.current.head if self.current is not None else UNREADABLE
        echo = log.record(head, reply, 0.0) if log else head.echo
        self._write(reply, close=True, headless=head.method == "HEAD", echo=echo)
        self.buffer, self.chunks, self.current = bytearray(), None, None
        self.closing = True
        self._account()
        self._read_on()  # a client that only reads when it has sent all would never learn why
        self.deadline = self.acceptor.now() + LINGER_SECONDS
        if transport.can_write_eof():
            transport.write_eof()

    @property
    def idle(self) -> bool:
        """Nothing of a request has arrived that is not answered."""
        return self.current is None and not self.buffer
