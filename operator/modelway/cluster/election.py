"""Leader election's I/O: holds the Lease while work runs, and watches it while another replica holds it.

The ``kubernetes`` package has an election too; it neither releases the Lease on exit nor watches it, and either
costs every upgrade 15 s without a leader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import aiohttp
import orjson

from modelway import metrics
from modelway.cluster.client import Api, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import LEASE
from modelway.cluster.lease import (
    LEASE_SECONDS,
    RENEW_DEADLINE_SECONDS,
    RETRY_SECONDS,
    Lease,
    Step,
    expires_at,
    lease_step,
    read,
    write,
)

log = logging.getLogger(__name__)


class WatchingApi(Api, Protocol):
    """An API server whose objects can be watched, too."""

    def watch(self, path: str, query: Mapping[str, str], seconds: int) -> AsyncIterator[dict[str, Any]]:
        """The events of one watch."""
        ...


class Election:
    """One replica's part in the election."""

    def __init__(
        self,
        api: WatchingApi,
        namespace: str,
        name: str,
        me: str,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._me = me
        self._clock = clock
        self._wall = wall
        self._lease: Lease | None = None
        self._renewed = 0.0  # when our last write of it was sent: others may count from then, not from its answer
        self.leading = False

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs ``work`` whenever we lead, and cancels it before anybody else can. Returns when ``work`` does."""
        while True:
            await self._acquire()
            self._set_leading(True)
            working = asyncio.ensure_future(work())
            holding = asyncio.ensure_future(self._hold())
            try:
                await asyncio.wait((working, holding), return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    return working.result()
            finally:
                for task in (working, holding):
                    task.cancel()
                await asyncio.wait((working, holding))
                self._set_leading(False)
            holding.result()
            log.warning("lost the lease %s/%s; working no more until it is ours again", self._namespace, self._name)

    def _set_leading(self, leading: bool) -> None:
        self.leading = leading
        metrics.LEADER.labels(self._name).set(leading)

    async def _acquire(self) -> None:
        """Waits until the Lease is ours."""
        await self._look()
        while True:
            step = lease_step(self._lease, self._me, self._clock())
            if step is Step.WAIT:
                await self._watch()
            elif await self._put(self._me):
                log.info("leading: %s of lease %s/%s by %s", step.value, self._namespace, self._name, self._me)
                return
            else:
                await asyncio.sleep(RETRY_SECONDS / 4)
                await self._look()

    async def _hold(self) -> None:
        """Renews the Lease, until that failed for too long or somebody else has it."""
        while self._lease is None or self._lease.holder == self._me:
            left = self._renewed + RENEW_DEADLINE_SECONDS - self._clock()
            try:
                async with asyncio.timeout(left):
                    await asyncio.sleep(RETRY_SECONDS)
                    if not await self._put(self._me, within=RETRY_SECONDS):
                        await self._look()
            except TimeoutError:
                return

    async def release(self) -> None:
        """Gives the Lease up if it is ours, so that a standby that watches it takes over at once."""
        for _ in range(2):  # the last renewal may have been cut off, and then we don't know the Lease's version
            if self._lease is None or self._lease.holder != self._me:
                return
            if await self._put("", within=1.0):
                log.info("released the lease")
                return
            await self._look()
        log.warning("the lease could not be released; it expires in %d s", LEASE_SECONDS)

    async def _put(self, holder: str, within: float = 5.0) -> bool:
        body = orjson.dumps(write(self._namespace, self._name, self._lease, holder, self._wall()))
        sent_at = self._clock()
        method, name = ("POST", "") if self._lease is None else ("PUT", self._name)
        try:
            response = await self._api.send(method, LEASE.path(self._namespace, name), None, body, within=within)
        except (Unreachable, OutcomeUnknown) as error:
            log.warning("lease not written: %s", error)
            return False
        if response.status in (200, 201):
            self._lease = read(response.json(), self._lease, self._clock())
            self._renewed = sent_at
            return True
        if response.status != 409:
            log.warning("lease not written: %s %s", response.status, response.json().get("message", ""))
        return False

    async def _look(self) -> None:
        try:
            response = await self._api.send("GET", LEASE.path(self._namespace, self._name), within=RETRY_SECONDS)
        except (Unreachable, OutcomeUnknown) as error:
            log.warning("lease not read: %s", error)
            return
        if response.status == 200:
            self._lease = read(response.json(), self._lease, self._clock())
        elif response.status == 404:
            self._lease = None
        else:
            log.warning("lease not read: %s %s", response.status, response.json().get("message", ""))

    async def _watch(self) -> None:
        """Follows the Lease until it is released, expires, or the watch ends."""
        assert self._lease is not None
        query = {"fieldSelector": f"metadata.name={self._name}", "resourceVersion": self._lease.version}
        try:
            async with asyncio.timeout(expires_at(self._lease) - self._clock()) as patience:
                async for event in self._api.watch(LEASE.path(self._namespace), query, seconds=300):
                    if event["type"] not in ("ADDED", "MODIFIED"):
                        break  # deleted, or too old a version
                    self._lease = read(event["object"], self._lease, self._clock())
                    if lease_step(self._lease, self._me, self._clock()) is not Step.WAIT:
                        return
                    ahead = expires_at(self._lease) - self._clock()
                    patience.reschedule(asyncio.get_running_loop().time() + ahead)
        except TimeoutError:
            return  # expired
        except (Unreachable, OutcomeUnknown, aiohttp.ClientError, ValueError) as error:  # ValueError: no line of JSON
            log.warning("lease not watched: %s", error)
            await asyncio.sleep(RETRY_SECONDS / 2)
        await self._look()
