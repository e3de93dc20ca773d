"""Who else is installed: asked before something is done, at most every 15 s, and never at rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from modelway.cluster.client import Api, OutcomeUnknown, Unreachable
from modelway.cluster.installation import SELECTOR, Installation, looks_after, read
from modelway.cluster.kinds import BY_KIND

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 15.0  # two that begin at the same time may both work for as long
FORBIDDEN: Final = frozenset({401, 403, 404})


class Neighbours:
    """The other installations that this one can see."""

    def __init__(self, api: Api, namespace: str, name: str, namespaces: Sequence[str], clock: Callable[[], float]):
        self._api = api
        self._me = Installation(namespace, name, namespaces=frozenset(namespaces))
        self._clock = clock
        self._found: tuple[Installation, ...] = ()
        self._looked: float | None = None
        self._looking = asyncio.Lock()
        self._told: dict[str, Installation] = {}

    async def goes_first(self, namespace: str) -> Installation | None:
        """The installation to leave that namespace to; None where it is ours."""
        if self._stale():
            async with self._looking:
                if self._stale():  # else another worker asked while we waited
                    asked = self._clock()  # not when it was answered: who comes back in 15 s shall ask again
                    await self._look()
                    self._looked = asked
        first = looks_after(namespace, self._me, self._found)
        mine = (first.namespace, first.name) == (self._me.namespace, self._me.name)
        self._tell(namespace, None if mine else first)
        return None if mine else first

    def _stale(self) -> bool:
        return self._looked is None or self._clock() - self._looked >= FRESH_SECONDS

    def _tell(self, namespace: str, first: Installation | None) -> None:
        """Says once to whom a namespace is left, and what to do about it."""
        before = self._told.get(namespace)
        if first is None:
            if self._told.pop(namespace, None):
                log.info("namespace %s is looked after from here again", namespace)
        elif first != before:
            self._told[namespace] = first
            log.warning(
                "namespace %s is left to the installation %s, which goes first. Give each its own namespaces"
                " (the chart's value namespaces), or uninstall the release of one of the Deployments %s and %s",
                namespace, first, first, self._me,
            )  # fmt: skip

    async def _look(self) -> None:
        """Lists the Deployments of installations; where that fails, what was known before goes on to hold."""
        found: list[Installation] = []
        for namespace in sorted(self._me.namespaces | {self._me.namespace}) if self._me.namespaces else (None,):
            path = BY_KIND["Deployment"].path(namespace)
            try:
                answer = await self._api.send("GET", path, {"labelSelector": SELECTOR, "resourceVersion": "0"})
            except (Unreachable, OutcomeUnknown) as error:
                log.warning("other installations are not known: %s", error)
                return
            if answer.status in FORBIDDEN:
                continue  # a chart before this one gave no right to look into its own namespace
            if answer.status != 200:
                log.warning("other installations are not known: listing Deployments answered %d", answer.status)
                return
            found += filter(None, map(read, answer.json().get("items") or ()))
        self._found = tuple(found)
