"""Time that nobody used is held against no candidate: a pause in the spec, and clocks that disagree."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelway.decide.plan import decide
from modelway.world import Measured
from tests.decide.cluster import Cluster, settled
from tests.decide.test_canary import ONE, TWO, canary, shares, step


def at_a_quarter(uri: str = TWO, **rollout: Any) -> Cluster:
    """A canary that answers a quarter of the requests."""
    cluster = settled(canary(ONE))
    cluster.change(canary(uri, **rollout))
    while shares(cluster)[0] != 25:
        step(cluster)
    return cluster


def test_a_pause_in_the_spec_that_was_longer_than_the_deadline_fails_nobody() -> None:
    """The step had begun before the pause, and the first look after it gave the candidate up."""
    cluster = at_a_quarter()
    cluster.change(canary(TWO, paused=True))
    for _ in range(6):
        step(cluster)
    cluster.wait(7200)
    cluster.look()
    cluster.change(canary(TWO))
    plan = cluster.look()
    assert not plan.outcome, plan.why
    cluster.settle(200)
    assert cluster.resource.status["phase"] == "Ready"


def test_after_the_pause_the_step_takes_its_time_anew() -> None:
    cluster = at_a_quarter()
    while cluster.resource.status["rollout"].get("step") != 3:
        step(cluster)
    cluster.change(canary(TWO, paused=True))
    step(cluster)
    cluster.wait(50)
    cluster.look()
    cluster.change(canary(TWO))
    resumed = cluster.now
    while cluster.resource.status["rollout"].get("step") == 3:
        step(cluster)
    assert cluster.now >= resumed + timedelta(minutes=1)


@pytest.mark.parametrize("hold", ["spec", "verb"])
def test_what_is_paused_is_judged_all_the_same(hold: str) -> None:
    """It answers users meanwhile; a pause without an end in the steps was always judged."""
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    if hold == "spec":
        cluster.change(canary(TWO, paused=True))
    else:
        cluster.act("pause")
    for _ in range(6):
        step(cluster)
    assert shares(cluster)[0] == 25
    turns_bad(cluster)
    for _ in range(12):
        cluster.wait(10)
        cluster.look()
        turns_bad(cluster)
    assert cluster.serving == old
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    assert "errorRate" in cluster.condition("Stalled")["message"]


def test_a_paused_one_that_fails_stays_where_a_person_shall_decide() -> None:
    cluster = at_a_quarter(onFailure="Pause")
    cluster.change(canary(TWO, onFailure="Pause", paused=True))
    for _ in range(12):
        cluster.wait(10)
        cluster.look()
        turns_bad(cluster)
    assert shares(cluster)[0] == 25
    assert cluster.resource.status["phase"] == "Paused"


def turns_bad(cluster: Cluster) -> None:
    """The pods answer, and every second request to the candidate fails by now."""
    cluster.run_controllers()
    reports = {}
    for uid, report in cluster.measured.reports.items():
        failed = {"error": report.forwarded.requests // 2} if report.forwarded.requests else {}
        reports[uid] = replace(report, forwarded=replace(report.forwarded, failed=failed))
    cluster.measured = replace(cluster.measured, reports=reports)


def test_a_leader_whose_clock_was_ahead_holds_nobody_up() -> None:
    """The step had begun five hours from now, and would have lasted until then."""
    cluster = at_a_quarter()
    cluster.now -= timedelta(hours=5)
    cluster.measured = Measured()
    begun = cluster.now
    cluster.settle(200)
    assert cluster.resource.status["phase"] == "Ready"
    assert cluster.now - begun < timedelta(hours=1)


def test_a_pod_that_never_reported_is_named_with_what_to_do() -> None:
    """The message was that the share comes as soon as every pod has read so: not which had not, and no remedy."""
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    mute = next(pod for pod in cluster.pods.values() if pod.revision == cluster.serving)
    for _ in range(12):
        cluster.run_controllers()
        reports = {uid: report for uid, report in cluster.measured.reports.items() if uid != mute.uid}
        cluster.measured = replace(cluster.measured, reports=reports)
        cluster.look()
        cluster.wait(60)
    message = cluster.condition("Stalled")["message"]
    assert f"Pod {mute.name} never reported the share" in message
    assert "port 8080" in message


@pytest.mark.parametrize(("seconds", "given_up"), [(0, False), (59, False), (60, True)])
def test_the_time_while_no_operator_was_there_fails_nobody(seconds: float, given_up: bool) -> None:
    """The first look after an hour gave a good candidate up, for nobody had measured it in time."""
    cluster = at_a_quarter()
    cluster.wait(3600)
    cluster.measured = Measured()
    world = replace(cluster.world, attended_since=cluster.now - timedelta(seconds=seconds))
    plan = decide(world, cluster.now)
    assert bool(plan.outcome) == given_up, plan.why
    assert given_up or plan.recheck_after == 60 - seconds
