"""The life of a ModelDeployment, told in looks: what is in the world, what is written, what is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelway.world import Kind
from tests.decide.cluster import Cluster, settled, spec_of
from tests.decide.telling import kinds, short

ONE, TWO, BAD = "s3://models/digits/1/", "s3://models/digits/2/", "s3://models/digits/bad/"


def test_the_first_look_creates_every_child_and_says_that_it_does() -> None:
    cluster = Cluster(spec_of(ONE))
    plan = cluster.look()
    assert short(kinds(plan.writes)) == [
        "+ControllerRevision/digits-a",
        "+ConfigMap/digits-traffic",
        "+Service/digits",
        "+Service/digits-a",
        "+Deployment/digits-a",
    ]
    assert cluster.resource.status["phase"] == "Pending"
    assert cluster.condition("Ready")["status"] == "False"
    assert cluster.condition("Reconciling")["status"] == "True"
    assert plan.recheck_after == 600


def test_a_creation_is_two_status_writes_and_one_event() -> None:
    cluster = Cluster(spec_of(ONE))
    cluster.settle()
    assert sum(plan.status is not None for plan in cluster.plans) == 2
    assert [event.reason for plan in cluster.plans for event in plan.events] == ["RevisionPromoted"]
    assert cluster.resource.status["phase"] == "Ready"
    assert cluster.condition("Ready")["status"] == "True"
    assert not cluster.condition("Reconciling")


def test_a_creation_on_a_cluster_without_digests_is_eight_requests() -> None:
    cluster = Cluster(spec_of(ONE))
    cluster.look()
    cluster.run_controllers()
    cluster.run_controllers()
    cluster.pods = {name: _silent(pod) for name, pod in cluster.pods.items()}
    cluster.run_controllers()
    cluster.pods = {name: _silent(pod) for name, pod in cluster.pods.items()}
    plan = cluster.look()
    assert short(kinds(plan.writes)) == ["~ControllerRevision/digits-a"]
    assert len(cluster.plans[0].writes) + 1 + len(plan.writes) + 1 == 8


def _silent(pod):
    return replace(pod, containers=())


def test_an_update_comes_up_beside_takes_over_in_one_switch_and_the_old_one_goes() -> None:
    cluster = settled(spec_of(ONE))
    old, looked = cluster.serving, len(cluster.plans)
    cluster.change(spec_of(TWO))
    plan = cluster.look()
    assert short(kinds(plan.writes)) == [
        "+ControllerRevision/digits-a",
        "+Service/digits-a",
        "+Deployment/digits-a",
    ]
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.resource.status["phase"] == "Progressing"
    while cluster.serving == old:
        cluster.run_controllers()
        plan = cluster.look()
    assert short(kinds(plan.writes)) == ["~ControllerRevision/digits-a", "~Service/digits"]
    assert plan.recheck_after == pytest.approx(5.0)
    assert not cluster.decide().writes, "nothing goes while kube-proxies may still send requests to the old pods"
    cluster.wait(5.001)
    plan = cluster.look()
    assert kinds(plan.writes) == [f"-Deployment/digits-{old}", f"-Service/digits-{old}"]
    assert not cluster.decide().writes
    told = [event.reason for plan in cluster.plans[looked:] for event in plan.events]
    assert told == ["RevisionStarted", "RevisionPromoted"]
    assert cluster.resource.status["stable"]["revision"] == 2


def test_a_bad_update_never_disturbs_what_serves_and_is_given_up() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(BAD))
    cluster.settle()
    assert cluster.serving == old
    assert list(cluster.deployments) == [old]
    assert cluster.condition("Ready")["status"] == "True"
    stalled = cluster.condition("Stalled")
    assert stalled["reason"] == "ProgressDeadlineExceeded"
    assert "spec.model.version" in stalled["message"]
    assert cluster.resource.status["phase"] == "Failed"
    assert [e.reason for p in cluster.plans for e in p.events][-1] == "RevisionFailed"


def test_returning_to_what_serves_clears_a_failure() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(BAD))
    cluster.settle()
    cluster.change(spec_of(ONE))
    cluster.settle()
    assert not cluster.condition("Stalled")
    assert cluster.resource.status["phase"] == "Ready"
    assert cluster.resource.status["stable"]["revision"] == 1


def test_a_failed_revision_that_the_spec_left_and_asks_for_again_is_tried_again() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(BAD))
    cluster.settle()
    cluster.change(spec_of(ONE))
    cluster.settle()
    cluster.change(spec_of(BAD))
    cluster.look()
    assert cluster.resource.status["phase"] == "Progressing"
    assert len(cluster.deployments) == 2


def test_a_scaling_change_does_not_wake_a_failed_revision() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(BAD))
    cluster.settle()
    cluster.change(spec_of(BAD, scaling={"replicas": 3}))
    cluster.settle()
    assert list(cluster.deployments.values()) == [3]
    assert cluster.condition("Stalled")["status"] == "True"


def test_returning_to_an_old_version_gives_it_the_next_number() -> None:
    cluster = settled(spec_of(ONE))
    for spec in (spec_of(TWO), spec_of(ONE)):
        cluster.change(spec)
        cluster.settle()
    assert cluster.resource.status["stable"]["revision"] == 3
    assert sorted(c.body["revision"] for c in cluster.children.values() if c.kind is Kind.CONTROLLER_REVISION) == [2, 3]


def test_a_third_version_replaces_the_candidate_at_once() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(BAD))
    cluster.look()
    bad = next(h for h in cluster.deployments if h != old)
    cluster.change(spec_of(TWO))
    plan = cluster.look()
    assert f"-Deployment/digits-{bad}" in kinds(plan.writes)
    assert old in cluster.deployments
    cluster.settle()
    assert cluster.resource.status["stable"]["revision"] == 3


def test_a_first_version_that_never_answered_is_simply_replaced() -> None:
    cluster = Cluster(spec_of(BAD))
    cluster.look()
    (bad,) = cluster.deployments
    cluster.change(spec_of(ONE))
    cluster.look()
    assert bad not in cluster.deployments
    assert cluster.serving == bad, "the front Service moves only to a ready revision"
    cluster.settle()
    assert cluster.serving != bad
    assert cluster.condition("Ready")["status"] == "True"


def test_a_first_version_that_can_not_come_up_is_not_ready_and_stalled() -> None:
    cluster = settled(spec_of(BAD))
    assert cluster.condition("Ready")["status"] == "False"
    assert cluster.condition("Stalled")["status"] == "True"
    assert not cluster.deployments


def test_paused_holds_the_update_but_not_scaling_and_repair() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(TWO, rollout={"paused": True}, scaling={"replicas": 2}))
    cluster.settle()
    assert cluster.deployments == {old: 2}
    assert cluster.resource.status["phase"] == "Paused"
    cluster.remove(Kind.SERVICE, "digits")
    cluster.settle()
    assert cluster.serving == old
    cluster.wait(3600)
    cluster.change(spec_of(TWO, scaling={"replicas": 2}))
    cluster.settle()
    assert cluster.serving != old


def test_the_deadline_does_not_run_while_paused() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(BAD))
    cluster.look()
    cluster.wait(500)
    cluster.change(spec_of(BAD, rollout={"paused": True}))
    cluster.look()
    cluster.wait(500)
    cluster.change(spec_of(BAD))
    assert cluster.look().recheck_after == 600
