"""Everything that the watches and our own writes have shown, in resourceVersion order.

Our own writes are fed in from their responses, so a decision sees them at once, and the watch's echo of them,
which carries a resourceVersion that is known already, causes no decision. That is read-your-writes without waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelway import metrics
from modelway.cluster.kinds import MODEL_DEPLOYMENT
from modelway.cluster.records import Key, Record, record_of
from modelway.manifests import names

_GONE_FOR_GOOD: Final = 2**63  # the tombstone of an object whose deletion we asked for: uids never come back
_TOMBSTONES: Final = 20_000  # the oldest go first; a late event older than that many deletions does not exist


@dataclass(frozen=True, slots=True)
class Change:
    """A ModelDeployment that should be looked at. ``urgent`` means that its user changed something."""

    key: Key
    urgent: bool


class Store:
    """The objects by ModelDeployment. Knows nothing of watches: events and responses both come in by ``see``."""

    def __init__(self) -> None:
        self._resources: dict[Key, Record] = {}
        self._owned: dict[Key, dict[str, Record]] = {}  # children and pods, by uid
        self._keys: dict[str, Key] = {}  # uid -> where its record is
        self._tombstones: dict[str, int] = {}  # uid -> the resourceVersion of its deletion
        self.unavailable: dict[str, str] = {}  # kinds of which nothing can be seen, and why: see kinds.ROUTES

    def see(self, kind: str, event: str | None, obj: Mapping[str, Any]) -> Change | None:
        """Takes an object in. ``event`` is the watch's word, None for a listed object. Returns what it changes."""
        record = record_of(obj, kind)
        old = self.record(record.uid)
        if event == "DELETED":
            return self._bury(record.uid, record.version)
        if record.version <= max(old.version if old else 0, self._tombstones.get(record.uid, 0)):
            return None
        return self._put(self._key_of(kind, obj), record, old)

    def _put(self, key: Key, record: Record, old: Record | None) -> Change | None:
        moved = self._keys.get(record.uid, key) != key
        previous = self._resources.get(key) if record.kind == MODEL_DEPLOYMENT.kind else None
        if previous is not None and previous.uid != record.uid:
            self._bury(previous.uid, previous.version)  # recreated under the same name; its deletion went unseen
        if old is not None and moved:
            self._drop(old)
        if old is None and record.kind != MODEL_DEPLOYMENT.kind:
            self._replace(key, record)
        self._keys[record.uid] = key
        self._tombstones.pop(record.uid, None)
        if record.kind == MODEL_DEPLOYMENT.kind:
            self._resources[key] = record
        else:
            self._owned.setdefault(key, {})[record.uid] = record
        if old is None or moved:
            metrics.STORE_OBJECTS.labels(record.kind).inc()
        elif old.body == record.body and old.generation == record.generation:
            return None  # nothing that a decision could see
        return self._change(key, record, old)

    def _replace(self, key: Key, record: Record) -> None:
        """A name is free only when its object is gone: one that was made anew tells so before the deletion does. Both
        together, a decision could go by the former one's content."""
        same = [r for r in self._owned.get(key, {}).values() if (r.kind, r.name) == (record.kind, record.name)]
        for former in same:
            if former.uid != record.uid and former.version < record.version:
                self._bury(former.uid, former.version)

    def _change(self, key: Key, record: Record, old: Record | None) -> Change | None:
        if key not in self._resources:
            return None  # a child that was listed before its ModelDeployment, or outlives it for a moment
        urgent = record.kind == MODEL_DEPLOYMENT.kind and (old is None or old.generation != record.generation)
        return Change(key, urgent)

    def _bury(self, uid: str, version: int) -> Change | None:
        """Forgets an object; later events about it are dropped unless they are newer than its deletion."""
        self._tombstones[uid] = max(version, self._tombstones.get(uid, 0))
        if len(self._tombstones) > _TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]
        record = self.record(uid)
        if record is None or record.version > version:
            return None
        key = self._drop(record)
        urgent = record.kind == MODEL_DEPLOYMENT.kind
        return Change(key, urgent) if urgent or key in self._resources else None

    def _drop(self, record: Record) -> Key:
        key = self._keys.pop(record.uid)
        metrics.STORE_OBJECTS.labels(record.kind).dec()
        if record.kind == MODEL_DEPLOYMENT.kind:
            del self._resources[key]
        else:
            del self._owned[key][record.uid]
            if not self._owned[key]:
                del self._owned[key]
        return key

    def deleted(self, uid: str) -> None:
        """The API server told us that an object is gone, whatever an event that is still under way may say."""
        self._bury(uid, _GONE_FOR_GOOD)

    def missing(self, key: Key, kind: str, name: str, before: int) -> None:
        """A list at resourceVersion ``before`` has no object of that kind and name."""
        for record in [*self._owned.get(key, {}).values(), *filter(None, [self._resources.get(key)])]:
            if (record.kind, record.name) == (kind, name) and record.version <= before:
                self._bury(record.uid, before)

    def revive(self, uid: str) -> None:
        """An object that was none of ours has become ours."""
        self._tombstones.pop(uid, None)

    def sweep(self, kind: str, alive: Iterable[str], before: int) -> list[Change]:
        """Forgets the objects of a kind that a census at resourceVersion ``before`` did not name."""
        named = set(alive)
        records = [*self._resources.values(), *(r for owned in self._owned.values() for r in owned.values())]
        lost = [r for r in records if r.kind == kind and r.uid not in named and r.version <= before]
        return [change for r in lost if (change := self._bury(r.uid, max(r.version, before)))]

    @staticmethod
    def _key_of(kind: str, obj: Mapping[str, Any]) -> Key:
        meta = obj["metadata"]
        if kind == MODEL_DEPLOYMENT.kind:
            return meta["namespace"], meta["name"]
        return meta["namespace"], (meta.get("labels") or {}).get(names.DEPLOYMENT, "")

    def record(self, uid: str) -> Record | None:
        """The stored record of a uid."""
        key = self._keys.get(uid)
        if key is None:
            return None
        owned = self._owned.get(key, {}).get(uid)
        return owned if owned is not None else self._resources.get(key)

    def knows(self, uid: str, version: int, deleted: bool) -> bool:
        """Whether a watch event about that uid and resourceVersion would change nothing."""
        if version <= self._tombstones.get(uid, 0):
            return True
        record = None if deleted else self.record(uid)
        return record is not None and version <= record.version

    def saw(self, uid: str) -> bool:
        """Whether the object was ever seen, also if it is gone again."""
        return uid in self._keys or uid in self._tombstones

    def resource(self, key: Key) -> Record | None:
        """The ModelDeployment of that namespace and name."""
        return self._resources.get(key)

    def owned(self, key: Key, owner: str) -> list[Record]:
        """The children that the ModelDeployment with that uid controls, and the pods under its label."""
        records = self._owned.get(key, {}).values()
        return [record for record in records if record.owner == owner or record.kind == "Pod"]

    def asking_for_routes(self) -> list[Key]:
        """The ModelDeployments with spec.traffic.gateway. A text of theirs that holds the same costs one look."""
        return [key for key, record in self._resources.items() if b'"gateway":{' in record.body]

    def keys(self) -> list[Key]:
        """Every ModelDeployment."""
        return list(self._resources)
