"""What generated stories found about pods and children that others take away, each told again in the shortest way."""

from __future__ import annotations

import pytest

from modelway.manifests import names
from modelway.world import Kind
from tests.sim.deeds import front, ready_pods
from tests.sim.scenes import TWO, canary, serving, until
from tests.sim.world import NAMESPACE, World


def coming(world: World) -> str:
    """The hash of the revision that comes up."""
    return str(world.resource()["status"]["rollout"]["target"]).rpartition("-")[2]


def test_a_pod_taken_away_in_the_moment_of_a_step_is_told_once() -> None:
    """The shares began anew with it, and a second decision in the same moment told of checks that nothing had fed."""
    world = canary({"setWeight": 50}, {"pause": {"duration": "1h"}})
    world.model(TWO)
    until(world, 50)
    world.advance(world.seconds + 5)
    world.cluster.drain(ready_pods(world, coming(world))[0])
    world.settle(within=60)  # Idempotent objects
    assert world.resource()["status"]["phase"] == "Progressing"


@pytest.mark.parametrize("strategy", ["BlueGreen", "Canary"])
def test_a_candidate_whose_deployment_was_deleted_stays_in_its_step(strategy: str) -> None:
    """It was told to start, and in the same moment to be in its step; or went to the next one without a pod."""
    look = {"analysis": {"duration": "1s", "checks": [{"metric": "latencyP95", "max": 9}]}}
    world = canary({"setWeight": 50}, look, {"pause": {}}) if strategy == "Canary" else serving(strategy=strategy)
    world.model(TWO)
    while "step" not in world.resource().get("status", {}).get("rollout", {}):
        assert world.step() or world.wait(world.seconds + 60)
    world.api.delete("Deployment", NAMESPACE, names.revision("digits", coming(world)))
    world.advance(world.seconds + 5)
    steps_without_pods = set()
    world.on_plan.append(lambda world, decided: None if _reported(world) else steps_without_pods.add(_step(world)))
    world.settle(within=60)  # Idempotent objects
    assert steps_without_pods == {1}
    assert world.resource()["status"]["phase"] == "Paused"


def _step(world: World) -> int:
    return int(world.view.rollout_after["step"])


def _reported(world: World) -> int:
    deployment = world.view.child(Kind.DEPLOYMENT, coming(world))
    return int(deployment.status.get("readyReplicas") or 0) if deployment else 0


def test_a_failed_candidate_goes_although_nothing_remembers_who_serves() -> None:
    """Somebody had deleted the ControllerRevision of the revision that served. It was promoted anew at every decision,
    so that the switch to it never settled, and whatever failed beside it stayed for ever."""
    world = serving(strategy="Canary")
    world.api.delete("ControllerRevision", NAMESPACE, names.revision("digits", front(world)))
    world.model("http://models/wide.onnx")
    world.settle(within=600)
    assert world.condition("Stalled") == ("True", "SignatureChanged")
    assert len(world.api.all("Deployment")) == 1
    assert world.rest() == 0
