"""The same stories when everything goes wrong that can: the operator dies after any write, answers get lost, events
come late, twice or never. Whatever happens on the way, the end is the same and the service never misses a pod.

``MODELWAY_SIM_SEEDS=5000`` runs that many schedules; ``MODELWAY_SIM_SEED=17`` replays one.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.sim.controllers import Fate
from tests.sim.invariants import Serving, Shares, front
from tests.sim.world import NAMESPACE, World

ONE, TWO, THREE, BROKEN = (f"http://models/{name}.onnx" for name in ("1", "2", "3", "broken"))

SEEDS = (
    [int(os.environ["MODELWAY_SIM_SEED"])]
    if "MODELWAY_SIM_SEED" in os.environ
    else list(range(int(os.environ.get("MODELWAY_SIM_SEEDS", "15"))))
)

TIMES = {
    "lastTransitionTime",
    "startedAt",
    "modelway.io/promoted-at",
    "modelway.io/failed-at",
    "modelway.io/applied",  # a hash, of the times too
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "stepStartedAt",
    "evidence",  # its numbers; that it is there is checked by the stories
    "at",
    "modelway.io/traffic",
    "traffic.json",  # its generation and times; what it says in the end is checked by the stories
    "observedGeneration",
    "step",
    "clusterIP",
}

COUNTS = re.compile(r"\(\d+ of \d+\)|: \d+ errors\b")  # of samples: how many pods had been asked when it was judged


def final(world: World) -> dict[str, Any]:
    """All that a user can see, without what depends on when it happened."""
    return {
        "/".join(name): _timeless(stored.obj)
        for name, stored in sorted(world.api.objects.items())
        if name[0] not in ("Pod", "Event")
    }


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [_timeless(inner) for inner in value]
    return COUNTS.sub("(n of m)", value) if isinstance(value, str) else value


def first_model(world: World) -> None:
    world.create(model={"uri": ONE}, scaling={"replicas": 2})
    world.settle()


def update(world: World) -> None:
    first_model(world)
    world.checks.append(Serving(least=2))
    world.model(TWO)
    world.settle()


def bad_update(world: World) -> None:
    first_model(world)
    world.checks.append(Serving(least=2))
    world.cluster.fates[BROKEN] = Fate.NO_MODEL
    world.model(BROKEN)
    world.settle()


def there_and_back(world: World) -> None:
    update(world)
    world.model(ONE)
    world.settle()


def third_version(world: World) -> None:
    first_model(world)
    world.checks.append(Serving(least=2))
    world.cluster.fates[TWO] = Fate.UNSCHEDULABLE
    world.model(TWO)
    world.settle(within=120)
    world.model(THREE)
    world.settle()


def to_an_autoscaler(world: World) -> None:
    first_model(world)
    world.checks.append(Serving(least=2))
    world.edit(lambda spec: spec.update(scaling={"min": 2, "max": 5}))
    world.settle()


def deleted(world: World) -> None:
    first_model(world)
    world.api.delete("ModelDeployment", NAMESPACE, "digits")
    world.settle()


def _canary(world: World, **rollout: Any) -> None:
    steps = [
        {"shadow": {"duration": "30s"}},
        {"setWeight": 20},
        {"pause": {"duration": "1m"}},
        {"setWeight": 60},
        {"pause": {"duration": "1m"}},
    ]
    checks = [{"metric": "errorRate", "max": 0.01}, {"metric": "shadowAgreement", "min": 0.9, "minSamples": 100}]
    world.create(
        model={"uri": ONE},
        scaling={"replicas": 3},
        rollout={"strategy": "Canary", "steps": steps, "analysis": {"checks": checks}} | rollout,
    )
    world.settle()
    world.checks += [Serving(least=3), Shares()]


def canary(world: World) -> None:
    _canary(world)
    world.model(TWO)
    world.settle()


def bad_canary(world: World) -> None:
    _canary(world)
    world.model("http://models/erroring.onnx")
    world.settle()


def wrong_canary(world: World) -> None:
    _canary(world)
    world.model("http://models/wrong.onnx")
    world.settle()


def canary_with_another_signature(world: World) -> None:
    _canary(world)
    world.model("http://models/wide.onnx")
    world.settle()


def aborted_canary(world: World) -> None:
    _canary(world, steps=[{"setWeight": 50}, {"pause": {}}])
    world.model(TWO)
    world.settle()
    world.act("abort")
    world.settle()


def third_canary(world: World) -> None:
    _canary(world, steps=[{"setWeight": 50}, {"pause": {}}])
    world.model(TWO)
    world.settle()
    world.model(THREE)
    world.settle()
    world.act("promote")
    world.settle()


STORIES = [
    first_model,
    update,
    bad_update,
    there_and_back,
    third_version,
    to_an_autoscaler,
    deleted,
    canary,
    bad_canary,
    wrong_canary,
    canary_with_another_signature,
    aborted_canary,
    third_canary,
]
Story = Callable[[World], None]
_BASELINES: dict[str, tuple[dict[str, Any], int]] = {}


def undisturbed(story: Story) -> tuple[dict[str, Any], int]:
    """How the story ends, and how many writes it takes, when nothing goes wrong."""
    if story.__name__ not in _BASELINES:
        world = World()
        story(world)
        _BASELINES[story.__name__] = final(world), world.seen
    return _BASELINES[story.__name__]


def same(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    assert json.dumps(actual, indent=1, sort_keys=True) == json.dumps(expected, indent=1, sort_keys=True)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_dying_after_any_write_ends_in_the_same_state(story: Story) -> None:
    expected, writes = undisturbed(story)
    assert writes >= 5
    for number in range(1, writes + 1):
        world = World(crash_after=number)
        story(world)
        assert world.crashes == 1, f"no write number {number}"
        same(final(world), expected)
        assert world.rest() == 0, f"writes at rest after dying at write {number}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_any_schedule_with_faults_ends_in_the_same_state(story: Story, seed: int) -> None:
    expected, writes = undisturbed(story)
    chance = random.Random(f"{story.__name__} {seed}")
    crash = chance.randint(1, writes) if chance.random() < 0.5 else None
    world = World(
        chance=chance, faults=chance.choice((0.0, 0.1, 0.4)), crash_after=crash, relists=chance.random() < 0.3
    )
    print(f"replay: MODELWAY_SIM_SEED={seed} pytest tests/sim -k {story.__name__}")
    story(world)
    world.chance = None  # the trouble is over
    world.settle()
    same(final(world), expected)
    assert world.rest() == 0


def test_the_front_changes_once_an_update() -> None:
    world = World()
    fronts: list[str] = []

    def note(world: World) -> None:
        if (now := front(world)) and (not fronts or fronts[-1] != now):
            fronts.append(now)

    world.checks.append(note)
    there_and_back(world)
    assert len(fronts) == 3
    assert fronts[0] == fronts[2]
