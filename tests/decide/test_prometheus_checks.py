"""Checks of Prometheus in a canary: what is asked, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelway.world import Number
from tests.decide.cluster import Cluster
from tests.decide.test_canary import ONE, TWO, canary, step

ADDRESS = "http://prometheus.monitoring.svc:9090"
QUERY = 'sum(accuracy{revision="$candidate"}) - sum(accuracy{revision="$stable"})'
CHECK = {"prometheus": {"address": ADDRESS, "query": QUERY}, "min": -0.01}


class Monitored(Cluster):
    """A cluster with a Prometheus. ``says`` gives the number for a query, or None where there is none."""

    def __init__(self, spec: dict[str, Any], says: Callable[[str], float | None]) -> None:
        super().__init__(spec)
        self.says, self.asked, self.errors = says, [], 0  # type: ignore[var-annotated]

    def _measure(self) -> None:
        super()._measure()
        wanted = self.plans[-1].measure if self.plans else None
        numbers = {}
        for address, query in wanted.queries if wanted else ():
            self.asked.append((address, query))
            value = self.says(query)
            self.errors = 0 if value is not None else self.errors + 1
            error = "" if value is not None else "The query finds no samples."
            numbers[address, query] = Number(value, error, self.errors, self.now)
        self.measured = replace(self.measured, numbers=numbers)


def canaried(says: Callable[[str], float | None], **check: Any) -> Monitored:
    """How a canary with the check ends."""
    analysis = {"interval": "10s", "checks": [{**CHECK, **check}]}
    cluster = Monitored(canary(ONE, analysis=analysis), says)
    cluster.settle(200)
    cluster.change(canary(TWO, analysis=analysis))
    for _ in range(100):
        step(cluster)
        cluster.wait(5)
    return cluster


def test_the_query_names_both_revisions() -> None:
    cluster = canaried(lambda query: 0.02)
    stable, candidate = (
        next(name.rpartition("-")[2] for (kind, name), child in cluster.children.items()
             if kind == "ControllerRevision" and child.body["data"]["model"]["uri"] == uri)
        for uri in (ONE, TWO)
    )  # fmt: skip
    assert set(cluster.asked) == {
        (ADDRESS, f'sum(accuracy{{revision="{candidate}"}}) - sum(accuracy{{revision="{stable}"}})')
    }
    assert cluster.serving == candidate
    (found,) = cluster.resource.status["rollout"]["evidence"]
    assert (found["state"], found["value"]) == ("Passed", 0.02)
    assert found["check"].startswith('prometheus \'sum(accuracy{revision="$candidate"})')


def test_a_number_beyond_the_limit_ends_it() -> None:
    cluster = canaried(lambda query: -0.2)
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    assert "is below min -0.01" in cluster.condition("Stalled")["message"]


def test_a_prometheus_that_gives_no_number_is_borne_for_a_while() -> None:
    answers = iter([None, None, None])
    assert canaried(lambda query: next(answers, 0.0)).condition("Stalled") == {}
    cluster = canaried(lambda query: None)
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    assert "gave no number 5 times in a row: The query finds no samples." in cluster.condition("Stalled")["message"]
    strict = canaried(lambda query: None, consecutiveErrorLimit=0)
    assert "gave no number 1 times in a row" in strict.condition("Stalled")["message"]
