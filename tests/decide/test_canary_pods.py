"""What becomes of a canary whose pods crash, go away, or are taken away."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from modelway.world import ContainerState, Kind
from tests.decide.cluster import Cluster, settled
from tests.decide.pods import crash
from tests.decide.test_canary import CHECKS, ONE, STEPS, TWO, canary, shares, step


def erroring_at_a_quarter() -> Cluster:
    """A candidate that fails half of its requests has just got its first share."""
    cluster = settled(canary(ONE))
    cluster.change(canary("s3://models/erroring/", steps=STEPS[1:], analysis={"checks": CHECKS["checks"][:2]}))
    while shares(cluster)[0] != 25:
        step(cluster)
    return cluster


def lose_its_nodes(cluster: Cluster, since: datetime | None = None) -> None:
    """The node controller says that the candidate's pods are not ready; their containers were when last heard of."""
    for pod in [pod for pod in cluster.pods.values() if pod.revision == cluster.candidate]:
        server = ContainerState("server", False, True, 0)
        lost = replace(pod, ready=False, unready_since=since, containers=(pod.containers[0], server))
        cluster.pods[pod.name] = lost


def test_one_that_crashes_again_and_again_is_rolled_back_whatever_it_answers_in_between() -> None:
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    crash(cluster, 3)
    cluster.wait(1)
    cluster.look()
    assert "crashed 3 times" in cluster.resource.status["rollout"]["message"]
    assert cluster.document.get("weight", 0) == 0
    assert cluster.serving == old


def test_a_share_that_is_held_back_belongs_to_the_same_epoch() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 50:
        step(cluster)
    before = cluster.document
    revision = before["candidate"]["revision"]
    for pod in [pod for pod in cluster.pods.values() if pod.revision == revision]:
        crashed = tuple(replace(container, ready=container.init) for container in pod.containers)
        cluster.pods[pod.name] = replace(pod, ready=False, containers=crashed)  # its pod stays
    deployment = cluster.children[Kind.DEPLOYMENT, f"digits-{revision}"]
    status = {**deployment.status, "readyReplicas": 0}
    cluster.children[Kind.DEPLOYMENT, deployment.name] = replace(deployment, status=status)
    cluster.look()
    after = cluster.document
    assert (after["weight"], after["generation"]) == (0, before["generation"] + 1)
    assert after["epoch"] == before["epoch"]


def test_pods_that_a_drain_takes_away_are_no_failure_of_the_candidates() -> None:
    cluster = erroring_at_a_quarter()
    before = cluster.document
    assert before["pods"]
    for pod in [pod for pod in cluster.pods.values() if pod.revision == before["candidate"]["revision"]]:
        cluster.pods[pod.name] = replace(pod, deleting=True, ready=False)
    cluster.wait(1)
    cluster.look()
    after = cluster.document
    assert after["candidate"] == before["candidate"], "it was not given up"
    assert after["epoch"] != before["epoch"]
    assert cluster.look().writes == ()


def test_a_pod_that_an_autoscaler_took_leaves_what_was_counted() -> None:
    """Every few minutes it may take one, and a slow fault would never be found out."""
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 50:
        step(cluster)
    before = cluster.document
    first, *others = [pod for pod in cluster.pods.values() if pod.revision == cluster.candidate]
    assert others, "there are several"
    deployment = cluster.children[Kind.DEPLOYMENT, f"digits-{cluster.candidate}"]
    spec = {**deployment.body["spec"], "replicas": len(others)}
    fewer = replace(deployment, body={**deployment.body, "spec": spec}, status={"readyReplicas": len(others)})
    cluster.children[Kind.DEPLOYMENT, deployment.name] = fewer
    cluster.pods[first.name] = replace(first, deleting=True, ready=False)
    cluster.wait(1)
    cluster.look()
    assert cluster.document["epoch"] == before["epoch"]
    cluster.pods[others[0].name] = replace(others[0], deleting=True, ready=False)
    cluster.wait(1)
    cluster.look()
    assert cluster.document["epoch"] != before["epoch"], "this one was taken by somebody else"


def test_pods_that_come_when_none_was_left_are_met_as_the_first_ones_were() -> None:
    """Else the candidate would be blamed for what its Service can't do until service proxies know the new pod."""
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    candidate = cluster.candidate
    for pod in [pod for pod in cluster.pods.values() if pod.revision == candidate]:
        del cluster.pods[pod.name]
    cluster.wait(1)
    cluster.look()
    gone = cluster.document
    assert gone["pods"] == []
    while cluster.document["pods"] == []:
        step(cluster)
    back = cluster.document
    assert back["pods"] and back["candidate"]["revision"] == candidate
    assert back["epoch"] != gone["epoch"]
    step(cluster)
    assert cluster.document["epoch"] == back["epoch"]


def silent(cluster: Cluster, revision: str, seconds: float) -> None:
    """The revision's pods did not answer for so long; stable's did, a moment ago."""
    said = cluster.measured.reports.items()
    old = cluster.now - timedelta(seconds=seconds)
    reports = {uid: replace(r, taken_at=old if r.revision == revision else cluster.now) for uid, r in said}
    cluster.measured = replace(cluster.measured, reports=reports)


@pytest.mark.parametrize(("seconds", "given_up"), [(0, True), (5, False), (59, False), (61, True)])
def test_failures_are_no_evidence_while_a_ready_pod_is_silent(seconds: float, given_up: bool) -> None:
    """Its node may be lost, which Kubernetes needs most of a minute to notice; or the server hangs."""
    cluster = erroring_at_a_quarter()
    cluster.run_controllers()
    candidate = cluster.candidate
    silent(cluster, candidate, seconds)
    cluster.wait(0.01)
    cluster.look()
    assert (cluster.document.get("candidate") is None) == given_up


def test_a_pod_that_never_answered_may_have_answered_a_former_leader() -> None:
    cluster = erroring_at_a_quarter()
    cluster.run_controllers()
    heard = {uid: report for uid, report in cluster.measured.reports.items() if report.revision != cluster.candidate}
    cluster.measured = replace(cluster.measured, reports=heard)
    cluster.wait(0.01)
    cluster.look()
    assert cluster.document["candidate"]["revision"] == cluster.candidate


def test_what_was_counted_while_a_node_was_lost_is_forgotten() -> None:
    """Then the node controller says that the pod is not ready, though its containers were when last heard of."""
    cluster = erroring_at_a_quarter()
    before = cluster.document
    lose_its_nodes(cluster)
    cluster.wait(1)
    cluster.look()
    after = cluster.document
    assert after["candidate"] == before["candidate"], "it was not given up"
    assert after["epoch"] != before["epoch"]
    assert cluster.look().writes == ()


def test_nothing_counts_until_nobody_calls_the_pods_of_a_lost_node_any_more() -> None:
    """Service proxies learn of it a second or two after us, and what they did meanwhile was the candidate's failure."""
    cluster = erroring_at_a_quarter()
    before = cluster.document
    lose_its_nodes(cluster, since=cluster.now)
    for _ in range(4):
        cluster.wait(1)
        plan = cluster.look()
        assert (cluster.document["epoch"], cluster.document["pods"]) == (before["epoch"], before["pods"])
        assert plan.recheck_after is not None and plan.recheck_after <= 5
    cluster.wait(2)
    cluster.look()
    assert cluster.document["candidate"] == before["candidate"], "it was not given up"
    assert cluster.document["epoch"] != before["epoch"]


def test_a_server_that_crashes_again_and_again_is_no_lost_node() -> None:
    """Between two crashes it seems ready for a moment, and does not answer."""
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    cluster.run_controllers()
    silent(cluster, cluster.candidate, 5)
    crash(cluster, 3)
    cluster.wait(0.01)
    cluster.look()
    assert "crashed 3 times" in cluster.resource.status["rollout"]["message"]
