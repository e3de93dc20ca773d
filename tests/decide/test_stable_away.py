"""The gates while no pod of the stable revision is ready: a moment without it lets nothing pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelway.world import ContainerState, Kind
from tests.decide.cluster import Cluster, settled, spec_of
from tests.decide.test_canary import ONE

WIDE = "s3://models/wide/"


def spec(uri: str, strategy: str, **rollout: Any) -> dict[str, Any]:
    return spec_of(uri, scaling={"replicas": 2}, rollout={"strategy": strategy, **rollout})


def away(cluster: Cluster, stable: str, *containers: ContainerState) -> None:
    """Its pods are not ready any more."""
    for name, pod in cluster.pods.items():
        if pod.revision == stable:
            cluster.pods[name] = replace(pod, ready=False, containers=(*pod.containers[:1], *containers))
    deployment = cluster.children[Kind.DEPLOYMENT, f"digits-{stable}"]
    cluster.children[deployment.kind, deployment.name] = replace(
        deployment, status={**deployment.status, "readyReplicas": 0}
    )


def looks(cluster: Cluster, stable: str, seconds: float, *containers: ContainerState) -> None:
    """The operator and the controllers take turns for a while, and stable stays away, until another one serves."""
    for _ in range(8):
        if cluster.serving != stable:
            return
        cluster.run_controllers()
        away(cluster, stable, *containers)
        cluster.look()
        cluster.wait(seconds / 8)


@pytest.mark.parametrize("strategy", ["RollingUpdate", "Canary", "BlueGreen"])
def test_a_moment_without_it_lets_no_other_signature_pass(strategy: str) -> None:
    """Nobody was there to be compared with, so the gates were open, and for good."""
    cluster = settled(spec(ONE, strategy))
    old = cluster.serving
    cluster.change(spec(WIDE, strategy))
    cluster.look()
    looks(cluster, old, 50)
    assert cluster.serving == old
    assert "step" not in cluster.resource.status["rollout"]
    assert "is ready to compare it with" in cluster.resource.status["rollout"]["message"]
    cluster.settle(200)
    assert cluster.serving == old
    assert cluster.condition("Stalled")["reason"] == "SignatureChanged"


def test_for_ever_is_too_long() -> None:
    cluster = settled(spec(ONE, "RollingUpdate"))
    old = cluster.serving
    cluster.change(spec(WIDE, "RollingUpdate"))
    cluster.look()
    looks(cluster, old, 160)
    assert cluster.serving != old


def test_what_replaces_a_broken_one_waits_for_nothing() -> None:
    cluster = settled(spec(ONE, "RollingUpdate"))
    old = cluster.serving
    cluster.change(spec(WIDE, "RollingUpdate"))
    cluster.look()
    looks(cluster, old, 8, ContainerState("server", False, False, 4, exit_code=1, exit_reason="Error"))
    assert cluster.serving != old


def test_nor_does_one_of_which_nothing_is_asked() -> None:
    cluster = settled(spec(ONE, "RollingUpdate"))
    old = cluster.serving
    cluster.change(spec(WIDE, "RollingUpdate", gates={"signature": "Ignore"}))
    cluster.look()
    looks(cluster, old, 8)
    assert cluster.serving != old
