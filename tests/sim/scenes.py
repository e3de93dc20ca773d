"""Where tests told in words begin, and what they look at."""

from __future__ import annotations

import json
from typing import Any

from tests.sim.invariants import watch
from tests.sim.world import NAMESPACE, World

ONE, TWO, THREE, ERRORING = (f"http://models/{name}.onnx" for name in ("1", "2", "3", "erroring"))
ERRORS = {"interval": "10s", "checks": [{"metric": "errorRate", "max": 0.01}]}


def serving(replicas: int = 2, **rollout: Any) -> World:
    """A world in which a first version serves, watched by every invariant from here on."""
    world = World()
    world.create(model={"uri": ONE}, scaling={"replicas": replicas}, rollout=rollout)
    world.settle()
    return watch(world)


def canary(*steps: dict[str, Any], **rollout: Any) -> World:
    return serving(strategy="Canary", steps=list(steps), **({"analysis": ERRORS} | rollout))


def document(world: World) -> dict[str, Any]:
    found = world.api.get("ConfigMap", NAMESPACE, "digits-traffic")
    return dict(json.loads(found["data"]["traffic.json"])) if found else {}


def until(world: World, weight: int) -> None:
    """Until the candidate has that share."""
    while document(world).get("weight") != weight:
        assert world.step() or world.wait(world.seconds + 600)
