"""What must hold after every single step, whatever happened. The numbers are the design's."""

from __future__ import annotations

import json
from typing import Any

from tests.sim.api import Written
from tests.sim.decisions import RULES
from tests.sim.deeds import Idempotent, front, ready_pods, rules, weight_is_read
from tests.sim.operator import Operator
from tests.sim.routed import DECISIONS, NobodyIsSentToWhatGoes, SplitOnce, WhatItNamesIsThere, share_is_given
from tests.sim.view import View, asked_for
from tests.sim.world import NAMESPACE, Decided, Violated, World

__all__ = ["Serving", "Shares", "front", "ready_pods", "replicas_are_never_sent_beside_an_autoscaler", "watch"]


def watch(world: World) -> World:
    """From now on every decision and every write of this world is held against all the invariants."""
    leaving, idempotent = NobodyIsSentToWhatGoes(), Idempotent()
    by_deed = (*rules(), leaving, WhatItNamesIsThere())
    world.checks.append(SplitOnce(leaving.withdrawn))

    def decided(world: World, decision: Decided) -> None:
        view = View(*decision)
        if view.seen.refusals or view.seen.resource.deleting or asked_for(view.seen.resource.spec) is None:
            return
        world.view = view
        for rule in (*RULES, *DECISIONS):
            for objection in rule(view, world.decide):
                raise Violated(f"{rule.__name__}: {objection}")
        if objection := weight_is_read(world, view):
            raise Violated(f"weight_is_read: {objection}")
        if objection := share_is_given(world, view):
            raise Violated(f"share_is_given: {objection}")

    def written(world: World, deed: Written) -> None:
        for rule in by_deed if world.view else ():
            if objection := rule(world, world.view, deed):
                raise Violated(f"{type(rule).__name__}: {objection}")

    def looked(world: World, operator: Operator) -> None:
        if objection := idempotent(world, operator):
            raise Violated(f"Idempotent: {objection}")

    world.on_plan.append(decided)
    world.on_write.append(written)
    world.on_look.append(looked)
    return world


class Serving:
    """Invariants 1, 2 and 4: what users reach has ready pods, at all times once it had; and changes only to such."""

    def __init__(self, name: str = "digits", least: int = 1) -> None:
        self.name = name
        self.least = least
        self.served = ""

    def __call__(self, world: World) -> None:
        reached = front(world, self.name)
        ready = len(ready_pods(world, reached)) if reached else 0
        if self.served and ready < self.least:
            raise Violated(
                f"users reach {reached} with {ready} ready pods of {self.least}; before it was {self.served}"
            )
        if ready >= self.least:
            self.served = reached


def replicas_are_never_sent_beside_an_autoscaler(world: World) -> None:
    """Invariant 9: after the autoscaler scaled, spec.replicas is its own."""
    for written in world.api.writes:
        if written.kind != "Deployment" or written.method != "PATCH" or written.manager != "modelway":
            continue
        if "replicas" in written.body["spec"]:
            raise Violated(f"replicas of {written.name} were sent although an autoscaler owns them")


class Shares:
    """Invariants 1 and 3: no share that ready pods can't hold, and no candidate goes while a stable pod may call it."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, world: World) -> None:
        writes, self.seen = world.api.writes[self.seen :], len(world.api.writes)
        for written in writes:
            if written.kind == "ConfigMap":
                self._has_capacity(world, json.loads(written.body["data"]["traffic.json"]))
            if written.kind == "Deployment" and written.method == "DELETE":
                self._nobody_calls(world, written.name.rpartition("-")[2])

    def _has_capacity(self, world: World, document: dict[str, Any]) -> None:
        if not document.get("weight"):
            return
        stable = world.api.get("Deployment", NAMESPACE, f"digits-{document['stable']}")
        needed = stable["spec"]["replicas"] if stable else 1
        ready = len(ready_pods(world, document["candidate"]["revision"]))
        if 100 * ready < needed * document["weight"] - 100 + 1:
            raise Violated(f"{document['weight']}% of {needed} pods' requests go to {ready} ready pods")

    def _nobody_calls(self, world: World, revision: str) -> None:
        for pod in ready_pods(world, front(world)):
            document = world.pods.read.get(pod["metadata"]["uid"], {})
            called = document.get("candidate", {}).get("revision") == revision
            if called and document["stable"] == front(world):
                raise Violated(f"{revision} goes while {pod['metadata']['name']} sends it {document['weight']}%")
