"""The watch of the Gateway API's routes: a cluster has that API or not, and may get or lose it while we run.

kopf ends all of its watches when one of them fails, so these are our own. Nothing is asked again of a cluster without
the API until a ModelDeployment has ``spec.traffic.gateway``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp

from modelway.cluster.census import LIST_SECONDS, PAGE
from modelway.cluster.client import ApiServer, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import FORBIDDEN, NOT_SERVED, ROUTES, SELECTOR, ApiKind
from modelway.cluster.lean import Inbox
from modelway.cluster.store import Change, Store

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 300
AGAIN_SECONDS: Final = 10.0  # between two looks for what was not there; also after an error

_UNAVAILABLE: Final = {404: NOT_SERVED, 403: FORBIDDEN, 500: NOT_SERVED, 503: NOT_SERVED}  # 401: the token changes


class _ListAnew(Exception):
    """The watch can't go on from where it was."""


class RouteWatch:
    """Keeps the store's routes as the API server has them. ``changed`` is told what vanished unnoticed."""

    def __init__(
        self,
        api: ApiServer,
        store: Store,
        namespaces: Sequence[str],
        inbox: Inbox,
        changed: Callable[[Change], None],
    ) -> None:
        self._api = api
        self._store = store
        self._namespaces: Sequence[str | None] = namespaces or (None,)
        self._inbox = inbox
        self._changed = changed
        self._listed = {kind.kind: asyncio.Event() for kind in ROUTES}

    async def listed(self) -> None:
        """Waits until every route is in the store, or is known to be out of reach."""
        await asyncio.gather(*(event.wait() for event in self._listed.values()))

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(self._follow(kind) for kind in ROUTES))

    async def _follow(self, kind: ApiKind) -> None:
        while True:
            try:
                versions = await self._list(kind)
                if versions is None:
                    await self._until_asked_for()
                    continue
                async with asyncio.TaskGroup() as group:
                    for namespace, version in versions.items():
                        group.create_task(self._watch(kind, namespace, version))
            except* _ListAnew:
                log.info("listing %s anew", kind.plural)
            except* (Unreachable, OutcomeUnknown, aiohttp.ClientError, TimeoutError, ValueError, KeyError) as errors:
                log.warning("the watch of %s ended: %s", kind.plural, errors.exceptions[0])
                await asyncio.sleep(1.0)

    async def _until_asked_for(self) -> None:
        """A look into the store, not at the API server."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if self._store.asking_for_routes():
                return

    async def _list(self, kind: ApiKind) -> dict[str | None, str] | None:
        """Each namespace's resourceVersion; None where the kind is out of reach."""
        versions: dict[str | None, str] = {}
        alive: set[str] = set()
        for namespace in self._namespaces:
            token = ""
            while True:
                status, page = await self._page(kind, namespace, token)
                if status != 200:
                    self._out_of_reach(kind, status)
                    return None
                for obj in page.get("items") or ():
                    alive.add(obj["metadata"]["uid"])
                    self._inbox(kind.kind, "ADDED", obj)
                token = page["metadata"].get("continue", "")
                if not token:
                    versions[namespace] = page["metadata"]["resourceVersion"]
                    break
        self._sweep(kind, alive, min(int(version) for version in versions.values()))
        self._now(kind, "")
        return versions

    async def _page(self, kind: ApiKind, namespace: str | None, token: str) -> tuple[int, dict[str, Any]]:
        query = {"limit": PAGE, "labelSelector": SELECTOR, **({"continue": token} if token else {})}
        answer = await self._api.send("GET", kind.path(namespace), query, within=LIST_SECONDS)
        if answer.status == 410:
            raise _ListAnew
        known = self._listed[kind.kind].is_set() and kind.kind not in self._store.unavailable
        passing = answer.status not in _UNAVAILABLE or (answer.status >= 500 and known)
        if answer.status != 200 and passing:
            raise Unreachable(f"listing {kind.plural} answered {answer.status}")
        return answer.status, answer.json()

    def _out_of_reach(self, kind: ApiKind, status: int) -> None:
        """An API that answers 500 must not keep all else waiting: it counts as one that is not there."""
        why = _UNAVAILABLE[status]
        if status == 404:
            self._sweep(kind, set(), 2**63)  # they went with their definition
        self._now(kind, why)

    def _sweep(self, kind: ApiKind, alive: set[str], before: int) -> None:
        for change in self._store.sweep(kind.kind, alive, before):
            self._changed(change)

    def _now(self, kind: ApiKind, why: str) -> None:
        """Notes whether the kind can be had; who asks for routes is looked at if that is new."""
        before = self._store.unavailable.get(kind.kind, "")
        if why:
            self._store.unavailable[kind.kind] = why
        else:
            self._store.unavailable.pop(kind.kind, None)
        self._listed[kind.kind].set()
        if before != why:
            log.info("%s: %s", kind.plural, why or "watched")
            for key in self._store.asking_for_routes():
                self._changed(Change(key, urgent=False))

    async def _watch(self, kind: ApiKind, namespace: str | None, version: str) -> None:
        while True:
            query = {"labelSelector": SELECTOR, "resourceVersion": version, "allowWatchBookmarks": "true"}
            async for event in self._api.watch(kind.path(namespace), query, WATCH_SECONDS):
                obj = event["object"]
                if event["type"] == "ERROR":
                    raise _ListAnew
                version = obj["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._inbox(kind.kind, event["type"], obj)
