"""Requests that the event loop does not answer at once: decoded, queued for the model, encoded, handed back.

Small bodies and answers are (de)coded in the loop while the model runs the requests before them; large ones in a
thread. Bounded, and callers who have gone cost nothing more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from modelserver.errors import Overloaded, RequestError
from modelserver.server.app import App, Endpoint, Reply, failure, refusal
from modelserver.server.http1 import Head

if TYPE_CHECKING:
    from modelserver.inference import Inference, Outputs

INLINE_BYTES = 64 * 1024  # (de)coding more JSON than this takes longer than a millisecond: off to a thread
Result = TypeVar("Result")
Cancel: TypeAlias = Callable[[], object]


class Workers:
    """Used from the event loop's thread only; `limit` requests may be under way in here."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop, threads: int, limit: int) -> None:
        self.app, self._loop, self._limit = app, loop, limit
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")  # starts threads when they are needed
        self._ran: deque[tuple[_Flight, Outputs | RequestError]] = deque()
        self._woken = False
        self.in_flight = 0

    def submit(self, endpoint: Endpoint, body: bytes, head: Head, done: Callable[[Reply], None]) -> Cancel:
        """`done` gets the reply, in the loop, at once or later; the returned function forgets the request."""
        if self.in_flight >= self._limit:
            done(refusal(Overloaded(f"The server has {self._limit} requests in flight, its limit. Try again.")))
            return _nothing
        self.in_flight += 1
        flight = _Flight(self, endpoint, done)
        flight.begin(body, head)
        return flight.forget

    def in_thread(self, work: Callable[[], Result], then: Callable[[Result], None]) -> Cancel:
        """Run `work` in a thread, then `then` in the loop. The returned function forgets work that has not begun."""
        future = self._loop.run_in_executor(self._pool, work)

        def finished(result: asyncio.Future[Result]) -> None:
            if not result.cancelled():
                then(result.result())

        future.add_done_callback(finished)
        return future.cancel

    def ran(self, flight: "_Flight", outputs: "Outputs | RequestError") -> None:
        """Called in the model's threads. One wake-up serves a whole batch."""
        self._ran.append((flight, outputs))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Reset first: what a thread appends from here on wakes the loop again, or is still taken below.
        self._woken = False
        while self._ran:
            flight, outputs = self._ran.popleft()
            flight.ran(outputs)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Flight:
    """One request on its way: decode → queue → encode → done; each step starts the next."""

    __slots__ = ("_cancel", "_done", "_endpoint", "_inference", "_over", "_workers")

    def __init__(self, workers: Workers, endpoint: Endpoint, done: Callable[[Reply], None]) -> None:
        self._workers, self._endpoint, self._done = workers, endpoint, done
        self._cancel: Cancel = _nothing
        self._inference: Inference | None = None
        self._over = False

    def begin(self, body: bytes, head: Head) -> None:
        app, endpoint, length = self._workers.app, self._endpoint, head.json_length
        if app.inline:
            self._cancel = self._workers.in_thread(lambda: app.infer(endpoint, body, length), self._finish)
            return
        deadline = None if head.timeout is None else time.monotonic() + head.timeout
        if len(body) <= INLINE_BYTES:
            self._queue(app.decode(endpoint, body, length), deadline)
        else:
            self._cancel = self._workers.in_thread(
                lambda: app.decode(endpoint, body, length), lambda decoded: self._queue(decoded, deadline)
            )

    def _queue(self, decoded: "Inference | Reply", deadline: float | None) -> None:
        if self._over:
            return
        if isinstance(decoded, Reply):
            self._finish(decoded)
            return
        execution = self._workers.app.execution
        assert execution is not None
        self._inference = decoded
        try:
            self._cancel = execution.submit(decoded, deadline, lambda outputs: self._workers.ran(self, outputs))
        except Exception as problem:
            self._finish(failure(self._endpoint.label, problem))

    def ran(self, outputs: "Outputs | RequestError") -> None:
        if self._over:
            return
        app, endpoint, inference = self._workers.app, self._endpoint, self._inference
        assert inference is not None
        if isinstance(outputs, RequestError) or sum(array.nbytes for _, array in outputs) <= INLINE_BYTES:
            self._finish(app.encode(endpoint, inference, outputs))
        else:
            self._cancel = self._workers.in_thread(lambda: app.encode(endpoint, inference, outputs), self._finish)

    def _finish(self, reply: Reply) -> None:
        if self._land():
            self._done(reply)

    def forget(self) -> None:
        """The caller has gone."""
        if self._land():
            self._cancel()

    def _land(self) -> bool:
        if self._over:
            return False
        self._over = True
        self._workers.in_flight -= 1
        return True


def _nothing() -> None:
    return None
