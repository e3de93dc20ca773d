"""An API server in memory: server-side apply, resourceVersions, generations, preconditions, watches, garbage.

It answers like the real one where the operator could notice, and can be told to fail at any request.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from modelway.cluster.client import JSON, MERGE, REQUEST_SECONDS, Response
from modelway.cluster.kinds import BY_KIND, ROUTES, WATCHED
from tests.sim import apply as ssa
from tests.sim.answers import answer, defaulted, failure, parse, selected
from tests.sim.stored import OWNERLESS, Stored, copied, sent

Name = tuple[str, str, str]  # kind, namespace, name
Streams = dict[str, deque[tuple[str, dict[str, Any]]]]  # kind -> the watch's word, the object
WITHOUT_GENERATION = {"ConfigMap", "Service", "ControllerRevision", "Pod", "Event", "Lease"}


@dataclass(frozen=True, slots=True)
class Written:
    """A write that was carried out."""

    method: str
    kind: str
    name: str
    manager: str
    body: Any
    subresource: str = ""


class FakeApi:
    """Implements ``modelway.cluster.client.Api``."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.objects: dict[Name, Stored] = {}
        self.watches: list[Streams] = []
        self.version = itertools.count(1000)
        self.uids = itertools.count(1)
        self.changes = 0  # rises with every change of anything
        self.writes: list[Written] = []
        self.reads = 0
        self.before: Callable[[str, str], Response | None] = lambda method, path: None
        self.after: Callable[[Written], None] = lambda written: None
        self.terminating: set[str] = set()
        self.absent: set[str] = set()  # kinds that are not served
        self.told: Callable[[str, Name, dict[str, Any]], None] = lambda word, name, shown: None
        self._kinds: dict[str, dict[Name, Stored]] = {}

    # What the rest of the cluster does.

    def watch_all(self, instead_of: Streams | None = None) -> Streams:
        """A new watcher's streams, one a kind, which begin with what exists."""
        streams: Streams = {kind.kind: deque() for kind in (*WATCHED, *ROUTES)}
        for (kind, _, _), stored in self.objects.items():
            if kind in streams and selected(BY_KIND[kind], stored.obj):
                streams[kind].append(("LISTED", stored.shown()))
        self.watches = [*(each for each in self.watches if each is not instead_of), streams]
        return streams

    def unwatch(self, streams: Streams) -> None:
        """A watcher is gone."""
        self.watches = [each for each in self.watches if each is not streams]

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        stored = self.objects.get((kind, namespace, name))
        return stored.obj if stored else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [stored.obj for _, stored in sorted(self._kinds.get(kind, {}).items())]

    def update(self, kind: str, namespace: str, name: str, manager: str, change: Callable[[Any], None]) -> None:
        """Somebody else's update: what it changes is its own from now on."""
        stored = self.objects[(kind, namespace, name)]
        before, after = stored.obj, stored.copy()
        change(after)
        if kind not in OWNERLESS:
            old, new = stored.fields(), ssa.fields(after)
            changed = {p for p in old.keys() | new.keys() if old.get(p) != new.get(p)}
            ssa.disown(stored.owners, changed, "")
            mine = stored.owners.get(manager, frozenset()) | {p for p in changed if p in new}
            stored.owners[manager] = mine
        self._changed((kind, namespace, name), stored, before, after)

    def report(self, kind: str, namespace: str, name: str, status: dict[str, Any]) -> None:
        """A controller or a kubelet writes a status."""
        stored = self.objects[(kind, namespace, name)]
        self._changed((kind, namespace, name), stored, stored.obj, {**stored.obj, "status": status})

    def create(self, obj: dict[str, Any], manager: str) -> None:
        """Somebody else creates an object."""
        name = (obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        stored = self._new(name, copied(obj))
        if name[0] not in OWNERLESS:
            stored.owners[manager] = frozenset(ssa.fields(obj))
        self._tell("ADDED", name, stored)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Removes an object, and later what it owns."""
        stored = self.objects.pop((kind, namespace, name))
        del self._kinds[kind][kind, namespace, name]
        stored.meta(resourceVersion=str(next(self.version)))
        self._tell("DELETED", (kind, namespace, name), stored)

    def garbage(self) -> list[Name]:
        """Objects whose owner is gone."""
        uids = {stored.obj["metadata"]["uid"] for stored in self.objects.values()}
        found = []
        for name, stored in self.objects.items():
            owners = stored.obj["metadata"].get("ownerReferences") or ()
            if owners and not any(ref["uid"] in uids for ref in owners):
                found.append(name)
        return found

    def collect_garbage(self) -> bool:
        """Deletes one object whose owner is gone; says whether there was one."""
        for name in self.garbage()[:1]:
            self.delete(*name)
            return True
        return False

    def fork(self, now: Callable[[], datetime]) -> FakeApi:
        """Another server that holds the same, and whose watchers are still to come."""
        other = FakeApi(now)
        other.objects = {name: stored.forked() for name, stored in self.objects.items()}
        for name, stored in other.objects.items():
            other._kinds.setdefault(name[0], {})[name] = stored
        versions, uids = next(self.version), next(self.uids)
        self.version, self.uids = itertools.count(versions), itertools.count(uids)
        other.version, other.uids = itertools.count(versions), itertools.count(uids)
        return other

    def _new(self, name: Name, obj: dict[str, Any]) -> Stored:
        meta = obj.setdefault("metadata", {})
        meta |= {
            "name": name[2],
            "namespace": name[1],
            "uid": f"uid-{next(self.uids)}",
            "resourceVersion": str(next(self.version)),
            "creationTimestamp": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if name[0] not in WITHOUT_GENERATION:
            meta["generation"] = 1
        stored = self.objects[name] = self._kinds.setdefault(name[0], {})[name] = Stored(defaulted(name[0], obj))
        return stored

    def _changed(self, name: Name, stored: Stored, before: dict[str, Any], after: dict[str, Any]) -> None:
        after = defaulted(name[0], after)
        if after == before:
            stored.seen = None
            return
        meta = {**after["metadata"], "resourceVersion": str(next(self.version))}
        if "generation" in meta and after.get("spec") != before.get("spec"):
            meta["generation"] += 1
        stored.put({**after, "metadata": meta})
        visible = selected(BY_KIND[name[0]], before), selected(BY_KIND[name[0]], after)
        word = {(True, True): "MODIFIED", (False, True): "ADDED", (True, False): "DELETED"}.get(visible)
        self.changes += 1
        if word:
            self._tell(word, name, stored, checked=True)

    def _tell(self, word: str, name: Name, stored: Stored, checked: bool = False) -> None:
        self.changes += 1
        if name[0] in BY_KIND and (checked or selected(BY_KIND[name[0]], stored.obj)):
            shown = stored.shown()
            self.told(word, name, shown)
            for streams in self.watches:
                if name[0] in streams:
                    streams[name[0]].append((word, shown))

    # What the operator sends.

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        within: float = REQUEST_SECONDS,
    ) -> Response:
        if refused := self.before(method, path):
            return refused
        kind, namespace, name, subresource = parse(path)
        if kind in self.absent:
            return failure(404, "the server could not find the requested resource")
        if method == "GET":
            self.reads += 1
            return self._list(kind, (query or {}).get("fieldSelector", "").removeprefix("metadata.name="))
        query, body = query or {}, body or b"{}"
        if content_type == MERGE:
            response = self._merge((kind, namespace, name), query, orjson.loads(body))
        else:
            response = self._carry_out(method, kind, namespace, name, subresource, query, body)
        if response.status < 300:
            manifest = sent(body)[0]
            name = name or manifest["metadata"]["name"]
            written = Written(method, kind, name, query.get("fieldManager", ""), manifest, subresource)
            self.writes.append(written)
            self.after(written)
        return response

    def _carry_out(
        self,
        method: str,
        kind: str,
        namespace: str,
        name: str,
        subresource: str,
        query: Mapping[str, str],
        body: bytes,
    ) -> Response:
        if method == "POST":
            if kind != "Event":
                raise AssertionError(f"unexpected POST of {kind}")
            return Response(201, body)
        stored = self.objects.get((kind, namespace, name))
        if method == "DELETE":
            return self._delete((kind, namespace, name), stored, orjson.loads(body))
        if kind == "Event":
            return Response(200, body)
        if subresource:
            return self._apply_status((kind, namespace, name), stored, orjson.loads(body))
        return self._apply((kind, namespace, name), stored, query, body)

    def _merge(self, name: Name, query: Mapping[str, str], sent: dict[str, Any]) -> Response:
        """A merge patch of annotations, all that the operator sends of them."""
        stored = self.objects.get(name)
        if stored is None:
            return failure(404, "NotFound")
        meta = stored.obj["metadata"]
        if meta["uid"] != sent["metadata"].pop("uid"):
            return failure(409, "Conflict")
        assert sent.keys() == {"metadata"}
        assert sent["metadata"].keys() == {"annotations"}
        annotations = {**(meta.get("annotations") or {}), **sent["metadata"]["annotations"]}
        self._changed(name, stored, stored.obj, {**stored.obj, "metadata": {**meta, "annotations": annotations}})
        return answer(200, stored.shown())

    def _delete(self, name: Name, stored: Stored | None, sent: dict[str, Any]) -> Response:
        if stored is None:
            return failure(404, "NotFound")
        if stored.obj["metadata"]["uid"] != sent["preconditions"]["uid"]:
            return failure(409, "Conflict")
        self.delete(*name)
        return answer(200, {"kind": "Status", "status": "Success"})

    def _apply_status(self, name: Name, stored: Stored | None, manifest: dict[str, Any]) -> Response:
        """The status of a ModelDeployment, of which nobody else writes a field: it is what was sent."""
        if stored is None:
            return failure(404, "NotFound")
        if stored.obj["metadata"]["uid"] != manifest["metadata"]["uid"]:
            return failure(409, "Conflict")
        self._changed(name, stored, stored.obj, {**stored.obj, "status": manifest.get("status", {})})
        return answer(200, stored.shown())

    def _apply(self, name: Name, stored: Stored | None, query: Mapping[str, str], body: bytes) -> Response:
        manager = query["fieldManager"]
        manifest, leaves, paths = sent(body)
        uid = manifest["metadata"].get("uid")
        if stored is None:
            if uid:
                return failure(409, "Conflict")
            if name[0] == "Deployment" and "template" not in manifest["spec"]:
                return failure(422, "spec.template: Required value")
            if name[1] in self.terminating:
                return failure(403, "Forbidden", "NamespaceTerminating")
            stored = self._new(name, copied(manifest))
            stored.owners[manager] = paths
            self._tell("ADDED", name, stored)
            return answer(201, stored.shown())
        if uid and stored.obj["metadata"]["uid"] != uid:
            return failure(409, "Conflict")
        after, owners = stored.copy(), dict(stored.owners)
        try:
            ssa.merge(after, stored.fields(), owners, manager, leaves, query["force"] == "true")
        except ssa.Conflict as conflict:
            return failure(409, str(conflict), "FieldManagerConflict")
        if owners != stored.owners:  # who owns what is part of an object: it changed even if no value did
            stored.owners = owners
            stored.meta(resourceVersion="")
        self._changed(name, stored, stored.obj, after)
        return answer(200, stored.shown())

    def _list(self, kind: str, named: str = "") -> Response:
        stored = [s for (k, _, name), s in self.objects.items() if k == kind and named in ("", name)]
        items = [each.shown() for each in stored if named or selected(BY_KIND[kind], each.obj)]
        return answer(200, {"metadata": {"resourceVersion": str(next(self.version))}, "items": items})
