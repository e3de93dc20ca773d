"""A keyed work queue with client-go's contract: each key once, one worker a key, back again if it changed meanwhile.

Time and randomness are passed in, and nothing here awaits: a worker's waiting is ``wait``, everything else is a value.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_BACK_OFF: Final = 0.2
LONGEST_BACK_OFF: Final = 300.0


class Priority(IntEnum):
    """Who is served first: a user who changed something, then what moved in the cluster, then the safety resync."""

    USER = 0
    CHANGE = 1
    RESYNC = 2


class Queue(Generic[K]):
    """``take`` a key, work on it, say ``done``; ``add`` it whenever it changed, ``add_after`` to look again later."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        """``clock`` in seconds, monotonic; ``jitter`` uniform in [0, 1)."""
        self._clock = clock
        self._jitter = jitter
        self._lines: tuple[deque[K], ...] = tuple(deque() for _ in Priority)
        self._waiting: dict[K, tuple[Priority, float]] = {}  # key -> in which line, since when
        self._running: set[K] = set()
        self._dirty: dict[K, Priority] = {}  # changed while a worker had it
        self._due: dict[K, tuple[float, Priority, int]] = {}  # due, line, serial of the timer
        self._timers: list[tuple[float, int, K]] = []  # a heap of due, serial, key; stale unless the serial is in _due
        self._serial = 0
        self._failures: dict[K, int] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many keys are being worked on."""
        return len(self._running)

    def add(self, key: K, priority: Priority = Priority.CHANGE) -> None:
        """Asks for a look at the key; a key that waits already only moves up."""
        if key in self._running:
            self._dirty[key] = min(priority, self._dirty.get(key, Priority.RESYNC))
            return
        line, since = self._waiting.get(key, (None, self._clock()))
        if line is None or priority < line:
            self._waiting[key] = (priority, since)
            self._lines[priority].append(key)
            self._news.set()

    def add_after(self, key: K, seconds: float, priority: Priority = Priority.CHANGE) -> None:
        """Asks for a look later; of several wishes the earliest counts."""
        due = self._clock() + seconds
        if key in self._due and self._due[key][0] <= due:
            return
        self._serial += 1
        self._due[key] = (due, priority, self._serial)
        heapq.heappush(self._timers, (due, self._serial, key))
        if len(self._timers) > 2 * len(self._due) + 64:  # mostly stale: each look at a key replaces its timer
            self._timers = [timer for timer in self._timers if self._is_set(timer)]
            heapq.heapify(self._timers)
        self._news.set()

    def take(self) -> tuple[K, float] | None:
        """The next key and how long it waited, or None. Its timer is fulfilled: whoever looks, sees what was due."""
        self.ring()
        for priority, line in zip(Priority, self._lines, strict=True):
            while line:
                key = line.popleft()
                if self._waiting.get(key, (None,))[0] != priority:
                    continue  # it moved up meanwhile
                since = self._waiting.pop(key)[1]
                self._running.add(key)
                self._due.pop(key, None)
                return key, self._clock() - since
        return None

    def done(self, key: K) -> None:
        """The worker has finished with the key; it goes back into the line if it changed meanwhile."""
        self._running.discard(key)
        if key in self._dirty:
            self.add(key, self._dirty.pop(key))
        self._news.set()

    def retry(self, key: K, at_least: float = 0.0) -> float:
        """Looks at the key again after its back-off: doubled by each failure in a row, spread by ±25%."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(FIRST_BACK_OFF * 2.0 ** min(failures - 1, 20), LONGEST_BACK_OFF)
        delay = max(delay * (0.75 + self._jitter() / 2), at_least)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: K) -> None:
        """Ends the back-off of a key."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often in a row the key has failed."""
        return self._failures.get(key, 0)

    def forget(self, key: K) -> None:
        """The key's object is gone: no timer, no back-off."""
        self._failures.pop(key, None)
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """When the next timer rings, on the queue's clock."""
        while self._timers and not self._is_set(self._timers[0]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _is_set(self, timer: tuple[float, int, K]) -> bool:
        return self._due.get(timer[2], (0, 0, None))[2] == timer[1]

    def ring(self) -> bool:
        """Moves the keys whose time has come into their lines; whether there were any."""
        rang = False
        while (due := self.next_due()) is not None and due <= self._clock():
            key = heapq.heappop(self._timers)[2]
            self.add(key, self._due.pop(key)[1])
            rang = True
        return rang

    def wake(self) -> None:
        """Ends the waiter's wait."""
        self._news.set()

    async def wait(self) -> None:
        """Until there may be something to take, or a worker is free again. For one waiter: 16 that wake at every add
        would cost more than the work."""
        if self.ring():
            return  # a timer whose time has come is no reason to wait, and when all workers are busy none to spin
        self._news.clear()
        due = self.next_due()
        try:
            async with asyncio.timeout(None if due is None else max(due - self._clock(), 0)):
                await self._news.wait()
        except TimeoutError:
            return  # a timer rings
