"""What must hold after every single step, whatever happened. The numbers are the design's."""

from __future__ import annotations

import json
from typing import Any

from tests.sim.world import NAMESPACE, Violated, World

REVISION = "modelway.io/revision"


def ready_pods(world: World, revision: str) -> list[dict[str, Any]]:
    """A revision's ready pods."""
    return [
        pod
        for pod in world.api.all("Pod")
        if pod["metadata"]["labels"].get(REVISION) == revision
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
    ]


def front(world: World, name: str = "digits") -> str:
    """The revision that users reach."""
    service = world.api.get("Service", NAMESPACE, name)
    return str(service["spec"]["selector"][REVISION]) if service else ""


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
