"""What becomes of a canary whose pods crash, go away, or are taken away."""

from __future__ import annotations

from dataclasses import replace

from modelway.world import ContainerState, Kind
from tests.decide.cluster import settled
from tests.decide.test_canary import CHECKS, ONE, STEPS, TWO, canary, shares, step


def test_one_that_crashes_again_and_again_is_rolled_back_whatever_it_answers_in_between() -> None:
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    victim = next(pod for pod in cluster.pods.values() if pod.revision == cluster.candidate)
    crashed = ContainerState("server", False, True, 3, exit_code=137, exit_reason="OOMKilled")
    cluster.pods[victim.name] = replace(victim, containers=(victim.containers[0], crashed))
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
        cluster.pods[pod.name] = replace(pod, ready=False)  # a container crashed; its pod stays
    deployment = cluster.children[Kind.DEPLOYMENT, f"digits-{revision}"]
    status = {**deployment.status, "readyReplicas": 0}
    cluster.children[Kind.DEPLOYMENT, deployment.name] = replace(deployment, status=status)
    cluster.look()
    after = cluster.document
    assert (after["weight"], after["generation"]) == (0, before["generation"] + 1)
    assert after["epoch"] == before["epoch"]


def test_pods_that_a_drain_takes_away_are_no_failure_of_the_candidates() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary("s3://models/erroring/", steps=STEPS[1:], analysis={"checks": CHECKS["checks"][:2]}))
    while shares(cluster)[0] != 25:
        step(cluster)
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
