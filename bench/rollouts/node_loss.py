"""A machine is lost in the middle of rollouts: its kubelet ends, its cable is cut, and it comes back a minute later.

Until the cluster notices (20 to 30 s here, 40 to 50 s by Kubernetes' defaults) the service proxies go on sending to the
pods that nobody can reach any more: those requests fail, whatever runs in the pods. All others must be answered.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.rollouts.faults import one_at_a_time, silences
from e2e.cluster import Cluster, ClusterError
from e2e.cluster.commands import CommandFailed
from e2e.steps import Namespace, wait_until
from examples.digits.store import NAMESPACE as STORE

AWAY = 60.0
PROXIES = 2.0  # seconds until every service proxy knows what the endpoints are
# What a client sees of a machine that is gone, and of a pod's address that is.
UNREACHABLE = ("TimeoutError", "OSError: [Errno 113]", "OSError: [Errno 101]")


@dataclass(frozen=True)
class Loss:
    """``cut`` is when the machine went, ``left`` when nobody was sent there any more, by the wall clock."""

    node: str
    cut: float
    left: float


losses: list[Loss] = []


def anchor(cluster: Cluster) -> str:
    """The node of the model store, which is never lost; who only watches belongs there, too."""
    where = "jsonpath={.items[0].spec.nodeName}"
    return cluster.kubectl("-n", STORE, "get", "pods", "--field-selector=status.phase=Running", "-o", where)


def lose_a_node(namespace: Namespace) -> None:
    """Lose a node and get it back. Where nodes can't be stopped, nothing happens."""
    cluster = namespace.cluster
    with one_at_a_time:
        others = [name for name in cluster.nodes if name != anchor(cluster)]
        if not others:
            return
        node = others[0]
        wait_until(lambda: _spread(namespace), 90, lambda: "every model has ready pods on several nodes")
        cut = time.time()
        try:
            cluster.stop_node(node)
            wait_until(lambda: not _called(namespace, node), 90, lambda: f"nobody is sent to {node} any more")
            losses.append(Loss(node, cut, time.time() + PROXIES))
            time.sleep(max(0.0, cut + AWAY - time.time()))
        except ClusterError:
            return
        finally:
            restore(cluster, node)
            silences.append((cut, time.time()))
        cluster.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=60s")


def restore(cluster: Cluster, node: str) -> None:
    """Bring a node back, if it was lost."""
    with suppress(ClusterError, CommandFailed):
        cluster.start_node(node)


def _called(namespace: Namespace, node: str) -> bool:
    """Whether some Service still leads to a pod of the node."""
    endpoints = (each for found in namespace.items("endpointslices") for each in found.get("endpoints") or ())
    return any(each.get("nodeName") == node and each["conditions"].get("ready") for each in endpoints)


def _spread(namespace: Namespace) -> bool:
    """Whether each model's serving pods are on several nodes. Where they are not, as after a drain, one is evicted."""
    serving: dict[str, set[str]] = defaultdict(set)  # nodes of ready pods that users reach
    pods: dict[str, str] = {}  # one of them
    for pod in namespace.items("pods", "modelway.io/deployment"):
        name, labels = pod["metadata"]["labels"]["modelway.io/deployment"], pod["metadata"]["labels"]
        front = namespace.get("service", name)["spec"]["selector"]["modelway.io/revision"]
        if front == labels["modelway.io/revision"] and _ready(pod):
            serving[name].add(pod["spec"]["nodeName"])
            pods[name] = pod["metadata"]["name"]
    crowded = [name for name, nodes in serving.items() if len(nodes) == 1]
    for name in crowded:
        _evict(namespace, pods[name])
    return not crowded


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _evict(namespace: Namespace, pod: str) -> None:
    """As a drain does; refused while a disruption budget forbids it."""
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace.name}}
    with suppress(CommandFailed):
        namespace.cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


def with_the_machine(failure: Mapping[str, Any], began: float, found: Iterable[Loss]) -> bool:
    """Whether a failed request was under way to a lost machine before the cluster knew of the loss. ``began`` is when
    its load began, by the wall clock."""
    sent, at = began + failure["begun"], began + failure["at"]
    return failure["error"].startswith(UNREACHABLE) and any(loss.cut <= at and sent <= loss.left for loss in found)
