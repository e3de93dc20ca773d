"""Argo CD's view of each state, and its buttons: the scripts run in real interpreters over real statuses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from modelway.api.status import Phase
from modelway.decide.verbs import VERBS
from modelway.manifests import names
from tests.decide.cluster import Cluster
from tests.gitops import programs
from tests.gitops.lua import DEFINITIONS, DISCOVERY, HEALTH, Interpreter, argo_cds, reference, restored
from tests.gitops.states import STATES
from tests.gitops.worlds import document

NO_GO = pytest.mark.skipif(not programs.available(), reason="Argo CD's Lua is a Go library; there is no Go compiler")
INTERPRETERS = [reference, pytest.param(argo_cds, marks=[NO_GO, pytest.mark.timeout(600)])]
everywhere = pytest.mark.parametrize("run", INTERPRETERS)
each_state = pytest.mark.parametrize("name", STATES)


@each_state
@everywhere
def test_health(run: Interpreter, name: str) -> None:
    cluster = STATES[name].make()
    told = run(HEALTH, document(cluster))
    assert told["status"] == STATES[name].health
    assert told.keys() == {"status", "message"}
    assert told["message"].endswith((".", ".)")), told


def test_the_message_is_the_one_that_people_read_elsewhere() -> None:
    for name in ("it was rolled back", "a canary waits for a person", "it serves", "its pods crash"):
        cluster = STATES[name].make()
        assert reference(HEALTH, document(cluster))["message"] == cluster.resource.status["rollout"]["message"]


def possible(run: Interpreter, obj: dict[str, Any]) -> set[str]:
    """The buttons that can be pressed."""
    actions = run(DISCOVERY, obj)
    assert set(actions) == set(VERBS) == set(DEFINITIONS)
    return {verb for verb, action in actions.items() if not action["disabled"]}


def pressed(run: Interpreter, cluster: Cluster, verb: str) -> str:
    """What Argo CD writes: the annotation, and nothing else changes."""
    before = document(cluster, {"team": "vision"})
    after = restored(run(DEFINITIONS[verb], copy.deepcopy(before)), before)
    value = after["metadata"]["annotations"].pop(names.ACTION)
    assert after == before
    return str(value)


def obeyed(name: str, verb: str, value: str) -> bool:
    """Whether the operator does what the annotation says, in that state."""
    cluster = STATES[name].make()
    cluster.act(verb, cluster.resource.status["rollout"]["target"])
    cluster.resource.annotations[names.ACTION] = value  # type: ignore[index]
    cluster.look()
    last = cluster.resource.status["rollout"].get("lastAction", {})
    return last.get("action") == value and last["result"] == "Done"


# What a person may say again to no effect, or pause although it is held already, needs no button.
NO_BUTTON = {
    ("a person paused it", "pause"),
    ("a check failed and a person decides", "pause"),
    ("a person aborts it", "abort"),
}


@each_state
def test_a_button_can_be_pressed_where_the_operator_would_obey(name: str) -> None:
    cluster = STATES[name].make()
    shown = possible(reference, document(cluster))
    if "rollout" not in cluster.resource.status:
        assert not shown
        return
    done = {verb for verb in VERBS if obeyed(name, verb, pressed(reference, cluster, verb))}
    assert shown == {verb for verb in done if (name, verb) not in NO_BUTTON}


@NO_GO
@pytest.mark.timeout(600)
def test_both_interpreters_show_the_same_buttons_and_write_the_same() -> None:
    for name, state in STATES.items():
        cluster = state.make()
        assert possible(argo_cds, document(cluster)) == possible(reference, document(cluster)), name
        for verb in VERBS if "rollout" in cluster.resource.status else ():
            assert pressed(argo_cds, cluster, verb) == pressed(reference, cluster, verb)


def test_pressing_twice_on_the_same_view_is_one_verb_and_later_it_is_another() -> None:
    cluster = STATES["a canary waits for a person"].make()
    first = pressed(reference, cluster, "promote")
    assert pressed(reference, cluster, "promote") == first
    cluster.look()
    assert pressed(reference, cluster, "promote") != first


@pytest.mark.parametrize("annotations", [None, {"team": "vision"}])
@everywhere
def test_an_object_with_and_without_annotations(run: Interpreter, annotations: dict[str, str] | None) -> None:
    obj = document(STATES["a canary waits for a person"].make(), annotations)
    told = run(DEFINITIONS["promote"], obj)["metadata"]["annotations"]
    assert told.pop(names.ACTION).startswith(f"promote@{obj['status']['rollout']['target']}:")
    assert told == (annotations or {})


def test_the_page_names_every_phase_and_every_verb() -> None:
    page = (Path(__file__).parents[2] / "docs/gitops.md").read_text()
    assert not [word for word in (*Phase, *VERBS) if f"`{word}`" not in page]
