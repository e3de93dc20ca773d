"""An API server in memory: server-side apply, resourceVersions, generations, preconditions, watches, garbage.

It answers like the real one where the operator could notice, and can be told to fail at any request.
"""

from __future__ import annotations

import copy
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from modelway.cluster.client import JSON, MERGE, REQUEST_SECONDS, Response
from modelway.cluster.kinds import BY_KIND, WATCHED, ApiKind
from tests.sim import apply as ssa

Name = tuple[str, str, str]  # kind, namespace, name
WITHOUT_GENERATION = {"ConfigMap", "Service", "ControllerRevision", "Pod", "Event", "Lease"}


@dataclass(slots=True)
class Stored:
    """An object and who owns which of its fields."""

    obj: dict[str, Any]
    owners: ssa.Owners = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        obj = copy.deepcopy(self.obj)
        obj["metadata"]["managedFields"] = ssa.managed_fields(self.owners)
        return obj


@dataclass(frozen=True, slots=True)
class Written:
    """A write that was carried out."""

    method: str
    kind: str
    name: str
    manager: str
    body: Any


class FakeApi:
    """Implements ``modelway.cluster.client.Api``."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.objects: dict[Name, Stored] = {}
        self.watches: list[dict[str, deque[tuple[str, dict[str, Any]]]]] = []
        self.version = itertools.count(1000)
        self.uids = itertools.count(1)
        self.writes: list[Written] = []
        self.reads = 0
        self.before: Callable[[str, str], Response | None] = lambda method, path: None
        self.after: Callable[[Written], None] = lambda written: None
        self.terminating: set[str] = set()
        self.told: Callable[[str, Name, dict[str, Any]], None] = lambda word, name, shown: None

    # What the rest of the cluster does.

    def watch_all(self) -> dict[str, deque[tuple[str, dict[str, Any]]]]:
        """A new watcher's streams, one a kind, which begin with what exists."""
        streams: dict[str, deque[tuple[str, dict[str, Any]]]] = {kind.kind: deque() for kind in WATCHED}
        for (kind, _, _), stored in self.objects.items():
            if kind in streams and _selected(BY_KIND[kind], stored.obj):
                streams[kind].append(("LISTED", stored.shown()))
        self.watches = [streams]
        return streams

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        stored = self.objects.get((kind, namespace, name))
        return stored.obj if stored else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [stored.obj for (k, _, _), stored in sorted(self.objects.items()) if k == kind]

    def update(self, kind: str, namespace: str, name: str, manager: str, change: Callable[[Any], None]) -> None:
        """Somebody else's update: what it changes is its own from now on."""
        stored = self.objects[(kind, namespace, name)]
        before = copy.deepcopy(stored.obj)
        change(stored.obj)
        old, new = ssa.fields(before), ssa.fields(stored.obj)
        for path in {p for p in old | new if old.get(p) != new.get(p)}:
            for owned in stored.owners.values():
                owned.discard(path)
            if path in new:
                stored.owners.setdefault(manager, set()).add(path)
        self._changed((kind, namespace, name), stored, before)

    def create(self, obj: dict[str, Any], manager: str) -> None:
        """Somebody else creates an object."""
        name = (obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        stored = self._new(name, copy.deepcopy(obj))
        stored.owners[manager] = set(ssa.fields(obj))
        self._tell("ADDED", name, stored)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Removes an object, and later what it owns."""
        stored = self.objects.pop((kind, namespace, name))
        stored.obj["metadata"]["resourceVersion"] = str(next(self.version))
        self._tell("DELETED", (kind, namespace, name), stored)

    def collect_garbage(self) -> bool:
        """Deletes one object whose owner is gone; says whether there was one."""
        uids = {stored.obj["metadata"]["uid"] for stored in self.objects.values()}
        for name, stored in list(self.objects.items()):
            owners = stored.obj["metadata"].get("ownerReferences") or ()
            if owners and not any(ref["uid"] in uids for ref in owners):
                self.delete(*name)
                return True
        return False

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
        _default(name[0], obj)
        stored = self.objects[name] = Stored(obj)
        return stored

    def _changed(self, name: Name, stored: Stored, before: dict[str, Any]) -> None:
        _default(name[0], stored.obj)
        if stored.obj == before:
            return
        meta = stored.obj["metadata"]
        meta["resourceVersion"] = str(next(self.version))
        if "generation" in meta and stored.obj.get("spec") != before.get("spec"):
            meta["generation"] += 1
        visible = _selected(BY_KIND[name[0]], before), _selected(BY_KIND[name[0]], stored.obj)
        word = {(True, True): "MODIFIED", (False, True): "ADDED", (True, False): "DELETED"}.get(visible)
        if word:
            self._tell(word, name, stored, checked=True)

    def _tell(self, word: str, name: Name, stored: Stored, checked: bool = False) -> None:
        if name[0] in BY_KIND and (checked or _selected(BY_KIND[name[0]], stored.obj)):
            self.told(word, name, stored.shown())
            for streams in self.watches:
                if name[0] in streams:
                    streams[name[0]].append((word, stored.shown()))

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
        kind, namespace, name, subresource = _parse(path)
        if method == "GET":
            self.reads += 1
            return self._list(kind)
        sent = orjson.loads(body or b"{}")
        query = query or {}
        if content_type == MERGE:
            response = self._merge((kind, namespace, name), query, sent)
        else:
            response = self._carry_out(method, kind, namespace, name, subresource, query, sent)
        if response.status < 300:
            written = Written(method, kind, name or sent["metadata"]["name"], query.get("fieldManager", ""), sent)
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
        sent: dict[str, Any],
    ) -> Response:
        if method == "POST":
            if kind != "Event":
                raise AssertionError(f"unexpected POST of {kind}")
            return _answer(201, sent)
        stored = self.objects.get((kind, namespace, name))
        if method == "DELETE":
            return self._delete((kind, namespace, name), stored, sent)
        if kind == "Event":
            return _answer(200, sent)
        return self._apply((kind, namespace, name), stored, subresource, query, sent)

    def _merge(self, name: Name, query: Mapping[str, str], sent: dict[str, Any]) -> Response:
        """A merge patch of annotations, all that the operator sends of them."""
        stored = self.objects.get(name)
        if stored is None:
            return _failure(404, "NotFound")
        meta = stored.obj["metadata"]
        if meta["uid"] != sent["metadata"].pop("uid"):
            return _failure(409, "Conflict")
        assert sent.keys() == {"metadata"}
        assert sent["metadata"].keys() == {"annotations"}
        self.update(*name, query["fieldManager"], lambda obj: _annotate(obj, sent["metadata"]["annotations"]))
        return _answer(200, stored.shown())

    def _delete(self, name: Name, stored: Stored | None, sent: dict[str, Any]) -> Response:
        if stored is None:
            return _failure(404, "NotFound")
        if stored.obj["metadata"]["uid"] != sent["preconditions"]["uid"]:
            return _failure(409, "Conflict")
        self.delete(*name)
        return _answer(200, {"kind": "Status", "status": "Success"})

    def _apply(
        self, name: Name, stored: Stored | None, subresource: str, query: Mapping[str, str], sent: dict[str, Any]
    ) -> Response:
        manager = query["fieldManager"] + (f"/{subresource}" if subresource else "")
        uid = sent["metadata"].get("uid")
        if stored is None:
            if subresource:
                return _failure(404, "NotFound")
            if uid:
                return _failure(409, "Conflict")
            if name[1] in self.terminating:
                return _failure(403, "Forbidden", "NamespaceTerminating")
            stored = self._new(name, copy.deepcopy(sent))
            stored.owners[manager] = set(ssa.fields(sent))
            self._tell("ADDED", name, stored)
            return _answer(201, stored.shown())
        if uid and stored.obj["metadata"]["uid"] != uid:
            return _failure(409, "Conflict")
        before, owners = copy.deepcopy(stored.obj), copy.deepcopy(stored.owners)
        manifest = (
            {"status": sent.get("status", {})} if subresource else {k: v for k, v in sent.items() if k != "status"}
        )
        try:
            ssa.apply(stored.obj, stored.owners, manager, manifest, query["force"] == "true")
        except ssa.Conflict as conflict:
            stored.obj, stored.owners = before, owners
            return _failure(409, str(conflict), "FieldManagerConflict")
        self._changed(name, stored, before)
        return _answer(200, stored.shown())

    def _list(self, kind: str) -> Response:
        items = [s.obj for (k, _, _), s in self.objects.items() if k == kind and _selected(BY_KIND[kind], s.obj)]
        return _answer(200, {"metadata": {"resourceVersion": str(next(self.version))}, "items": items})


def _annotate(obj: dict[str, Any], annotations: Mapping[str, str]) -> None:
    obj["metadata"]["annotations"] = {**(obj["metadata"].get("annotations") or {}), **annotations}


def _selected(kind: ApiKind, obj: Mapping[str, Any]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return not kind.selected or labels.get("app.kubernetes.io/managed-by") == "modelway"


def _default(kind: str, obj: dict[str, Any]) -> None:
    """The defaults that matter to who owns what."""
    if kind == "Deployment":
        obj.setdefault("spec", {}).setdefault("replicas", 1)
    if kind == "Service":
        obj.setdefault("spec", {}).setdefault("clusterIP", "10.0.0.1")


def _parse(path: str) -> tuple[str, str, str, str]:
    parts = path.strip("/").split("/")
    if "namespaces" not in parts:
        return _kind(parts[-1]), "", "", ""
    at = parts.index("namespaces")
    namespace, plural, *rest = parts[at + 1 :]
    return _kind(plural), namespace, rest[0] if rest else "", rest[1] if len(rest) > 1 else ""


def _kind(plural: str) -> str:
    return next(kind.kind for kind in BY_KIND.values() if kind.plural == plural)


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return Response(status, orjson.dumps(body))


def _failure(status: int, message: str, cause: str = "") -> Response:
    details = {"causes": [{"reason": cause}]} if cause else {}
    return _answer(status, {"kind": "Status", "code": status, "message": message, "details": details})
