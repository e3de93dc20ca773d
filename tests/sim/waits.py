"""Every phase in which the operator waits for somebody or something, by name; in none of them does it write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.sim.api import Written
from tests.sim.controllers import Fate
from tests.sim.deeds import front, ready_pods
from tests.sim.scenes import ERRORING, ERRORS, ONE, TWO
from tests.sim.world import NAMESPACE, Violated, World

LONG: Final = "24h"
MINUTES: Final = 30
REACHED: Final = 600  # seconds within which each is come to; longer than a pod is touched again and again


@dataclass(frozen=True, slots=True)
class Wait:
    """How it is come to, and how the status tells of it: phase, and the reason of the condition Progressing."""

    phase: str
    reason: str
    begin: Callable[[], World]
    learns_anew: bool = False  # what it waits for was measured, and is measured and told again by a new process

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.phase}, {self.reason}"

    def writes(self) -> list[str]:
        """What is written from the moment on in which it waits, in words. Raises ``Violated`` if it does not."""
        world = self.begin()
        told = world.resource()["status"]["phase"], world.condition("Progressing")[1]
        if told != (self.phase, self.reason):
            raise Violated(f"it does not wait as {self.told}, but as {told}: {world.resource()['status']['rollout']}")
        return at_rest(world, restarts=not self.learns_anew)


def at_rest(world: World, *, restarts: bool = True) -> list[str]:
    """What is written while pods answer other numbers each minute, in another life of the operator, and at resyncs."""
    before = len(world.api.writes)
    for _ in range(MINUTES):
        world.advance(world.seconds + 60)
        world.pods.poll()
        world.settle(0)
    if restarts:
        world.restart()
        world.settle(within=0)
    world.rest()
    return [_told(written) for written in world.api.writes[before:]]


def _told(written: Written) -> str:
    return f"{written.method} {written.kind} {written.name} {written.subresource}".rstrip()


def serving(replicas: int = 2, **rollout: Any) -> World:
    """A first version serves."""
    world = World()
    rollout.setdefault("progressDeadline", LONG)
    world.create(model={"uri": ONE}, scaling={"replicas": replicas}, rollout=rollout)
    world.settle()
    return world


def updated(world: World, uri: str = TWO) -> World:
    """Another model is asked for, and comes as far as it gets."""
    world.model(uri)
    world.settle(within=REACHED)
    return world


def canary(*steps: dict[str, Any], uri: str = TWO, **rollout: Any) -> World:
    """A candidate in these steps."""
    return updated(serving(strategy="Canary", steps=list(steps), **({"analysis": ERRORS} | rollout)), uri)


def homeless_first() -> World:
    world = World()
    world.cluster.fates[ONE] = Fate.UNSCHEDULABLE
    world.create(model={"uri": ONE}, rollout={"progressDeadline": LONG})
    world.settle(within=REACHED)
    return world


def failed_first() -> World:
    world = World()
    world.cluster.fates[ONE] = Fate.NO_MODEL
    world.create(model={"uri": ONE}, rollout={"progressDeadline": "30s"})
    world.settle()
    return world


def fated(fate: Fate, deadline: str) -> World:
    world = serving(progressDeadline=deadline)
    world.cluster.fates[TWO] = fate
    return updated(world)


def mute() -> World:
    """Nobody can ask the pods what they take and give."""
    world = serving(strategy="Canary")
    world.pods.mute.update(pod["metadata"]["uid"] for pod in ready_pods(world, front(world)))
    return updated(world)


def doubtful() -> World:
    """The golden requests fail on the stable revision, too."""
    world = serving(strategy="Canary", gates={"golden": {"configMap": "golden"}})
    world.pods.doubtful = True
    return updated(world)


def unconfirmed() -> World:
    """A stable pod can't be asked whether it has read its share."""
    world = serving(strategy="Canary", steps=[{"pause": {"duration": "1s"}}, {"setWeight": 50}], analysis=ERRORS)
    world.model(TWO)
    while int(world.resource().get("status", {}).get("rollout", {}).get("step") or 0) < 1:
        assert world.step() or world.wait(world.seconds + 60)
    world.pods.mute.update(pod["metadata"]["uid"] for pod in ready_pods(world, front(world)))
    world.settle(within=REACHED)
    return world


def behind(weight: int) -> World:
    """A candidate whose share a gateway gives; its controller stops then."""
    world = serving(strategy="Canary", steps=[{"setWeight": 20}, {"pause": {}}, {"setWeight": weight}, {"pause": {}}])
    edited(world, traffic={"gateway": {"parentRefs": [{"name": "public"}]}})
    updated(world).gateways.known["public"].away_until = float("inf")
    return world


def short_of_pods() -> World:
    """No node has room for the pods that the next share needs."""
    world = canary({"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"pause": {}})
    world.cluster.fates[TWO] = Fate.UNSCHEDULABLE
    return told(world, "promote")


def told(world: World, verb: str) -> World:
    """A person says so."""
    world.act(verb)
    world.settle(within=REACHED)
    return world


def edited(world: World, **spec: Any) -> World:
    """The user changes the spec."""
    world.edit(lambda live: live.update(spec))
    world.settle(within=REACHED)
    return world


def held_by_the_spec() -> World:
    world = canary({"setWeight": 50}, {"pause": {"duration": LONG}})
    return edited(world, rollout=world.resource()["spec"]["rollout"] | {"paused": True})


def switched() -> World:
    """Promoted; the former revision stays for as long as the spec says."""
    return told(updated(serving(strategy="BlueGreen", blueGreen={"scaleDownDelay": LONG})), "promote")


def returned(number: int) -> World:
    """A second version serves, and the spec asks for a revision of the history."""
    return edited(updated(serving()), rollback={"toRevision": number})


def degraded() -> World:
    """What serves lost a pod, and no node has room for another."""
    world = serving()
    world.cluster.fates[ONE] = Fate.UNSCHEDULABLE
    world.api.delete("Pod", NAMESPACE, ready_pods(world, front(world))[0]["metadata"]["name"])
    world.settle(within=REACHED)
    return world


_STARVED: Final = {"interval": "10s", "checks": [{"metric": "latencyP95", "max": 9, "minSamples": 1_000_000}]}

WAITS: Final[dict[str, Wait]] = {
    "it serves": Wait("Ready", "Complete", serving),
    "the first revision's pods are waited for": Wait("Pending", "Unschedulable", homeless_first),
    "the candidate's pods are waited for": Wait(
        "Progressing", "Unschedulable", lambda: fated(Fate.UNSCHEDULABLE, LONG)
    ),
    "the signatures are asked for": Wait("Progressing", "RevisionProgressing", mute),
    "a rollback is in force": Wait("Ready", "RollbackInForce", lambda: returned(1)),
    "a rollback names a revision that nobody knows": Wait("Failed", "RevisionNotFound", lambda: returned(9)),
    "the golden requests are in doubt": Wait("Progressing", "GateNotPassed", doubtful, learns_anew=True),
    "a share is to be confirmed": Wait("Progressing", "RevisionProgressing", unconfirmed),
    "a gateway is to confirm a share": Wait(
        "Progressing", "RevisionProgressing", lambda: told(behind(weight=50), "promote")
    ),
    "a gateway that is not asked for any more is to forget the candidate": Wait(
        "Paused", "WaitsForPerson", lambda: edited(behind(weight=50), traffic={})
    ),
    "a share lacks pods": Wait("Progressing", "Unschedulable", short_of_pods),
    "a pause lasts": Wait(
        "Progressing", "RevisionProgressing", lambda: canary({"setWeight": 50}, {"pause": {"duration": LONG}})
    ),
    "a pause is for a person": Wait("Paused", "WaitsForPerson", lambda: canary({"setWeight": 50}, {"pause": {}})),
    "a shadow step lasts": Wait("Progressing", "RevisionProgressing", lambda: canary({"shadow": {"duration": LONG}})),
    "an analysis lasts": Wait(
        "Progressing",
        "RevisionProgressing",
        lambda: canary({"setWeight": 50}, {"analysis": {"duration": LONG, "checks": ERRORS["checks"]}}),
    ),
    "an analysis lacks samples": Wait(
        "Progressing",
        "RevisionProgressing",
        lambda: canary(
            {"setWeight": 50}, {"analysis": {"duration": "10s", "checks": ERRORS["checks"]}}, analysis=_STARVED
        ),
    ),
    "a failed check waits for a person": Wait(
        "Paused",
        "WaitsForPerson",
        lambda: canary({"setWeight": 50}, {"pause": {"duration": LONG}}, uri=ERRORING, onFailure="Pause"),
    ),
    "a person paused it": Wait(
        "Paused", "WaitsForPerson", lambda: told(canary({"setWeight": 50}, {"pause": {"duration": LONG}}), "pause")
    ),
    "spec.rollout.paused, within a step": Wait("Paused", "Paused", held_by_the_spec),
    "spec.rollout.paused, before it began": Wait(
        "Paused", "Paused", lambda: updated(edited(serving(), rollout={"paused": True}))
    ),
    "a preview waits for a person": Wait("Paused", "WaitsForPerson", lambda: updated(serving(strategy="BlueGreen"))),
    "a preview waits for its time": Wait(
        "Progressing",
        "RevisionProgressing",
        lambda: updated(serving(strategy="BlueGreen", blueGreen={"autoPromoteAfter": LONG})),
    ),
    "the former revision stays": Wait("Ready", "Complete", switched),
    "rolled back": Wait(
        "Failed", "RolledBack", lambda: canary({"setWeight": 50}, {"pause": {"duration": LONG}}, uri=ERRORING)
    ),
    "aborted": Wait("Failed", "Aborted", lambda: told(canary({"setWeight": 50}, {"pause": {}}), "abort")),
    "given up at the deadline": Wait("Failed", "ModelNotFound", lambda: fated(Fate.NO_MODEL, "30s")),
    "a first revision given up": Wait("Failed", "ModelNotFound", failed_first),
    "refused by a gate": Wait(
        "Failed", "SignatureChanged", lambda: updated(serving(strategy="Canary"), "http://models/wide.onnx")
    ),
    "scaled to zero": Wait("ScaledToZero", "ScaledToZero", lambda: edited(serving(), scaling={"replicas": 0})),
    "scaled to zero, with another model asked for": Wait(
        "ScaledToZero", "ScaledToZero", lambda: updated(edited(serving(), scaling={"replicas": 0}))
    ),
    "what serves lost pods": Wait("Degraded", "Unschedulable", degraded),
    "a spec that can't be read": Wait("Failed", "InvalidSpec", lambda: edited(serving(), scaling={"replicas": -1})),
}
