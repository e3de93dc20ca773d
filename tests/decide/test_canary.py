"""A canary's way, told in looks: what it gets, what is confirmed before what, how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.world import Kind
from tests.decide.cluster import Cluster, settled, spec_of

ONE, TWO = "s3://models/digits/1/", "s3://models/digits/2/"
STEPS: list[dict[str, Any]] = [
    {"shadow": {"duration": "2m"}},
    {"setWeight": 25},
    {"pause": {"duration": "1m"}},
    {"setWeight": 50},
    {"pause": {"duration": "1m"}},
]
CHECKS = {
    "interval": "10s",
    "checks": [
        {"metric": "errorRate", "max": 0.01},
        {"metric": "latencyP95", "maxRatioToStable": 1.2, "minSamples": 200},
        {"metric": "shadowAgreement", "min": 0.99, "minSamples": 500},
    ],
}


def canary(uri: str, replicas: int = 4, **rollout: Any) -> dict[str, Any]:
    given = {"strategy": "Canary", "steps": STEPS, "analysis": CHECKS} | rollout
    return spec_of(uri, scaling={"replicas": replicas}, rollout=given)


def shares(cluster: Cluster) -> tuple[int, int, int]:
    """(weight, percentage that is copied, candidate's pods) after a look."""
    document = cluster.document
    shadow = document.get("shadow", {}).get("percent", 0)
    hash = document.get("candidate", {}).get("revision", "")
    return document.get("weight", 0), shadow, cluster.deployments.get(hash, 0)


def story(cluster: Cluster, looks: int = 80) -> list[tuple[int, int, int]]:
    """The shares in their order, until it comes to rest."""
    told: list[tuple[int, int, int]] = []
    for _ in range(looks):
        plan = cluster.look()
        if (now := shares(cluster)) not in told[-1:]:
            told.append(now)
        if cluster.run_controllers() or plan.writes or plan.status is not None:
            continue
        if plan.recheck_after is None:
            return told
        cluster.wait(plan.recheck_after + 0.001)
    raise AssertionError(f"not settled: {told} {cluster.plans[-1]}")


def test_it_goes_its_steps_with_as_many_pods_as_its_share_needs_and_is_promoted() -> None:
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO))
    told = story(cluster)
    weights = [weight for weight, _, _ in told]
    assert weights == [*sorted(weights[:-1]), 0], told
    assert (0, 100, 4) in told
    assert (25, 0, 1) in told or (25, 0, 4) in told
    assert cluster.serving != old
    assert cluster.deployments == {cluster.serving: 4}
    assert cluster.resource.status["phase"] == "Ready"
    assert "stable" not in cluster.document


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("s3://models/erroring/", "errorRate"),
        ("s3://models/slow/", "latencyP95"),
        ("s3://models/wrong/", "shadowAgreement"),
    ],
)
def test_a_bad_one_is_rolled_back_by_itself_with_the_evidence(uri: str, what: str) -> None:
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(uri))
    cluster.settle(200)
    assert cluster.serving == old
    assert cluster.deployments == {old: 4}
    assert cluster.condition("Ready")["status"] == "True"
    stalled = cluster.condition("Stalled")
    assert stalled["reason"] == "RolledBack"
    assert what in stalled["message"]
    evidence = {each["check"]: each["state"] for each in cluster.resource.status["rollout"]["evidence"]}
    assert any(what in check and state == "Failed" for check, state in evidence.items())
    assert "stable" not in cluster.document


def test_another_signature_never_meets_traffic() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary("s3://models/wide/"))
    told = story(cluster)
    assert {weight for weight, _, _ in told} == {0}
    assert cluster.condition("Stalled")["reason"] == "SignatureChanged"
    assert "image" in cluster.condition("Stalled")["message"]


def test_a_signature_that_may_change_does() -> None:
    cluster = settled(canary(ONE))
    wide = canary("s3://models/wide/", gates={"signature": "Ignore"})
    cluster.change(wide)
    cluster.settle(200)
    assert cluster.resource.status["phase"] == "Ready"
    assert not cluster.condition("Stalled")


def test_the_candidate_goes_only_when_every_stable_pod_knows_that_it_gets_nothing() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    cluster.act("abort")
    plan = cluster.look()
    assert "stable" not in cluster.document
    assert len(cluster.deployments) == 2, plan.why
    while len(cluster.deployments) == 2:
        reports = cluster.measured.reports.values()
        confirmed = [r.generation == cluster.document["generation"] for r in reports if r.revision == cluster.serving]
        plan = cluster.look()
        if len(cluster.deployments) == 1:
            assert confirmed == [True] * 4
        cluster.run_controllers()
    cluster.settle()
    assert cluster.condition("Stalled")["reason"] == "Aborted"


def step(cluster: Cluster) -> None:
    plan = cluster.look()
    if not cluster.run_controllers() and not plan.writes and plan.status is None and plan.recheck_after:
        cluster.wait(plan.recheck_after + 0.001)


def test_a_pause_waits_for_a_person_and_writes_nothing_meanwhile() -> None:
    cluster = settled(canary(ONE, steps=[{"setWeight": 50}, {"pause": {}}]))
    cluster.change(canary(TWO, steps=[{"setWeight": 50}, {"pause": {}}]))
    for _ in range(40):
        step(cluster)
    assert cluster.resource.status["phase"] == "Paused"
    assert cluster.resource.status["candidate"]["weight"] == 50
    for _ in range(20):
        cluster.wait(600)
        plan = cluster.look()
        assert (plan.writes, plan.status) == ((), None)
    cluster.act("promote")
    cluster.settle(200)
    assert cluster.resource.status["phase"] == "Ready"
    assert cluster.resource.status["rollout"]["lastAction"]["result"] == "Done"


def test_a_verb_about_another_revision_changes_nothing_and_says_so() -> None:
    cluster = settled(canary(ONE, steps=[{"setWeight": 50}, {"pause": {}}]))
    cluster.change(canary(TWO, steps=[{"setWeight": 50}, {"pause": {}}]))
    for _ in range(40):
        step(cluster)
    before = dict(cluster.children)
    cluster.act("abort", "0123456789")
    plan = cluster.look()
    assert plan.writes == ()
    assert cluster.children == before
    assert cluster.resource.status["rollout"]["lastAction"]["result"] == "Ignored"
    assert cluster.look().status is None


def test_returning_to_what_still_runs_is_one_switch() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while cluster.resource.status.get("candidate") or "stable" in cluster.document or len(cluster.switches) < 1:
        step(cluster)
    assert len(cluster.deployments) == 2  # the switch is young
    cluster.change(canary(ONE))
    plan = cluster.look()
    assert len(cluster.switches) == 2, plan.why


def test_a_third_version_takes_the_candidates_place() -> None:
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    second = cluster.document["candidate"]["revision"]
    cluster.change(canary("s3://models/digits/3/"))
    cluster.look()
    assert cluster.serving == old
    assert cluster.document.get("candidate", {}).get("revision") != second
    cluster.settle(200)
    assert second not in cluster.deployments
    assert cluster.resource.status["phase"] == "Ready"


def test_on_failure_pause_waits_for_a_person_where_it_is() -> None:
    cluster = settled(canary(ONE, onFailure="Pause"))
    cluster.change(canary("s3://models/erroring/", onFailure="Pause"))
    for _ in range(60):
        step(cluster)
    assert cluster.resource.status["phase"] == "Paused"
    assert "errorRate" in cluster.resource.status["rollout"]["held"]
    cluster.act("abort")
    cluster.settle(200)
    assert cluster.condition("Stalled")["reason"] == "Aborted"


def test_a_failed_one_is_retried_when_a_person_says_so() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    hash, epoch = cluster.candidate, cluster.document["epoch"]
    cluster.act("abort")
    cluster.settle()
    cluster.act("retry", hash)
    while shares(cluster)[0] != 25:
        step(cluster)
    assert cluster.document["epoch"] != epoch, "old counts would count again"
    cluster.settle(200)
    assert cluster.serving == hash
    assert not cluster.condition("Stalled")


def test_a_weight_is_never_more_than_the_ready_pods_hold() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 50:
        step(cluster)
    candidate = cluster.document["candidate"]["revision"]
    cluster.remove(Kind.DEPLOYMENT, f"digits-{candidate}")
    cluster.look()
    assert cluster.document["weight"] == 0


def test_blue_green_is_looked_at_before_it_serves() -> None:
    def spec(uri: str) -> dict[str, Any]:
        return spec_of(uri, scaling={"replicas": 2}, rollout={"strategy": "BlueGreen"})

    cluster = settled(spec(ONE))
    cluster.change(spec(TWO))
    for _ in range(30):
        step(cluster)
    selector = cluster.children[Kind.SERVICE, "digits-preview"].body["spec"]["selector"]
    assert selector["modelway.io/revision"] == cluster.candidate
    assert cluster.deployments[cluster.candidate] == 2
    cluster.act("promote")
    cluster.look()
    assert len(cluster.switches) == 1
    selector = cluster.children[Kind.SERVICE, "digits-preview"].body["spec"]["selector"]
    assert selector["modelway.io/revision"] == cluster.serving
    cluster.run_controllers()
    cluster.wait(20)
    cluster.look()
    assert len(cluster.deployments) == 2
    cluster.settle()
    assert len(cluster.deployments) == 1
