"""Is the store complete? kopf tells of each object, but not when its first lists are over.

So each kind is listed once as metadata only; the store is complete when it has seen every uid that was there.
The same list, after a watch had to start anew, tells which objects vanished unnoticed; and to a replica that begins to
lead it tells what the one before wrote last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from modelway import metrics
from modelway.cluster.client import METADATA_LIST, Api, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import DECISIVE, ROUTES, SELECTOR, WATCHED, ApiKind
from modelway.cluster.store import Change, Store

log = logging.getLogger(__name__)

T = TypeVar("T")

PAGE: Final = "250"  # metadata with managedFields is 2-4 kB an object; a page stays below 1 MB
LIST_SECONDS: Final = 30.0
ROUTE_ATTEMPTS: Final = 10  # a second apart
SETTLE_SECONDS: Final = 5.0  # what vanished between census and list; and how long kopf's new list takes at most


class CannotList(Exception):
    """A kind cannot be listed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A kind at a resourceVersion: the one of each object, by uid."""

    objects: Mapping[str, int]
    version: int


class Census:
    """Lists, counts and compares."""

    def __init__(self, api: Api, store: Store, namespaces: Sequence[str]) -> None:
        self._api = api
        self._store = store
        self._namespaces: Sequence[str | None] = namespaces or (None,)

    async def preflight(self) -> None:
        """Waits until every kind can be listed: the CRD may be installed, or the rights granted, after us."""
        delay = 0.5
        while True:
            try:
                asked = [(kind, namespace) for kind in WATCHED for namespace in self._namespaces]
                await asyncio.gather(*(self._page(kind, namespace, "1", "") for kind, namespace in asked))
                return
            except (CannotList, Unreachable, OutcomeUnknown) as error:
                log.warning("waiting for the API server: %s", error)
            await asyncio.sleep(delay)
            delay = min(2 * delay, 5.0)

    async def complete(self) -> None:
        """Waits until the store has seen all that existed."""
        while True:
            listings = await asyncio.gather(*(self._list(kind) for kind in WATCHED))
            missing = set().union(*(listing.objects for listing in listings))
            if await self._until(lambda uids: {uid for uid in uids if not self._store.saw(uid)}, missing):
                metrics.STORE_COMPLETE.set(1)
                return

    async def catch_up(self) -> None:
        """Waits until the store knows what is decided by as it is now, and not as it was when a watch last told of it:
        whoever led before may have written until a moment ago."""
        while True:
            routes = [kind for kind in ROUTES if kind.kind not in self._store.unavailable]
            listings = await asyncio.gather(*map(self._list, DECISIVE), *map(self._list_if_possible, routes))
            behind = {found for listing in listings for found in listing.objects.items()}
            if await self._until(lambda some: {each for each in some if not self._store.knows(*each, False)}, behind):
                return

    @staticmethod
    async def _until(still: Callable[[set[T]], set[T]], missing: set[T]) -> bool:
        """Whether nothing is missing any more before it is worth while to list again."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            missing = still(missing)
            if not missing:
                return True
            await asyncio.sleep(0.02)
        log.info("the store is behind by %d objects; counting again", len(missing))
        return False

    async def sweep(self) -> list[Change]:
        """Forgets what is no more, after a watch started anew. Returns the ModelDeployments to look at."""
        changes: list[Change] = []
        for kind in WATCHED:
            listing = await self._list(kind)
            changes += self._store.sweep(kind.kind, listing.objects, listing.version)
        return changes

    async def _list(self, kind: ApiKind) -> Listing:
        objects: dict[str, int] = {}
        version = 0
        for namespace in self._namespaces:
            token = ""
            while True:
                page, token, at = await self._page(kind, namespace, PAGE, token)
                objects.update(page)
                if not token:
                    version = at if version == 0 else min(version, at)
                    break
        return Listing(objects, version)

    async def _list_if_possible(self, kind: ApiKind) -> Listing:
        """Nothing, if the API server goes on to refuse: what serves without a Gateway shall not wait for that API."""
        for _ in range(ROUTE_ATTEMPTS):
            try:
                return await self._list(kind)
            except CannotList as error:
                log.warning("waiting for %s: %s", kind.plural, error)
            await asyncio.sleep(1.0)
        log.warning("going on with %s as they were heard of last", kind.plural)
        return Listing({}, 0)

    async def _page(
        self, kind: ApiKind, namespace: str | None, limit: str, token: str
    ) -> tuple[dict[str, int], str, int]:
        query = {"limit": limit}
        if kind.selected:
            query["labelSelector"] = SELECTOR
        if token:
            query["continue"] = token
        path = kind.path(namespace)
        response = await self._api.send("GET", path, query, accept=METADATA_LIST, within=LIST_SECONDS)
        if response.status != 200:
            raise CannotList(_remedy(kind, namespace, response.status))
        body = response.json()
        meta = body["metadata"]
        found = [item["metadata"] for item in body["items"] or ()]  # Go writes an empty list as null
        objects = {each["uid"]: int(each["resourceVersion"]) for each in found}
        return objects, meta.get("continue", ""), int(meta["resourceVersion"])


def _remedy(kind: ApiKind, namespace: str | None, status: int) -> str:
    what = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    if status == 404:
        return f"the API server does not know {what}. Install the custom resource definitions (crds/)."
    where = f"{what} in namespace {namespace}" if namespace else what
    if status in (401, 403):
        return f"listing {where} is forbidden. Give the operator's service account get, list and watch on it."
    return f"listing {where} answered {status}."
