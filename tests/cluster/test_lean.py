"""What kopf gets to read."""

from __future__ import annotations

from typing import Any

import orjson

from modelway.cluster.lean import lean_line, slim
from modelway.cluster.records import record_of

META = {
    "namespace": "models",
    "name": "digits-1",
    "uid": "u",
    "resourceVersion": "7",
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "managedFields": [
        {"manager": "modelway", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "hpa", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ],
}


def deployment() -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": dict(META), "spec": {"replicas": 2}, "status": {"readyReplicas": 2}}


def pod() -> dict[str, Any]:
    spec = {"nodeName": "node-1", "containers": [{"name": "server"}]}
    return {"kind": "Pod", "metadata": dict(META), "spec": spec, "status": {"phase": "Running"}}


def test_a_slim_object_makes_the_same_record() -> None:
    for whole in (deployment, pod):
        kind = whole()["kind"]
        assert record_of(slim(whole(), kind), kind) == record_of(whole(), kind)


def test_the_echo_of_a_known_version_is_dropped() -> None:
    line = orjson.dumps({"type": "MODIFIED", "object": deployment()})
    assert lean_line(line, lambda uid, version, deleted: version <= 7) is None
    assert lean_line(line, lambda uid, version, deleted: version <= 6) is not None


def test_bookmarks_and_errors_stay_as_they_are() -> None:
    for event in (
        {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "9"}}},
        {"type": "ERROR", "object": {"kind": "Status", "code": 410}},
    ):
        line = orjson.dumps(event)
        assert lean_line(line, lambda uid, version, deleted: True) == line
