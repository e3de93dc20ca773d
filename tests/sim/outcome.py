"""How a story must end: settled at what the spec asks for, or waiting for a person for a reason that it tells."""

from __future__ import annotations

import json
from typing import Any

from modelway.manifests import names
from tests.sim.deeds import front, ready_pods
from tests.sim.openings import NAME, settled
from tests.sim.specs import GOOD
from tests.sim.view import asked_for
from tests.sim.world import NAMESPACE, Violated, World

HISTORY = ("ControllerRevision", "Pod", "Event")
NOT_SPEC = ("replicas", "clusterIP")


def expect_a_good_end(world: World) -> None:
    """Raises ``Violated`` where the end is none."""
    resource = world.resource()
    asked = asked_for(resource["spec"])
    assert asked
    spec, target = asked
    status = resource.get("status") or {}
    phase, reached = status.get("phase"), front(world)
    failed = _mark(world, target, names.FAILED_AT)
    if resource["metadata"]["generation"] != status.get("observedGeneration"):
        raise Violated("the status speaks of another generation")
    if reached == target and _mark(world, target, names.PROMOTED_AT):
        _settled(world, resource)
    elif failed:
        why = _mark(world, target, names.FAILED_MESSAGE)
        if resource["spec"]["model"]["uri"] in GOOD and why.startswith(("errorRate", "shadowAgreement")):
            raise Violated(f"a good model was given up: {why}")
        if phase not in ("Failed", "Paused", "ScaledToZero", "Degraded"):
            raise Violated(f"{target} failed, but the phase is {phase}")
    elif phase not in ("Paused", "ScaledToZero"):
        raise Violated(f"it rests in phase {phase} at {reached}, but the spec asks for {target}")
    elif phase == "Paused" and not _may_wait(spec, status):
        raise Violated(f"it waits for a person although nothing says so: {status['rollout']}")
    _nothing_is_left_over(world, target, reached, phase)


def _may_wait(spec: Any, status: dict[str, Any]) -> bool:
    rollout = status.get("rollout") or {}
    waits = any(step.pause is not None and step.duration_seconds is None for step in spec.rollout.effective_steps)
    return bool(spec.rollout.paused or rollout.get("held") or waits)


def _settled(world: World, resource: dict[str, Any]) -> None:
    """7. state(A → B) == state(fresh B), history aside."""
    target = resource["spec"]["model"]["uri"]
    if target not in GOOD and target.rpartition("/")[2] in ("broken.onnx", "crashing.onnx", "homeless.onnx"):
        raise Violated(f"{target} can't serve, and is promoted")
    if resource["spec"]["rollout"].get("paused"):
        return  # a fresh one does not begin; this one did before
    spec, strategy = resource["spec"], resource["spec"]["rollout"]["strategy"]  # how it came there leaves no trace
    mine, fresh = state(world), state(settled({**spec, "rollout": {"strategy": strategy}}))
    world.compared = True
    if mine != fresh:
        told = [
            f"{key}: {mine.get(key)} instead of {fresh.get(key)}"
            for key in {*mine, *fresh}
            if mine.get(key) != fresh.get(key)
        ]
        raise Violated("it is not what a fresh one would be:\n" + "\n".join(told))


def state(world: World) -> dict[str, Any]:
    """All that has no history: the children's specs, the shares, and what is told."""
    found: dict[str, Any] = {}
    for (kind, _, name), stored in world.api.objects.items():
        if kind in HISTORY or kind == names.KIND:
            continue
        if kind == "ConfigMap":
            document = json.loads(stored.obj["data"]["traffic.json"])
            found["shares"] = {key: document[key] for key in ("stable", "candidate", "weight") if key in document}
            continue
        spec = {key: value for key, value in stored.obj["spec"].items() if key not in NOT_SPEC}
        found[f"{kind} {name}"] = json.dumps(spec, sort_keys=True)
    resource = world.resource()
    if "max" not in resource["spec"]["scaling"]:
        found["replicas"] = {d["metadata"]["name"]: d["spec"]["replicas"] for d in world.api.all("Deployment")}
        found["ready"] = len(ready_pods(world, front(world)))
    found["front"] = front(world)
    found["conditions"] = {c["type"]: (c["status"], c["reason"]) for c in resource["status"]["conditions"]}
    found["phase"] = resource["status"]["phase"]
    return found


def _nothing_is_left_over(world: World, target: str, reached: str, phase: Any) -> None:
    for deployment in world.api.all("Deployment"):
        if deployment["metadata"]["labels"][names.REVISION] not in (target, reached):
            raise Violated(f"{deployment['metadata']['name']} is left over")
    if phase == "Failed" and target != reached and world.api.get("Deployment", NAMESPACE, names.revision(NAME, target)):
        raise Violated(f"{target} failed, and its pods are still there")


def _mark(world: World, revision: str, mark: str) -> str:
    record = world.api.get("ControllerRevision", NAMESPACE, names.revision(NAME, revision))
    return str((record["metadata"].get("annotations") or {}).get(mark, "")) if record else ""
