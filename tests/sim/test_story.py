"""Generated stories. ``python -m tests.sim --schedules 100000`` plays more, ``python -m tests.sim.mutants`` shows that
they notice what is wrong."""

from __future__ import annotations

import pytest

from modelway.decide.plan import decide
from modelway.world import Plan
from modelway.world import World as Seen
from tests.sim.play import play
from tests.sim.returning import Returning
from tests.sim.scenes import TWO, serving
from tests.sim.story import Story

PORTION = 20


@pytest.mark.parametrize("first", range(0, 200, PORTION))
def test_no_story_breaks_an_invariant(first: int) -> None:
    played = play(range(first, first + PORTION))
    assert not played.findings, "\n\n".join(finding.told() for finding in played.findings)


@pytest.mark.parametrize("first", range(0, 100, PORTION))
def test_no_story_with_rollbacks_breaks_one(first: int) -> None:
    played = play(range(first, first + PORTION), kind=Returning)
    assert not played.findings, "\n\n".join(finding.told() for finding in played.findings)


def test_a_story_is_the_same_each_time() -> None:
    one, other = Story(11), Story(11)
    one.run()
    other.run()
    assert one.lines == other.lines
    assert len(one.world.api.writes) == len(other.world.api.writes)


def test_a_decision_that_breaks_an_invariant_is_a_finding_with_its_story() -> None:
    def silent(seen: Seen, now: object) -> Plan:
        return decide(seen, now).__class__()  # type: ignore[arg-type]

    played = play(range(5), silent, at_most=1)
    assert played.findings[0].told().splitlines()[-1].startswith("replay: python -m tests.sim")


def test_when_minutes_pass_the_standby_has_heard_of_all_that_was_before_them() -> None:
    """Its watches stood still while 601 s passed; when it took over it knew nothing of the share that its predecessor
    had given the candidate ten minutes earlier, and deleted the pods that got it."""
    world = serving()
    world.stand_by()
    assert world.standby
    world.model(TWO)
    world.catch_up()
    assert not any(world.operator.streams.values())
    assert not any(world.standby.streams.values())
