"""Tools for GitOps apply the same manifest all the time, in every phase. Nobody fights, and nothing comes of it: the
operator's writes, one by one, and the end are those of an object that was applied once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from modelway.manifests import names
from tests.gitops.tools import NAME, ArgoCd, ArgoCdClientSide, Flux, Live, Person, manifest, named_in
from tests.sim import apply as ssa
from tests.sim.world import NAMESPACE, Violated, World

ONE, TWO, ERRORS = (f"http://models/{name}.onnx" for name in ("1", "2", "erroring"))
STEPS = [
    {"shadow": {"duration": "30s"}},
    {"setWeight": 20},
    {"pause": {}},
    {"setWeight": 60},
    {"pause": {"duration": "1m"}},
]
Story = Callable[[World, Person, Live], None]


def canary(uri: str, **spec: Any) -> dict[str, Any]:
    rollout = {"strategy": "Canary", "steps": STEPS, "onFailure": "Rollback"}
    return manifest(**{"model": {"uri": uri}, "scaling": {"replicas": 3}, "rollout": rollout} | spec)


def verb(live: Live, word: str, number: int) -> None:
    """A person writes the annotation with kubectl, and it is read."""
    target = live.obj["status"]["rollout"]["target"]
    live.annotate("kubectl-annotate", {names.ACTION: f"{word}@{target}:{number}"})
    live.world.settle()
    last = live.obj["status"]["rollout"]["lastAction"]
    assert (last["action"], last["result"]) == (f"{word}@{target}:{number}", "Done")


def first(world: World, tool: Person, uri: str = ONE, **spec: Any) -> None:
    tool.commit(canary(uri, **spec))
    world.settle()


def promoted(world: World, tool: Person, live: Live) -> None:
    first(world, tool)
    first(world, tool, TWO)
    assert live.obj["status"]["phase"] == "Paused"
    verb(live, "promote", 1)
    assert live.obj["status"]["phase"] == "Ready"


def rolled_back(world: World, tool: Person, live: Live) -> None:
    first(world, tool)
    first(world, tool, ERRORS)
    assert world.condition("Stalled") == ("True", "RolledBack")
    first(world, tool, ONE)
    assert live.obj["status"]["phase"] == "Ready"


def every_verb(world: World, tool: Person, live: Live) -> None:
    first(world, tool)
    first(world, tool, TWO)
    for number, word in enumerate(("pause", "resume", "abort", "retry", "promote", "promote-full")):
        verb(live, word, number)
        if word == "promote":
            first(world, tool, ONE)
    assert live.obj["status"]["phase"] == "Ready"


def autoscaled(world: World, tool: Person, live: Live) -> None:
    scaling = {"min": 2, "max": 6}
    serving = {"resources": {"requests": {"cpu": "100m"}}}
    first(world, tool, scaling=scaling, serving=serving)
    (deployment,) = world.api.all("Deployment")
    grown = {**deployment["spec"], "replicas": 4}
    world.api.update("Deployment", NAMESPACE, deployment["metadata"]["name"], "kube-controller-manager",
                     lambda obj: obj.update(spec=grown))  # fmt: skip
    world.settle()
    assert live.obj["status"]["replicas"] == 4
    first(world, tool, TWO, scaling=scaling, serving=serving)
    verb(live, "promote", 1)
    assert live.obj["status"]["phase"] == "Ready"


def run(story: Story, tool: type[Person]) -> tuple[World, Live]:
    world = World()
    live = Live(world)
    world.checks.append(lambda world: live.untouched())
    story(world, tool(live), live)
    return world, live


def written(world: World) -> list[tuple[str, str, str, str]]:
    return [(each.method, each.kind, each.name, each.manager) for each in world.api.writes if each.kind != "Event"]


def end(live: Live) -> dict[str, Any]:
    """Status and spec at the end."""
    status = copy.deepcopy(live.obj["status"])
    return {"status": status, "spec": live.obj["spec"], "generation": live.obj["metadata"]["generation"]}


@pytest.mark.parametrize("tool", [ArgoCd, ArgoCdClientSide, Flux])
@pytest.mark.parametrize("story", [promoted, rolled_back, every_verb, autoscaled], ids=lambda story: story.__name__)
def test_nobody_fights(story: Story, tool: type[Person]) -> None:
    alone, once = run(story, Person)
    world, live = run(story, tool)
    assert written(world) == written(alone)
    assert end(live) == end(once)
    assert world.rest() == 0


@pytest.mark.parametrize("story", [promoted, every_verb], ids=lambda story: story.__name__)
def test_of_the_users_object_we_own_nothing_but_the_status(story: Story) -> None:
    world, live = run(story, Flux)
    bodies = [each.body for each in world.api.writes if each.kind == names.KIND]
    assert len(bodies) > 5
    assert {path[0] for body in bodies for path in ssa.fields(body)} == {"status"}
    assert names.FIELD_MANAGER not in live.owners


def test_flux_takes_a_verb_away_and_it_was_read_once() -> None:
    world, live = run(promoted, Flux)
    world.settle()
    assert names.ACTION not in live.obj["metadata"].get("annotations", {})
    assert live.obj["status"]["rollout"]["lastAction"]["result"] == "Done"


def test_a_fight_would_be_seen() -> None:
    world, live = run(promoted, ArgoCd)
    world.edit(lambda spec: spec["scaling"].update(replicas=5), NAME)
    with pytest.raises(Violated):
        live.untouched()
    world.checks = world.checks[1:]
    with pytest.raises(Violated, match="out of sync"):
        world.settle()


def test_argo_cd_looks_only_at_what_the_manifest_names() -> None:
    config = {"spec": {"steps": [{"shadow": {"duration": "30s"}}]}}
    filled = {"spec": {"steps": [{"shadow": {"duration": "30s", "percent": 100}}], "paused": False}, "status": {}}
    assert named_in(config, filled) == config
    assert named_in(config, {"spec": {"steps": [*filled["spec"]["steps"], {"pause": {}}]}}) != config
