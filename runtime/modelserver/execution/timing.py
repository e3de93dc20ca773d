"""How long runs take on cores of their own, measured where the cores are shared: the least of a few, by CPU time.

A container starts among others, and under a quota it stands still for most of each 100 ms: a run of 0.7 ms was seen to
last 69 ms, and what was chosen by that was chance. CPU time is spent by the run alone; beside four busy processes and
under half a core it stayed within a sixth.
"""

from collections.abc import Callable
from time import perf_counter, process_time, thread_time
from typing import TypeAlias

from modelserver.session import Session

Clock: TypeAlias = Callable[[], float]
TIMED_RUNS = 7
TIMED_SECONDS = 0.1  # by the clock that measures, for all that is timed in turn
SECOND_THOUGHTS = 3


def clock_for(threads: int, spinning: bool, elsewhere: bool) -> Clock:
    """What tells how long a run takes on `threads`; `elsewhere`: not by ONNX Runtime's own CPU kernels.

    Where threads spin, the caller's own time goes on while it waits for the others. Where they sleep it will not do: of
    a run of 0.7 ms the others did 0 to 6 parts in 7, as they happened to wake up. All threads' time is then the time
    that an event loop would stand still at the worst.
    """
    if elsewhere:
        return perf_counter  # a device's work is not CPU time
    return thread_time if threads == 1 or spinning else process_time


def clock_of(session: Session) -> Clock:
    """The one that suits how the session was loaded."""
    facts = session.facts
    return clock_for(session.threads, facts.get("spinning") == "on", facts.get("providers", "cpu") != "cpu")


def shortest(clock: Clock, *runs: Callable[[], object]) -> tuple[float, ...]:
    """Seconds of the shortest of a few calls of each, at least one: what disturbs only makes longer.

    They take turns, so that what comes and goes beside them meets all alike, and none finds its weights in the caches
    only because it was the last to run: a run of 0.65 ms in a row takes 0.75 behind another, as it does in service.
    """
    least = [float("inf")] * len(runs)
    began = clock()
    for turn in range(TIMED_RUNS):
        if turn and clock() - began >= TIMED_SECONDS:
            break
        for place, run in enumerate(runs):
            start = clock()
            run()
            least[place] = min(least[place], clock() - start)
    if min(least) <= 0 and clock is not perf_counter:
        return shortest(perf_counter, *runs)  # a kernel that counts CPU time in ticks of milliseconds
    return tuple(least)


def first_below(clock: Clock, bearable: float, run: Callable[[], object]) -> float:
    """Seconds of the first call that took no longer than `bearable`; else of the shortest of SECOND_THOUGHTS."""
    least = float("inf")
    for _ in range(SECOND_THOUGHTS):
        start = clock()
        run()
        least = min(least, clock() - start)
        if least <= bearable:
            break
    return least
