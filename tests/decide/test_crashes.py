"""A candidate whose server crashes has to stand for a while before it goes on, and after the last step, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from modelway.decide.crashes import CALM
from modelway.world import ContainerState
from tests.decide.cluster import Cluster, fetched, settled, spec_of
from tests.decide.pods import crash
from tests.decide.test_canary import CHECKS, ONE, TWO, canary, shares, step

SHORT: dict[str, Any] = {
    "steps": [{"setWeight": 25}, {"pause": {"duration": "5s"}}],
    "analysis": {"interval": "1s", "checks": CHECKS["checks"][:1]},
}


def begun(**more: Any) -> Cluster:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO, **SHORT, **more))
    while shares(cluster)[0] != 25:
        step(cluster)
    return cluster


def all_steps_done(**more: Any) -> Cluster:
    """Before its other three pods are ready."""
    cluster = begun(**more)
    while "Every step is done" not in cluster.resource.status["rollout"]["message"]:
        step(cluster)
    cluster.wait(0.1)
    return cluster


def promoted_at(cluster: Cluster) -> datetime:
    old = cluster.serving
    for _ in range(200):
        step(cluster)
        if cluster.serving != old:
            return cluster.now
    raise AssertionError(cluster.resource.status)


def test_a_step_does_not_end_until_what_crashed_has_stood_for_a_while() -> None:
    cluster = begun()
    crashed = crash(cluster, 1)
    assert promoted_at(cluster) >= crashed + CALM


def test_one_that_crashes_after_the_last_step_is_not_promoted_at_once() -> None:
    cluster = all_steps_done()
    crashed = crash(cluster, 1)
    assert crashed + CALM <= promoted_at(cluster) < crashed + CALM + timedelta(seconds=5)


def test_one_that_never_crashed_is() -> None:
    cluster = all_steps_done()
    begun_at = cluster.now
    assert promoted_at(cluster) < begun_at + timedelta(seconds=20)


def test_one_that_crashes_again_and_again_after_the_last_step_is_rolled_back() -> None:
    cluster = all_steps_done()
    old = cluster.serving
    crash(cluster, 3)
    cluster.settle(200)
    assert cluster.serving == old
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    assert "crashed 3 times" in cluster.condition("Stalled")["message"]


def test_or_waits_for_a_person_where_that_is_asked_for() -> None:
    cluster = all_steps_done(onFailure="Pause")
    old = cluster.serving
    crash(cluster, 3)
    cluster.settle(200)
    assert cluster.serving == old
    told = cluster.resource.status["rollout"]["message"]
    assert "held" in told and "crashed 3 times" in told
    cluster.act("promote")
    cluster.settle(200)
    assert "promote-full" in cluster.resource.status["rollout"]["lastAction"]["message"]
    cluster.act("promote-full")
    cluster.settle(200)
    assert cluster.serving != old


def test_one_that_is_held_behind_its_last_step_does_not_take_over_when_it_recovers() -> None:
    """Other pods came in the place of those that had crashed, and it took over by itself."""
    cluster = all_steps_done(onFailure="Pause")
    old, candidate = cluster.serving, cluster.candidate
    crash(cluster, 3)
    cluster.settle(200)
    for pod in [pod for pod in cluster.pods.values() if pod.revision == candidate]:
        fine = tuple(replace(container, restarts=0, exit_reason="", ready=True) for container in pod.containers)
        del cluster.pods[pod.name]
        cluster.pods[f"{pod.name}9"] = replace(pod, name=f"{pod.name}9", ready=True, containers=fine)
    cluster.settle(200)
    assert cluster.serving == old
    assert "held" in cluster.resource.status["rollout"]["message"]


def test_a_person_who_insists_is_not_overruled_while_the_other_pods_come_up() -> None:
    cluster = begun()
    old = cluster.serving
    cluster.act("promote-full")
    cluster.look()
    assert cluster.serving == old, "its other pods are not ready yet"
    crash(cluster, 3)
    cluster.settle(200)
    assert cluster.serving != old


def rolling(reason: str, times: int) -> Cluster:
    """The pods of a RollingUpdate are all ready, and have been started anew for that reason."""
    cluster = settled(spec_of(ONE, scaling={"replicas": 2}))
    old = cluster.serving
    cluster.change(spec_of(TWO, scaling={"replicas": 2}))
    cluster.look()
    for _ in range(3):
        cluster.run_controllers()
    server = ContainerState("server", False, True, times, exit_code=255, exit_reason=reason)
    for name, pod in cluster.pods.items():
        if pod.revision != old:
            cluster.pods[name] = replace(pod, containers=(*fetched(TWO)[:1], server), ready_since=cluster.now)
    return cluster


def test_a_rolling_update_does_not_take_over_between_two_crashes() -> None:
    """With all pods ready for a moment it took over, and the pods that had served went five seconds later."""
    cluster = rolling("Error", 2)
    crashed = cluster.now
    assert promoted_at(cluster) >= crashed + CALM


def test_it_says_what_it_waits_for() -> None:
    cluster = rolling("Error", 2)
    step(cluster)
    step(cluster)
    assert "Its server crashed 4 times" in cluster.resource.status["rollout"]["message"]


def test_what_a_node_that_was_started_anew_did_is_no_crash() -> None:
    """Three pods on it were three crashes, and ended the rollout."""
    cluster = rolling("Unknown", 1)
    begun_at = cluster.now
    assert promoted_at(cluster) < begun_at + CALM
