"""Writes of which nobody knows whether they were carried out. Before anything is decided again, their object is read.

The watch would tell of it, too, but perhaps only after the next decision; and one that takes the front Service to be
where it was before would delete the pods that users reach now.
"""

from __future__ import annotations

from modelway.cluster.client import Api, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import BY_KIND
from modelway.cluster.records import Key
from modelway.cluster.store import Store

Object = tuple[str, str]  # kind, name


class Doubts:
    """Which objects are in doubt, by ModelDeployment. A process that ends takes its doubts with it: the next one lists
    everything before it begins."""

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store
        self._open: dict[Key, set[Object]] = {}

    def add(self, key: Key, kind: str, name: str) -> None:
        """A write to that object was sent, and no answer tells what came of it."""
        self._open.setdefault(key, set()).add((kind, name))

    async def settle(self, key: Key) -> str:
        """Reads what is in doubt, and feeds it into the store. Returns why that was not possible; "" if nothing is in
        doubt any more."""
        for kind, name in sorted(self._open.get(key, ())):
            if why := await self._read(key, kind, name):
                return why
            self._open[key].discard((kind, name))
        self._open.pop(key, None)
        return ""

    async def _read(self, key: Key, kind: str, name: str) -> str:
        """One object, listed by name: the operator may list, and needs no right to get."""
        query = {"fieldSelector": f"metadata.name={name}", "limit": "1"}
        try:
            response = await self._api.send("GET", BY_KIND[kind].path(key[0]), query)
        except (Unreachable, OutcomeUnknown) as error:
            return f"{kind} {name} can't be read: {error}"
        if response.status == 404:
            return ""  # nobody serves that kind any more, of which its watch tells
        if response.status != 200:
            return f"{kind} {name} can't be read: the API server answers {response.status}"
        listed = response.json()
        if found := listed.get("items"):
            self._store.see(kind, "MODIFIED", found[0])
        else:
            self._store.missing(key, kind, name, int(listed["metadata"]["resourceVersion"]))
        return ""
