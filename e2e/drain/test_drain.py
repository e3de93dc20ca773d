"""Nodes are drained one after the other, under clients that never retry: even a model's only pod moves unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from e2e.cluster import Cluster
from e2e.load import Load
from e2e.steps import Namespace, model_deployment, wait_until

SELECTOR = "modelway.io/deployment=digits"


@pytest.fixture
def nodes(modelway: Cluster) -> Iterator[list[str]]:
    """The nodes; open to pods again afterwards."""
    yield modelway.nodes
    for name in modelway.nodes:
        modelway.kubectl("uncordon", name)


def running(namespace: Namespace) -> list[str]:
    """Where the pods are that stay."""
    pods = namespace.items("pods", SELECTOR)
    return [pod["spec"].get("nodeName", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def drain(namespace: Namespace, node: str) -> None:
    """Evicts the test's model from a node, as an upgrade of that node does, and opens the node again."""
    chosen = (f"--pod-selector={SELECTOR}", "--ignore-daemonsets", "--delete-emptydir-data")
    namespace.cluster.kubectl("drain", node, *chosen, "--timeout=120s", timeout=130)
    namespace.cluster.kubectl("uncordon", node)


@pytest.mark.timeout(420)
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_drain_fails_no_request(
    namespace: Namespace, nodes: list[str], replicas: int, say: Callable[[str], None]
) -> None:
    if len(nodes) < 2:
        pytest.skip("a pod that is evicted from the only node has nowhere to go")
    namespace.apply(model_deployment(scaling={"replicas": replicas}))
    namespace.wait_serving("1")
    load = Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=400, rate=60, keep_alive=3, new=3
    )
    for _ in range(2):
        node = running(namespace)[0]
        drain(namespace, node)
        assert node not in running(namespace)
        wait_until(lambda: len(running(namespace)) == replicas, 60, lambda: f"{replicas} pods are there")
        namespace.wait_ready()
    report = load.finish()
    say(report.sentence())
    assert report.failed == 0, report.document["failures"]
