"""When nobody is sent to the candidate for a while, and how long anybody waits for it."""

import pytest

from modelserver.traffic.circuit import FAILURES_IN_A_ROW, LONGEST_PAUSE_SECONDS, Circuit
from modelserver.traffic.patience import patience


def broken(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(FAILURES_IN_A_ROW):
        assert circuit.allow(now)
        circuit.failed(now)
    return circuit


def test_single_failures_between_answers_stop_nobody() -> None:
    circuit = Circuit()
    for _ in range(20):
        circuit.failed(0.0)
        circuit.failed(0.0)
        circuit.answered()
        assert circuit.allow(0.0)


def test_after_failures_in_a_row_nobody_goes_then_one_tries() -> None:
    circuit = broken()
    assert not circuit.allow(0.49)
    assert circuit.allow(0.5)
    assert not circuit.allow(0.5), "only one tries at a time"
    circuit.answered()
    assert circuit.allow(0.5) and circuit.allow(0.5)


def test_each_failed_try_doubles_the_pause_up_to_its_longest() -> None:
    circuit, now, pauses = broken(), 0.0, []
    for _ in range(6):
        start = now
        while not circuit.allow(now):
            now += 0.25
        pauses.append(now - start)
        circuit.failed(now)
    assert pauses == [0.5, 1.0, 2.0, 4.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_a_try_that_its_caller_gave_up_lets_the_next_one_try() -> None:
    circuit = broken()
    assert circuit.allow(1.0)
    circuit.abandoned()
    assert circuit.allow(1.0)


@pytest.mark.parametrize(
    ("caller", "stable", "seconds"),
    [
        (None, None, 2.0),
        (None, 0.010, 2.0),
        (None, 0.5, 5.0),
        (None, 30.0, 60.0),
        (1.0, None, 0.5),
        (100.0, 0.5, 5.0),
        (-1.0, None, 0.0),
    ],
)
def test_patience(caller: float | None, stable: float | None, seconds: float) -> None:
    assert patience(caller, stable).seconds == seconds


@pytest.mark.parametrize(
    ("caller", "stable", "fair"),
    [(None, 30.0, True), (0.001, None, False), (0.001, 0.0002, False), (0.05, 0.0002, True), (1.0, 0.3, False)],
)
def test_a_time_that_is_too_short_for_anybody_says_nothing_of_the_candidate(
    caller: float | None, stable: float | None, fair: bool
) -> None:
    assert patience(caller, stable).fair is fair
