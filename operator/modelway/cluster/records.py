"""What is kept of an object: fields, as compact JSON bytes. 1,000 ModelDeployments are ten thousand objects.

``pack_*`` take the API server's object apart once, when it arrives; ``unpack_*`` make the world's values of it when
somebody decides. A packed record that equals the one before it means that nothing changed that a decision could see.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from modelway.cluster.kinds import MODEL_DEPLOYMENT, POD, ROUTES
from modelway.manifests import names
from modelway.world import Child, ContainerState, Kind, Pod, Resource

Key = tuple[str, str]
"""A ModelDeployment's namespace and name."""

# Records that are kept as values, too: from one look at a key to the next most are the same. A Deployment's takes some
# 10 KiB, so they are no more than a few keys'.
UNPACKED: Final = 64

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_NOT_BODY: Final = frozenset({"apiVersion", "kind", "metadata", "status"})


@dataclass(frozen=True, slots=True)
class Record:
    """One stored object. ``owner`` is the uid of its controlling owner ("" for none), ``body`` its packed fields."""

    kind: str
    name: str
    uid: str
    version: int
    generation: int
    owner: str
    body: bytes


def record_of(obj: Mapping[str, Any], kind: str) -> Record:
    """The record of an object as the API server sends it."""
    meta = obj["metadata"]
    owner = next((ref["uid"] for ref in meta.get("ownerReferences") or () if ref.get("controller")), "")
    return Record(
        kind=kind,
        name=meta["name"],
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        generation=meta.get("generation", 0),
        owner=sys.intern(owner),  # one string for a resource and its children
        body=_exact(orjson.dumps(_PACK.get(kind, _pack_child)(obj, meta))),
    )


def _exact(packed: bytes) -> bytes:
    """The same bytes in memory of their own length: orjson's stay in the buffer that they were written to, which is
    eight times as long. That was 29 of 38 KiB per ModelDeployment."""
    return bytes(memoryview(packed))


def _pack_resource(obj: Mapping[str, Any], meta: Mapping[str, Any]) -> list[Any]:
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if key != _LAST_APPLIED}
    return [meta["creationTimestamp"], "deletionTimestamp" in meta, obj.get("spec"), obj.get("status"), annotations]


def _pack_child(obj: Mapping[str, Any], meta: Mapping[str, Any]) -> list[Any]:
    return [
        meta["creationTimestamp"],
        "deletionTimestamp" in meta,
        meta.get("labels"),
        meta.get("annotations"),
        {key: value for key, value in obj.items() if key not in _NOT_BODY},
        _child_status(obj.get("status") or {}),
        _replicas_owners(meta),
    ]


def _child_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """What decisions read of a child's status. A Deployment's counts of other pods and its reports of progress come a
    moment before, and each would be a look at which nothing is to be done."""
    kept = {name: status[name] for name in ("observedGeneration", "readyReplicas") if name in status}
    if refused := [each for each in status.get("conditions") or () if each.get("type") == "ReplicaFailure"]:
        kept["conditions"] = [{name: each.get(name) for name in ("type", "status", "message")} for each in refused]
    return kept


def _pack_route(obj: Mapping[str, Any], meta: Mapping[str, Any]) -> list[Any]:
    """What gateways say of a route is kept without the times and without who says it."""
    *fields, _, replicas_owners = _pack_child(obj, meta)
    kept = ("type", "status", "reason", "message", "observedGeneration")
    said = {
        "parents": [
            {
                "parentRef": each.get("parentRef"),
                "conditions": [
                    {name: said[name] for name in kept if name in said} for said in each.get("conditions") or ()
                ],
            }
            for each in (obj.get("status") or {}).get("parents") or ()
        ]
    }
    return [*fields, said, replicas_owners]


def _replicas_owners(meta: Mapping[str, Any]) -> list[str]:
    """The field managers that own ``spec.replicas``: all that is kept of managedFields, usually half of an object."""
    owners = {
        entry["manager"]
        for entry in meta.get("managedFields") or ()
        if "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", ())
    }
    return sorted(owners)


def _pack_pod(obj: Mapping[str, Any], meta: Mapping[str, Any]) -> list[Any]:
    status = obj.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    ready, scheduled = conditions.get("Ready", {}), conditions.get("PodScheduled", {})
    is_ready = ready.get("status") == "True"
    return [
        (meta.get("labels") or {}).get(names.REVISION, ""),
        status.get("phase", "Pending"),
        (obj.get("spec") or {}).get("nodeName", ""),
        is_ready,
        "deletionTimestamp" in meta,
        meta["creationTimestamp"],
        ready.get("lastTransitionTime") if is_ready else None,
        scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        [
            *(_pack_container(state, True) for state in status.get("initContainerStatuses") or ()),
            *(_pack_container(state, False) for state in status.get("containerStatuses") or ()),
        ],
        status.get("podIP", "") if is_ready else "",
        (meta.get("annotations") or {}).get(names.TRAFFIC, ""),
        ready.get("lastTransitionTime") if ready.get("status") in ("False", "Unknown") else None,
    ]


def _pack_container(status: Mapping[str, Any], init: bool) -> list[Any]:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    return [
        status["name"],
        init,
        status.get("ready", False),
        status.get("restartCount", 0),
        waiting.get("reason", ""),
        waiting.get("message", ""),
        ended.get("exitCode"),
        ended.get("reason", ""),
        ended.get("message", ""),
    ]


_PACK: Final = {
    MODEL_DEPLOYMENT.kind: _pack_resource,
    POD.kind: _pack_pod,
    **{kind.kind: _pack_route for kind in ROUTES},
}


def unpack_resource(key: Key, record: Record) -> Resource:
    """The user's resource."""
    created, deleting, spec, status, annotations = orjson.loads(record.body)
    return Resource(
        namespace=key[0],
        name=key[1],
        uid=record.uid,
        generation=record.generation,
        created_at=datetime.fromisoformat(created),
        deleting=deleting,
        spec=spec or {},
        status=status or {},
        annotations=annotations,
    )


@lru_cache(UNPACKED)
def unpack_child(record: Record) -> Child:
    """An object that we made."""
    created, deleting, labels, annotations, body, status, replicas_owners = orjson.loads(record.body)
    return Child(
        kind=Kind(record.kind),
        name=record.name,
        uid=record.uid,
        generation=record.generation,
        created_at=datetime.fromisoformat(created),
        deleting=deleting,
        labels=labels or {},
        annotations=annotations or {},
        body=body,
        status=status or {},
        replicas_owners=frozenset(replicas_owners),
    )


@lru_cache(UNPACKED)
def unpack_pod(record: Record) -> Pod:
    """A pod of one of our Deployments."""
    fields = orjson.loads(record.body)
    revision, phase, node, ready, deleting, created, since, unschedulable, containers, address, touched, unready = (
        fields
    )
    return Pod(
        name=record.name,
        uid=record.uid,
        revision=revision,
        phase=phase,
        node=node,
        ready=ready,
        deleting=deleting,
        created_at=datetime.fromisoformat(created),
        ready_since=datetime.fromisoformat(since) if since else None,
        unschedulable=unschedulable,
        containers=tuple(ContainerState(*container) for container in containers),
        address=address,
        touched=touched,
        unready_since=datetime.fromisoformat(unready) if unready else None,
    )
