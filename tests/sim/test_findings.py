"""What generated stories found in the operator, each told again in the shortest way. A seed alone would rot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelway.manifests import names
from tests.sim.api import Written
from tests.sim.controllers import Fate
from tests.sim.deeds import front, ready_pods
from tests.sim.invariants import watch
from tests.sim.scenes import ERRORING, ERRORS, ONE, THREE, TWO, canary, document, serving, until
from tests.sim.world import NAMESPACE, World


def test_a_step_whose_time_is_over_and_that_a_pod_has_not_read_is_not_looked_at_without_pause() -> None:
    """``recheck_after`` was 0 then: one core was busy with it until the pod had read."""
    world = canary({"setWeight": 50}, {"analysis": {"duration": "1s", "checks": ERRORS["checks"]}}, {"pause": {}})
    waits: list[float | None] = []
    world.on_plan.append(lambda world, decided: waits.append(decided[1].recheck_after))
    world.model(TWO)
    until(world, 50)
    world.pods.mute.update(pod["metadata"]["uid"] for pod in ready_pods(world, front(world)))
    world.settle(within=120)
    assert 0.0 not in waits


def test_blue_green_takes_over_when_its_time_has_come_and_not_at_the_deadline() -> None:
    """The decision that ended the last step named the deadline as the time to look again, ten minutes later."""
    world = serving(strategy="BlueGreen", blueGreen={"autoPromoteAfter": "10s"})
    before, begun = front(world), world.seconds
    world.model(TWO)
    while front(world) == before:
        assert world.step() or world.wait(begun + 600)
    assert world.seconds - begun < 12


def test_nothing_is_written_while_a_failed_check_waits_for_a_person() -> None:
    """The count of failed measurements, and the numbers of the evidence, were written at every interval, for ever."""
    world = canary({"setWeight": 50}, {"pause": {"duration": "1h"}}, onFailure="Pause")
    world.model(ERRORING)
    world.settle(within=300)
    assert world.resource()["status"]["phase"] == "Paused"
    before = len(world.api.writes)
    for _ in range(10):
        world.advance(world.seconds + 60)
        world.pods.poll()
        world.settle(within=1)
    assert world.api.writes[before:] == []


def test_why_a_rollout_is_held_is_not_forgotten_when_it_is_scaled() -> None:
    """With another number of pods the shares are written anew, and what was counted before was told to be unknown."""
    world = canary({"setWeight": 75}, {"pause": {"duration": "1h"}}, onFailure="Pause")
    world.model(ERRORING)
    world.settle(within=300)
    world.edit(lambda spec: spec.update(scaling={"replicas": 3}))
    for _ in range(40):
        world.step()
    evidence = world.resource()["status"]["rollout"]["evidence"]
    assert [each["state"] for each in evidence] == ["Failed"]


def test_the_preview_shows_the_promoted_revision_and_never_again_the_former_one() -> None:
    """With the switch it went back to the old revision, and a moment later to the new one."""
    world = serving(strategy="BlueGreen", blueGreen={"autoPromoteAfter": "10s"})
    world.model(TWO)
    world.settle()
    shown = [w.body["spec"]["selector"][names.REVISION] for w in world.api.writes if w.name == "digits-preview"]
    assert shown == [*dict.fromkeys(shown)]
    assert shown[-1] == front(world)


def test_a_step_is_told_in_one_status() -> None:
    """A decision made twice in the moment in which a step began told evidence of a step that had shown nothing."""
    world = canary({"setWeight": 20}, {"pause": {"duration": "1m"}}, {"setWeight": 60}, {"pause": {"duration": "1m"}})
    world.model(TWO)
    world.settle()
    told = [w.body["status"]["rollout"].get("step") for w in world.api.writes if w.subresource == "status"]
    assert max(told.count(step) for step in (1, 2, 3, 4)) <= 2


def test_a_failed_measurement_that_is_borne_is_remembered_in_the_next_step() -> None:
    """In the moment in which a step began it was forgotten, and so borne again and again."""
    checks = [{"metric": "errorRate", "max": 0.01, "failureLimit": 1}]
    world = canary({"setWeight": 50}, {"pause": {"duration": "1h"}}, analysis={"interval": "10s", "checks": checks})
    world.model(ERRORING)
    counts: list[int] = []

    def note(world: World) -> None:
        failures = world.resource()["status"]["rollout"].get("failures") or [{"count": 0}]
        counts.append(failures[0]["count"])

    world.checks.append(note)
    world.settle()
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert 1 in counts


def test_a_document_that_somebody_deleted_is_not_taken_for_read_when_it_is_written_again() -> None:
    """Its generation began with 1 again; pods that had read generation 4 of the former one seemed to have read it, and
    the candidate went while they still sent it half of the requests."""
    world = canary({"setWeight": 50}, {"pause": {}})
    world.model(TWO)
    until(world, 50)
    world.settle(within=60)
    generation = document(world)["generation"]
    world.api.delete("ConfigMap", NAMESPACE, "digits-traffic")
    world.pods.slow.update(pod["metadata"]["uid"] for pod in ready_pods(world, front(world)))
    world.model(THREE)
    world.settle()
    assert document(world)["generation"] > generation


def test_a_candidate_that_served_long_ago_goes_only_when_nobody_calls_it() -> None:
    """Because it was promoted once, it was taken for a former stable revision, to which no pod sends a share."""
    world = canary({"setWeight": 50}, {"pause": {}})
    world.model(TWO)
    world.settle()
    world.act("promote-full")
    world.settle()
    world.model(ONE)
    until(world, 50)
    world.settle(within=60)
    world.pods.slow.update(pod["metadata"]["uid"] for pod in ready_pods(world, front(world)))
    world.model(THREE)
    world.settle()  # NobodyCallsWhatGoes objects
    assert len(world.api.all("Deployment")) == 2


def test_a_revision_promoted_just_now_goes_only_when_nobody_calls_it_for_the_share_that_it_had() -> None:
    """The user returned at once. Pods that had not read of the promotion, and served again, still sent half of the
    requests to the other one when it went, five seconds later."""
    world = canary({"setWeight": 50}, {"pause": {}})
    before = front(world)
    world.model(TWO)
    until(world, 50)
    world.settle(within=60)
    world.pods.slow.update(pod["metadata"]["uid"] for pod in ready_pods(world, before))
    world.act("promote-full")
    while front(world) == before:
        assert world.step() or world.wait(world.seconds + 60)
    world.model(ONE)
    world.settle()  # NobodyCallsWhatGoes objects
    assert front(world) == before
    assert len(world.api.all("Deployment")) == 1


def test_a_first_revision_whose_pods_answer_before_its_deployment_says_so_keeps_them() -> None:
    """Its Deployment's report comes after the pod's. In between, a changed spec took users' only ready pod away."""
    world = watch(World())
    world.create(model={"uri": ONE}, scaling={"replicas": 2})
    while not (ready := [uid for uid in world.pods.read if _is_ready(world, uid)]):
        assert world.step()
    world.edit(lambda spec: spec.update(rollout={"paused": True}, model={"uri": TWO}))
    for kind in ("Pod", "ModelDeployment"):
        while world.operator.streams[kind]:
            world.operator.deliver(kind)
    world.operator.streams["Deployment"].clear()
    world.operator.work()
    assert ready
    assert [d["metadata"]["labels"][names.REVISION] for d in world.api.all("Deployment")] == [front(world)]


def _is_ready(world: World, uid: str) -> bool:
    return any(pod["metadata"]["uid"] == uid for pod in ready_pods(world, front(world)))


def test_a_revision_that_was_given_up_shall_have_no_pods() -> None:
    """The status said that it shall have three, and after a restart that it shall have one."""
    world = canary({"shadow": {"duration": "10s"}}, {"setWeight": 50}, {"pause": {"duration": "1m"}})
    world.model(ERRORING)
    world.settle()
    candidate = world.resource()["status"]["candidate"]
    assert (candidate["replicas"], candidate["ready"]) == (0, 0)
    before = len(world.api.writes)
    world.restart()
    world.settle()
    assert world.api.writes[before:] == []


def test_the_number_of_a_revision_that_waits_does_not_depend_on_what_is_forgotten() -> None:
    """The record of a failed revision was forgotten, and the one that waited got its number: two had been number 2."""
    world = serving(strategy="RollingUpdate", historyLimit=0)
    numbers = set()
    world.checks.append(lambda world: numbers.add(_number(world, THREE)))
    world.model("http://models/broken.onnx")
    world.cluster.fates["http://models/broken.onnx"] = Fate.NO_MODEL
    world.settle()
    assert world.resource()["status"]["phase"] == "Failed"
    world.edit(lambda spec: spec.update(model={"uri": THREE}, rollout=spec["rollout"] | {"paused": True}))
    world.settle()
    world.edit(lambda spec: spec["rollout"].update(paused=False))
    world.settle()
    assert numbers == {0, 3}


def _number(world: World, uri: str) -> int:
    """The number that the status tells of a revision; 0 if it speaks of another."""
    resource = world.resource()
    told = resource.get("status", {}).get("candidate") or resource.get("status", {}).get("stable") or {}
    observed = resource.get("status", {}).get("observedGeneration") == resource["metadata"]["generation"]
    return int(told.get("revision", 0)) if observed and resource["spec"]["model"]["uri"] == uri else 0


def test_a_switch_whose_answer_was_lost_is_known_before_anything_else_is_decided() -> None:
    """The operator took the revision that users had left for the one that they reach: its record was deleted by hand
    meanwhile, and the pods of the one that they had come to went."""
    world = serving(strategy="RollingUpdate")
    former = front(world)
    world.model(TWO)
    world.on_write.append(_loses_the_switch(former))
    while front(world) == former:
        assert world.step() or world.wait(world.seconds + 60)
    kept = world.operator.streams["Service"]
    world.operator.streams["Service"] = type(kept)()  # the watch tells of it late
    promoted = front(world)
    world.model(THREE)
    world.api.delete("ControllerRevision", NAMESPACE, f"digits-{promoted}")
    world.advance(world.seconds + 30)
    for _ in range(60):
        world.step()
    assert ready_pods(world, promoted)


def test_who_serves_is_known_when_nothing_remembers_it_and_the_front_service_leads_nowhere() -> None:
    """Two hands had been at it: the record was deleted, and the Service edited. The operator let users reach nobody, as
    the Service said, and deleted the pods."""
    world = serving(progressDeadline="30s")
    served = front(world)
    world.cluster.fates[TWO] = Fate.UNSCHEDULABLE
    world.model(TWO)
    world.api.delete("ControllerRevision", NAMESPACE, f"digits-{served}")
    world.settle(within=300)
    world.api.update("Service", NAMESPACE, "digits", "kubectl", _lead_nowhere)
    world.restart()
    world.settle(within=300)
    assert front(world) == served
    assert len(ready_pods(world, served)) == 2


def test_a_candidate_does_not_take_over_because_nothing_but_pods_is_left_of_what_serves() -> None:
    """Its record and its Deployment were deleted by hand; its pods still answered, and a person was to promote."""
    world = serving(strategy="BlueGreen")
    served = front(world)
    world.model(TWO)
    world.settle(within=60)
    for kind in ("ControllerRevision", "Deployment"):
        world.api.delete(kind, NAMESPACE, f"digits-{served}")
    assert ready_pods(world, served)
    while any(world.operator.streams.values()) or len(world.operator.queue):
        for kind, stream in world.operator.streams.items():
            if stream:
                world.operator.deliver(kind)
        world.operator.work()
    assert front(world) == served


def _lead_nowhere(service: dict[str, Any]) -> None:
    service["spec"]["selector"] |= {names.REVISION: "0" * 10}


def _loses_the_switch(former: str) -> Callable[[World, Written], None]:
    def check(world: World, written: Written) -> None:
        if written.kind == "Service" and written.name == "digits" and front(world) != former:
            world.lose_answer, world.on_write[:] = True, world.on_write[:-1]

    return check
