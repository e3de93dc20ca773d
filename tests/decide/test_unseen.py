"""Nobody is promoted unseen: what the checks rest on has to be there, and of the whole step."""

from __future__ import annotations

from typing import Any

import pytest

from tests.decide.cluster import Cluster, settled
from tests.decide.test_canary import ONE, TWO, canary, shares, step
from tests.decide.test_interrupted import turns_bad
from tests.decide.test_prometheus_checks import CHECK, Monitored

STARVED: dict[str, Any] = {"checks": [{"metric": "errorRate", "max": 0.01, "minSamples": 1_000_000}]}
SELDOM: dict[str, Any] = {"interval": "1h", "checks": [{"metric": "errorRate", "max": 0.01}]}
MINUTE: list[dict[str, Any]] = [{"setWeight": 25}, {"pause": {"duration": "1m"}}]


@pytest.mark.parametrize(
    "steps",
    [
        [{"setWeight": 20}, {"setWeight": 60}],
        [{"setWeight": 50}, {"setCanaryScale": {"weight": 100}}],
        [{"pause": {"duration": "10s"}}, {"setWeight": 99}],
    ],
)
def test_shares_without_a_pause_wait_for_samples_all_the_same(steps: list[dict[str, Any]]) -> None:
    """A share alone was over when it was confirmed, so that no check ever had its minSamples."""
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO, steps=steps, analysis=STARVED))
    cluster.settle(200)
    assert cluster.serving == old
    stalled = cluster.condition("Stalled")
    assert stalled["reason"] == "RolledBack"
    assert "of 1000000 samples" in stalled["message"]


def test_with_them_they_go_on() -> None:
    enough = {"checks": [{"metric": "errorRate", "max": 0.01, "minSamples": 1000}]}
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO, steps=[{"setWeight": 20}, {"setWeight": 60}], analysis=enough))
    cluster.settle(200)
    assert cluster.serving != old


def paused_for_a_minute() -> Cluster:
    """A canary in its pause, asked once at the beginning of it."""
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO, steps=MINUTE, analysis=SELDOM))
    while cluster.resource.status["rollout"].get("step") != 2 or shares(cluster)[0] != 25:
        step(cluster)
    return cluster


def test_a_step_does_not_end_with_what_was_counted_at_its_beginning() -> None:
    """With an interval as long as the step nobody looked until it was over."""
    cluster = paused_for_a_minute()
    cluster.wait(61)
    plan = cluster.look()
    assert cluster.resource.status["rollout"]["step"] == 2, plan.why
    assert plan.measure is not None
    assert plan.measure.every < 1, "so they are asked now"
    cluster.run_controllers()
    cluster.look()
    assert "Every step is done" in cluster.resource.status["rollout"]["message"]


def test_what_went_wrong_meanwhile_is_seen() -> None:
    cluster = paused_for_a_minute()
    old = cluster.serving
    cluster.wait(61)
    cluster.look()
    turns_bad(cluster)
    assert cluster.look().outcome == "RolledBack"
    assert cluster.serving == old


def test_prometheus_is_asked_once_more_when_a_step_is_over() -> None:
    analysis = {"interval": "1h", "checks": [CHECK]}
    cluster = Monitored(canary(ONE, analysis=analysis), lambda query: 0.02)
    cluster.settle(200)
    cluster.change(canary(TWO, steps=MINUTE, analysis=analysis))
    while cluster.resource.status["rollout"].get("step") != 2:
        step(cluster)
    begun = cluster.now
    cluster.wait(61)
    plan = cluster.look()
    assert cluster.resource.status["rollout"]["step"] == 2
    assert plan.measure is not None
    assert plan.measure.queries_every == 3600
    assert plan.measure.queries_since is not None and plan.measure.queries_since > begun
    cluster.says = lambda query: -0.5
    cluster.run_controllers()
    assert cluster.look().outcome == "RolledBack"


def test_a_check_of_a_step_that_nothing_feeds_is_not_passed_over() -> None:
    """An analysis before the first share was over after its time, with none of its checks ever looked at."""
    checks = [{"metric": "errorRate", "max": 0.01}]
    steps = [{"analysis": {"duration": "10s", "checks": checks}}, {"setWeight": 50}, {"pause": {"duration": "10s"}}]
    cluster = settled(canary(ONE))
    old = cluster.serving
    cluster.change(canary(TWO, steps=steps))
    cluster.settle(200)
    assert cluster.serving == old
    assert "Set setWeight before it" in cluster.condition("Stalled")["message"]
