"""Where it rests does not depend on where it came from, and at rest nothing is written. ``python -m tests.sim.pairs``
plays as many pairs as are asked for."""

from __future__ import annotations

import pytest

from tests.sim.pairs import compare
from tests.sim.waits import WAITS


@pytest.mark.parametrize("first", range(0, 36, 12))
def test_any_spec_ends_as_if_it_had_been_the_first(first: int) -> None:
    assert compare(range(first, first + 12)) == []


@pytest.mark.parametrize("name", WAITS)
def test_whoever_waits_writes_nothing(name: str) -> None:
    assert WAITS[name].writes() == []
