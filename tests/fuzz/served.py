"""Servers without sockets: the real App, Acceptor and Connection, with a loop and a transport that only take notes."""

import asyncio
import logging
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

from modelserver.core import Core
from modelserver.execution.batcher import Batcher, Done, Limits
from modelserver.execution.choice import Mode
from modelserver.execution.execution import Execution
from modelserver.inference import Inference
from modelserver.server.acceptor import Acceptor
from modelserver.server.app import App
from modelserver.server.connection import Connection
from modelserver.server.workers import Workers
from modelserver.session import Session, load
from modelserver.settings import ServeSettings
from modelserver.threads import Cpus

SETTINGS = ServeSettings(
    model_version="7", max_header_bytes=2000, max_body_bytes=20_000, max_buffered_bytes=50_000, max_connections=4
)


class Loop:
    """The event loop's clock and its queue of calls; both move only when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def time(self) -> float:
        return self.now

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        self.calls.append((call, arguments))

    call_soon_threadsafe = call_soon

    def run_in_executor(self, pool: object, work: Callable[[], Any]) -> Future[Any]:
        """As any other call, some time later, and in this thread."""
        future: Future[Any] = Future()

        def worked() -> None:
            if future.set_running_or_notify_cancel():
                future.set_result(work())

        self.call_soon(worked)
        return future

    def step(self) -> None:
        """The first call that is queued."""
        if self.calls:
            call, arguments = self.calls.popleft()
            call(*arguments)

    def run(self, most: int = 100_000) -> None:
        """Everything that is queued, what it queues included; `most` bounds a loop that never ends."""
        for _ in range(most):
            if not self.calls:
                return
            call, arguments = self.calls.popleft()
            call(*arguments)
        raise AssertionError(f"The loop is not done after {most} calls.")


class LaterBatcher(Batcher):
    """Runs in the loop, one request a call, where a thread would at some time between others."""

    def __init__(self, ready: Session, loop: Loop) -> None:
        super().__init__(ready.run, Limits(max_rows=1, threads=1, max_waiting=4, max_waiting_bytes=100_000))
        self._loop = loop

    def submit(self, inference: Inference, deadline: float | None, done: Done) -> Callable[[], object]:
        waiting = [True]

        def ran() -> None:
            if waiting.pop():
                done(self._alone(inference))

        def cancel() -> None:
            waiting[:] = [False]

        self._loop.call_soon(ran)
        return cancel


class Transport:
    """Keeps what is written; `open` until the connection closes it."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.reading = self.open = True

    def write(self, data: bytes) -> None:
        assert self.open, "written after the end"
        self.sent += data

    def close(self) -> None:
        self.open = False

    abort = close

    def is_closing(self) -> bool:
        return not self.open

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return len(self.sent)


@cache
def session(content: bytes) -> Session:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        return load(path, Cpus(1.0, 1), None)


def app(content: bytes, settings: ServeSettings = SETTINGS, mode: Mode = Mode.INLINE, loop: Loop | None = None) -> App:
    """One that serves the model of these ONNX bytes as 'tiny'; where a `loop` is given, it has the model's thread."""
    made, ready = App(settings, "tiny"), session(content)
    limits = Limits(max_rows=1, threads=1, max_waiting=4, max_waiting_bytes=100_000)
    batcher = Batcher(ready.run, limits) if loop is None else LaterBatcher(ready, loop)
    made.serve(Core("tiny", "7", ready), Execution(ready, mode, batcher))
    return made


def acceptor(of: App, loop: Loop) -> Acceptor:
    real = cast(asyncio.AbstractEventLoop, loop)
    return Acceptor(of, Workers(of, real, threads=1, limit=4), real)


def connected(at: Acceptor) -> tuple[Connection, Transport]:
    connection, transport = Connection(at), Transport()
    connection.connection_made(cast(asyncio.BaseTransport, transport))
    return connection, transport


class _Failures(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        problem = record.exc_info[1] if record.exc_info else None
        self.seen.append(problem or AssertionError(f"logged as an error: {record.getMessage()}"))


@contextmanager
def failures_raised() -> Iterator[None]:
    """What the server would tell its log and answer with 500 is raised at the end."""
    log, handler = logging.getLogger("modelserver"), _Failures()
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = True
    if handler.seen:
        raise handler.seen[0]
