"""What the checks found, as metrics of the replica that leads."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from modelway.cluster.store import Store
from modelway.verdicts import Verdicts
from tests.cluster.test_store import resource


def exposed(leading: bool, **status: Any) -> list[str]:
    """The lines of a scrape."""
    store, registry = Store(), CollectorRegistry()
    store.see("ModelDeployment", None, resource(7, **status))
    registry.register(Verdicts(store, lambda: leading))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


EVIDENCE = [
    {"check": "errorRate", "state": "Passed", "value": 0.001, "stableValue": 0.0, "samples": 1000, "message": "…"},
    {"check": "prometheus 'sum(up{a=\"b\"})'", "state": "Inconclusive", "samples": 0, "message": "…"},
]


def test_each_check_has_its_verdict_and_its_numbers() -> None:
    labels = 'check="errorRate",modeldeployment="digits",namespace="models"'
    query = 'check="prometheus \'sum(up{a=\\"b\\"})\'",modeldeployment="digits",namespace="models"'
    assert sorted(exposed(True, rollout={"evidence": EVIDENCE})) == sorted(
        [
            f"modelway_check_value{{{labels}}} 0.001",
            f"modelway_check_stable_value{{{labels}}} 0.0",
            f"modelway_check_samples{{{labels}}} 1000.0",
            f"modelway_check_samples{{{query}}} 0.0",
            f'modelway_check_verdict{{{labels},state="Passed"}} 1.0',
            f'modelway_check_verdict{{{query},state="Inconclusive"}} 1.0',
        ]
    )


def test_who_does_not_lead_says_nothing_and_nothing_is_said_of_a_rollout_without_checks() -> None:
    assert exposed(False, rollout={"evidence": EVIDENCE}) == []
    assert exposed(True, rollout={"target": "digits-1"}) == []
    assert exposed(True) == []
