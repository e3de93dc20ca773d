"""What generated stories found about revisions that nobody has promoted yet, each told again in the shortest way."""

from __future__ import annotations

from typing import Any

from modelway.manifests import names
from tests.sim.controllers import Fate
from tests.sim.deeds import front, ready_pods
from tests.sim.invariants import watch
from tests.sim.scenes import ERRORS, ONE, TWO, document, until
from tests.sim.world import NAMESPACE, World


def answering_with_one_pod_of_three(*steps: dict[str, Any]) -> World:
    """Nothing is promoted; the first version has one ready pod, and no node has room for its others."""
    world = watch(World())
    rollout = {"strategy": "Canary", "steps": list(steps), "analysis": ERRORS}
    world.create(model={"uri": ONE}, scaling={"replicas": 3}, rollout=rollout)
    while not ready_pods(world, front(world)):
        assert world.step()
    world.cluster.fates[ONE] = Fate.UNSCHEDULABLE
    world.settle(within=60)
    assert len(ready_pods(world, front(world))) == 1
    return world


def test_the_front_that_somebody_deleted_comes_back_to_who_answered() -> None:
    """It came back naming the candidate, which had proven nothing, and the pods that users knew were deleted."""
    world = answering_with_one_pod_of_three({"setWeight": 20}, {"pause": {}})
    answering = front(world)
    world.model(TWO)
    until(world, 20)
    world.api.delete("Service", NAMESPACE, "digits")
    world.settle(within=60)
    assert front(world) == answering
    assert ready_pods(world, answering)


def test_who_answered_and_lost_its_last_pod_goes_in_one_decision() -> None:
    """The first decision waited for pods that might still send requests, and a second one in the same moment knew that
    there were none: Idempotent objects."""
    world = answering_with_one_pod_of_three({"setWeight": 20}, {"pause": {}})
    world.model(TWO)
    until(world, 20)
    world.settle(within=60)
    world.cluster.drain(ready_pods(world, front(world))[0])
    world.settle()
    assert [d["spec"]["template"]["metadata"]["labels"][names.REVISION] for d in world.api.all("Deployment")] == [
        front(world)
    ]


def test_a_candidate_goes_when_those_who_answered_before_anything_was_promoted_call_it_no_more() -> None:
    """The user returned to a first version that nobody had promoted: there was no stable revision whose pods were asked
    whether they still send the candidate a share, and it went at once."""
    world = answering_with_one_pod_of_three({"setWeight": 20}, {"pause": {}})
    world.model(TWO)
    until(world, 20)
    world.settle(within=60)
    world.pods.slow.update(pod["metadata"]["uid"] for pod in ready_pods(world, front(world)))
    world.model(ONE)
    world.settle()  # NobodyCallsWhatGoes objects
    assert "stable" not in document(world)
    assert len(world.api.all("Deployment")) == 1
