"""Connections to the candidate's Service: kept alive, bounded, and renewed.

kube-proxy chooses a pod for a connection, not for a request. So the longest-idle connection is the next one to be
used, and each is replaced now and then: the load spreads over the candidate's pods, new ones too.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from modelserver.traffic.document import Address
from modelserver.traffic.upstream import Refused, Unreachable, Upstream

CONNECT_SECONDS = 0.5  # inside a cluster a handshake takes a millisecond; a lost SYN is sent again after a second
RENEW_SECONDS, RENEW_REQUESTS = 30.0, 1000
IDLE_SECONDS = 20.0  # far below the candidate's own idle time-out, so that it is not the one who closes
SPREAD = 0.25  # of the time to renewal, either way: what was opened together must not be renewed together


class Full(Exception):
    """As many connections as may be are in use: the candidate is slower than its share comes in."""


class Pool:
    """`now`: a clock in seconds. Used in the event loop's thread only."""

    def __init__(self, address: Address, most: int, now: Callable[[], float]) -> None:
        self.address = address
        self._most, self._now = most, now
        self._idle: deque[tuple[float, Upstream]] = deque()  # since when; the longest idle first
        self._closed = False
        self.size = 0  # connections, those being made included

    def idle(self) -> Upstream | None:
        """A connection that was used before, taken out of the pool; None where there is none."""
        self.tidy()
        while self._idle:
            _, connection = self._idle.popleft()
            if connection.open:
                return connection
        return None

    async def fresh(self) -> Upstream:
        """A new connection. Raises Full, Unreachable."""
        if self.size >= self._most:
            raise Full
        self.size += 1
        try:
            connection = await self._connect()
        except BaseException:
            self.size -= 1
            raise
        connection.gone.add_done_callback(self._gone)
        connection.born = self._now() + random.uniform(-SPREAD, SPREAD) * RENEW_SECONDS
        return connection

    async def _connect(self) -> Upstream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(Upstream, self.address.host, self.address.port)
        except TimeoutError:
            raise Unreachable(f"{self.address} did not take a connection within {CONNECT_SECONDS:g} s.") from None
        except OSError as problem:  # refused, no route, no such name
            raise Refused(f"{self.address} can't be reached: {problem.strerror or problem}.") from None
        return connection

    def _gone(self, _: object) -> None:
        self.size -= 1

    def give_back(self, connection: Upstream) -> None:
        """After an exchange, however it ended."""
        old = connection.used >= RENEW_REQUESTS or self._now() - connection.born >= RENEW_SECONDS
        if not connection.open or old or self._closed:
            connection.close()
        else:
            self._idle.append((self._now(), connection))

    def tidy(self) -> None:
        """Close what nobody has needed for a while."""
        stale = self._now() - IDLE_SECONDS
        while self._idle and (self._idle[0][0] < stale or not self._idle[0][1].open):
            self._idle.popleft()[1].close()

    def close(self) -> None:
        """Idle connections now, the others when they come back."""
        self._closed = True
        while self._idle:
            self._idle.popleft()[1].close()
