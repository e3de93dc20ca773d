"""The documents that an API server would send of a cluster of ``tests/decide/cluster.py``: what the views are given is
what the real ``decide`` made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelway.cli.seen import Seen
from modelway.cluster.kinds import BY_KIND
from modelway.manifests import names
from modelway.manifests.timestamps import rfc3339
from modelway.world import Child, Pod
from tests.decide.cluster import Cluster, settled
from tests.decide.test_canary import CHECKS, ONE, STEPS, TWO, canary, step

__all__ = ["CHECKS", "ONE", "STEPS", "TWO", "canary", "settled", "step"]


def resource(cluster: Cluster) -> dict[str, Any]:
    """The ModelDeployment."""
    of = cluster.resource
    meta = {
        "namespace": of.namespace,
        "name": of.name,
        "uid": of.uid,
        "generation": of.generation,
        "resourceVersion": str(1000 + len(cluster.plans)),
        "creationTimestamp": rfc3339(of.created_at),
        "annotations": dict(of.annotations),
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": meta,
        "spec": dict(of.spec),
        "status": dict(of.status),
    }


def child(cluster: Cluster, of: Child) -> dict[str, Any]:
    """One of its children."""
    owner = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": "digits", "uid": cluster.resource.uid}
    meta = {
        "namespace": cluster.resource.namespace,
        "name": of.name,
        "uid": of.uid,
        "generation": of.generation,
        "resourceVersion": str(1000 + of.generation),
        "creationTimestamp": rfc3339(of.created_at),
        "labels": dict(of.labels),
        "annotations": dict(of.annotations),
        "ownerReferences": [{**owner, "controller": True}],
        "managedFields": [
            {"manager": each, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
            for each in sorted(of.replicas_owners)
        ],
    }
    kind = BY_KIND[str(of.kind)]
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "status": dict(of.status), **of.body}


def pod(of: Pod) -> dict[str, Any]:
    """A pod, as its kubelet tells of it."""
    containers = [
        {
            "name": each.name,
            "ready": each.ready,
            "restartCount": each.restarts,
            "state": {"waiting": {"reason": each.waiting_reason, "message": each.waiting_message}}
            if each.waiting_reason
            else {"terminated": {"exitCode": each.exit_code, "reason": each.exit_reason, "message": each.exit_message}}
            if each.exit_code is not None
            else {"running": {}},
            "init": each.init,
        }
        for each in of.containers
    ]
    ready = {"type": "Ready", "status": str(of.ready), "lastTransitionTime": rfc3339(of.ready_since or of.created_at)}
    scheduled = {"type": "PodScheduled", "status": "True"}
    if of.unschedulable:
        scheduled = {"type": "PodScheduled", "status": "False", "message": of.unschedulable}
    labels = {names.REVISION: of.revision, names.DEPLOYMENT: "digits", names.MANAGED_BY: names.MANAGED_BY_VALUE}
    meta = {
        "namespace": "ml",
        "name": of.name,
        "uid": of.uid,
        "resourceVersion": "1001",
        "creationTimestamp": rfc3339(of.created_at),
        "labels": labels,
        "annotations": {names.TRAFFIC: of.touched} if of.touched else {},
    }
    status = {
        "phase": of.phase,
        "podIP": of.address,
        "conditions": [ready, scheduled],
        "initContainerStatuses": [each for each in containers if each["init"]],
        "containerStatuses": [each for each in containers if not each["init"]],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"nodeName": of.node}, "status": status}


def every(cluster: Cluster) -> list[dict[str, Any]]:
    """The ModelDeployment, its children and pods."""
    children = [child(cluster, each) for each in cluster.children.values()]
    return [resource(cluster), *children, *(pod(each) for each in cluster.pods.values())]


def seen(cluster: Cluster, *events: dict[str, Any]) -> Seen:
    """What the command line sees of it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for document in every(cluster)[1:]:
        found.setdefault(document["kind"], []).append(document)
    return Seen(resource(cluster), {kind: tuple(each) for kind, each in found.items()}, events)


def until(cluster: Cluster, true: Callable[[], bool], looks: int = 200) -> Cluster:
    """Goes on until something holds."""
    for _ in range(looks):
        if true():
            return cluster
        step(cluster)
    raise AssertionError(f"it never came: {cluster.plans[-1].why}")


def labelled(uri: str, version: str, **rollout: Any) -> dict[str, Any]:
    """A canary's spec whose model has a version."""
    spec = canary(uri, replicas=2, **rollout)
    return {**spec, "model": {"uri": uri, "version": version}}


def on_its_way(uri: str = TWO, weight: int = 25, **rollout: Any) -> Cluster:
    """Version 1 serves, the other one has that share."""
    cluster = settled(labelled(ONE, "1", **rollout))
    cluster.change(labelled(uri, "2", **rollout))
    return until(cluster, lambda: (cluster.resource.status.get("candidate") or {}).get("weight") == weight)


def rolled_back() -> Cluster:
    """A candidate whose answers differed."""
    cluster = settled(labelled(ONE, "1"))
    cluster.change(labelled("s3://models/wrong/", "2"))
    cluster.settle(200)
    return cluster
