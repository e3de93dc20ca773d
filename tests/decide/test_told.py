"""The verdict and its numbers are told three times: in the status, in an event, and (from the status) in a metric."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.world import Event
from tests.decide.cluster import Cluster, settled, spec_of
from tests.decide.test_canary import ONE, TWO, canary, step

ERRING = "s3://models/erroring/"


def ended(uri: str, until: str, **rollout: Any) -> tuple[Cluster, Event]:
    """A canary up to the event of that reason; the cluster, and the event."""
    cluster = settled(canary(ONE, **rollout))
    cluster.change(canary(uri, **rollout))
    seen = len(cluster.plans)
    for _ in range(200):
        step(cluster)
        told = [event for plan in cluster.plans[seen:] for event in plan.events if event.reason == until]
        if told:
            return cluster, told[0]
    raise AssertionError(f"no {until}: {cluster.plans[-1].why}")


def evidence(cluster: Cluster) -> dict[str, dict[str, Any]]:
    return {each["check"]: each for each in cluster.resource.status["rollout"]["evidence"]}


def test_a_promotion_says_what_its_checks_found() -> None:
    cluster, event = ended(TWO, "RevisionPromoted")
    told = evidence(cluster)
    assert (event.type, told["errorRate"]["state"], told["errorRate"]["value"]) == ("Normal", "Passed", 0.0)
    assert "takes the traffic instead of revision 1" in event.message
    assert f" Its checks: {told['errorRate']['message']}; {told['latencyP95']['message']}." in event.message


@pytest.mark.parametrize(("on_failure", "reason"), [("Rollback", "RevisionFailed"), ("Pause", "RolloutPaused")])
def test_a_failed_check_is_a_warning_with_its_numbers(on_failure: str, reason: str) -> None:
    cluster, event = ended(ERRING, reason, onFailure=on_failure)
    found = evidence(cluster)["errorRate"]
    assert (found["state"], found["samples"]) == ("Failed", 4000)
    assert found["value"] == 0.5
    assert event.type == "Warning"
    assert found["message"] in event.message


def test_a_pause_that_a_person_asks_for_is_no_warning() -> None:
    cluster, _ = ended(TWO, "StepStarted")
    cluster.act("pause")
    plan = cluster.look()
    assert {(event.type, event.reason) for event in plan.events} == {
        ("Normal", "ActionDone"),
        ("Normal", "StepStarted"),
    }


def test_an_update_without_checks_tells_of_none() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(TWO))
    cluster.settle()
    told = [event.message for plan in cluster.plans for event in plan.events if event.reason == "RevisionPromoted"]
    assert len(told) == 2
    assert not [message for message in told if "checks" in message]
