"""When does a live object hold what is wanted? (live, wanted, whether it does)"""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelway.decide.difference import covers
from modelway.manifests import names
from modelway.world import Kind
from tests.decide.cluster import Cluster, spec_of
from tests.decide.telling import kinds

CASES = {
    "the API server adds defaults": ({"a": 1, "b": 2}, {"a": 1}, True),
    "a value differs": ({"a": 1}, {"a": 2}, False),
    "a key is missing": ({}, {"a": 1}, False),
    "quantities are amounts": (
        {"limits": {"cpu": "500m", "memory": "1Gi"}},
        {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
        True,
    ),
    "other quantities differ": ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "500m"}}, False),
    "text that looks like a quantity is text": ({"value": "500m"}, {"value": "0.5"}, False),
    "list elements gain defaults": ([{"name": "a", "protocol": "TCP"}], [{"name": "a"}], True),
    "an element is missing": ([], [{"name": "a"}], False),
    "the API server drops empty things": ({}, {"annotations": {}, "list": []}, True),
    "somebody emptied it": ({"spec": None}, {"spec": {"a": 1}}, False),
}


@pytest.mark.parametrize("case", CASES)
def test_covers(case: str) -> None:
    live, wanted, holds = CASES[case]
    assert covers(live, wanted) is holds


def settled() -> Cluster:
    """A cluster at rest."""
    cluster = Cluster(spec_of())
    cluster.settle()
    return cluster


def test_at_rest_nothing_is_written() -> None:
    assert settled().decide().writes == ()


def test_a_hand_that_changes_a_child_is_undone() -> None:
    cluster = settled()
    service = cluster.children[Kind.SERVICE, "digits"]
    changed = {**service.body, "spec": {**service.body["spec"], "ports": [{"name": "http", "port": 81}]}}
    cluster.children[Kind.SERVICE, "digits"] = replace(service, body=changed)
    assert kinds(cluster.decide().writes) == ["~Service/digits"]


def test_what_others_add_is_theirs() -> None:
    cluster = settled()
    service = cluster.children[Kind.SERVICE, "digits"]
    added = replace(
        service, annotations={**service.annotations, "mesh/inject": "yes"}, labels={**service.labels, "team": "a"}
    )
    cluster.children[Kind.SERVICE, "digits"] = added
    assert cluster.decide().writes == ()


def test_a_field_that_we_no_longer_send_is_noticed_by_the_fingerprint() -> None:
    cluster = settled()
    service = cluster.children[Kind.SERVICE, "digits"]
    cluster.children[Kind.SERVICE, "digits"] = replace(service, annotations={names.APPLIED: "of an older version"})
    assert kinds(cluster.decide().writes) == ["~Service/digits"]


def test_a_child_on_its_way_out_is_waited_for() -> None:
    cluster = settled()
    service = cluster.children[Kind.SERVICE, "digits"]
    cluster.children[Kind.SERVICE, "digits"] = replace(service, deleting=True)
    assert cluster.decide().writes == ()


def test_a_deployment_of_an_older_operator_keeps_its_template() -> None:
    cluster = settled()
    key = Kind.CONTROLLER_REVISION, f"digits-{cluster.serving}"
    record = cluster.children[key]
    older = {**record.body["data"], "render": 0}
    cluster.children[key] = replace(record, body={**record.body, "data": older})
    name = Kind.DEPLOYMENT, f"digits-{cluster.serving}"
    live = cluster.children[name]
    template = {"spec": {"containers": [{"name": "as it was"}]}}
    cluster.children[name] = replace(live, body={**live.body, "spec": {**live.body["spec"], "template": template}})
    cluster.change(spec_of("s3://models/2/", scaling={"replicas": 2}, rollout={"paused": True}))
    (scaled,) = (w for w in cluster.decide().writes if w.manifest["kind"] == "Deployment")  # type: ignore[union-attr]
    assert scaled.manifest["spec"]["template"] == template  # type: ignore[union-attr]
    assert scaled.manifest["spec"]["replicas"] == 2  # type: ignore[union-attr]
