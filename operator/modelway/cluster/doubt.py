"""Writes of which nobody knows whether they were carried out. Before anything is decided again, their object is read.

The watch would tell of it, too, but perhaps only after the next decision; and one that takes the front Service to be
where it was before would delete the pods that users reach now.
"""

from __future__ import annotations

from modelway.cluster.client import Api, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import BY_KIND
from modelway.cluster.ownership import foreign_owner
from modelway.cluster.records import Key
from modelway.cluster.store import Store

Object = tuple[str, str]  # kind, name


class Doubts:
    """Which objects are in doubt, by ModelDeployment. A process that ends takes its doubts with it: the next one lists
    everything before it begins."""

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store
        self._open: dict[Key, dict[Object, bool]] = {}  # whether the write was to create it

    def add(self, key: Key, kind: str, name: str, create: bool = False) -> None:
        """A write to that object was sent, and no answer tells what came of it."""
        self._open.setdefault(key, {})[kind, name] = create

    async def settle(self, key: Key) -> str:
        """Reads what is in doubt, and feeds it into the store. Returns why that was not possible; "" if nothing is in
        doubt any more."""
        for (kind, name), create in sorted(self._open.get(key, {}).items()):
            if why := await self._read(key, kind, name, create):
                return why
            del self._open[key][kind, name]
        self._open.pop(key, None)
        return ""

    async def _read(self, key: Key, kind: str, name: str, create: bool) -> str:
        """One object, listed by name: the operator may list, and needs no right to get."""
        if kind in self._store.unavailable:
            return ""  # nothing is decided by it, and all of them are listed when they can be had again
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
        found = listed.get("items")
        if found and create and foreign_owner(found[0]):
            self._store.deleted(found[0]["metadata"]["uid"])  # not ours: to create it once more tells so, and undoes it
        elif found:
            self._store.see(kind, "MODIFIED", found[0])
        else:
            self._store.missing(key, kind, name, int(listed["metadata"]["resourceVersion"]))
        return ""
