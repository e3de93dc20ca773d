"""The values that every room shares: frozen, and equal when they say the same."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from modelway import world
from modelway.world import Child, Kind
from tests.decide.cluster import START, Cluster, spec_of

VALUES = [value for value in vars(world).values() if is_dataclass(value)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_values_are_frozen_and_explained(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert hasattr(value, "__slots__")
    assert value.__doc__
    assert fields(value)


def test_a_world_can_not_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Cluster(spec_of()).world.runtime_image = "another"  # type: ignore[misc]


def test_equal_worlds_are_equal() -> None:
    assert Cluster(spec_of()).world == Cluster(spec_of()).world


def test_a_child_is_found_by_kind_and_name() -> None:
    cluster = Cluster(spec_of())
    cluster.look()
    found = cluster.world.child(Kind.SERVICE, "digits")
    assert isinstance(found, Child)
    assert found.created_at == START
    assert cluster.world.child(Kind.SERVICE, "another") is None


def test_kinds_are_in_the_order_in_which_they_are_created() -> None:
    assert [str(kind) for kind in Kind][:4] == ["ControllerRevision", "ConfigMap", "Service", "Deployment"]
