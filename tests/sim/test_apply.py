"""The simulated server-side apply behaves as the real one does where the operator relies on it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.sim import apply as ssa


def applied(*steps: tuple[str, dict[str, Any], bool]) -> tuple[dict[str, Any], ssa.Owners]:
    live: dict[str, Any] = {}
    owners: ssa.Owners = {}
    for manager, manifest, force in steps:
        ssa.apply(live, owners, manager, manifest, force)
    return live, owners


def test_a_field_that_its_only_owner_no_longer_sends_is_removed() -> None:
    live, _ = applied(("us", {"spec": {"a": 1, "b": 2}}, True), ("us", {"spec": {"a": 1}}, True))
    assert live == {"spec": {"a": 1}}


def test_a_field_with_a_second_owner_stays() -> None:
    live, _ = applied(
        ("us", {"spec": {"replicas": 3}}, True), ("seed", {"spec": {"replicas": 3}}, True), ("us", {"spec": {}}, True)
    )
    assert live == {"spec": {"replicas": 3}}


def test_another_value_is_a_conflict_and_force_takes_the_field() -> None:
    with pytest.raises(ssa.Conflict, match="kubectl"):
        applied(("kubectl", {"spec": {"a": 1}}, False), ("us", {"spec": {"a": 2}}, False))
    live, owners = applied(("kubectl", {"spec": {"a": 1}}, False), ("us", {"spec": {"a": 2}}, True))
    assert live == {"spec": {"a": 2}}
    assert owners["kubectl"] == set()


def test_without_force_nothing_that_does_not_conflict_is_refused() -> None:
    live, _ = applied(("kubectl", {"data": {"a": "1"}}, False), ("us", {"data": {"b": "2"}}, False))
    assert live == {"data": {"a": "1", "b": "2"}}


def test_lists_with_keys_are_merged_by_key() -> None:
    ours = {"spec": {"containers": [{"name": "server", "image": "a"}]}}
    theirs = {"spec": {"containers": [{"name": "sidecar", "image": "b"}]}}
    live, _ = applied(("us", ours, True), ("mesh", theirs, True), ("us", {"spec": {}}, True))
    assert live == theirs


def test_applying_the_same_again_changes_nothing() -> None:
    manifest = {"spec": {"selector": {"app": "x"}, "ports": [{"port": 80, "protocol": "TCP"}]}}
    live, owners = applied(("us", manifest, True))
    before = copy.deepcopy((live, owners))
    ssa.apply(live, owners, "us", manifest, True)
    assert (live, owners) == before
