"""What Flux, Helm and other tools that wait by kstatus make of each state: asked of the real thing, twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelway.api.crd import custom_resource_definition
from tests.decide.cluster import Cluster, settled, spec_of
from tests.gitops import programs
from tests.gitops.states import STATES
from tests.gitops.worlds import ONE, TWO, canary, document, step

pytestmark = [
    pytest.mark.skipif(not programs.available(), reason="kstatus is a Go library, and there is no Go compiler here"),
    pytest.mark.timeout(600),  # the first time it is built
]


def computed(objects: list[dict[str, Any]]) -> list[dict[str, tuple[str, str]]]:
    """For each object, by library: status and message."""
    answers = programs.asked("kstatus", objects)
    return [{who: (said["status"], said["message"]) for who, said in answer.items()} for answer in answers]


def test_each_state_is_called_what_a_pipeline_needs() -> None:
    told = computed([document(state.make()) for state in STATES.values()])
    for name, by in zip(STATES, told, strict=True):
        assert {who: status for who, (status, _) in by.items()} == dict.fromkeys(
            ("upstream", "flux"), STATES[name].kstatus
        ), name


def test_what_it_says_is_our_sentence() -> None:
    for name in ("it was rolled back", "a canary waits for a person", "a write was refused"):
        cluster = STATES[name].make()
        ours = cluster.resource.status["rollout"]["message"]
        for who, (_, message) in computed([document(cluster)])[0].items():
            assert message in ours, (name, who)


def test_from_the_change_until_it_serves_it_is_in_progress_at_every_look() -> None:
    cluster = settled(canary(ONE))
    before = cluster.serving
    cluster.change(canary(TWO))
    objects = []
    while cluster.resource.status["phase"] != "Ready" or cluster.serving == before:
        objects.append(document(cluster))
        step(cluster)
    assert len(objects) > 15
    for by in computed(objects):
        assert {status for status, _ in by.values()} == {"InProgress"}
    assert computed([document(cluster)])[0]["flux"][0] == "Current"


def test_a_new_object_is_not_taken_for_a_settled_one_while_nobody_looks_at_it() -> None:
    """Without a status kstatus says Current, so the API server fills one in."""
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fresh = document(STATES["nobody has looked at it"].make())
    assert schema["properties"]["status"]["default"] == fresh["status"]
    bare = {key: value for key, value in fresh.items() if key != "status"}
    assert [by["flux"][0] for by in computed([fresh, bare])] == ["InProgress", "Current"]


@pytest.mark.parametrize("spec", [spec_of(ONE), spec_of("ftp://a/b"), canary(TWO)])
def test_what_the_api_server_fills_in_decides_nothing(spec: dict[str, Any]) -> None:
    bare, filled = Cluster(spec), Cluster(spec)
    filled.resource = replace(filled.resource, status={"observedGeneration": -1})
    assert filled.decide() == bare.decide()


def test_an_object_that_goes_is_said_to_go() -> None:
    gone = document(STATES["it serves"].make())
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    assert computed([gone])[0]["flux"][0] == "Terminating"
