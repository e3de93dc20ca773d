"""The workers: take keys off the queue, reconcile them side by side, and see to it that one's trouble stays its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from modelway import metrics
from modelway.cluster.records import Key
from modelway.queue import Priority, Queue
from modelway.reconcile import Look

log = logging.getLogger(__name__)


class Looks(Protocol):
    """What workers do with a key."""

    async def reconcile(self, key: Key) -> Look:
        """One look."""
        ...

    async def report_internal_error(self, key: Key, error: Exception) -> None:
        """Says in the ModelDeployment's status that a look had a bug."""
        ...


class Workers:
    """At most ``count`` ModelDeployments at a time; a task per look, none for waiting."""

    def __init__(
        self,
        queue: Queue[Key],
        reconciler: Looks,
        count: int,
        resync_seconds: float,
        jitter: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._count = count
        self._resync_seconds = resync_seconds
        self._jitter = jitter
        self._since: dict[Key, float] = {}  # what is being worked on, and since when
        self._stopping = False
        metrics.WORKERS.labels(metrics.CONTROLLER).set(count)

    async def run(self) -> None:
        """Works until ``stop``, then finishes what is under way; cancelled, it breaks that off."""
        async with asyncio.TaskGroup() as group:
            while not self._stopping:
                while self._queue.running < self._count and (taken := self._queue.take()) is not None:
                    key, waited = taken
                    metrics.QUEUE_SECONDS.labels(metrics.CONTROLLER).observe(waited)
                    group.create_task(self.work(key))
                metrics.QUEUE_DEPTH.labels(metrics.CONTROLLER).set(len(self._queue))
                await self._queue.wait()

    def stop(self) -> None:
        """Takes no more keys."""
        self._stopping = True
        self._queue.wake()

    @property
    def busy(self) -> bool:
        """Whether a look is under way, and with it perhaps a write."""
        return bool(self._since)

    def longest(self) -> float:
        """How long the longest look has lasted, in seconds."""
        return time.monotonic() - min(self._since.values()) if self._since else 0.0

    async def work(self, key: Key) -> None:
        """One look at a key that was taken, and what follows from it."""
        metrics.ACTIVE_WORKERS.labels(metrics.CONTROLLER).inc()
        self._since[key] = time.monotonic()
        try:
            look = await self._look(key)
            result = self.settle(key, look)
            metrics.RECONCILES.labels(metrics.CONTROLLER, result).inc()
        finally:
            metrics.RECONCILE_SECONDS.labels(metrics.CONTROLLER).observe(time.monotonic() - self._since.pop(key))
            metrics.ACTIVE_WORKERS.labels(metrics.CONTROLLER).dec()
            self._queue.done(key)

    async def _look(self, key: Key) -> Look:
        """A look whose own bugs are this ModelDeployment's trouble and nobody else's."""
        try:
            return await self._reconciler.reconcile(key)
        except Exception as error:
            metrics.INTERNAL_ERRORS.inc()
            log.exception("internal error at %s/%s; please report it", *key)
            await self._report(key, error)
            return Look(failed=True, reason=f"internal error: {error}")

    async def _report(self, key: Key, error: Exception) -> None:
        try:
            await self._reconciler.report_internal_error(key, error)
        except Exception:  # what made the look fail may make this fail, too, and would end all workers
            log.exception("the internal error at %s/%s could not be told in its status", *key)

    def settle(self, key: Key, look: Look) -> str:
        """When to look at the key again; returns the word for it."""
        if look.gone:
            self._queue.forget(key)
            return "success"
        if look.failed:
            delay = self._queue.retry(key, look.again_after or 0.0)
            metrics.QUEUE_RETRIES.labels(metrics.CONTROLLER).inc()
            metrics.RECONCILE_ERRORS.labels(metrics.CONTROLLER).inc()
            log.warning("%s/%s: again in %.1f s: %s", *key, delay, look.reason)
            return "error"
        self._queue.succeeded(key)
        self._queue.add_after(key, self._resync_seconds * (0.9 + self._jitter() / 5), Priority.RESYNC)
        if look.again_after is None:
            return "success"
        self._queue.add_after(key, look.again_after)
        return "requeue_after"
