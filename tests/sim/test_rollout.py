"""The real operator, from watch to write, in a simulated cluster where nothing goes wrong."""

from __future__ import annotations

from typing import Any

from tests.sim.controllers import Fate
from tests.sim.invariants import Serving, front, ready_pods
from tests.sim.world import NAMESPACE, World

ONE, TWO = "http://models/1.onnx", "http://models/2.onnx"


def served(**spec: Any) -> World:
    world = World()
    world.create(**spec)
    world.settle()
    assert world.condition("Ready")[0] == "True"
    return world


def test_a_resource_is_served() -> None:
    world = served()
    assert len(ready_pods(world, front(world))) == 1
    assert world.condition("Reconciling") == ("", "")


def test_nothing_is_read_and_nothing_is_written_at_rest() -> None:
    world = served()
    assert world.rest() == 0
    assert world.api.reads == 0


def test_a_restart_writes_nothing() -> None:
    world = served()
    before = len(world.api.writes)
    world.restart()
    world.settle()
    assert world.api.writes[before:] == []


def test_an_update_takes_over_only_when_it_is_ready_and_the_old_one_goes() -> None:
    world = served(model={"uri": ONE}, scaling={"replicas": 2})
    before = front(world)
    world.checks.append(Serving(least=2))
    world.model(TWO)
    world.settle()
    assert front(world) != before
    assert world.condition("Ready")[0] == "True"
    assert ready_pods(world, before) == []
    assert world.rest() == 0


def test_a_bad_update_never_disturbs_what_serves_and_fixing_it_recovers() -> None:
    world = served(model={"uri": ONE}, scaling={"replicas": 2})
    before = front(world)
    world.checks.append(Serving(least=2))
    world.cluster.fates[TWO] = Fate.NO_MODEL
    world.model(TWO)
    world.settle()
    assert front(world) == before
    assert world.condition("Stalled")[0] == "True"
    assert world.rest() == 0
    world.model(ONE)
    world.settle()
    assert front(world) == before
    assert world.condition("Stalled") == ("", "")


def test_a_third_version_replaces_the_candidate() -> None:
    world = served(model={"uri": ONE})
    world.checks.append(Serving())
    world.cluster.fates[TWO] = Fate.UNSCHEDULABLE
    world.model(TWO)
    world.settle(within=5)
    world.model("http://models/3.onnx")
    world.settle()
    assert world.condition("Ready")[0] == "True"
    assert len(world.api.all("Deployment")) == 1


def test_deleting_the_resource_leaves_nothing() -> None:
    world = served()
    world.api.delete("ModelDeployment", NAMESPACE, "digits")
    world.settle()
    assert {kind for kind, _, _ in world.api.objects} == set()


def test_every_child_that_is_deleted_by_hand_comes_back() -> None:
    world = served(model={"uri": ONE}, scaling={"replicas": 2})
    children = [name for name in world.api.objects if name[0] not in ("ModelDeployment", "Pod", "Event")]
    assert {kind for kind, _, _ in children} >= {"ControllerRevision", "ConfigMap", "Service", "Deployment"}
    for child in children:
        world.api.delete(*child)
        world.settle()
        assert child in world.api.objects, child
        assert world.condition("Ready")[0] == "True", child
