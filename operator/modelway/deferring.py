"""Between the workers and the reconciler: what another installation of Modelway looks after is left alone."""

from __future__ import annotations

from typing import Protocol

from modelway import metrics
from modelway.cluster.installation import Installation
from modelway.cluster.neighbours import FRESH_SECONDS
from modelway.cluster.records import Key
from modelway.reconcile import Look, Reconciler


class KnowsNeighbours(Protocol):
    """Who else looks after a namespace."""

    async def goes_first(self, namespace: str) -> Installation | None:
        """The installation to leave that namespace to; None where it is ours."""
        ...


class Deferring:
    """A reconciler that looks again soon at what is another's: that one may have been removed by then."""

    def __init__(self, reconciler: Reconciler, neighbours: KnowsNeighbours) -> None:
        self._reconciler = reconciler
        self._neighbours = neighbours
        self._left: set[Key] = set()

    async def reconcile(self, key: Key) -> Look:
        """One look, or none."""
        if await self._neighbours.goes_first(key[0]) is None:
            self._keep(key)
            return await self._reconciler.reconcile(key)
        if not self._reconciler.leave(key):
            self._keep(key)
            return Look(gone=True)
        self._left.add(key)
        metrics.LEFT_TO_OTHERS.set(len(self._left))
        return Look(again_after=FRESH_SECONDS)

    async def report_internal_error(self, key: Key, error: Exception) -> None:
        """As the reconciler does it."""
        await self._reconciler.report_internal_error(key, error)

    def _keep(self, key: Key) -> None:
        if key in self._left:
            self._left.discard(key)
            metrics.LEFT_TO_OTHERS.set(len(self._left))
