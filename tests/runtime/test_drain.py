"""When a server that was told to stop goes on, finishes, and leaves."""

import time
from dataclasses import replace

import pytest

from modelserver.server.drain import Draining, Step, next_step
from modelserver.server.newcomers import Newcomers
from modelserver.settings import ServeSettings

SETTINGS = ServeSettings(drain_seconds=20.0, drain_min_seconds=5.0, drain_grace_seconds=8.0)


@pytest.mark.parametrize(
    ("sentence", "now", "connections", "busy", "last_seen", "hurried", "step"),
    [
        ("right after SIGTERM it answers", 0.0, 3, 1, 0.0, None, Step.ANSWER),
        ("nobody there, but late ones may come", 4.9, 0, 0, 0.0, None, Step.ANSWER),
        ("nobody there for long enough", 5.0, 0, 0, 0.0, None, Step.LEAVE),
        ("somebody was there a moment ago", 5.0, 0, 0, 4.5, None, Step.ANSWER),
        ("idle connections wait for their next request", 19.9, 3, 0, 0.0, None, Step.ANSWER),
        ("the deadline ends idle ones", 20.0, 3, 0, 0.0, None, Step.LEAVE),
        ("what is under way at the deadline is finished", 20.0, 3, 1, 0.0, None, Step.FINISH),
        ("and has its grace", 27.9, 1, 1, 0.0, None, Step.FINISH),
        ("but no more than that", 28.0, 1, 1, 0.0, None, Step.LEAVE),
        ("a second SIGTERM ends the waiting", 2.0, 3, 0, 0.0, 2.0, Step.LEAVE),
        ("and still finishes what is under way", 2.0, 3, 1, 0.0, 2.0, Step.FINISH),
    ],
)
def test_steps(
    sentence: str,
    now: float,
    connections: int,
    busy: int,
    last_seen: float,
    hurried: float | None,
    step: Step,
) -> None:
    got = next_step(Draining(0.0, hurried), now, SETTINGS, connections, busy, last_seen)
    assert got is step, sentence


@pytest.mark.parametrize(
    ("sentence", "now", "connections", "hurried", "newcomers", "step"),
    [
        ("it would leave, but newcomers say that nobody else is there", 6.0, 0, None, True, Step.ANSWER),
        ("also after the drain", 20.0, 0, None, True, Step.ANSWER),
        ("and long after it", 319.0, 2, None, True, Step.ANSWER),
        ("until somebody else takes them", 60.0, 2, None, False, Step.LEAVE),
        ("or time is over", 320.0, 2, None, True, Step.LEAVE),
        ("a second SIGTERM ends it", 60.0, 2, 60.0, True, Step.LEAVE),
    ],
)
def test_who_is_alone_stays(
    sentence: str, now: float, connections: int, hurried: float | None, newcomers: bool, step: Step
) -> None:
    settings = replace(SETTINGS, drain_alone_seconds=300.0)
    assert next_step(Draining(0.0, hurried), now, settings, connections, 0, 0.0, newcomers) is step, sentence


def test_outside_a_cluster_newcomers_say_nothing() -> None:
    assert next_step(Draining(0.0), 20.0, SETTINGS, 2, 0, 0.0, newcomers=True) is Step.LEAVE


def test_only_new_connections_bring_newcomers() -> None:
    newcomers = Newcomers(settled=time.monotonic() - 1, window=60)
    newcomers.asked(connected=newcomers.settled - 0.1)
    assert not newcomers.expected, "an old connection says nothing of who else is there"
    newcomers.asked(connected=newcomers.settled + 0.1)
    assert newcomers.expected


def test_a_drain_of_zero_seconds_is_over_at_once() -> None:
    settings = ServeSettings(drain_seconds=0.0)
    assert next_step(Draining(0.0), 0.0, settings, 2, 0, 0.0) is Step.LEAVE
