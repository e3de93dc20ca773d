"""Copies of requests for the candidate, after the reply: a bounded queue, a few askers, answers compared in a thread.

Users never wait for any of it: what does not fit into the queue is dropped, and counted.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from modelserver.metrics import Metrics
from modelserver.traffic.counts import Counts
from modelserver.traffic.document import Shadowing
from modelserver.traffic.forward import UNCOUNTED, Failed

if TYPE_CHECKING:
    from modelserver.traffic.compare import Difference  # it brings NumPy, which the port need not wait for

log = logging.getLogger("modelserver")
ASKERS = 8  # copies that the candidate has at a time
MOST_WAITING = 512  # copies
MOST_BYTES = 32 * 1024 * 1024  # of the requests and answers of all copies, those under way included


class Told(NamedTuple):
    """An answer with status 200. `seconds`: how long its server took, by its own clock."""

    body: bytes
    json_length: int | None
    seconds: float


class Copy(NamedTuple):
    """A request that was answered. `ask` sends it to the candidate, or raises Failed; it holds `size` bytes.

    `codec` and `names` (of the model's outputs) tell how to read the answers.
    """

    ask: Callable[[], Awaitable[Told]]
    size: int
    codec: str
    names: Sequence[str]
    stable: Told
    shadowing: Shadowing
    counts: Counts


class Shadows:
    """Used in the event loop's thread only."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[Copy] = deque()
        self._askers: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compare")  # starts its thread when there is something
        self._bytes = 0

    def offer(self, copy: Copy) -> None:
        """Take it, or drop it; never waits."""
        if len(self._waiting) >= MOST_WAITING or self._bytes + copy.size > MOST_BYTES:
            copy.counts.shadow.dropped += 1
            self._metrics.shadowed("dropped")
            return
        self._bytes += copy.size
        self._waiting.append(copy)
        if len(self._askers) < ASKERS:
            asker = asyncio.get_running_loop().create_task(self._work())
            self._askers.add(asker)
            asker.add_done_callback(self._askers.discard)

    def clear(self) -> None:
        """Drop what waits: the candidate that it is for is none any more."""
        while self._waiting:
            self._bytes -= self._waiting.popleft().size

    def close(self) -> None:
        self.clear()
        for asker in self._askers:
            asker.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while self._waiting:
            copy = self._waiting.popleft()
            try:
                self._metrics.shadowed(await self._outcome(copy))
            finally:
                self._bytes -= copy.size

    async def _outcome(self, copy: Copy) -> str:
        """Ask and compare: "agreed", "disagreed" or "failed"; counted in `copy.counts`."""
        counted = copy.counts.shadow
        counted.sent += 1
        try:
            candidate = await copy.ask()
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._pool, differences, copy, candidate)
        except Failed as problem:
            if problem.kind in UNCOUNTED:
                counted.sent, counted.dropped = counted.sent - 1, counted.dropped + 1
                return "dropped"
            counted.failed += 1
            counted.failure = str(problem)
            return "failed"
        except Exception as problem:  # bytes of another server: whatever they are, they must not end the asker
            log.warning("A copy for the candidate could not be compared: %s", problem)
            counted.failed += 1
            counted.failure = f"The answers could not be compared: {problem}"
            return "failed"
        return "agreed" if counted.add(found, copy.stable.seconds, candidate.seconds) else "disagreed"


def differences(copy: Copy, candidate: Told) -> "dict[str, Difference]":
    """By output. Raises ValueError where one of the answers can't be read."""
    from modelserver.traffic import answers
    from modelserver.traffic.compare import Tolerance, compare

    stable = answers.read(copy.codec, copy.stable.body, copy.stable.json_length, copy.names)
    other = answers.read(copy.codec, candidate.body, candidate.json_length, copy.names)
    return compare(stable, other, Tolerance(copy.shadowing.absolute, copy.shadowing.relative))
