"""A node is lost in the middle of a rollout: its pods turn unready, are told to go, and stay until it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.deeds import front, ready_pods
from tests.sim.scenes import TWO, canary, until
from tests.sim.world import NAMESPACE, World


def lose(world: World, pod: dict[str, Any]) -> None:
    """The node controller says that the pod is not ready; its containers are as the kubelet told last."""
    conditions = [c if c["type"] != "Ready" else {**c, "status": "False"} for c in pod["status"]["conditions"]]
    world.api.report("Pod", NAMESPACE, pod["metadata"]["name"], {**pod["status"], "conditions": conditions})


@pytest.mark.parametrize("whose", ["stable", "candidate"])
def test_a_lost_pod_is_replaced_and_the_rollout_goes_on(whose: str) -> None:
    world = canary({"setWeight": 50}, {"pause": {"duration": "60s"}})
    before = front(world)
    world.model(TWO)
    until(world, 50)
    revision = before if whose == "stable" else world.resource()["status"]["candidate"]["name"].rpartition("-")[2]
    pod = ready_pods(world, revision)[0]
    lose(world, pod)
    world.settle(within=15)
    assert len(world.api.all("Deployment")) == 2, "nobody was given up for it"
    world.cluster.drain(world.api.get("Pod", NAMESPACE, pod["metadata"]["name"]) or pod)
    world.settle()
    assert front(world) != before
    assert world.condition("Ready")[0] == "True"
    assert world.condition("Stalled") == ("", "")
    assert world.rest() == 0
