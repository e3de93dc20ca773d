"""The store: what it takes for news, whatever order and however often it is told."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelway.cluster.observe import observe
from modelway.cluster.store import Change, Store
from modelway.world import Measured

KEY = ("models", "digits")


def resource(version: int, generation: int = 1, uid: str = "md-1", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "models",
            "name": "digits",
            "uid": uid,
            "resourceVersion": str(version),
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"model": {"uri": "http://models/1.onnx"}},
        "status": status,
    }


def config_map(version: int, value: str = "1", uid: str = "cm-1", owner: str = "md-1") -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "models",
            "name": "digits-traffic",
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"modelway.io/deployment": "digits"},
            "ownerReferences": [{"uid": owner, "controller": True}],
        },
        "data": {"traffic.json": value},
    }


def deployment(version: int, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "models",
            "name": "digits-1",
            "uid": "d-1",
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"modelway.io/deployment": "digits"},
            "ownerReferences": [{"uid": "md-1", "controller": True}],
        },
        "spec": {"replicas": 2},
        "status": status,
    }


def filled() -> Store:
    store = Store()
    store.see("ModelDeployment", None, resource(10))
    store.see("ConfigMap", None, config_map(11))
    return store


def data(store: Store) -> list[str]:
    world = observe(store, KEY, "image", Measured())
    assert world is not None
    return [child.body["data"]["traffic.json"] for child in world.children]


def test_a_new_resource_and_a_new_generation_are_urgent_and_a_new_status_is_not() -> None:
    store = Store()
    assert store.see("ModelDeployment", "ADDED", resource(10)) == Change(KEY, urgent=True)
    assert store.see("ModelDeployment", "MODIFIED", resource(11, phase="x")) == Change(KEY, urgent=False)
    assert store.see("ModelDeployment", "MODIFIED", resource(12, generation=2)) == Change(KEY, urgent=True)


def test_the_echo_of_our_own_write_is_no_news() -> None:
    store = filled()
    assert store.see("ConfigMap", "MODIFIED", config_map(12, "2")) == Change(KEY, urgent=False)
    assert store.see("ConfigMap", "MODIFIED", config_map(12, "2")) is None
    assert store.knows("cm-1", 12, deleted=False)


def test_an_older_event_changes_nothing() -> None:
    store = filled()
    store.see("ConfigMap", "MODIFIED", config_map(20, "new"))
    assert store.see("ConfigMap", "MODIFIED", config_map(15, "old")) is None
    assert data(store) == ["new"]


def test_a_new_version_without_a_visible_change_is_no_news() -> None:
    assert filled().see("ConfigMap", "MODIFIED", config_map(12)) is None


def test_a_deleted_object_does_not_come_back_by_a_late_event() -> None:
    store = filled()
    assert store.see("ConfigMap", "DELETED", config_map(20)) == Change(KEY, urgent=False)
    assert store.see("ConfigMap", "MODIFIED", config_map(19, "late")) is None
    assert data(store) == []


def test_what_we_deleted_ourselves_stays_deleted_whatever_the_watch_still_tells() -> None:
    store = filled()
    store.deleted("cm-1")
    assert store.see("ConfigMap", "MODIFIED", config_map(99, "late")) is None
    assert data(store) == []


def test_an_object_that_left_the_selector_comes_back_with_its_label() -> None:
    store = filled()
    store.see("ConfigMap", "DELETED", config_map(20))
    assert store.see("ConfigMap", "ADDED", config_map(21, "back")) == Change(KEY, urgent=False)
    assert data(store) == ["back"]


def test_children_of_a_former_resource_of_the_same_name_are_not_ours() -> None:
    store = filled()
    store.see("ModelDeployment", "ADDED", resource(30, uid="md-2"))
    assert data(store) == []


def test_a_child_that_is_listed_before_its_resource_is_there_when_the_resource_comes() -> None:
    store = Store()
    assert store.see("ConfigMap", None, config_map(11)) is None
    store.see("ModelDeployment", None, resource(10))
    assert data(store) == ["1"]


def test_a_sweep_forgets_what_a_census_did_not_name_and_spares_what_came_later() -> None:
    store = filled()
    young = config_map(50, "young", uid="cm-2")
    store.see("ConfigMap", "ADDED", young | {"metadata": young["metadata"] | {"name": "another"}})
    assert store.sweep("ConfigMap", [], before=40) == [Change(KEY, urgent=False)]
    assert data(store) == ["young"]


def test_an_object_made_anew_under_a_name_replaces_the_former_one_whose_deletion_was_not_told_yet() -> None:
    store = filled()
    store.see("ConfigMap", "ADDED", config_map(50, "anew", uid="cm-2"))
    assert data(store) == ["anew"]


HISTORY = [
    ("ADDED", config_map(11, "1")),
    ("MODIFIED", config_map(12, "2")),
    ("MODIFIED", config_map(13, "3")),
    ("DELETED", config_map(14, "3")),
    ("ADDED", config_map(15, "other", uid="cm-2")),
    ("MODIFIED", config_map(16, "last", uid="cm-2")),
]


@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=6))
def test_events_in_any_order_and_any_number_end_in_the_same_store(
    order: list[tuple[str, dict[str, Any]]], repeated: list[tuple[str, dict[str, Any]]]
) -> None:
    store = Store()
    store.see("ModelDeployment", "ADDED", resource(10))
    for word, obj in itertools.chain(order, repeated):
        store.see("ConfigMap", word, obj)
    assert data(store) == ["last"]


def test_of_a_deployments_status_only_what_a_decision_reads_is_news() -> None:
    store = filled()
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    progress = {"type": "Progressing", "status": "True", "message": "has 1 of 2"}
    told = (
        ("it has begun", True, {"observedGeneration": 1}),
        ("pods are counted that are not ready", False, {"observedGeneration": 1, "replicas": 2}),
        ("progress is reported", False, {"observedGeneration": 1, "replicas": 2, "conditions": [progress]}),
        ("a pod is ready", True, {"observedGeneration": 1, "replicas": 2, "readyReplicas": 1}),
        ("a pod is refused", True, {"observedGeneration": 1, "readyReplicas": 1, "conditions": [refused]}),
        ("and again", False, {"observedGeneration": 1, "readyReplicas": 1, "conditions": [progress, refused]}),
    )
    store.see("Deployment", "ADDED", deployment(20))
    for version, (sentence, news, status) in enumerate(told, start=21):
        change = store.see("Deployment", "MODIFIED", deployment(version, **status))
        assert (change is not None) == news, sentence
