"""Writes that the API server refuses, and objects that are somebody else's: the user reads it, nothing is harmed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from modelway.cluster.client import Response
from tests.sim.invariants import front
from tests.sim.world import NAMESPACE, World

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"namespace": NAMESPACE, "name": "digits"},
    "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80, "protocol": "TCP"}]},
}
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"namespace": NAMESPACE, "name": "digits-traffic"},
    "data": {"theirs": "1"},
}


def without_versions(obj: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in obj.items() if key != "metadata"} | {
        "labels": obj["metadata"].get("labels"),
        "owners": obj["metadata"].get("ownerReferences"),
    }


@pytest.mark.parametrize("theirs", [SERVICE, CONFIG_MAP], ids=lambda obj: obj["kind"])
def test_an_object_of_the_same_name_that_is_somebody_elses_is_left_alone(theirs: dict[str, Any]) -> None:
    world = World()
    world.api.create(theirs, "helm")
    before = world.api.get(theirs["kind"], NAMESPACE, theirs["metadata"]["name"])
    assert before is not None
    before = without_versions(before)
    world.create()
    world.settle(within=60)
    after = world.api.get(theirs["kind"], NAMESPACE, theirs["metadata"]["name"])
    assert after is not None
    assert without_versions(after) == before
    assert world.condition("Stalled")[0] == "True"
    assert world.condition("Ready")[0] == "False"
    world.api.delete(theirs["kind"], NAMESPACE, theirs["metadata"]["name"])
    world.settle()
    assert world.condition("Ready")[0] == "True"


def test_our_own_object_whose_labels_somebody_removed_is_taken_back() -> None:
    world = World()
    world.create()
    world.settle()
    world.api.update("Service", NAMESPACE, "digits", "kubectl-label", lambda obj: obj["metadata"].pop("labels"))
    world.settle()
    service = world.api.get("Service", NAMESPACE, "digits")
    assert service is not None
    assert service["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "modelway"
    assert world.condition("Ready")[0] == "True"
    assert world.rest() == 0


def test_a_refused_write_is_told_once_and_tried_again_ever_more_rarely() -> None:
    world = World()
    tries = []

    def refuse(method: str, path: str) -> Response | None:
        if "deployments" in path and "modelway.io" not in path:
            tries.append(world.seconds)
            message = 'deployments.apps is forbidden: exceeded quota: "small"'
            return Response(403, orjson.dumps({"message": message, "code": 403}))
        return None

    world.api.before = refuse
    world.create()
    world.settle(within=3600)
    assert world.condition("Stalled")[0] == "True"
    assert any("exceeded quota" in c["message"] for c in world.resource()["status"]["conditions"])
    assert 10 < len(tries) < 40
    assert tries[-1] - tries[-2] > 200
    told = [written for written in world.api.writes if written.kind == "ModelDeployment"]
    assert len(told) <= 2
    world.api.before = lambda method, path: None
    world.settle()
    assert world.condition("Ready")[0] == "True"


def test_nothing_is_tried_in_a_namespace_that_is_going_away() -> None:
    world = World()
    world.api.terminating.add(NAMESPACE)
    world.create()
    world.settle(within=300)
    assert world.api.writes == []
    assert front(world) == ""


def test_an_apply_sends_no_replicas_while_an_autoscaler_owns_them() -> None:
    world = World()
    world.create(model={"uri": "http://models/1.onnx"}, scaling={"min": 2, "max": 5})
    world.settle()
    name = world.api.all("Deployment")[0]["metadata"]["name"]
    world.api.update("Deployment", NAMESPACE, name, "hpa", lambda obj: obj["spec"].update(replicas=4))
    before = len(world.api.writes)
    world.settle()
    assert world.api.all("Deployment")[0]["spec"]["replicas"] == 4
    assert [w.kind for w in world.api.writes[before:] if w.kind != "ModelDeployment"] == []
    assert world.rest() == 0


def test_a_resource_at_which_decide_fails_says_so_and_harms_no_other() -> None:
    from modelway.decide.plan import decide

    def poisoned(world: Any, now: Any) -> Any:
        if world.resource.name == "poison":
            raise ZeroDivisionError("a bug")
        return decide(world, now)

    world = World(decide=poisoned, bugs_are_fatal=False)
    world.create("poison")
    world.create("digits")
    world.settle(within=1800)
    assert world.condition("Ready", "digits")[0] == "True"
    assert world.condition("Stalled", "poison") == ("True", "InternalError")
    told = [w for w in world.api.writes if w.kind == "ModelDeployment" and w.name == "poison"]
    assert len(told) == 1


def test_a_resource_that_is_deleted_and_made_again_at_once_is_served_anew() -> None:
    world = World()
    world.create()
    world.settle()
    world.api.delete("ModelDeployment", NAMESPACE, "digits")
    world.create()
    world.settle()
    uid = world.resource()["metadata"]["uid"]
    owners = {
        stored.obj["metadata"]["ownerReferences"][0]["uid"]
        for name, stored in world.api.objects.items()
        if name[0] not in ("ModelDeployment", "Pod", "Event")
    }
    assert owners == {uid}
    assert world.condition("Ready")[0] == "True"
