"""Worker threads for models that run too long for the event loop; bounded, and forgotten callers cost nothing."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from modelserver.server.app import Reply


class Workers:
    """`limit` requests may wait or run; beyond that, `full`. Used from the event loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int, limit: int) -> None:
        self._loop, self._limit = loop, limit
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")  # starts threads when they are needed
        self.in_flight = 0

    @property
    def full(self) -> bool:
        return self.in_flight >= self._limit

    def submit(self, work: Callable[[], Reply], done: Callable[[Reply], None]) -> Callable[[], object]:
        """Run `work` in a thread, then `done` in the loop. The returned function forgets work that has not begun."""
        self.in_flight += 1
        future = self._loop.run_in_executor(self._pool, work)

        def finished(result: asyncio.Future[Reply]) -> None:
            self.in_flight -= 1
            if not result.cancelled():
                done(result.result())

        future.add_done_callback(finished)
        return future.cancel

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
