"""What decisions remember of one another (pure functions of values that come again) changes none of them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from modelway.world import Plan
from tests.decide.cluster import Cluster, settled, spec_of
from tests.decide.test_canary import ONE, TWO, canary


def forget() -> int:
    """Empties whatever the pure rooms remember; says how much there is to empty."""
    rooms = [m for name, m in sys.modules.items() if name.startswith(("modelway.decide.", "modelway.manifests."))]
    caches = [each for room in rooms for each in vars(room).values() if hasattr(each, "cache_clear")]
    for cache in caches:
        cache.cache_clear()
    return len(caches)


def told(*, forgetful: bool) -> list[Plan]:
    """Every plan of a canary, of a change of its steps and of a return."""
    cluster = settled(canary(ONE))
    for spec in (canary(TWO), canary(TWO, steps=[{"setWeight": 50}, {"pause": {"duration": "1m"}}]), canary(ONE)):
        cluster.change(spec)
        for _ in range(12):
            cluster.look()
            cluster.run_controllers()
            cluster.wait(20)
            if forgetful:
                forget()
    return cluster.plans


def test_a_decision_that_remembers_nothing_is_the_same() -> None:
    assert forget()
    assert told(forgetful=False) == told(forgetful=True)


@pytest.mark.parametrize("labels", [{1: "a key that is no text"}, {"a": {"set"}}])
def test_a_spec_that_json_can_not_hold_is_refused_with_a_sentence(labels: dict[Any, Any]) -> None:
    plan = Cluster(spec_of(serving={"pod": {"labels": labels}})).decide()
    assert plan.status
    assert plan.status["phase"] == "Failed"
    assert plan.why[0].startswith("spec.serving.pod.labels.")
