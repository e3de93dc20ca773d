"""The life of a ModelDeployment, told in looks: what is in the world, what is written, what is said."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from modelway.manifests import names
from modelway.world import Kind
from tests.decide.cluster import Cluster, kinds, spec_of

ONE, TWO, BAD = "s3://models/digits/1/", "s3://models/digits/2/", "s3://models/digits/bad/"


def short(told: list[str]) -> list[str]:
    """Hashes as letters, in the order in which they appear."""
    seen: dict[str, str] = {}
    return [
        re.sub(r"(?<=digits-)[0-9a-f]{10}", lambda m: seen.setdefault(m[0], "abcdef"[len(seen)]), line) for line in told
    ]


def settled(spec: dict) -> Cluster:
    """A cluster in which that spec has come to rest."""
    cluster = Cluster(spec)
    cluster.settle()
    return cluster


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
    assert short(kinds(plan.writes)) == ["~ControllerRevision/digits-a", "~ConfigMap/digits-traffic", "~Service/digits"]
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


def test_scaling_to_zero_stops_everything_and_says_so() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(ONE, scaling={"replicas": 0}))
    cluster.settle()
    assert not cluster.pods
    assert cluster.condition("Ready")["reason"] == "ScaledToZero"
    cluster.change(spec_of(TWO, scaling={"replicas": 0}))
    cluster.settle()
    assert cluster.resource.status["stable"]["revision"] == 1
    cluster.change(spec_of(TWO))
    cluster.settle()
    assert cluster.resource.status["stable"]["revision"] == 2


CPU = {"resources": {"requests": {"cpu": "100m"}}}


def test_an_autoscaler_owns_the_number_of_pods_from_the_start() -> None:
    cluster = Cluster(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 10}))
    told = short(kinds(cluster.look().writes))
    assert told[4:] == [
        "+Deployment/digits-a",
        "#digits-a=2",
        "+HorizontalPodAutoscaler/digits-a",
        "+PodDisruptionBudget/digits-a",
    ]
    cluster.settle()
    cluster.load(cluster.serving, 7)
    looked = len(cluster.plans)
    cluster.settle()
    assert cluster.deployments == {cluster.serving: 7}
    assert not [write for plan in cluster.plans[looked:] for write in plan.writes]


def test_a_candidate_matches_the_load_that_the_serving_revision_carries() -> None:
    cluster = settled(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 10}))
    old = cluster.serving
    cluster.load(old, 7)
    cluster.settle()
    cluster.change(spec_of(TWO, serving=CPU, scaling={"min": 2, "max": 10}))
    cluster.look()
    scaler = next(
        c for c in cluster.children.values() if c.kind is Kind.HORIZONTAL_POD_AUTOSCALER and old not in c.name
    )
    assert scaler.body["spec"]["minReplicas"] == 7
    cluster.settle()
    assert cluster.deployments == {cluster.serving: 7}
    scaler = next(c for c in cluster.children.values() if c.kind is Kind.HORIZONTAL_POD_AUTOSCALER)
    assert scaler.body["spec"]["minReplicas"] == 2


def test_the_number_of_pods_survives_being_handed_to_an_autoscaler_and_back() -> None:
    cluster = settled(spec_of(ONE, serving=CPU, scaling={"replicas": 5}))
    cluster.change(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 10}))
    told = short(kinds(cluster.look().writes))
    assert told == ["#digits-a=5", "~Deployment/digits-a", "+HorizontalPodAutoscaler/digits-a"]
    assert cluster.deployments == {cluster.serving: 5}
    cluster.settle()
    cluster.change(spec_of(ONE, serving=CPU, scaling={"replicas": 3}))
    told = short(kinds(cluster.look().writes))
    assert told == ["-HorizontalPodAutoscaler/digits-a", "~Deployment/digits-a"]
    cluster.settle()
    assert cluster.deployments == {cluster.serving: 3}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_child_deleted_by_hand_comes_back(kind: Kind) -> None:
    cluster = settled(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 4}))
    for name in [c.name for c in cluster.children.values() if c.kind is kind]:
        before = {key: (c.labels, c.body) for key, c in cluster.children.items()}
        cluster.remove(kind, name)
        cluster.settle()
        after = {key: (c.labels, c.body) for key, c in cluster.children.items()}
        assert after.keys() == before.keys()
        assert {key: value for key, value in after.items() if key[0] is not Kind.CONFIG_MAP} == {
            key: value for key, value in before.items() if key[0] is not Kind.CONFIG_MAP
        }, "all but the traffic document, which begins to count anew"


def test_history_keeps_as_many_old_revisions_as_asked_for() -> None:
    cluster = settled(spec_of(ONE))
    for number in range(2, 8):
        cluster.change(spec_of(f"s3://models/digits/{number}/", rollout={"historyLimit": 2}))
        cluster.settle()
    numbers = sorted(c.body["revision"] for c in cluster.children.values() if c.kind is Kind.CONTROLLER_REVISION)
    assert numbers == [5, 6, 7]


def test_the_first_digest_is_recorded_and_handed_to_every_later_pod() -> None:
    cluster = settled(spec_of(ONE))
    record = cluster.children[Kind.CONTROLLER_REVISION, f"digits-{cluster.serving}"]
    digest = record.annotations[names.DIGEST]
    assert digest.startswith("sha256:")
    document = cluster.children[Kind.CONFIG_MAP, "digits-traffic"].body["data"]["traffic.json"]
    assert document == f'{{"digests": {{"{cluster.serving}": "{digest}"}}, "generation": 2}}'


def test_a_pod_with_other_bytes_is_deleted_and_never_counts() -> None:
    from tests.decide.cluster import fetched

    cluster = settled(spec_of(ONE, scaling={"replicas": 2}))
    name = sorted(cluster.pods)[1]
    cluster.pods[name] = replace(cluster.pods[name], containers=fetched("s3://something/else"))
    plan = cluster.decide()
    assert kinds(plan.writes) == [f"-Pod/{name}"]
    assert plan.status is not None
    assert plan.status["stable"]["ready"] == 1
    assert [event.reason for event in plan.events] == ["DigestMismatch"]


def test_being_deleted_is_left_to_the_garbage_collector() -> None:
    cluster = settled(spec_of(ONE))
    cluster.resource = replace(cluster.resource, deleting=True)
    plan = cluster.decide()
    assert (plan.writes, plan.status, plan.events, plan.recheck_after) == ((), None, (), None)


def test_a_spec_that_can_not_be_read_disturbs_nothing() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(ONE, accelerator={"vendor": "nvidia"}))
    cluster.settle()
    assert len(cluster.answering) == 1
    assert cluster.condition("Ready")["status"] == "True"
    assert "spec.accelerator" in cluster.condition("Stalled")["message"]
    cluster.change(spec_of(ONE))
    cluster.settle()
    assert not cluster.condition("Stalled")


def test_a_new_server_image_is_a_new_revision() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.image = "modelserver:2"
    cluster.settle()
    assert cluster.serving != old


def test_without_history_an_old_revision_is_forgotten_when_it_goes_and_not_before() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(TWO, rollout={"historyLimit": 0}))
    while cluster.serving == old:
        cluster.look()
        cluster.run_controllers()
    assert (Kind.CONTROLLER_REVISION, f"digits-{old}") in cluster.children
    assert not cluster.decide().writes
    cluster.wait(5.001)
    assert kinds(cluster.look().writes) == [
        f"-Deployment/digits-{old}",
        f"-Service/digits-{old}",
        f"-ControllerRevision/digits-{old}",
    ]
    assert not cluster.decide().writes


def test_a_report_about_an_earlier_number_of_pods_promotes_nobody() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(TWO))
    cluster.look()
    cluster.run_controllers()
    cluster.run_controllers()
    key = next(key for key in cluster.children if key[0] is Kind.DEPLOYMENT and old not in key[1])
    cluster.children[key] = replace(cluster.children[key], generation=9)
    cluster.look()
    assert cluster.serving == old
    cluster.run_controllers()
    cluster.look()
    assert cluster.serving != old


def test_a_first_version_that_partly_answers_is_not_taken_away_at_its_deadline() -> None:
    cluster = Cluster(spec_of(ONE, scaling={"replicas": 2}))
    cluster.look()
    cluster.run_controllers()
    cluster.run_controllers()
    stuck = sorted(cluster.pods)[0]
    cluster.pods[stuck] = replace(
        cluster.pods[stuck], ready=False, unschedulable="0/1 nodes are available: 1 Too many pods."
    )
    key = next(key for key in cluster.children if key[0] is Kind.DEPLOYMENT)
    reported = {"observedGeneration": 1, "replicas": 2, "readyReplicas": 1}
    cluster.children[key] = replace(cluster.children[key], status=reported)
    cluster.look()
    assert cluster.condition("Ready")["status"] == "False"
    cluster.wait(600)
    cluster.look()
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.resource.status["phase"] == "Degraded"
    assert "hold as many pods as they may" in cluster.resource.status["rollout"]["message"]
