"""How long a run takes: which clock tells, and that what disturbs some runs does not count."""

from collections.abc import Callable, Iterator
from time import perf_counter, process_time, thread_time

import pytest

from modelserver.execution.choice import choose
from modelserver.execution.proof import Proof
from modelserver.execution.timing import TIMED_RUNS, TIMED_SECONDS, clock_for, first_below, shortest


class Moved:
    """A clock that stands still but for what runs take."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now

    def run(self, *seconds: float) -> Callable[[], None]:
        """Each call takes the next of `seconds`, then the last again and again."""
        lengths: Iterator[float] = iter(seconds)

        def spend() -> None:
            self.now += next(lengths, seconds[-1])

        return spend


@pytest.mark.parametrize(
    ("told", "threads", "spinning", "elsewhere", "clock"),
    [
        ("one thread: the caller's own CPU time", 1, False, False, thread_time),
        ("several: that of all", 2, False, False, process_time),
        ("where they spin the caller is busy as long as any", 2, True, False, thread_time),
        ("a GPU's work is not CPU time", 2, False, True, perf_counter),
    ],
)
def test_the_clock(told: str, threads: int, spinning: bool, elsewhere: bool, clock: Callable[[], float]) -> None:
    assert clock_for(threads, spinning, elsewhere) is clock, told


def test_disturbed_runs_do_not_count() -> None:
    clock = Moved()
    assert shortest(clock, clock.run(0.069, 0.009, 0.0007, 0.003)) == (pytest.approx(0.0007),)


def test_runs_take_turns_so_that_a_disturbance_meets_all() -> None:
    clock = Moved()
    turns: list[str] = []
    single, batched = clock.run(0.01, 0.001), clock.run(0.08, 0.006)

    def noted(name: str, run: Callable[[], None]) -> Callable[[], None]:
        return lambda: (turns.append(name), run())[1]

    least = shortest(clock, noted("single", single), noted("batched", batched))
    assert least == (pytest.approx(0.001), pytest.approx(0.006))
    assert turns[:4] == ["single", "batched", "single", "batched"]


@pytest.mark.parametrize(
    ("seconds", "calls"), [(0.0001, TIMED_RUNS), (TIMED_SECONDS / 1.5, 2), (10 * TIMED_SECONDS, 1)]
)
def test_long_runs_are_timed_less_often_but_once(seconds: float, calls: int) -> None:
    clock = Moved()
    made: list[int] = []
    spend = clock.run(seconds)
    shortest(clock, lambda: (made.append(1), spend())[1])
    assert len(made) == calls


def test_a_clock_of_coarse_ticks_is_not_believed() -> None:
    [told] = shortest(lambda: 1.0, lambda: sum(range(1000)))
    assert told > 0


@pytest.mark.parametrize(
    ("told", "lengths", "seconds"),
    [
        ("one disturbed call proves nothing", (0.046, 0.0015), 0.0015),
        ("one that is good enough is not repeated", (0.009, 0.0015), 0.009),
        ("what is slow each time is slow", (0.7, 0.5, 0.6), 0.5),
    ],
)
def test_second_thoughts_about_a_slow_call(told: str, lengths: tuple[float, ...], seconds: float) -> None:
    clock = Moved()
    assert first_below(clock, 0.01, clock.run(*lengths)) == pytest.approx(seconds), told


def test_what_is_chosen_does_not_depend_on_what_runs_beside() -> None:
    """A run of 0.7 ms, and 5 ms for eight rows, on cores that are the model's own or shared with four others."""
    chosen = set()
    for disturbed in (1, 2, 13):
        clock = Moved()
        one, many = clock.run(0.0007 * disturbed, 0.0007), clock.run(0.005 * disturbed, 0.005)
        [run] = shortest(clock, clock.run(0.0007 * disturbed, 0.0007))
        single, batched = shortest(clock, one, many)
        chosen.add(choose("auto", "auto", run, Proof(True, "", single, batched / 8)))
    assert len(chosen) == 1
